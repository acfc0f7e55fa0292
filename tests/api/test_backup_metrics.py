"""Backups in `/metrics`: read from the database, so that each replica tells the same."""

import math

from prometheus_client.parser import text_string_to_metric_families

from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.backup_rows import backup, verified


async def told(api: Api) -> dict[str, float]:
    """Return what `/metrics` says of backups now, by metric and kind."""
    api.parts.health._metrics = (float("-inf"), b"")
    text = (await api.client.get(f"{api.url}/metrics")).text
    return {
        " ".join([sample.name.removeprefix("ddms_backup"), *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("ddms_backup")
    }


async def test_without_a_backup_ages_are_infinite_and_nothing_else_is_known(api: Api):
    found = await told(api)
    assert (found["_age_seconds"], found["_verified_age_seconds"]) == (float("inf"), float("inf"))
    assert (found["s"], found["s_failed_in_a_row"], found["_verified_within_seconds"]) == (0, 0, 14 * 86400)
    assert math.isnan(found["_size_bytes"])
    assert not any(name.startswith("_progress") for name in found)


async def test_the_newest_the_newest_verified_and_what_runs_are_told(api: Api, owner):
    await backup(owner, "verified", hours_ago=48)
    await verified(owner, "verified")
    await backup(owner, "broken", hours_ago=24)
    await verified(owner, "broken", error="12 rows are missing")
    await backup(owner, "newest", hours_ago=2, bytes=70_000_000)
    await backup(owner, "removed", removed_at=None)
    await owner.execute("UPDATE backups SET removed_at = now() WHERE name = 'removed'")
    await backup(owner, "failed", state="failed", attempt=3, error="no room")
    await backup(owner, "running", state="running", attempt=1, progress=0.25)
    found = await told(api)
    assert abs(found["_age_seconds"] - 2 * 3600) < 600
    assert abs(found["_verified_age_seconds"] - 48 * 3600) < 600
    wanted = {
        "_size_bytes": 70e6,
        "_duration_seconds": 90,
        "_verification_duration_seconds": 40,
        "s": 3,
        "s_bytes": 170e6,
    }
    assert found.items() >= (wanted | {"s_failed_in_a_row": 3, "_progress backup": 0.25}).items()


async def test_while_the_view_cannot_be_read_nothing_is_told_as_if_it_were_now(api: Api, owner):
    await backup(owner, "newest")
    assert (await told(api))["_size_bytes"] == 50e6
    await owner.execute("ALTER VIEW grafana.backup_standing RENAME TO away")
    found = await told(api)
    assert all(math.isnan(value) for name, value in found.items() if not name.startswith("_progress"))
