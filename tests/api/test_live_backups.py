"""Live backups: first those that wait, run or are there, then what is done to them."""

import asyncpg

from tests.support.api_server import Api, Socket, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.backup_rows import backup, verified

BACKUPS = """subscription { backups { kind reason backups {
    id name state progress doing removedAt lastVerified verification { state seconds error } }
    restores { backup database state progress } } }"""


async def started(socket: Socket):
    """Follow; return the snapshot."""
    await socket.subscribe(BACKUPS)
    return await socket.event("backups")


def names(event) -> list[str]:
    return [one["name"] for one in event["backups"]]


async def test_what_works_comes_first_then_the_newest_and_nothing_that_was_removed(api: Api, owner: asyncpg.Connection):
    await backup(owner, "older", hours_ago=30)
    await backup(owner, "newer", hours_ago=2)
    await backup(owner, "tried", hours_ago=50, verification="waiting")
    await backup(owner, "removed")
    await owner.execute("UPDATE backups SET removed_at = now() WHERE name = 'removed'")
    async with api.socket("owner") as socket:
        event = await started(socket)
    assert (event["kind"], event["reason"], names(event)) == ("SNAPSHOT", "STARTED", ["tried", "newer", "older"])


async def test_each_step_of_a_backup_and_of_its_verification_is_told(api: Api, owner: asyncpg.Connection):
    await backup(owner, "other")
    async with api.socket("owner") as socket:
        await started(socket)
        number = await backup(owner, "new", state="running", hours_ago=0, progress=0.25, doing="readings")
        event = await socket.event("backups")
        (one,) = event["backups"]
        assert (event["kind"], one["id"], one["progress"], one["doing"]) == (
            "CHANGES",
            f"bak_{number}",
            0.25,
            "readings",
        )
        await owner.execute("UPDATE backups SET state = 'done', progress = NULL, doing = NULL WHERE name = 'new'")
        assert [one["state"] for one in (await socket.event("backups"))["backups"]] == ["DONE"]
        await verified(owner, "new", error="12 rows are missing")
        (one,) = (await socket.event("backups"))["backups"]
        assert one["verification"] == {"state": "FAILED", "seconds": 40, "error": "12 rows are missing"}
        assert one["lastVerified"] is None
        await owner.execute("UPDATE backups SET removed_at = now() WHERE name = 'new'")
        (one,) = (await socket.event("backups"))["backups"]
        assert one["removedAt"] is not None


async def test_each_step_of_a_restore_is_told(api: Api, owner: asyncpg.Connection):
    await owner.execute("INSERT INTO restores (backup, database, state) VALUES ('one', 'before', 'done')")
    async with api.socket("owner") as socket:
        assert [one["database"] for one in (await started(socket))["restores"]] == ["before"]
        for change in (
            "INSERT INTO restores (backup, database) VALUES ('one', 'new')",
            "UPDATE restores SET state = 'running', progress = 0.5 WHERE database = 'new'",
        ):
            await owner.execute(change)
            event = await socket.event("backups")
            assert (event["kind"], event["backups"]) == ("CHANGES", [])
        assert event["restores"] == [{"backup": "one", "database": "new", "state": "RUNNING", "progress": 0.5}]


async def test_only_owners_follow_backups(api: Api):
    async with api.socket("admin") as socket:
        await socket.subscribe(BACKUPS)
        message = await socket.receive()
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
