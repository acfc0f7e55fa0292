"""Retention: what is expired goes a day after it was announced, nothing else does, and the rollups stay."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from api.retention import erasing
from api.retention import run as retention_run
from api.retention.announcement import announce
from api.retention.run import retention, run
from ddms.errors import DdmsError
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.command_line import ddms

DAY = timedelta(days=1)
FILL = """WITH made AS (SELECT $2::timestamptz + make_interval(mins => 10 * n) AS time, n FROM generate_series(0, 143) AS n),
     stored AS (INSERT INTO readings (time, point_id, value, quality) SELECT time, $1, n, 0 FROM made)
INSERT INTO rollup_late (bucket, points) SELECT time, array[$1::int] FROM made"""
PREVIEW = "{ retentionPreview { dueAt announcedAt rows bytes devices { deviceId name retentionDays rows exportUntil tables { table days before rows bytes erasedAt } } } }"
RUNS = (
    "{ retentionRuns { state requestedBy rows bytes error startedAt finishedAt tables { table rows bytes chunks } } }"
)
CONFIGURE = (
    "mutation ($days: Int!) { updateConfiguration(changes: { retentionDays: $days }) { errors { code field } } }"
)


def today() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


class Plant:
    """Two devices with a point each: `short` keeps its readings 10 days, `long` 40."""

    def __init__(self, owner: asyncpg.Connection):
        self.owner = owner
        self.devices: dict[str, int] = {}
        self.points: dict[str, int] = {}

    async def fill(self, name: str, *ages: int) -> None:
        """Store 144 readings on each day of this age; roll them up."""
        await self.owner.execute("UPDATE rollup_levels SET complete = $1", today())
        for age in ages:
            await self.owner.execute(FILL, self.points[name], today() - age * DAY)
        await self.owner.execute("CALL refresh_rollups()")

    async def ages(self, name: str, table: str = "readings") -> list[int]:
        """Return on the days of which age a point has rows."""
        column = "time" if table in {"readings", "texts"} else "bucket"
        days = await self.owner.fetch(
            f"SELECT DISTINCT date_bin('1 day', {column}, '2000-01-01Z') AS day FROM {table} WHERE point_id = $1",
            self.points[name],
        )
        return sorted((today() - row["day"]).days for row in days)

    async def keep(self, name: str, days: int) -> None:
        await self.owner.execute("UPDATE devices SET retention_days = $2 WHERE id = $1", self.devices[name], days)


@pytest.fixture
async def plant(owner: asyncpg.Connection, make_device) -> Plant:
    plant = Plant(owner)
    for port, (name, days) in enumerate({"short": 10, "long": 40}.items(), 1):
        plant.devices[name] = await make_device(name, port=port)
        plant.points[name] = await owner.fetchval("SELECT id FROM points WHERE device_id = $1", plant.devices[name])
        await plant.keep(name, days)
    return plant


async def be_due(owner: asyncpg.Connection) -> None:
    await owner.execute("UPDATE retention_notice SET announced_at = now() - interval '1 day', due_at = now()")


async def test_each_device_loses_what_is_older_than_it_keeps_and_no_rollup(plant, owner, database, edition):
    await plant.fill("short", 60, 30, 12, 11, 10, 5, 1)
    await plant.fill("long", 60, 50, 41, 40, 30, 1)
    before = {level: await owner.fetch(f"SELECT * FROM rollup_{level} ORDER BY 1, 2") for level in ("1m", "1h", "1d")}
    number = await run(database, "a test", announced=False)
    assert await plant.ages("short") == [1, 5, 10]
    assert await plant.ages("long") == [1, 30, 40]
    for level, rows in before.items():
        assert await owner.fetch(f"SELECT * FROM rollup_{level} ORDER BY 1, 2") == rows
    row = await owner.fetchrow("SELECT * FROM retention_run_tables WHERE run_id = $1 AND source = 'readings'", number)
    assert row["rows"] == 7 * 144
    assert row["bytes"] > 0
    assert row["chunks"] == (0 if edition == "plain" else 3)
    state = await owner.fetchrow("SELECT state, requested_by, finished_at > started_at AS ended FROM retention_runs")
    assert tuple(state) == ("done", "a test", True)


async def test_batches_are_small_however_many_points_a_device_has(plant, owner, database, monkeypatch):
    monkeypatch.setattr(erasing, "BATCH_ROWS", 300)
    monkeypatch.setattr(retention_run, "BATCH_ROWS", 300)
    await owner.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type)"
        " SELECT $1, 'more' || n, 'P', 'holding', n, 'int16' FROM generate_series(1, 12) AS n",
        plant.devices["short"],
    )
    await plant.fill("short", 20)
    await owner.execute(
        "INSERT INTO readings SELECT r.time, p.id, r.value, 0 FROM readings r, points p WHERE p.key ~ 'more' AND r.point_id = $1 AND p.device_id = $2",
        plant.points["short"],
        plant.devices["short"],
    )
    await plant.fill("short", 30, 29)  # with little to do the batches grow
    sizes = []
    whole = erasing.ErasingPace.saw

    def seen(pace, points, rows):
        sizes.append(rows)
        whole(pace, points, rows)

    monkeypatch.setattr(erasing.ErasingPace, "saw", seen)
    await run(database, "a test", announced=False)
    assert sum(filter(None, sizes)) == 15 * 144
    assert max(filter(None, sizes)) <= 300
    assert None in sizes
    assert await owner.fetchval("SELECT count(*) FROM readings") == 0


async def test_a_second_run_finds_nothing_to_do(plant, owner, database):
    await plant.keep("long", 10)
    await plant.fill("short", 30, 1)
    await run(database, "a test", announced=False)
    assert await owner.fetchval("SELECT count(*) FROM retention_state WHERE dirty_from IS NOT NULL") == 0
    await run(database, "a test", announced=False)
    rows = await owner.fetch("SELECT run_id, sum(rows) AS rows FROM retention_run_tables GROUP BY 1 ORDER BY 1")
    assert [row["rows"] for row in rows] == [144, 0]


async def test_rollups_go_after_their_own_longer_time_and_never_before_their_readings(plant, owner, database):
    await plant.fill("short", 1000, 500, 30)
    await plant.fill("long", 500)
    await plant.keep("long", 600)
    await owner.execute("UPDATE configuration SET rollup_1m_days = 400, rollup_1h_days = 700")
    await run(database, "a test", announced=False)
    assert await plant.ages("short") == []
    assert await plant.ages("short", "rollup_1m") == [30]
    assert await plant.ages("short", "rollup_1h") == [30, 500]
    assert await plant.ages("short", "rollup_1d") == [30, 500, 1000]
    assert await plant.ages("long", "rollup_1m") == await plant.ages("long") == [500]


@pytest.mark.edition("community")
async def test_compressed_chunks_lose_a_device_without_being_unpacked(plant, owner, database):
    await plant.fill("short", 20, 15)
    await plant.fill("long", 20, 15)
    await owner.execute("SELECT compress_chunk(c) FROM show_chunks('readings') c")
    await run(database, "a test", announced=False)
    assert (await plant.ages("short"), await plant.ages("long")) == ([], [15, 20])
    unpacked = [
        await owner.fetchval(f"SELECT count(*) FROM ONLY {row['chunk']}")
        for row in await owner.fetch("SELECT format('%I.%I', chunk_schema, chunk_name) AS chunk FROM timescaledb_information.chunks"
                                     " WHERE hypertable_name = 'readings' AND is_compressed")
    ]  # fmt: skip
    assert await owner.fetchval("SELECT count(*) FROM readings WHERE point_id = $1", plant.points["long"]) == 288
    assert len(unpacked) == 2


async def test_nothing_goes_that_is_not_rolled_up_yet(plant, owner, database, monkeypatch):
    await plant.fill("short", 30)
    await owner.execute("UPDATE rollup_levels SET complete = $1", today() - 30 * DAY)
    for level in ("1m", "1h", "1d"):
        await owner.execute(f"DELETE FROM rollup_{level}")
    monkeypatch.setattr(retention_run, "REFRESH_ROLLUPS", "-- ddms:test\nSELECT 1")
    await run(database, "a test", announced=False)
    assert await plant.ages("short") == [30]
    await owner.execute("UPDATE rollup_levels SET complete = $1", today())
    await owner.execute(
        "SELECT note_late(array[$1::int], array[$2::timestamptz])", plant.points["short"], today() - 30 * DAY
    )
    await run(database, "a test", announced=False)
    assert await plant.ages("short") == [30]


async def test_what_is_late_for_an_expired_day_changes_no_rollup_and_goes_with_the_next_run(plant, owner, database):
    await plant.fill("short", 30, 1)
    await run(database, "a test", announced=False)
    day, point = today() - 30 * DAY, plant.points["short"]
    rows = {level: await owner.fetch(f"SELECT * FROM rollup_{level} ORDER BY 1, 2") for level in ("1m", "1h", "1d")}
    late = [day + timedelta(milliseconds=5 * n) for n in range(300)]  # more than there were
    await owner.executemany("INSERT INTO readings VALUES ($1, $2, 77, 0)", [(time, point) for time in late])
    await owner.execute("SELECT note_late($1, $2)", [point] * len(late), late)
    await owner.execute("CALL refresh_rollups()")
    await owner.execute(f"CALL rebuild_rollups('{day.isoformat()}', '{(day + DAY).isoformat()}')")
    for level, before in rows.items():
        assert await owner.fetch(f"SELECT * FROM rollup_{level} ORDER BY 1, 2") == before
    assert await plant.ages("short") == [1, 30]
    number = await run(database, "a test", announced=False)
    assert await plant.ages("short") == [1]
    assert (
        await owner.fetchval("SELECT rows FROM retention_run_tables WHERE run_id = $1 AND source = 'readings'", number)
        == 300
    )


async def test_late_readings_of_an_expired_time_that_has_no_rollup_reach_every_level(plant, owner, database):
    await plant.fill("short", 30, 1)
    await run(database, "a test", announced=False)
    late, point = today() - 20 * DAY, plant.points["short"]
    await owner.execute("INSERT INTO readings VALUES ($1, $2, 77, 0)", late, point)
    await owner.execute("SELECT note_late($1, $2)", [point], [late])
    await run(database, "a test", announced=False)
    assert await plant.ages("short") == [1]
    for level in ("1m", "1h", "1d"):
        assert await plant.ages("short", f"rollup_{level}") == [1, 20, 30]


async def test_rebuilding_rollups_of_expired_days_erases_and_shrinks_none(plant, owner, database):
    await plant.fill("short", 30, 12, 9, 1)
    await owner.execute("DELETE FROM readings WHERE time >= $1 AND time < $2", today() - 12 * DAY, today() - 11.5 * DAY)
    rows = {level: await owner.fetch(f"SELECT * FROM rollup_{level} ORDER BY 1, 2") for level in ("1m", "1h", "1d")}
    await run(database, "a test", announced=False)
    await owner.execute(f"CALL rebuild_rollups('{(today() - 40 * DAY).isoformat()}', '{today().isoformat()}')")
    for level, before in rows.items():
        assert await owner.fetch(f"SELECT * FROM rollup_{level} ORDER BY 1, 2") == before


async def test_who_keeps_longer_from_now_on_loses_no_more(plant, owner, database):
    await plant.fill("short", 30, 12, 9, 1)
    await run(database, "a test", announced=False)
    await plant.keep("short", 30)
    point, late = plant.points["short"], today() - 20 * DAY
    await owner.execute("INSERT INTO readings VALUES ($1, $2, 77, 0)", late, point)  # late, but kept by now
    await owner.execute("SELECT note_late($1, $2)", [point], [late])
    await run(database, "a test", announced=False)
    assert await plant.ages("short") == [1, 9, 20]


async def test_the_first_day_only_announces_and_the_next_erases_what_was_announced(plant, owner, database, caplog):
    caplog.set_level("INFO")
    await plant.fill("short", 30, 5, 1)
    await plant.fill("long", 50, 1)
    await retention(database)
    assert await plant.ages("short") == [1, 5, 30]
    due = await owner.fetchval("SELECT due_at - now() FROM retention_notice")
    assert timedelta(hours=23) - timedelta(minutes=5) < due < timedelta(hours=48)
    assert "about 288 rows" in caplog.text
    await plant.keep("short", 2)  # after the announcement
    await retention(database)
    assert await plant.ages("short") == [1, 5, 30]
    await be_due(owner)
    await owner.execute("INSERT INTO backups (name, state, reason, started_at) VALUES ('a', 'running', 'asked', now())")
    assert await retention(database) is None, "a backup reads all that would go"
    await owner.execute("UPDATE backups SET state = 'done'")
    assert await retention(database) == {"run": 1}
    assert (await plant.ages("short"), await plant.ages("long")) == ([1, 5], [1])
    await be_due(owner)
    await retention(database)
    assert await plant.ages("short") == [1]
    assert await retention(database) is None


async def test_a_server_that_was_off_at_the_time_runs_when_it_is_back(plant, owner, database):
    await plant.fill("short", 30)
    await retention(database)
    await owner.execute(
        "UPDATE retention_notice SET announced_at = now() - interval '9 days', due_at = now() - interval '8 days'"
    )
    await retention(database)
    assert await plant.ages("short") == []
    assert await owner.fetchval("SELECT due_at > now() + interval '22 hours' FROM retention_notice")


@pytest.mark.parametrize(
    ("zone", "since", "expected"),
    [
        ("UTC", "2026-01-01T01:59:59Z", "2026-01-01T02:00:00Z"),
        ("UTC", "2026-01-01T02:00:00Z", "2026-01-01T02:00:00Z"),
        ("UTC", "2026-01-01T02:00:01Z", "2026-01-02T02:00:00Z"),
        ("Asia/Shanghai", "2026-01-01T12:00:00Z", "2026-01-01T18:00:00Z"),
        ("America/New_York", "2026-07-01T00:00:00Z", "2026-07-01T06:00:00Z"),
        ("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),  # 02:00 is skipped that night
        ("Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T01:00:00Z"),
    ],
)
async def test_the_cleanup_time_is_in_the_time_zone_of_the_site(owner, zone, since, expected):
    await owner.execute("UPDATE configuration SET time_zone = $1", zone)
    found = await owner.fetchval("SELECT next_cleanup($1)", datetime.fromisoformat(since))
    assert found == datetime.fromisoformat(expected)


async def test_a_run_that_is_killed_in_the_middle_is_told_and_the_next_goes_on(plant, owner, database, monkeypatch):
    await plant.fill("short", 35, 30, 25, 20, 15)
    batches = 0
    whole = erasing.patiently

    async def some(work):
        nonlocal batches
        batches += 1
        if batches == 5:
            raise asyncio.CancelledError
        return await whole(work)

    monkeypatch.setattr(erasing, "patiently", some)
    with pytest.raises(asyncio.CancelledError):
        await run(database, "first", announced=False)
    left = await plant.ages("short")
    assert 0 < len(left) < 5
    monkeypatch.setattr(erasing, "patiently", whole)
    await run(database, "second", announced=False)
    assert await plant.ages("short") == []
    rows = await owner.fetch(
        "SELECT state, rows FROM retention_runs r JOIN retention_run_tables t ON t.run_id = r.id AND source = 'readings' ORDER BY id"
    )
    assert [row["state"] for row in rows] == ["interrupted", "done"]
    assert [row["rows"] for row in rows] == [(5 - len(left)) * 144, len(left) * 144]


async def test_two_runs_at_once_are_one(plant, database):
    async with database.connection() as other:
        assert await other.value(retention_run.CLAIM)
        with pytest.raises(DdmsError, match="goes on already"):
            await run(database, "a test", announced=False)
    await run(database, "a test", announced=False)


async def test_a_failed_run_is_recorded_and_not_repeated_each_minute(plant, owner, database, monkeypatch):
    await plant.fill("short", 30)
    await retention(database)
    await be_due(owner)
    monkeypatch.setattr(retention_run, "FORGET_JOURNALS", "-- ddms:test\nSELECT nonsense()")
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await retention(database)
    assert await retention(database) is None
    assert await owner.fetchval("SELECT array_agg(state || ': ' || error) FROM retention_runs") == [
        "failed: function nonsense() does not exist"
    ]


async def test_a_device_that_is_deleted_while_a_run_goes_on_is_in_nobodys_way(plant, owner, database, monkeypatch):
    await plant.fill("short", 30, 20)
    await plant.fill("long", 60, 1)
    whole = erasing.patiently

    async def meanwhile(work):
        await owner.execute("DELETE FROM devices WHERE id = $1", plant.devices["short"])
        return await whole(work)

    monkeypatch.setattr(erasing, "patiently", meanwhile)
    await run(database, "a test", announced=False)
    assert await owner.fetchval("SELECT state FROM retention_runs") == "done"
    assert await plant.ages("long") == [1]


async def test_readings_are_stored_while_a_run_waits_for_somebody_who_reads(
    plant, owner, database, database_url, edition
):
    """An export holds its chunk; the run gives way again and again, and ingest never waits behind it."""
    await plant.fill("long", 60, 1)
    await plant.fill("short", 60, 1)
    reader = await asyncpg.connect(database_url)
    try:
        async with reader.transaction():
            await reader.execute("SELECT count(*) FROM readings")
            running = asyncio.create_task(run(database, "a test", announced=False))
            for n in range(20):
                async with asyncio.timeout(60):
                    await owner.execute("INSERT INTO readings VALUES (now(), $1, $2, 0)", plant.points["long"], n)
                await asyncio.sleep(0.1)
        await running
        assert await plant.ages("long") == [0, 1]
    finally:
        await reader.close()


@pytest.mark.edition("community", "apache")
async def test_who_reads_for_long_keeps_one_table_and_the_run_says_so(
    plant, owner, database, database_url, monkeypatch
):
    await plant.fill("long", 60, 1)
    await plant.fill("short", 60, 20, 1)
    await owner.execute("INSERT INTO texts SELECT now() - interval '90 days', $1, 'x', 0", plant.points["long"])
    monkeypatch.setattr(erasing, "RETRIES", 1)
    reader = await asyncpg.connect(database_url)
    try:
        async with reader.transaction():
            await reader.execute("SELECT count(*) FROM readings")
            with pytest.raises(DdmsError, match="readings: canceling statement due to lock timeout"):
                await run(database, "a test", announced=False)
            assert await plant.ages("long", "texts") == []
            assert await plant.ages("long") == [1, 60]
    finally:
        await reader.close()
    await run(database, "a test", announced=False)
    assert (await plant.ages("long"), await plant.ages("short")) == ([1], [1])
    assert [r["state"] for r in await owner.fetch("SELECT state FROM retention_runs ORDER BY id")] == ["failed", "done"]


async def test_journals_stay_bounded(owner, database, tokens):
    await owner.execute(
        "INSERT INTO flushes (collector, replayed, sequence, committed_at) SELECT 'gone', false, n, now() - interval '2 days' FROM generate_series(1, 50) n"
    )
    await owner.execute(
        "INSERT INTO field_requests (kind, parameters, requested_by, created_at) VALUES ('scan', '{}', 'x', now() - interval '31 days')"
    )
    await owner.execute("INSERT INTO sign_in_failures VALUES (now() - interval '31 days', 'x', 'x'), (now(), 'x', 'x')")
    await run(database, "a test", announced=False)
    counts = [
        await owner.fetchval(f"SELECT count(*) FROM {name}")
        for name in ("flushes", "field_requests", "sign_in_failures")
    ]
    assert counts == [0, 0, 1]


async def test_administrators_see_what_will_go_and_until_when_it_can_be_exported(api: Api, plant, owner, database):
    await plant.fill("short", 30, 1)
    await plant.fill("long", 50, 1)
    await plant.fill("short", 11)
    notice = await announce(database)
    preview = await api.ask(PREVIEW, actor="admin")
    due = notice["due_at"].isoformat()
    assert (preview["dueAt"], preview["rows"]) == (due, 3 * 144)
    assert [(d["name"], d["rows"], d["retentionDays"], d["exportUntil"]) for d in preview["devices"]] == [
        ("short", 288, 10, due),
        ("long", 144, 40, due),
    ]
    (table,) = preview["devices"][0]["tables"]
    assert (table["table"], table["days"], table["erasedAt"]) == ("readings", 10, due)
    assert preview["bytes"] > 0
    (told,) = await api.ask("{ notices { kind message since until } }", actor="admin")
    assert (told["kind"], told["until"]) == ("RETENTION_DUE", due)
    assert told["message"].startswith("about 432 rows")
    (most,) = (await api.ask("{ retentionPreview { deviceCount devices(first: 1) { name } } }"))["devices"]
    assert most == {"name": "short"}
    assert await api.code("{ retentionPreview { devices(first: 1001) { name } } }") == "INVALID"
    await plant.keep("long", 1)
    by_name = {device["name"]: device for device in (await api.ask(PREVIEW))["devices"]}
    assert by_name["long"]["exportUntil"] > due
    assert by_name["short"]["exportUntil"] == due


async def test_runs_are_shown_with_rows_bytes_and_time(api: Api, plant, database, edition):
    assert await api.ask(RUNS, actor="admin") == []
    await plant.fill("short", 30)
    await run(database, "a test", announced=False)
    (shown,) = await api.ask(RUNS, actor="admin")
    assert (shown["state"], shown["requestedBy"], shown["rows"], shown["error"]) == ("DONE", "a test", 144, None)
    assert shown["bytes"] > 0
    assert [table["table"] for table in shown["tables"]] == list(erasing.SOURCES)
    assert await api.code("{ retentionRuns(first: 0) { id } }") == "INVALID"
    assert await api.code("{ retentionRuns(first: 1001) { id } }") == "INVALID"
    assert await api.code(PREVIEW, "viewer") == "FORBIDDEN"


@pytest.mark.parametrize("days", [0, -1, 365_000, 2**31 - 1])
async def test_a_retention_of_nothing_or_of_a_thousand_years_is_refused(api: Api, days, owner):
    assert (await api.ask(CONFIGURE, days=days))["errors"] == [{"code": "INVALID", "field": "retentionDays"}]
    create = 'mutation ($days: Int) { createDevice(input: { name: "a", endpoint: "tcp://a", retentionDays: $days }) { errors { code field } device { retentionDays } } }'
    assert (await api.ask(create, days=days))["errors"] == [{"code": "INVALID", "field": "retentionDays"}]
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE configuration SET retention_days = $1", min(days, 32_000))


async def test_the_longest_retention_there_is_breaks_nothing(plant, owner, database):
    await owner.execute("UPDATE devices SET retention_days = 3650")
    await owner.execute(
        "UPDATE configuration SET rollup_1m_days = 36500, rollup_1h_days = 36500, rollup_1d_days = 36500"
    )
    await plant.fill("short", 3640, 1)
    await retention(database)
    await be_due(owner)
    await retention(database)
    assert await plant.ages("short") == [1, 3640]


async def test_a_new_device_keeps_what_the_configuration_says_unless_it_says_otherwise(api: Api, owner):
    assert await api.ask(CONFIGURE, days=30) == {"errors": []}
    await add(api, "Default")
    await add(api, "Own", retentionDays=7)
    assert await api.ask(CONFIGURE, days=60) == {"errors": []}
    rows = await owner.fetch("SELECT name, retention_days FROM devices ORDER BY name")
    assert [tuple(row) for row in rows] == [("Default", 30), ("Own", 7)]


@pytest.mark.unmeasured
async def test_the_command_line_shows_asks_and_erases(database_url, plant):
    await plant.fill("short", 30, 1)
    shown = ddms("retention", "preview", url=database_url)
    assert shown.returncode == 0, shown.stderr
    assert "144 rows" in shown.stdout
    assert "not announced yet" in shown.stdout
    assert '"devices":[{"device_id":' in ddms("retention", "preview", "--json", url=database_url).stdout
    asked = ddms("retention", "run", url=database_url)
    assert (asked.returncode, "144 rows" in asked.stdout) == (1, True)  # nobody answers the question
    assert await plant.ages("short") == [1, 30]
    done = ddms("retention", "run", "--yes", url=database_url)
    assert done.returncode == 0, done.stderr
    assert await plant.ages("short") == [1]
    runs = ddms("retention", "runs", url=database_url)
    assert "command line" in runs.stdout
    assert " 144 " in runs.stdout
    assert await plant.owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'retention.run'") == 1
