"""`ddms doctor` at three in the morning: what it says of each thing that can be broken."""

import asyncio
import json
import os
import re
import time
from dataclasses import replace

import pytest

from collector.app import CollectorProgram
from ddms import VERSION
from ddms.cli.doctor import _collector, _spool
from ddms.cli.doctor_database import examine_database
from ddms.cli.findings import Finding, Verdict, ago, size
from tests.support.command_line import ddms_beside
from tests.support.ports import free_port
from tests.support.running import background, database_away, until

RUNNING = "INSERT INTO collectors (name, version) VALUES ('line 1', $1)"
LEASED = "INSERT INTO leases SELECT id, 'line 1', now() + interval '30 s' FROM connections"
STATES = """INSERT INTO device_states (device_id, state, last_seen, failures, first_failure, last_error)
SELECT id, $1, now(), 3, now() - interval '12 min', $2 FROM devices"""


async def examined(owner) -> dict[str, Finding]:
    return {finding.check: finding async for finding in examine_database(owner)}


@pytest.fixture
async def plant(owner, make_device):
    """A collector that polls three devices behind one gateway, and one elsewhere."""
    await owner.execute(RUNNING, VERSION)
    await make_device("Pump 1", port=502)
    await owner.execute(
        "INSERT INTO devices (name, connection_id, unit_id) SELECT 'Pump ' || n, 1, n FROM generate_series(2, 3) n"
    )
    await make_device("Oven", port=503)
    await owner.execute(LEASED)
    await owner.execute(STATES, "online", None)
    await owner.execute("INSERT INTO latest VALUES (1, now(), 5, 0)")
    return owner


async def test_all_is_well(plant):
    found = await examined(plant)
    assert {finding.state for finding in found.values()} == {Verdict.OK}
    assert found["devices"].text == "4 of 4 online"
    assert found["collectors"].text.startswith("running: line 1 for")


async def test_nothing_was_set_up_yet(owner):
    found = await examined(owner)
    assert (found["collectors"].state, found["collectors"].text) == (
        Verdict.BAD,
        "none was ever started: nothing is polled",
    )
    assert found["devices"].advice.startswith("add one")
    assert (found["readings"].state, found["readings"].text) == (Verdict.WARN, "there are none yet")


async def test_a_silent_collector_is_named_and_its_devices_do_not_look_online(plant):
    await plant.execute("UPDATE collectors SET seen_at = now() - interval '12 min'")
    await plant.execute("UPDATE device_states SET last_seen = now() - interval '12 min'")
    found = await examined(plant)
    assert found["collectors"].state is Verdict.BAD
    assert found["collectors"].details == ("line 1 was last heard of 12 min ago",)
    assert found["devices"].text == "0 of 4 online, 4 unknown"
    assert "collectors above" in found["devices"].advice


async def test_a_collector_that_was_taken_over_is_only_a_warning(plant):
    await plant.execute(
        "INSERT INTO collectors (name, version, seen_at) VALUES ('line 2', '0', now() - interval '1 h')"
    )
    found = (await examined(plant))["collectors"]
    assert (found.state, found.details) == (Verdict.WARN, ("line 2 was last heard of 60 min ago",))


async def test_a_dead_gateway_is_one_line_and_not_one_for_each_device_behind_it(plant):
    await plant.execute("UPDATE device_states SET state = 'offline', last_error = 'refused' WHERE device_id < 4")
    found = await examined(plant)
    assert found["gateway"].state is Verdict.BAD
    assert found["gateway"].text == "tcp://127.0.0.1:502: all 3 devices behind it are offline for 12 min: refused"
    assert found["devices"].text == "1 of 4 online, 3 offline"
    assert found["devices"].details == ()


async def test_a_single_device_is_named_with_its_endpoint_and_reason(plant):
    await plant.execute("UPDATE device_states SET state = 'offline', last_error = 'cable' WHERE device_id = 2")
    found = await examined(plant)
    assert "gateway" not in found
    assert found["devices"].details == ("Pump 2 (tcp://127.0.0.1:502): offline for 12 min: cable",)
    assert "ddms read NAME" in found["devices"].advice


async def test_a_line_that_cannot_keep_up_is_told_with_the_command_that_shows_why(plant):
    await plant.execute("UPDATE device_states SET overrun_since = now() - interval '5 min' WHERE device_id < 3")
    found = (await examined(plant))["overrun"]
    assert found.state is Verdict.WARN
    assert found.text.startswith("tcp://127.0.0.1:502: polls of 2 devices are skipped for 5 min")
    assert 'ddms plan "Pump 1"' in found.advice


async def test_lost_readings_and_a_replay_are_told_after_the_outage(plant):
    sql = "UPDATE collectors SET lost_readings = 4711, lost_at = now() - interval '5 min', spool_bytes = 12e6, spool_since = now() - interval '2 h'"
    await plant.execute(sql)
    found = await examined(plant)
    assert found["lost"].state is Verdict.BAD
    assert found["lost"].details == ("line 1 lost readings 5 min ago, 4,711 since it was installed",)
    assert found["replay"].details == ("line 1: 12.0 MB, the oldest 2 h old",)
    await plant.execute(
        "UPDATE collectors SET lost_at = now() - interval '2 days', spool_bytes = 0, spool_since = NULL"
    )
    assert {"lost", "replay"}.isdisjoint(await examined(plant))


async def test_what_keeps_a_collector_from_storing_is_told_as_it_says_it(plant):
    await plant.execute("UPDATE collectors SET trouble = 'the disk of the database is full'")
    found = (await examined(plant))["storing"]
    assert (found.state, found.details) == (Verdict.BAD, ("line 1: the disk of the database is full",))


