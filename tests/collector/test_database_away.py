"""Whatever is wrong with the database, polling goes on, the collector says why, and it comes back without a loss."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import httpx2
import pytest

from collector import app as app_module
from collector.app import CollectorProgram
from collector.polling.polled_lines import PolledLines
from collector.storing import replay as replay_module
from collector.storing import store as store_module
from collector.storing.known import Known
from ddms.errors import DdmsError
from tests.support.devices import Counter, scripted
from tests.support.ports import free_port
from tests.support.running import background, database_away, until

RAISE = """CREATE OR REPLACE FUNCTION break_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF {when} THEN RAISE EXCEPTION 'broken for the test' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$;
CREATE TRIGGER break_it BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION break_it()"""
READ_ONLY = 'ALTER DATABASE "{database}" SET default_transaction_read_only = {state}'


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What takes seconds between machines takes tenths of them here."""
    monkeypatch.setattr(store_module, "RECONNECT_SECONDS", 0.3)
    monkeypatch.setattr(store_module, "COMMIT_SECONDS", 1.0)
    monkeypatch.setattr(replay_module, "REPLAY_SECONDS", 1.0)
    monkeypatch.setattr(replay_module, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(app_module, "NAME_SECONDS", 0.0)


@pytest.fixture
async def settings(settings, owner, tmp_path):
    """A collector that signs in as a role of its own, which has limits as other roles have."""
    name = f"site_{await owner.fetchval('SELECT current_database()')}"
    await owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'right' IN ROLE ddms_app")
    url = urlsplit(settings.database_url)
    netloc = f"{name}:right@{url.netloc.rpartition('@')[2]}"
    yield replace(
        settings, database_url=url._replace(netloc=netloc).geturl(), collector_name="line 1", flush_interval=0.0,
        spool_directory=tmp_path / "spool", collector_metrics_port=free_port(),
    )  # fmt: skip
    await owner.execute("SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE usename = $1", name)
    await owner.execute(f"DROP ROLE {name}")


async def throw_out(owner):
    """End the sessions of the collector: settings of roles and databases act on new ones."""
    await owner.execute(
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE usename LIKE 'site\\_%' AND datname = current_database()"
    )


def raising(code: str, table: str = "latest", when: str = "true"):
    @asynccontextmanager
    async def broken(owner, settings):
        await owner.execute(RAISE.format(code=code, table=table, when=when))
        yield
        await owner.execute(f"DROP TRIGGER break_it ON {table}")

    return broken


def changing(wrong: str, right: str):
    @asynccontextmanager
    async def broken(owner, settings):
        names = {"role": urlsplit(settings.database_url).username, "database": urlsplit(settings.database_url).path[1:]}
        await owner.execute(wrong.format(**names))
        await throw_out(owner)
        yield
        await owner.execute(right.format(**names))

    return broken


@asynccontextmanager
async def locked(owner, settings):
    del settings
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute("LOCK TABLE latest IN ACCESS EXCLUSIVE MODE")
    yield
    await transaction.rollback()


TROUBLES = {
    "disk full": (raising("53100"), "disk of the database is full"),
    "disk full for the collector's own row": (raising("53100", "collectors"), "disk of the database is full"),
    "out of memory": (raising("53200"), "out of memory"),
    "file cannot be written": (raising("58030"), "cannot read or write its files"),
    "something inside": (raising("XX000"), "the database refuses"),
    "raised by a trigger of somebody": (raising("P0001"), "the database refuses"),
    "a lock that never comes": (locked, "does not answer in time"),
    "read only": (
        changing(READ_ONLY.format(database="{database}", state="on"), 'ALTER DATABASE "{database}" RESET default_transaction_read_only'),
        "takes no writes",
    ),
    "no connection left": (changing("ALTER ROLE {role} CONNECTION LIMIT 0", "ALTER ROLE {role} CONNECTION LIMIT -1"), "connection"),
    "another password": (changing("ALTER ROLE {role} PASSWORD 'other'", "ALTER ROLE {role} PASSWORD 'right'"), "user or password"),
    "a table is missing": (changing("ALTER TABLE latest RENAME TO gone", "ALTER TABLE gone RENAME TO latest"), "lacks a table"),
    "a right is missing": (changing("REVOKE INSERT ON readings FROM ddms_app", "GRANT INSERT ON readings TO ddms_app"), "lacks a right"),
    "being restored": (changing("ALTER TABLE alembic_version RENAME TO gone", "ALTER TABLE gone RENAME TO alembic_version"), "is empty"),
}  # fmt: skip


async def stored(owner) -> list[int]:
    rows = await owner.fetch("SELECT value FROM readings WHERE quality < 16 ORDER BY time")
    return [int(row["value"]) for row in rows]


async def health_of(settings):
    async with httpx2.AsyncClient() as client:
        return (await client.get(f"http://127.0.0.1:{settings.collector_metrics_port}/health", timeout=10)).json()


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_polling_goes_on_through(trouble, settings, owner, make_device):
    broken, sentence = TROUBLES[trouble]
    async with scripted(Counter()) as device:
        await make_device(port=device.port)
        program = CollectorProgram(settings)
        async with background(program.run()):
            await until(lambda: asyncio.sleep(0, len(device.requests) >= 2))
            async with broken(owner, settings):
                if "own row" in trouble:
                    await throw_out(owner)
                await until(lambda: asyncio.sleep(0, program.store.spool.count >= 2))
                health = await until(lambda: says(settings, sentence))
                assert (health["status"], health["database"]) == ("degraded", "away")
            await until(lambda: asyncio.sleep(0, program.store.connected and not program.store.spool.count))
            await until(lambda: is_ok(settings))
    await nothing_is_lost(owner, device)


async def nothing_is_lost(owner, device, *, but=()):
    """Each number is there once; the very last may have been on its way when the collector was ended."""
    values = await stored(owner)
    assert values == [n for n in range(1, values[-1] + 1) if n not in but]
    assert values[-1] >= device.behave.count - 1


async def says(settings, sentence: str):
    health = await health_of(settings)
    return health if any(sentence in reason for reason in health["reasons"]) else None


async def is_ok(settings) -> bool:
    return (await health_of(settings))["status"] == "ok"


@pytest.mark.parametrize(("code", "also"), [("22003", "at once"), ("XX000", "when the database takes another")])
async def test_a_batch_that_is_refused_for_its_content_holds_up_nothing_and_is_counted(
    code, also, settings, owner, make_device
):
    async with scripted(Counter()) as device:
        await make_device(port=device.port)
        program = CollectorProgram(settings)
        async with background(program.run()), raising(code, when="NEW.value = 2")(owner, settings):
            await until(lambda: asyncio.sleep(0, program.store.statistics.refused == 1))
            await until(lambda: asyncio.sleep(0, program.store.connected and not program.store.spool.count))
            health = await health_of(settings)
            assert any("refused 1 readings" in reason for reason in health["reasons"]), also
    assert [path.suffix for path in settings.spool_folder.glob("*.refused")] == [".refused"]
    await nothing_is_lost(owner, device, but={2})


async def run_until_known(settings, device):
    program = CollectorProgram(settings)
    async with background(program.run()):
        await until(lambda: asyncio.sleep(0, program.store.statistics.readings >= 1))
        await until(
            lambda: asyncio.sleep(0, program.known.path.exists() and json.loads(program.known.path.read_bytes()))
        )


async def test_a_start_without_the_database_polls_what_was_last_known(settings, owner, database_url, make_device):
    async with scripted(Counter()) as device:
        await make_device(port=device.port)
        await run_until_known(settings, device)
        assert (settings.spool_folder / "configuration.json").stat().st_mode & 0o777 == 0o600
        program = CollectorProgram(settings)
        async with database_away(owner, database_url):
            task = asyncio.create_task(program.run())
            await until(lambda: asyncio.sleep(0, program.store.spool.count >= 2))
        await until(lambda: asyncio.sleep(0, program.store.connected and not program.store.spool.count))
        task.cancel()
        await asyncio.wait([task])
    await nothing_is_lost(owner, device)


async def test_what_another_collector_took_over_at_the_end_is_not_polled_at_a_start_without_the_database(
    settings, owner, database_url, make_device
):
    async with scripted(Counter()) as device:
        await make_device(port=device.port)
        await owner.execute(
            "INSERT INTO collectors (name, version, seen_at) VALUES ('other', '0', now() + interval '1 minute')"
        )
        program = CollectorProgram(settings)
        async with background(program.run()):
            await until(lambda: asyncio.sleep(0, len(device.requests) >= 1))
        assert not program.known.path.exists()
        polled = len(device.requests)
        program = CollectorProgram(settings)
        async with database_away(owner, database_url), background(program.run()):
            await asyncio.sleep(2)
            assert (await health_of(settings))["devices"] == {"online": 0, "total": 0}
        assert len(device.requests) == polled


async def test_a_kept_configuration_that_cannot_be_understood_is_left_aside(settings, owner, make_device):
    settings.spool_folder.mkdir(parents=True)
    (settings.spool_folder / "configuration.json").write_text('[{"id": 1, "line": {}}]')
    async with scripted(Counter()) as device:
        await make_device(port=device.port)
        async with background(CollectorProgram(settings).run()):
            await until(lambda: stored(owner))


async def test_the_whole_configuration_of_a_plant_survives_its_file(settings, pool, owner, make_device):
    await make_device()
    await owner.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type, bit, length, valid_min, sentinels, interval_s)"
        " VALUES (1, 'b', 'B', 'input', 5, 'bit', 3, NULL, NULL, '{}', 10), (1, 's', 'S', 'holding', 7, 'string', NULL, 4, NULL, '{}', 10),"
        " (1, 'f', 'F', 'holding', 20, 'float32', NULL, NULL, -5, '{-32768, 65535}', 10)"
    )
    async with pool.acquire() as connection:
        lines = await PolledLines().read(connection, [1])
    settings.spool_folder.mkdir(parents=True)
    Known(settings.spool_folder).write(lines)
    assert Known(settings.spool_folder).read() == lines != {}


