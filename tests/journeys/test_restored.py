"""A collector that runs on while its database is exchanged for a restored one."""

import asyncio

import asyncpg

from collector.app import CollectorProgram
from ddms.backups import dump, target
from ddms.backups.folder import BackupFiles
from ddms.backups.restore import Order, restore
from ddms.backups.switch import switch
from tests.support import client_programs
from tests.support.backed_up import elsewhere
from tests.support.database import drop, new_name
from tests.support.devices import scripted, words
from tests.support.running import background, until

ALL_READINGS = "SELECT point_id, time FROM readings"


async def readings(url: str) -> set[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    found = [tuple(row) for row in await connection.fetch(ALL_READINGS)]
    await connection.close()
    assert len(found) == len(set(found))
    return set(found)


async def test_a_collector_polls_on_while_the_databases_are_switched_and_every_reading_is_there_once(
    settings, database_url, server_url, make_device, tmp_path
):
    backups = client_programs.backing_up(settings, database_url, tmp_path / "backups")
    new, live = new_name(), target.name_of(settings)
    async with scripted(words) as device:
        await make_device(port=device.port)
        program = CollectorProgram(settings)
        try:
            async with background(program.run()):
                statistics = program.store.statistics
                await until(lambda: asyncio.sleep(0, statistics.stored >= 2))
                files = BackupFiles(folder=backups.backup_directory, name="one", portable=False, encrypted=False)
                in_backup = await readings(database_url)  # at least these: the collector goes on
                await dump.make(backups, dump.Order(files=files))
                assert (await restore(backups, Order(named="one", database=new)))["differences"] == []
                await switch(backups, new, f"{live}_before")
                seen = statistics.stored
                await until(lambda: asyncio.sleep(0, statistics.stored >= seen + 3))
                await until(lambda: asyncio.sleep(0, not program.store.spool.count))
            before, now = await readings(elsewhere(server_url, f"{live}_before")), await readings(database_url)
        finally:
            await drop(server_url, f"{live}_before")
            await drop(server_url, new)
    assert (statistics.lost, statistics.refused) == (0, 0)
    assert in_backup <= before & now
    assert len(before | now) == statistics.stored
    assert now - before, "it goes on in the new one"
