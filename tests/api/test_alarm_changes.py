"""What operators do about alarms: many at once, each told what became of it, whatever others do at the same moment."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.alarm_room import (
    ACKNOWLEDGE,
    NOTE,
    OUT,
    RETURN,
    SHELVE,
    UNSHELVE,
    Mixer,
    mixer_fixture,  # noqa: F401 - a fixture
)
from tests.support.alarmed import events, the_alarm
from tests.support.api_server import api_fixture, tokens_fixture  # noqa: F401 - fixtures


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


async def test_an_alarm_is_acknowledged_with_a_note_and_the_journal_and_the_audit_say_by_whom(mixer: Mixer, owner):
    await mixer.point.reads(85)
    done = await mixer.do(ACKNOWLEDGE, note="I go there")
    assert done == {
        "errors": [],
        "results": [{"alarmId": mixer.high, "result": "DONE", "message": None, "alarm": {"state": "ACKNOWLEDGED"}}],
    }
    alarm = await the_alarm(owner)
    assert (alarm["acknowledged_by"], alarm["note"]) == ("the admin's", "I go there")
    entry = await owner.fetchrow("SELECT * FROM alarm_events WHERE event = 'acknowledged'")
    assert (entry["actor"], entry["note"]) == ("the admin's", "I go there")
    audited = await owner.fetchrow("SELECT * FROM audit_log WHERE action = 'alarm.acknowledge'")
    assert (audited["subject"], audited["before"], audited["after"]) == (
        mixer.high, {"state": "unacknowledged"}, {"note": "I go there"},
    )  # fmt: skip


async def test_who_acknowledges_second_hears_who_was_first_and_nothing_is_written_again(mixer: Mixer, owner):
    await mixer.point.reads(85)
    first, second = await asyncio.gather(*(mixer.do(ACKNOWLEDGE, actor=actor) for actor in ("admin", "owner")))
    assert {one["results"][0]["result"] for one in (first, second)} == {"DONE", "NOTHING"}
    assert first["errors"] == second["errors"] == []
    (late,) = (one["results"][0] for one in (first, second) if one["results"][0]["result"] == "NOTHING")
    winner = (await the_alarm(owner))["acknowledged_by"]
    assert late["message"] == f"{winner} has acknowledged it already"
    assert await events(owner) == ["raised", "acknowledged"]
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'alarm.acknowledge'") == 1


async def test_who_acknowledges_many_never_stops_a_flush_that_holds_one_and_wants_another(mixer: Mixer, owner):
    await mixer.point.reads(95)
    first, second = sorted(int(alarm.removeprefix("alm_")) for alarm in (mixer.high, mixer.high_high))
    async with owner.transaction():
        await owner.execute("SELECT FROM alarms WHERE id = $1 FOR NO KEY UPDATE", second)
        asked = asyncio.create_task(mixer.do(ACKNOWLEDGE, mixer.high, mixer.high_high))
        await asyncio.sleep(0.2)
        assert not asked.done()
        await owner.execute("SET LOCAL lock_timeout = '20s'; SET LOCAL deadlock_timeout = '100ms'")
        await owner.execute("SELECT FROM alarms WHERE id = $1 FOR NO KEY UPDATE", first)
    assert [one["result"] for one in (await asked)["results"]] == ["DONE", "DONE"]


async def test_acknowledging_what_is_gone_changes_nothing(mixer: Mixer, owner):
    await mixer.point.reads(85)
    await mixer.do(ACKNOWLEDGE)
    await mixer.point.reads(70, at=1)
    done = await mixer.do(ACKNOWLEDGE)
    assert [(one["result"], one["message"]) for one in done["results"]] == [
        ("NOTHING", "there is nothing to acknowledge")
    ]
    assert await events(owner) == ["raised", "acknowledged", "cleared"]


async def test_what_cannot_be_done_is_told_with_its_place_and_the_others_are_done(mixer: Mixer, owner):
    await mixer.point.reads(95)
    done = await mixer.do(ACKNOWLEDGE, mixer.high, "alm_999999", mixer.high_high)
    assert [one["result"] for one in done["results"]] == ["DONE", "GONE", "DONE"]
    assert [(one["code"], one["field"]) for one in done["errors"]] == [("NOT_FOUND", "ids.1")]
    assert await owner.fetchval("SELECT count(*) FROM alarms WHERE state = 'acknowledged'") == 2


async def test_an_alarm_whose_limit_or_device_was_removed_is_gone(mixer: Mixer, owner):
    await mixer.point.reads(95)
    await owner.execute("DELETE FROM limits WHERE kind = 'high'")
    assert await mixer.results(ACKNOWLEDGE, mixer.high, mixer.high_high) == ["GONE", "DONE"]
    await mixer.api.ask(f'mutation {{ deleteDevice(id: "{mixer.device}", keepHistory: true) {{ errors {{ code }} }} }}')
    assert await mixer.results(ACKNOWLEDGE, mixer.high_high) == ["GONE"]
    gone = await mixer.api.ask(OUT, devices=[mixer.device], hours=1)
    assert [(one["code"], one["field"]) for one in gone["errors"]] == [("NOT_FOUND", "devices.0")]


@pytest.mark.parametrize("document", [ACKNOWLEDGE, UNSHELVE])
@pytest.mark.parametrize("ids", [["dev_1"], ["alm_0"], ["alm_1", "x"], [f"alm_{n}" for n in range(1, 10_001)]])
async def test_ids_that_are_none_of_an_alarm_and_too_many_are_refused_whole(mixer: Mixer, owner, document, ids):
    await mixer.point.reads(85)
    answer = await mixer.api.post(document, "admin", ids=ids)
    payload = next(iter((answer.get("data") or {}).values()), None)
    if payload:
        assert [(one["code"], one["field"]) for one in payload["errors"]] == [("INVALID", "ids")]
        assert payload["results"] == []
    else:
        assert answer["errors"][0]["extensions"]["code"] == "INVALID"
    assert await events(owner) == ["raised"]


async def test_an_id_that_stands_twice_is_meant_once(mixer: Mixer):
    await mixer.point.reads(85)
    assert await mixer.results(ACKNOWLEDGE, mixer.high, mixer.high) == ["DONE"]


async def test_a_viewer_acknowledges_nothing(mixer: Mixer, owner):
    await mixer.point.reads(85)
    assert await mixer.api.code(ACKNOWLEDGE, "viewer", ids=[mixer.high]) == "FORBIDDEN"
    assert await events(owner) == ["raised"]


async def test_the_same_change_sent_again_with_its_key_is_done_once(mixer: Mixer, owner):
    headers = mixer.api.headers("admin") | {"Idempotency-Key": "5d1e"}
    body = {"query": NOTE, "variables": {"ids": [mixer.high], "note": "seen"}}
    answers = [
        (await mixer.api.client.post(f"{mixer.api.url}/graphql", json=body, headers=headers)).json() for _ in range(2)
    ]
    assert answers[0]["data"] == answers[1]["data"]
    assert await events(owner) == ["noted"]


async def test_hundreds_are_acknowledged_at_once(mixer: Mixer, owner):
    await owner.execute(
        "INSERT INTO limits (point_id, key, kind, alarm_values) SELECT p.id, 'v' || n, 'value', '{7}' FROM points p, generate_series(1, 400) n"
    )
    await mixer.point.configure()
    await mixer.point.reads(7)
    ids = [f"alm_{row[0]}" for row in await owner.fetch("SELECT id FROM alarms WHERE active")]
    assert len(ids) == 400
    assert set(await mixer.results(ACKNOWLEDGE, *ids)) == {"DONE"}
    assert await owner.fetchval("SELECT count(*) FROM alarms WHERE state = 'acknowledged'") == 400


async def test_a_note_is_written_whatever_the_state_and_must_say_something(mixer: Mixer, owner):
    assert await mixer.results(NOTE, note="sensor is old") == ["DONE"]
    assert (await the_alarm(owner))["note"] == "sensor is old"
    for note in ("", "  ", "x" * 2001, "a\u202eb"):
        done = await mixer.do(NOTE, note=note)
        assert [(one["code"], one["field"]) for one in done["errors"]] == [("INVALID", "note")]
    assert await events(owner) == ["noted"]


async def test_a_shelved_alarm_calls_nobody_and_comes_back_unacknowledged_when_it_is_taken_from_the_shelf(
    mixer: Mixer, owner
):
    await mixer.point.reads(85)
    assert await mixer.results(SHELVE, hours=2, reason="false alarm, sensor is ordered") == ["DONE"]
    row = await owner.fetchrow("SELECT * FROM grafana.alarms WHERE kind = 'high'")
    assert (row["calls"], row["is_shelved"], row["shelved_by"]) == (False, True, "the admin's")
    assert timedelta(hours=1.9) < row["shelved_until"] - datetime.now(UTC) < timedelta(hours=2.1)
    assert await mixer.results(UNSHELVE, actor="owner") == ["DONE"]
    assert (await the_alarm(owner))["state"] == "unacknowledged"
    assert await mixer.results(UNSHELVE) == ["NOTHING"]


@pytest.mark.parametrize(
    ("end", "field"),
    [
        ({}, "until"),
        ({"hours": 1, "until": "2126-01-01T00:00:00Z"}, "until"),
        ({"hours": 0}, "hours"),
        ({"hours": -1}, "hours"),
        ({"hours": 24.5}, "hours"),
        ({"hours": 1e300}, "hours"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": "9999-12-31T23:59:59Z"}, "until"),
        ({"hours": 1, "reason": " "}, "reason"),
    ],
)
async def test_a_shelf_without_an_end_in_the_past_beyond_the_longest_or_without_a_reason_is_refused(
    mixer: Mixer, owner, end, field
):
    await mixer.point.reads(85)
    done = await mixer.do(SHELVE, **end)
    assert [(one["code"], one["field"]) for one in done["errors"]] == [("INVALID", field)]
    assert done["results"] == []
    assert await events(owner) == ["raised"]


async def test_the_longest_shelf_is_that_of_the_configuration(mixer: Mixer):
    change = "mutation { updateConfiguration(changes: {shelfHours: 100}) { errors { message } configuration { shelfHours } } }"
    assert await mixer.api.ask(change) == {"errors": [], "configuration": {"shelfHours": 100}}
    assert await mixer.results(SHELVE, until=in_hours(99)) == ["DONE"]
    done = await mixer.do(SHELVE, hours=101)
    assert [one["message"] for one in done["errors"]] == ["it must be more than 0 and at most 100 hours"]


async def test_what_somebody_else_has_shelved_stays_as_it_is_and_of_ones_own_the_new_end_counts(mixer: Mixer, owner):
    await mixer.do(SHELVE, hours=2)
    until = (await the_alarm(owner))["shelved_until"]
    done = await mixer.do(SHELVE, hours=3, actor="owner")
    assert [one["result"] for one in done["results"]] == ["TAKEN"]
    (error,) = done["errors"]
    assert (error["code"], error["field"]) == ("CONFLICT", "ids.0")
    assert error["message"].startswith("the admin's has shelved it until ")
    assert (await the_alarm(owner))["shelved_until"] == until
    assert await mixer.results(SHELVE, hours=4) == ["DONE"]
    assert (await the_alarm(owner))["shelved_until"] > until
    assert await events(owner) == ["shelved", "shelved"]


async def test_an_alarm_that_is_shelved_once_is_there_again_after_it_cleared(mixer: Mixer, owner):
    await mixer.point.reads(85)
    await mixer.do(SHELVE, hours=2, kind="ONCE")
    await mixer.point.reads(70, 86, at=1)
    assert await events(owner) == ["raised", "shelved", "cleared", "shelf_ended", "raised"]
    assert (await the_alarm(owner))["state"] == "unacknowledged"


async def test_a_device_in_maintenance_calls_nobody_and_all_its_alarms_come_back_with_it(mixer: Mixer, owner):
    await mixer.point.reads(95)
    done = await mixer.api.ask(OUT, "admin", devices=[mixer.device], hours=8)
    assert done["errors"] == []
    assert {one["result"] for one in done["results"]} == {"DONE"}
    assert len(done["results"]) == 3
    assert await owner.fetchval("SELECT count(*) FROM grafana.alarms WHERE calls") == 0
    audited = await owner.fetchrow("SELECT * FROM audit_log WHERE action = 'alarm.out_of_service'")
    assert (audited["subject"], audited["after"]["note"]) == (mixer.device, "new seals")
    assert await mixer.results(SHELVE, hours=1) == ["NOTHING"]
    assert (await mixer.api.ask(OUT, "owner", devices=[mixer.device], hours=9))["results"][0]["result"] == "TAKEN"
    back = await mixer.api.ask(RETURN, "owner", devices=[mixer.device])
    assert {one["result"] for one in back["results"]} == {"DONE"}
    assert await owner.fetchval("SELECT count(*) FROM grafana.alarms WHERE calls") == 2


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"hours": 9000}, "hours"),
        ({}, "until"),
        ({"devices": [], "hours": 1}, "devices"),
        ({"devices": ["alm_1"], "hours": 1}, "devices"),
        ({"devices": [f"dev_{n}" for n in range(1, 102)], "hours": 1}, "devices"),
        ({"devices": None, "alarms": ["dev_1"], "hours": 1}, "alarms"),
    ],
)
async def test_maintenance_that_is_over_too_long_endless_or_of_nothing_is_refused(mixer: Mixer, owner, asked, field):
    done = await mixer.api.ask(OUT, "admin", **({"devices": [mixer.device]} | asked))
    assert [(one["code"], one["field"]) for one in done["errors"]] == [("INVALID", field)]
    assert done["results"] == []
    assert await owner.fetchval("SELECT count(*) FROM alarm_events") == 0


async def test_single_alarms_go_out_of_service_beside_devices(mixer: Mixer, make_device, owner):
    other = await make_device("Mixer 2", port=2)
    alarm = await owner.fetchval("SELECT id FROM alarms WHERE device_id = $1", other)
    done = await mixer.api.ask(OUT, "admin", devices=[mixer.device], alarms=[f"alm_{alarm}", mixer.high], hours=1)
    assert [one["result"] for one in done["results"]] == ["DONE"] * 4
    assert await owner.fetchval("SELECT count(*) FROM alarms WHERE out_of_service_until IS NOT NULL") == 4


async def test_the_audit_names_only_devices_of_which_something_was_changed(mixer: Mixer, make_device, owner):
    other = f"dev_{await make_device('Mixer 2', port=2)}"
    await mixer.api.ask(OUT, "owner", devices=[other], hours=1)
    done = await mixer.api.ask(OUT, "admin", devices=[mixer.device, other], hours=1)
    assert [one["result"] for one in done["results"]] == ["DONE"] * 3 + ["TAKEN"]
    assert [(one["code"], one["field"]) for one in done["errors"]] == [("CONFLICT", "devices.1")]
    audited = await owner.fetch(
        "SELECT subject, actor FROM audit_log WHERE action = 'alarm.out_of_service' ORDER BY id"
    )
    assert [tuple(row) for row in audited] == [(other, "the owner's"), (mixer.device, "the admin's")]