async def test_a_second_collector_of_the_name_is_refused_also_from_another_folder(settings, tmp_path):
    first = CollectorProgram(settings)
    async with background(first.run()):
        await until(lambda: asyncio.sleep(0, first.store.connected))
        same = replace(settings, collector_metrics_port=0)
        with pytest.raises(DdmsError, match="keeps its spool"):
            await CollectorProgram(same).run()
        with pytest.raises(DdmsError, match="runs under the name"):
            await CollectorProgram(replace(same, spool_directory=tmp_path / "elsewhere")).run()
        assert first.store.connected


async def test_what_waits_in_a_flush_is_kept_when_the_collector_is_ended_meanwhile(
    settings, owner, make_device, monkeypatch
):
    monkeypatch.setattr(store_module, "COMMIT_SECONDS", 60.0)
    async with scripted(Counter()) as device:
        await make_device(port=device.port)
        async with background(CollectorProgram(settings).run()):
            await until(lambda: stored(owner))
            transaction = owner.transaction()
            await transaction.start()
            await owner.execute("LOCK TABLE latest IN ACCESS EXCLUSIVE MODE")
            count = device.behave.count
            await until(lambda: asyncio.sleep(0, device.behave.count >= count + 3))
            monkeypatch.setattr(store_module, "COMMIT_SECONDS", 1.0)
        await transaction.rollback()
        assert list(settings.spool_folder.glob("*.batch"))
        program = CollectorProgram(settings)
        async with background(program.run()):
            await until(lambda: asyncio.sleep(0, program.store.connected and not program.store.spool.count))
    await nothing_is_lost(owner, device)