async def test_endpoints_that_nobody_polls_are_named(plant):
    await plant.execute("DELETE FROM leases WHERE connection_id = 2")
    found = (await examined(plant))["collectors"]
    assert (found.state, found.details) == (Verdict.BAD, ("tcp://127.0.0.1:503",))


async def test_readings_that_are_read_and_not_stored_are_bad_however_few_the_points(plant):
    await plant.execute("UPDATE latest SET time = now() - interval '1 min'")
    found = (await examined(plant))["readings"]
    assert found.state is Verdict.BAD
    assert found.text.startswith("1 of 2 points of devices that are online") or "1 of 1 points" in found.text
    assert re.search(r"the newest reading of all is \d+ (s|min) old", found.text)
    assert "/health" in found.advice


async def test_points_that_are_read_once_an_hour_may_be_old(plant):
    await plant.execute("UPDATE points SET interval_s = 3600")
    await plant.execute("UPDATE latest SET time = now() - interval '1 h'")
    found = (await examined(plant))["readings"]
    assert (found.state, found.text) == (Verdict.OK, "stored as fast as they are read; the newest is 60 min old")


async def test_old_readings_of_devices_that_are_offline_are_bad_too(plant):
    await plant.execute("UPDATE device_states SET state = 'offline'")
    await plant.execute("UPDATE latest SET time = now() - interval '3 h'")
    found = (await examined(plant))["readings"]
    assert found.state is Verdict.BAD
    assert found.text == "no device is online, so there are no new ones; the newest is 3 h old"


async def test_a_database_that_takes_no_writes_is_bad(plant):
    await plant.execute("SET default_transaction_read_only = on")
    await plant.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    assert (await examined(plant))["database"].text == "it takes no writes, so nothing is stored"


async def test_an_old_schema_ends_the_examination(owner):
    await owner.execute("UPDATE alembic_version SET version_num = '0001'")
    found = await examined(owner)
    assert list(found) == ["database", "schema"]
    assert "ddms migrate" in found["schema"].text


def test_a_spool_that_fills_says_how_long_it_lasts(settings, tmp_path):
    settings = replace(settings, spool_directory=tmp_path / "spool", spool_max_bytes=1000)
    (missing,) = _spool(settings)
    assert missing.state is Verdict.OK
    settings.spool_directory.mkdir()
    (empty,) = _spool(settings)
    assert (empty.state, empty.text) == (Verdict.OK, "empty")
    hour_ago = time.time() - 3600
    (settings.spool_directory / "1.batch").write_bytes(bytes(400))
    os.utime(settings.spool_directory / "1.batch", (hour_ago, hour_ago))
    (filling,) = _spool(settings)
    assert filling.state is Verdict.WARN
    assert (
        filling.text == "400 bytes in 1 batches, 40% full, the oldest 60 min old; as it grows now it is full in 90 min"
    )
    (settings.spool_directory / "2.batch").write_bytes(bytes(550))
    (settings.spool_directory / "0.damaged").write_bytes(b"")
    aside, full = _spool(settings)
    assert aside.text.startswith("1 batches were set aside")
    assert full.state is Verdict.BAD
    assert "DDMS_SPOOL_MAX_BYTES" in full.advice


async def test_the_collector_of_this_machine_is_asked_what_keeps_it(settings, owner, database_url):
    settings = replace(settings, collector_metrics_port=free_port())
    async with background(CollectorProgram(settings).run()):
        await until(lambda: owner.fetchval("SELECT count(*) FROM collectors"))
        (found,) = await asyncio.to_thread(lambda: list(_collector(settings)))
        assert (found.check, found.state) == ("collector", Verdict.OK)
        async with database_away(owner, database_url):
            await asyncio.sleep(6)
            (found,) = await asyncio.to_thread(lambda: list(_collector(settings)))
            assert found.state is Verdict.WARN
            assert "readings go to the spool" in found.details[0]
    assert list(_collector(settings)) == [], "none runs: nothing to say"


async def test_the_command_prints_what_is_wrong_and_what_to_do(settings, plant):
    await plant.execute("UPDATE device_states SET state = 'offline', last_error = 'cable' WHERE device_id = 2")
    code, out, _ = await ddms_beside("doctor", settings=settings)
    assert code == 0, "a warning is no failure"
    lines = out.splitlines()
    assert "warn  devices     3 of 4 online, 1 offline" in lines
    assert f"{'':18}- Pump 2 (tcp://127.0.0.1:502): offline for 12 min: cable" in lines
    await plant.execute("DELETE FROM collectors")
    code, out, _ = await ddms_beside("doctor", "--json", settings=settings)
    assert code == 1
    found = {finding["check"]: finding for finding in json.loads(out)}
    assert found["collectors"]["state"] == "bad"


async def test_without_a_database_it_says_what_still_works_and_what_was_not_looked_at():
    code, out, _ = await ddms_beside("doctor")
    assert code == 1
    assert "bad   database" in out
    assert "the collectors keep polling into their spools" in out
    assert "Collectors and devices were not looked at" in out


@pytest.mark.parametrize(
    ("seconds", "said"), [(-1, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_durations_are_said_as_people_say_them(seconds, said):
    assert ago(seconds) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0 bytes"), (1500, "1.5 kB"), (2e6, "2.0 MB"), (3.21e9, "3.2 GB")])
def test_sizes_are_said_as_people_say_them(count, said):
    assert size(count) == said
