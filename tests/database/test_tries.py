"""The queue of backups verifies and restores what people asked for."""

from pathlib import Path

import pytest

from api.backups import restores, store
from api.backups.work import Work
from api.ground.actor import COMMAND_LINE
from ddms.backups import target
from ddms.errors import DdmsError
from ddms.settings import Settings
from tests.support import client_programs
from tests.support.database import create, drop, new_name


@pytest.fixture
def made_by(settings: Settings, database_url: str, tmp_path: Path) -> Settings:
    """The settings of the program that works the queue."""
    return client_programs.backing_up(settings, database_url, tmp_path)


async def test_a_backup_that_is_asked_for_is_made_verified_and_restored(made_by, database, server_url):
    new, work = new_name(), Work(made_by)
    async with database.transaction() as statements:
        number = await store.create(statements, COMMAND_LINE, portable=False)
    await work(database)
    async with database.transaction() as statements:
        await store.verify(statements, COMMAND_LINE, number)
        restore = await restores.ask(statements, COMMAND_LINE, number, new)
        assert await restores.ask(statements, COMMAND_LINE, number, new) == restore, "asked for twice, it is done once"
        with pytest.raises(DdmsError, match="is in use"):
            await restores.ask(statements, COMMAND_LINE, number, target.name_of(made_by))
    try:
        await work(database)
        row = await store.read(database, number)
        assert (row["verification"], row["verify_error"]) == ("verified", None)
        assert row["verify_details"]["differences"] == []
        done = await restores.read(database, restore)
        assert (done["state"], done["error"], done["details"]["differences"]) == ("done", None, [])
        assert any("ddms backup switch" in step for step in done["details"]["steps"])

        async with database.transaction() as statements:
            again = await restores.ask(statements, COMMAND_LINE, number, new)
        await work(database)
        failed = await restores.read(database, again)
        assert failed["state"] == "failed"
        assert "is not empty" in failed["error"]
    finally:
        await drop(server_url, new)


async def test_a_backup_that_is_damaged_is_not_verified_and_the_row_says_why(made_by, database):
    async with database.transaction() as statements:
        number = await store.create(statements, COMMAND_LINE, portable=False)
    await Work(made_by)(database)
    (dump,) = made_by.backup_directory.glob("*.dump")
    content = dump.read_bytes()
    dump.write_bytes(content[:-100] + bytes(100))
    async with database.transaction() as statements:
        await store.verify(statements, COMMAND_LINE, number)
    await Work(made_by)(database)
    row = await store.read(database, number)
    assert (row["verification"], row["verified_at"]) == ("failed", None)
    assert "is not as it was written" in row["verify_error"]


async def test_a_restore_that_is_cancelled_leaves_no_database(made_by, database):
    new = new_name()
    async with database.transaction() as statements:
        number = await store.create(statements, COMMAND_LINE, portable=False)
    await Work(made_by)(database)
    async with database.transaction() as statements:
        restore = await restores.ask(statements, COMMAND_LINE, number, new)
        await restores.cancel(statements, COMMAND_LINE, restore)
    await Work(made_by)(database)
    assert (await restores.read(database, restore))["state"] == "cancelled"
    assert not await target.has(made_by, new)


async def test_a_verification_that_was_killed_leaves_a_sentence_and_soon_no_database(
    made_by, database, owner, server_url
):
    async with database.transaction() as statements:
        number = await store.create(statements, COMMAND_LINE, portable=False)
    await Work(made_by)(database)
    await create(server_url, "ddms_verify_of_a_killed_program")
    await owner.execute("UPDATE backups SET verification = 'running'")
    await Work(made_by)(database)
    assert not await target.has(made_by, "ddms_verify_of_a_killed_program")
    row = await store.read(database, number)
    assert (row["verification"], row["verify_error"]) == ("failed", "the program that verified it ended")