async def test_a_database_that_takes_no_readings_but_more_is_told_why(settings, owner, make_device, monkeypatch):
    monkeypatch.setattr(app_module, "TICK_SECONDS", 0.5)
    async with scripted(Counter()) as device:
        await make_device(port=device.port)
        async with background(CollectorProgram(settings).run()):
            await until(lambda: stored(owner))
            async with raising("53100")(owner, settings):
                told = await until(lambda: owner.fetchval("SELECT trouble FROM collectors"))
                assert "disk of the database is full" in told
            await until(lambda: owner.fetchval("SELECT trouble IS NULL FROM collectors"))


async def test_two_collectors_in_one_spool_folder_keep_their_readings_apart(settings, owner, database_url, make_device):
    async with scripted(Counter()) as left, scripted(Counter()) as right:
        for name, device in (("Left", left), ("Right", right)):
            await make_device(name, port=device.port)
        one = CollectorProgram(settings)
        two = CollectorProgram(replace(settings, collector_name="line 2", collector_metrics_port=0))
        async with background(one.run(), two.run()):
            await until(lambda: asyncio.sleep(0, len(one.tasks) == len(two.tasks) == 1))
            async with database_away(owner, database_url):
                for program in (one, two):
                    await until(lambda p=program: asyncio.sleep(0, p.store.spool.count >= 3))
            for program in (one, two):
                await until(lambda p=program: asyncio.sleep(0, p.store.connected and not p.store.spool.count))
    for point, device in ((1, left), (2, right)):
        values = [
            int(row["value"])
            for row in await owner.fetch("SELECT value FROM readings WHERE point_id = $1 ORDER BY time", point)
        ]
        assert set(range(1, device.behave.count)) <= set(values), "the very last may have been on its way"
        assert len(values) == len(set(values))
    assert one.store.statistics.lost == two.store.statistics.lost == 0


