"""A database whose disk is really full: a PostgreSQL of its own on a small file system, where this user may mount one."""

import asyncio
import subprocess
from contextlib import suppress

import asyncpg
import pytest

from collector.app import CollectorProgram
from ddms.settings import Settings
from demo.postgres import Postgres
from migrations import migrate
from tests.support.devices import scripted, words
from tests.support.running import background, until


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "none", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may mount no file system")
    tmp_path.chmod(0o755)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def filled(url: str, port: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"INSERT INTO connections (endpoint) VALUES ('tcp://127.0.0.1:{port}')")
    await connection.execute("INSERT INTO devices (name, connection_id, unit_id) VALUES ('Pump', 1, 1)")
    await connection.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
        " SELECT 1, 'p' || n, 'P', 'holding', n, 'uint16', 1 FROM generate_series(0, 99) n"
    )
    await connection.close()


async def test_polling_goes_on_while_the_disk_is_full_and_all_is_stored_when_there_is_room(disk, tmp_path):
    with Postgres(disk) as postgres:
        admin = await asyncpg.connect(postgres.url())
        await admin.execute("CREATE DATABASE plant")
        await admin.close()
        url = postgres.url(database="plant")
        await migrate(url)
        async with scripted(words) as device:
            await filled(url, device.port)
            settings = Settings(
                database_url=postgres.url(user="ddms_app", database="plant"), spool_directory=tmp_path / "spool",
                collector_metrics_port=0, collector_name="line 1",
            )  # fmt: skip
            program = CollectorProgram(settings)
            async with background(program.run()):
                await until(lambda: asyncio.sleep(0, program.store.statistics.stored > 0))
                ballast = disk / "ballast"
                with ballast.open("wb", buffering=0) as file, suppress(OSError):
                    while True:
                        file.write(bytes(4096))
                await until(lambda: asyncio.sleep(0, program.store.spool.count >= 3), 60)
                assert "database" in program.store.complaints.current
                ballast.unlink()
                await asyncio.sleep(1)
                if not postgres._ready():  # it had no room for its own journal and went down
                    postgres.stop()
                    postgres.start()
                await until(lambda: asyncio.sleep(0, program.store.connected and not program.store.spool.count), 60)
            statistics = program.store.statistics
            assert (statistics.lost, statistics.refused) == (0, 0)
        owner = await asyncpg.connect(url)
        kept = await owner.fetchval("SELECT count(*) FROM readings")
        await owner.close()
        assert kept == statistics.stored, "each once"
