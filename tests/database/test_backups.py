"""Backups on a real database: whole or absent, told by their manifest, made one at a time."""

import asyncio
import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from api.backups import store
from api.backups.schedule import add_scheduled
from api.backups.work import Work
from api.ground.actor import COMMAND_LINE
from api.ground.database import Database
from ddms.backups import dump, manifest, sealed, source
from ddms.backups.folder import BackupFiles, find
from ddms.errors import DdmsError
from ddms.settings import Settings
from tests.support import client_programs

FILL = r"""
INSERT INTO connections (endpoint) VALUES ('tcp://a:502');
INSERT INTO devices (name, connection_id, unit_id) SELECT 'd' || n, 1, n FROM generate_series(1, 4) n;
INSERT INTO points (device_id, key, name, register_table, address, data_type)
SELECT d, 'k' || n, 'K', 'holding', 2 * n, 'float32' FROM generate_series(1, 4) d, generate_series(1, 5) n;
INSERT INTO readings (time, point_id, value, quality)
SELECT '2026-07-01Z'::timestamptz + s * interval '1 minute', p, CASE WHEN s % 7 > 0 THEN s / 3.0 END, 0
  FROM generate_series(1, 3000) s, generate_series(1, 20) p;
INSERT INTO texts (time, point_id, text) SELECT '2026-07-01Z'::timestamptz + s * interval '1 hour', 1, E'a\tb\\' || s FROM generate_series(1, 50) s;
"""


@pytest.fixture
def backed_up(settings: Settings, database_url: str, tmp_path: Path) -> Settings:
    """The settings of a program that makes backups."""
    return client_programs.backing_up(settings, database_url, tmp_path / "backups")


def files(settings: Settings, name: str = "one", **form: bool) -> BackupFiles:
    return BackupFiles(folder=settings.backup_directory, name=name, **{"portable": False, "encrypted": False} | form)


def everything_in(settings: Settings) -> set[str]:
    folder = settings.backup_directory
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