async def test_what_the_spool_lost_while_it_was_stopped_is_told_to_the_database(
    settings, owner, database_url, make_device, monkeypatch
):
    monkeypatch.setattr(store_module, "SEEN_SECONDS", 0.0)
    async with scripted(Counter()) as device:
        await make_device(port=device.port)
        await run_until_known(settings, device)
        async with database_away(owner, database_url):
            program = CollectorProgram(settings)
            async with background(program.run()):
                await until(lambda: asyncio.sleep(0, program.store.spool.count >= 3))
            count = len(device.requests)
        files = sorted(settings.spool_folder.glob("*.batch"))
        files[0].unlink()
        async with background(CollectorProgram(settings).run()):
            await until(lambda: owner.fetchval("SELECT lost_readings FROM collectors WHERE lost_at IS NOT NULL"))
            assert any("were lost" in reason for reason in (await health_of(settings))["reasons"])
        told = await owner.fetchval("SELECT lost_readings FROM collectors")
    values = await stored(owner)
    assert len([n for n in range(1, count + 1) if n not in values]) == told


async def test_what_a_collector_left_that_has_another_name_now_is_brought_in(
    settings, owner, database_url, make_device, monkeypatch
):
    monkeypatch.setattr(replay_module, "ABANDONED_SECONDS", 0.0)
    async with scripted(Counter()) as device:
        await make_device(port=device.port)
        await run_until_known(settings, device)
        async with database_away(owner, database_url):
            program = CollectorProgram(settings)
            async with background(program.run()):
                await until(lambda: asyncio.sleep(0, program.store.spool.count >= 2))
        program = CollectorProgram(replace(settings, collector_name="renamed"))
        async with background(program.run()):
            await until(lambda: asyncio.sleep(0, not list(settings.spool_folder.glob("*.batch"))))
    await nothing_is_lost(owner, device)


async def test_a_collector_whose_row_was_deleted_registers_again_and_loses_nothing(
    settings, owner, make_device, monkeypatch
):
    monkeypatch.setattr(store_module, "SEEN_SECONDS", 0.0)
    async with scripted(Counter()) as device:
        await make_device(port=device.port)
        program = CollectorProgram(settings)
        async with background(program.run()):
            await until(lambda: stored(owner))
            await owner.execute("DELETE FROM collectors")
            await until(lambda: owner.fetchval("SELECT count(*) FROM collectors"))
            await until(lambda: asyncio.sleep(0, program.store.connected and not program.store.spool.count))
            assert program.store.statistics.refused == 0
    await nothing_is_lost(owner, device)
