"""Storage: what is kept in how many bytes, and what compresses it."""

from datetime import UTC, datetime, timedelta

import pytest

from api.site.storage import full_on, record_storage
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.command_line import ddms

STORAGE = """{ storage { edition serverVersion timescaledbVersion compression bytes growthBytesPerDay diskFreeBytes fullOn
  tables { name rows bytes bytesPerRow chunks compressedChunks saved } jobs { job subject failures failed } } }"""
POLICY = "SELECT (config ->> 'compress_after')::interval FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' AND hypertable_name = 'readings'"


async def test_storage_is_told_on_every_edition(api: Api, edition):
    storage = await api.ask(STORAGE, actor="viewer")
    assert (storage["edition"], storage["compression"]) == (edition, edition == "community")
    assert (storage["timescaledbVersion"] is None) == (edition == "plain")
    assert storage["bytes"] > 1_000_000
    assert [table["name"] for table in storage["tables"]] == [
        "readings",
        "texts",
        "rollup_1m",
        "rollup_1h",
        "rollup_1d",
    ]
    assert (storage["tables"][0]["chunks"] is None) == (edition == "plain")
    assert [job["subject"] for job in storage["jobs"]] == (
        ["readings", "rollup_1h", "rollup_1m"] if edition == "community" else []
    )


async def test_what_the_owner_configures_is_what_the_database_compresses(api: Api, owner, edition):
    change = (
        "mutation ($days: Int!) { updateConfiguration(changes: { compressAfterDays: $days }) { errors { message } } }"
    )
    assert await api.ask(change, days=30) == {"errors": []}
    if edition == "community":
        assert await owner.fetchval(POLICY) == timedelta(days=30)
        assert (
            await owner.fetchval(
                "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'"
            )
            == 3
        )


async def test_growth_is_known_from_the_second_day_on(api: Api, owner):
    assert (await api.ask(STORAGE))["growthBytesPerDay"] is None
    await owner.execute(
        "INSERT INTO storage_history (day, at, bytes, readings) SELECT current_date - n, now() - make_interval(days => n), 1000000 - 10000 * n, 5 FROM generate_series(1, 40) n"
        " ON CONFLICT DO NOTHING"
    )
    await owner.execute("DELETE FROM storage_history WHERE day = current_date")
    assert (await api.ask(STORAGE))["growthBytesPerDay"] == 10_000


def test_the_disk_is_full_when_growth_has_eaten_what_is_free():
    when = full_on(1000, 10.0)
    assert when is not None
    assert abs(when - datetime.now(UTC) - timedelta(days=100)) < timedelta(minutes=1)
    assert full_on(None, 10.0) is full_on(1000, None) is full_on(1000, -5.0) is full_on(10**15, 1.0) is None


def test_the_command_line_shows_it(database_url, tmp_path):
    done = ddms("storage", url=database_url, DDMS_DISK_PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    for word in ("database", "disk free", "readings", "rollup_1d"):
        assert word in done.stdout
    assert '"edition":' in ddms("storage", "--json", url=database_url).stdout


async def test_the_disk_is_taken_down_for_the_dashboards(api: Api, owner, tmp_path):
    await record_storage(tmp_path, api.parts.database)
    await owner.execute(
        "INSERT INTO storage_history (day, at, bytes, readings) SELECT current_date - 1, now() - interval '1 day', 0, 0"
    )
    shown = await owner.fetchrow("SELECT *, full_on - now() AS left FROM grafana.storage")
    assert shown["disk_bytes"] > shown["disk_free_bytes"] > 0
    assert shown["left"].days == pytest.approx(shown["disk_free_bytes"] / shown["growth_bytes"], abs=2)
    await record_storage(None, api.parts.database)
    assert await owner.fetchval("SELECT full_on FROM grafana.storage") is None
    assert await owner.fetchval(
        "SELECT disk_full_on(10::bigint, -1.0) IS NULL AND disk_full_on(10::bigint, 1e-9) IS NULL"
        " AND disk_full_on(10::bigint, 1e-320) IS NULL AND disk_full_on(10::bigint, 1e308) < now() + interval '1 s'"
    )