async def test_a_backup_is_a_dump_and_a_manifest_of_the_same_moment(backed_up, owner, edition):
    await owner.execute(FILL)
    told = []
    one = files(backed_up)
    made = await dump.make(backed_up, dump.Order(files=one), lambda done, doing: told.append((done, doing)))
    assert made == one.read_manifest()
    assert hashlib.sha256(one.data.read_bytes()).hexdigest() == made["checksum"]
    assert (one.data.stat().st_mode & 0o777, one.data.stat().st_size) == (0o600, made["bytes"])
    assert everything_in(backed_up) == {"one.dump", "one.json"}
    assert made["versions"]["edition"] == edition
    readings = next(table for table in made["tables"] if table["name"] == "readings")
    assert (readings["rows"], readings["first"], readings["last"]) == (
        60_000,
        "2026-07-01T00:01:00+00:00",
        "2026-07-03T02:00:00+00:00",
    )
    assert sum(sample["rows"] for sample in readings["samples"]) > 20_000
    fractions = [done for done, _ in told if done is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.5


async def test_checksums_tell_a_single_row_that_differs_and_not_how_rows_lie(backed_up, owner, edition):
    await owner.execute(FILL)
    async with source.opened(backed_up) as moment:
        before = await manifest.read_tables(moment.connection)
    if edition == "community":
        await owner.execute("SELECT compress_chunk(c) FROM show_chunks('readings') c")
    else:
        await owner.execute("UPDATE readings SET value = value WHERE point_id > 10")
    again = await manifest.read_again(owner, before)
    assert manifest.differences(before, again) == []
    await owner.execute("UPDATE readings SET value = 1e-3 WHERE point_id = 7 AND time = '2026-07-01T00:30Z'")
    await owner.execute("UPDATE texts SET text = 'other' WHERE time = '2026-07-01T05:00Z'")
    told = manifest.differences(before, await manifest.read_again(owner, before))
    assert [text.partition(":")[0] for text in told] == ["readings", "texts"]


async def test_what_is_sealed_opens_with_the_key_alone_and_its_manifest_tells_no_values(backed_up, tmp_path):
    secret, public = sealed.new_pair()
    one = files(backed_up, encrypted=True)
    made = await dump.make(backed_up, dump.Order(files=one, recipients=[public]))
    assert one.data.name == "one.dump.age"
    assert (made["encrypted"], made["recipients"], "values" in made["configuration"]) == (True, [public], False)
    assert b"PGDMP" not in one.data.read_bytes()[:4096]
    opened = tmp_path / "opened"
    with one.data.open("rb") as reader, opened.open("wb") as writer:
        sealed.open_sealed(reader, writer, sealed.identities([secret]))
    assert opened.read_bytes()[:5] == b"PGDMP"
    wrong = sealed.identities([sealed.new_pair()[0]])
    with one.data.open("rb") as reader, opened.open("wb") as writer, pytest.raises(DdmsError, match="right secret key"):
        sealed.open_sealed(reader, writer, wrong)


async def test_who_may_not_read_everything_is_told_whom_to_name(backed_up, owner):
    limited = replace(backed_up, backup_database_url=None)
    with pytest.raises(DdmsError, match=r"ddms_app may not read all.*DDMS_BACKUP_DATABASE_URL name a superuser"):
        await dump.make(limited, dump.Order(files=files(backed_up)))
    assert everything_in(backed_up) == set()


async def test_a_disk_without_room_is_told_before_and_nothing_is_begun(backed_up, owner, monkeypatch):
    monkeypatch.setattr("ddms.backups.folder.SPARE_BYTES", 10**18)
    with pytest.raises(DdmsError, match=r"the backup needs about .* free: make room"):
        await dump.make(backed_up, dump.Order(files=files(backed_up)))
    assert everything_in(backed_up) == set()


async def asked(database: Database, **how: bool) -> int:
    async with database.transaction() as statements:
        return await store.create(statements, COMMAND_LINE, **{"portable": False} | how)


async def test_the_queue_makes_what_was_asked_for_once_though_two_programs_work_it(backed_up, database, owner):
    number = await asked(database)
    assert await asked(database) == number, "it is not made yet"
    done = await asyncio.gather(Work(backed_up)(database), Work(backed_up)(database))
    row = await store.read(database, number)
    assert [one[row["name"]] for one in done if one and row["name"] in one] == ["done"]
    assert (row["state"], row["attempt"], row["asked_by"]) == ("done", 1, "command line")
    assert {path.rpartition(".")[2] for path in everything_in(backed_up)} == {"dump", "json"}
    assert [found["checksum"] for found in find(backed_up.backup_directory)] == [row["checksum"]]


async def test_one_that_fails_waits_an_hour_and_the_third_time_says_so_for_good(backed_up, database, owner):
    number = await asked(database)
    broken = replace(backed_up, postgres_programs=backed_up.backup_directory / "nowhere")
    for attempt, state in ((1, "waiting"), (2, "waiting"), (3, "failed")):
        with pytest.raises(DdmsError, match="there is no pg_dump here"):
            await Work(broken)(database)
        row = await store.read(database, number)
        assert (row["attempt"], row["state"], row["error"][:25]) == (attempt, state, "there is no pg_dump here:")
        assert await owner.fetchval("SELECT due_at - now() BETWEEN '59 min' AND '61 min' FROM backups")
        await Work(backed_up)(database)
        assert (await store.read(database, number))["attempt"] == attempt, "it is not due yet"
        await owner.execute("UPDATE backups SET due_at = now()")
    assert everything_in(backed_up) == set()


async def test_what_a_killed_program_left_is_removed_and_made_again(backed_up, database, owner):
    number = await asked(database)
    await owner.execute("UPDATE backups SET state = 'running', attempt = 1")
    folder = backed_up.backup_directory
    folder.mkdir()
    (folder / ".x.dump.part").write_bytes(b"half")
    await Work(backed_up)(database)
    row = await store.read(database, number)
    assert (row["state"], row["attempt"], row["error"], row["verification"]) == ("done", 2, None, None)
    assert everything_in(backed_up) == {f"{row['name']}.dump", f"{row['name']}.json"}


async def test_rows_and_files_come_to_agree(backed_up, database, owner):
    await dump.make(backed_up, dump.Order(files=files(backed_up, "elsewhere")))
    await Work(backed_up)(database)
    states = "SELECT name, state, reason FROM backups ORDER BY id"
    assert [tuple(row) for row in await owner.fetch(states)] == [("elsewhere", "done", "found")]
    moved = backed_up.backup_directory / "elsewhere.dump"
    moved.rename(moved.with_suffix(".moved"))
    await Work(backed_up)(database)
    assert [tuple(row) for row in await owner.fetch(states)] == [("elsewhere", "missing", "found")]
    moved.with_suffix(".moved").rename(moved)
    await Work(backed_up)(database)
    assert [tuple(row) for row in await owner.fetch(states)] == [("elsewhere", "done", "found")]


async def test_what_is_removed_goes_unless_somebody_puts_it_back_afterwards(backed_up, database, owner, tmp_path):
    number = await asked(database)
    await Work(backed_up)(database)
    (data,) = backed_up.backup_directory.glob("*.dump")
    beside = [shutil.copy2(path, tmp_path / path.name) for path in (data, data.with_suffix(".json"))]
    async with database.transaction() as statements:
        await store.remove(statements, COMMAND_LINE, number)
    await Work(backed_up)(database)
    assert everything_in(backed_up) == set()
    for path in beside:
        shutil.copy2(path, backed_up.backup_directory)
    await Work(backed_up)(database)
    row = await store.read(database, number)
    assert (row["state"], row["removed_at"], row["kept"]) == ("done", None, True), "only a person takes it away again"
    assert len(everything_in(backed_up)) == 2


async def test_the_schedule_adds_exactly_one_each_time_it_comes(backed_up, database, owner):
    await owner.execute("UPDATE configuration SET backup_schedule = '0 1 1 1 *'")
    await asyncio.gather(*(add_scheduled(database) for _ in range(5)))
    assert await owner.fetchval("SELECT count(*) FROM backups") == 1
    await add_scheduled(database)
    assert await owner.fetchval("SELECT count(*) FROM backups") == 1, "while one waits there is no use in another"
