"""Deleting a device: it is gone at once; its history stays, or goes in the background, whatever happens meanwhile."""

import asyncio

import asyncpg
import pytest

from api.retention import deletions as erasures
from api.retention import erasing
from api.retention.deletions import erase_deleted
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

DELETE = """mutation ($id: ID!, $keep: Boolean!) { deleteDevice(id: $id, keepHistory: $keep) {
  errors { code field } deletedId erasure { id subject deviceId state progress rows requestedBy } } }"""
ERASURE = "query ($id: ID!) { erasure(id: $id) { state progress rows error finishedAt } }"
FILL = """INSERT INTO readings (time, point_id, value, quality)
SELECT now() - make_interval(hours => n), p, n, 0 FROM generate_series(1, 480) n, unnest($1::int[]) p"""
TABLES = ("readings", "texts", "latest", "rollup_1m", "rollup_1h", "rollup_1d")


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    monkeypatch.setattr(erasures, "SETTLE_SECONDS", 0)


async def fill(owner: asyncpg.Connection, device: dict) -> list[int]:
    """Give a device a history in every table; return its points."""
    points = list(device["points"].values())
    await owner.execute(FILL, points)
    await owner.execute(
        "INSERT INTO texts SELECT time, point_id, 'x', 0 FROM readings WHERE point_id = any($1::int[])", points
    )
    await owner.execute(
        "INSERT INTO latest SELECT p, now(), 1, 0 FROM unnest($1::int[]) p ON CONFLICT DO NOTHING", points
    )
    for level in ("1m", "1h", "1d"):
        await owner.execute(
            f"INSERT INTO rollup_{level} SELECT point_id, date_bin('1 day', time, '2000-01-01Z'), 1, 1, 1, 1, 1, 1, 1, 1, 0 FROM readings"
            " WHERE point_id = any($1::int[]) ON CONFLICT DO NOTHING",
            points,
        )
    return points


async def left(owner: asyncpg.Connection, points: list[int]) -> dict[str, int]:
    """Return how many rows of points each table has, where it has any."""
    counts = {
        t: await owner.fetchval(f"SELECT count(*) FROM {t} WHERE point_id = any($1::int[])", points) for t in TABLES
    }
    return {table: count for table, count in counts.items() if count}


async def test_a_device_that_is_deleted_with_its_history_is_gone_at_once_and_erased_in_the_background(
    api: Api, owner, database
):
    pump, other = await add(api), await add(api, "Other")
    points, others = await fill(owner, pump), await fill(owner, other)
    payload = await api.ask(DELETE, actor="admin", id=pump["id"], keep=False)
    erasure = payload["erasure"]
    assert (payload["errors"], payload["deletedId"]) == ([], pump["id"])
    assert (erasure["subject"], erasure["deviceId"], erasure["state"]) == ("Pump", pump["id"], "PENDING")
    assert erasure["requestedBy"] == "the admin's"
    assert [d["name"] for d in (await api.ask("{ devices { nodes { name } } }"))["nodes"]] == ["Other"]
    assert await api.ask("query ($id: ID!) { device(id: $id) { id } }", id=pump["id"]) is None
    assert (await left(owner, points)).keys() == set(TABLES) - {"latest"}
    await erase_deleted(database)
    assert await left(owner, points) == {}
    assert (await left(owner, others))["readings"] == 480 * 3
    done = await api.ask(ERASURE, actor="admin", id=erasure["id"])
    assert (done["state"], done["progress"], done["error"]) == ("DONE", 1, None)
    assert done["rows"] >= 2 * 480 * 3
    assert done["finishedAt"] is not None
    assert [e["id"] for e in await api.ask("{ erasures(open: false) { id } }", actor="admin")] == [erasure["id"]]
    assert await api.ask("{ erasures(open: true) { id } }", actor="admin") == []


async def test_the_name_is_free_at_once(api: Api, owner):
    await fill(owner, pump := await add(api))
    await api.ask(DELETE, id=pump["id"], keep=False)
    again = await add(api)
    assert again["id"] != pump["id"]


async def test_a_history_that_was_kept_can_be_erased_later(api: Api, owner, database):
    points = await fill(owner, pump := await add(api))
    kept = await api.ask(DELETE, id=pump["id"], keep=True)
    assert (kept["errors"], kept["erasure"]) == ([], None)
    await erase_deleted(database)
    assert (await left(owner, points))["readings"] == 480 * 3
    assert (await api.ask(DELETE, id=pump["id"], keep=True))["errors"] == [{"code": "NOT_FOUND", "field": "id"}]
    assert (await api.ask(DELETE, id=pump["id"], keep=False))["errors"] == []
    await erase_deleted(database)
    assert await left(owner, points) == {}
    assert (await api.ask(DELETE, id=pump["id"], keep=False))["errors"] == [{"code": "NOT_FOUND", "field": "id"}]


async def test_an_erasure_that_is_cut_off_goes_on_after_a_restart(api: Api, owner, database, monkeypatch):
    points = await fill(owner, pump := await add(api))
    erasure = (await api.ask(DELETE, id=pump["id"], keep=False))["erasure"]
    whole, batches = erasing.patiently, 0

    async def some(work):
        nonlocal batches
        batches += 1
        if batches == 4:
            raise asyncio.CancelledError
        return await whole(work)

    monkeypatch.setattr(erasing, "patiently", some)
    with pytest.raises(asyncio.CancelledError):
        await erase_deleted(database)
    half = await api.ask(ERASURE, id=erasure["id"])
    assert half["state"] == "RUNNING"
    assert 0 < half["progress"] < 1
    assert 0 < half["rows"] < 480 * 3
    monkeypatch.setattr(erasing, "patiently", whole)
    total = half["rows"] + sum((await left(owner, points)).values())
    await erase_deleted(database)
    done = await api.ask(ERASURE, id=erasure["id"])
    assert (done["state"], done["progress"], done["rows"]) == ("DONE", 1, total)
    assert await left(owner, points) == {}


async def test_what_a_collector_stores_of_a_deleted_device_is_erased_too(api: Api, owner, database, monkeypatch):
    points = await fill(owner, pump := await add(api))
    monkeypatch.setattr(erasures, "SETTLE_SECONDS", 3600)
    erasure = (await api.ask(DELETE, id=pump["id"], keep=False))["erasure"]
    await erase_deleted(database)
    await api.read(owner, {points[0]: 1.0})  # read before the collector heard of it
    assert (await api.ask(ERASURE, id=erasure["id"]))["state"] == "RUNNING"
    monkeypatch.setattr(erasures, "SETTLE_SECONDS", 0)
    await erase_deleted(database)
    assert await left(owner, points) == {}
    await api.read(owner, {points[0]: 2.0}, at=1_790_000_000)  # out of a spool, days later
    await erase_deleted(database)
    assert await left(owner, points) == {}
    subjects = [
        row["subject"] for row in await owner.fetch("SELECT subject FROM erasures WHERE state = 'done' ORDER BY id")
    ]
    assert subjects == ["Pump", "points that were deleted before"]


async def test_late_readings_of_a_deleted_device_make_no_rollup(api: Api, owner, database):
    points = await fill(owner, pump := await add(api))
    await owner.execute(
        "SELECT note_late($1, $2)", points[:1], [await owner.fetchval("SELECT now() - interval '3 days'")]
    )
    await api.ask(DELETE, id=pump["id"], keep=False)
    await erase_deleted(database)
    await owner.execute("CALL refresh_rollups()")
    assert await left(owner, points) == {}
    assert await owner.fetchval("SELECT count(*) FROM rollup_late") == 0


async def test_one_erasure_that_fails_is_told_and_stops_no_other(api: Api, owner, database, monkeypatch):
    first, second = await add(api, "First"), await add(api, "Second")
    points, others = await fill(owner, first), await fill(owner, second)
    bad = (await api.ask(DELETE, id=first["id"], keep=False))["erasure"]
    await api.ask(DELETE, id=second["id"], keep=False)
    whole = erasures.erase

    def failing(statements, source, wanted, *more, **options):
        if set(wanted) == set(points):
            raise RuntimeError("the disk is on fire")
        return whole(statements, source, wanted, *more, **options)

    monkeypatch.setattr(erasures, "erase", failing)
    with pytest.raises(RuntimeError):
        await erase_deleted(database)
    assert await left(owner, others) == {}
    assert (await api.ask(ERASURE, id=bad["id"]))["error"] == "the disk is on fire"
    (notice,) = await api.ask("{ notices { kind message } }", actor="admin")
    assert notice["kind"] == "ERASURE_FAILED"
    assert "the disk is on fire" in notice["message"]
    monkeypatch.setattr(erasures, "erase", whole)
    await erase_deleted(database)
    assert await left(owner, points) == {}
    assert await api.ask("{ notices { kind } }", actor="admin") == []


async def test_points_that_are_removed_lose_their_readings_in_the_background(api: Api, owner, database):
    pump = await add(api)
    points = await fill(owner, pump)
    gone = pump["points"]["flow"]
    remove = "mutation ($id: ID!) { deletePoints(ids: [$id]) { errors { code } } }"
    assert await api.ask(remove, id=f"pt_{gone}") == {"errors": []}
    await erase_deleted(database)
    assert await left(owner, [gone]) == {}
    assert (await left(owner, points))["readings"] == 480 * 2
    (erasure,) = await api.ask("{ erasures { subject deviceId } }")
    assert erasure == {"subject": "points: flow", "deviceId": None}


async def test_a_device_without_points_is_deleted_as_well(api: Api, owner, database):
    await api.ask('mutation { createDevice(input: { name: "Bare", endpoint: "tcp://a" }) { errors { code } } }')
    device = (await api.ask('{ device(name: "Bare") { id } }'))["id"]
    assert (await api.ask(DELETE, id=device, keep=False))["erasure"]["state"] == "PENDING"
    await erase_deleted(database)
    assert await api.ask("{ erasures { state } }") == [{"state": "DONE"}]
