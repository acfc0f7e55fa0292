"""Backups that were restored: onto the same server, another one, another edition; cut off, damaged, foreign ones."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from ddms.backups import dump, sealed, target
from ddms.backups.restore import Order, restore
from ddms.backups.switch import switch
from ddms.backups.verify import verify
from ddms.database import SCHEMA_VERSION, check_schema
from ddms.errors import DdmsError
from migrations import migrate, migrate_to
from tests.support.backed_up import BackedUp, backed_up_once, elsewhere
from tests.support.bare_server import bare, forget_everything  # noqa: F401 - a fixture
from tests.support.database import create, drop, new_name


class Cut(Exception):  # noqa: N818 - it is no error
    """What ends a restore in the middle."""


@pytest.fixture(scope="module")
def backups(server_url: str, edition: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackedUp]:
    """Backups in each form of one database."""
    name = new_name()
    url = asyncio.run(create(server_url, name, template=os.environ["DDMS_TEST_TEMPLATE"]))
    yield backed_up_once(url, tmp_path_factory.mktemp("backups"), edition)
    asyncio.run(drop(server_url, name))


@pytest.fixture
async def new(server_url: str) -> AsyncIterator[str]:
    """The name of a database that is not there."""
    name = new_name()
    yield name
    await drop(server_url, name)


async def read(url: str, question: str, *arguments: object) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(question, *arguments)]
    finally:
        await connection.close()


@pytest.mark.parametrize("name", ["native", "portable", "sealed"])
async def test_a_backup_comes_back_to_the_last_row(backups, server_url, new, name):
    told = await restore(backups.settings, Order(named=name, database=new, keys=backups.keys))
    assert (told["differences"], told["faults"], told["compared"]) == ([], [], True)
    assert (told["edition"], told["schema"]) == (backups.edition, SCHEMA_VERSION)
    assert told["way"] == ("rows" if name == "portable" else "native")
    url = elsewhere(server_url, new)
    assert await read(url, "SELECT count(*) FROM readings") == [(6000,)]
    connection = await asyncpg.connect(url)
    await check_schema(connection)
    await connection.execute("SET ROLE ddms_app")
    await connection.execute("INSERT INTO devices (name, connection_id, unit_id) VALUES ('after', 1, 9)")
    assert await connection.fetchval("SELECT max(id) FROM devices") > 1000, (
        "a spool may hold readings of numbers given since"
    )
    await connection.close()


async def test_what_was_under_way_is_put_right(backups, server_url, new):
    await restore(backups.settings, Order(named="native", database=new))
    url = elsewhere(server_url, new)
    for table in ("claims", "leases", "export_links", "retention_notice"):
        assert await read(url, f"SELECT * FROM {table}") == []
    assert await read(url, "SELECT name, revoked_at IS NULL FROM api_tokens ORDER BY 1") == [
        ("browser", False),
        ("key", True),
    ]
    assert await read(url, "SELECT state FROM field_requests UNION ALL SELECT state FROM restores") == [
        ("failed",),
        ("failed",),
    ]
    assert await read(url, "SELECT name, state, verification, checksum IS NOT NULL FROM backups ORDER BY 1") == [
        ("native", "done", None, True),
        ("other", "failed", None, False),
    ]
    assert await read(url, "SELECT count(*) FROM scheduled_jobs WHERE started_at IS NOT NULL") == [(0,)]
    assert (await read(url, "SELECT action, actor FROM audit_log ORDER BY number DESC LIMIT 1")) == [
        ("backup.restore", "command line")
    ]


async def test_a_server_that_never_saw_ddms_gets_all_from_the_file_alone_and_gives_it_back(
    backups,
    server_url,
    new,
    bare,  # noqa: F811
    tmp_path,
):
    await forget_everything(bare)
    name = "portable" if backups.edition == "community" else "native"
    file = tmp_path / backups.files(name).data.name
    shutil.copy(backups.files(name).data, file)
    told = await restore(backups.on(bare.url), Order(named=str(file), database="ddms_new"))
    assert (told["edition"], told["faults"], told["compared"]) == ("plain", [], False)
    assert "manifest" in told["notes"][0]
    assert {"ddms_app", "ddms_grafana", "ddms_limited", "ddms_grafana_limited"} <= set(told["madeRoles"])
    url = elsewhere(bare.url, "ddms_new")
    assert await migrate(url) == []

    plain = replace(backups.on(url), backup_directory=tmp_path)
    # A pg_dump that is newer than Debian's server writes down what only that server takes.
    files = replace(backups.files("plain"), folder=tmp_path, portable=backups.edition == "plain")
    await dump.make(plain, dump.Order(files=files))
    back = await restore(replace(plain, backup_database_url=server_url), Order(named="plain", database=new))
    assert (back["edition"], back["differences"], back["faults"]) == (backups.edition, [], [])
    asked = "SELECT count(*), sum(quality), sum(hashtext(value::text)::bigint) FROM readings"
    assert await read(elsewhere(server_url, new), asked) == await read(backups.settings.database_url, asked)
    await forget_everything(bare)


async def test_a_server_is_of_one_edition_also_where_none_of_its_databases_has_the_extension(backups, server_url):
    in_use = await target.read_server(backups.settings.for_backups)
    assert await target.read_server(backups.on(elsewhere(server_url, "postgres")).for_backups) == in_use
    assert in_use.is_community == (backups.edition == "community")


def damaged(backups: BackedUp, folder: Path, name: str) -> str:
    """Copy a backup, damage it as its name says, and return how it is named."""
    native = backups.files("native")
    whole = native.data.read_bytes()
    changed = whole[:-1000] + bytes([whole[-1000] ^ 1]) + whole[-999:]
    content = {"truncated": whole[:-2000], "cut off": whole[:-2000], "changed": changed, "foreign": b"hello" * 200}[
        name
    ]
    (folder / native.data.name).write_bytes(content)
    if name in {"truncated", "changed"}:
        shutil.copy(native.manifest, folder)
    return str(folder / native.data.name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("truncated", "is truncated: it has"),
        ("changed", "is not as it was written: its SHA-256 is"),
        ("foreign", "is no backup of DDMS"),
    ],
)
async def test_a_file_that_is_not_as_it_was_is_refused_before_anything_is_made(backups, new, tmp_path, name, said):
    named = damaged(backups, tmp_path, name)
    with pytest.raises(DdmsError, match=said):
        await restore(backups.settings, Order(named=named, database=new))
    assert not await target.has(backups.settings, new)


async def test_a_sealed_backup_wants_its_own_key(backups, new):
    with pytest.raises(DdmsError, match="give the file of its secret key"):
        await restore(backups.settings, Order(named="sealed", database=new))
    other = sealed.identities([sealed.new_pair()[0]])
    with pytest.raises(DdmsError, match="is it the right secret key"):
        await restore(backups.settings, Order(named="sealed", database=new, keys=other))
    assert not await target.has(backups.settings, new)


async def test_a_backup_of_a_newer_ddms_and_a_dump_of_something_else_are_refused(
    backups, server_url, new, database_url, tmp_path
):
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    newer = replace(backups.settings, backup_database_url=database_url, backup_directory=tmp_path)
    files = replace(backups.files("newer"), folder=tmp_path)
    await dump.make(newer, dump.Order(files=files))
    order = Order(named="newer", database=new)
    with pytest.raises(DdmsError, match="has schema 9999, this DDMS knows only"):
        await restore(newer, order)
    await create(server_url, new)
    connection = await asyncpg.connect(elsewhere(server_url, new))
    await connection.execute("CREATE TABLE theirs (x int)")
    await connection.close()
    with pytest.raises(DdmsError, match=f"the database {new} is not empty"):
        await restore(backups.settings, replace(order, named="native"))
    with pytest.raises(DdmsError, match="belongs to the server"):
        await restore(backups.settings, replace(order, named="native", database="postgres"))


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("native", "makes the indexes"),
        ("native", "ends the load"),
        ("portable", "loads texts"),
        ("native", "brings the schema"),
    ],
)
async def test_a_restore_that_was_cut_off_starts_no_program_and_goes_on(backups, server_url, new, name, moment):
    def cut(_: float | None, doing: str) -> None:
        if doing.startswith(moment):
            raise Cut

    with pytest.raises(Cut):
        await restore(backups.settings, Order(named=name, database=new), cut)
    connection = await asyncpg.connect(elsewhere(server_url, new))
    with pytest.raises(DdmsError, match="is being restored into this database"):
        await check_schema(connection)
    await connection.close()
    with pytest.raises(DdmsError, match="go on with --again"):
        await restore(backups.settings, Order(named=name, database=new))
    told = await restore(backups.settings, Order(named=name, database=new, again=True))
    assert (told["differences"], told["faults"]) == ([], [])
    assert await read(elsewhere(server_url, new), "SELECT count(*) FROM readings") == [(6000,)]


async def test_a_file_that_ends_in_the_middle_leaves_an_unfinished_database_which_a_whole_one_replaces(
    backups, new, tmp_path
):
    with pytest.raises(DdmsError, match="truncated or damaged"):
        await restore(backups.settings, Order(named=damaged(backups, tmp_path, "cut off"), database=new))
    told = await restore(backups.settings, Order(named="native", database=new, again=True))
    assert (told["differences"], told["faults"]) == ([], [])


async def test_a_backup_of_an_older_schema_is_brought_to_this_version(backups, new, empty_database_url, tmp_path):
    await migrate_to(empty_database_url, "0042")
    older = replace(backups.settings, backup_database_url=empty_database_url, backup_directory=tmp_path)
    await dump.make(older, dump.Order(files=replace(backups.files("older"), folder=tmp_path)))
    told = await restore(older, Order(named="older", database=new))
    assert (told["schemaBefore"], told["schema"], told["differences"], told["faults"]) == (
        "0042",
        SCHEMA_VERSION,
        [],
        [],
    )


async def test_verification_restores_compares_and_leaves_no_database(backups, server_url, tmp_path):
    left = await create(server_url, "ddms_verify_left_by_a_killed_one")
    told = await verify(backups.settings, "native")
    assert (told["differences"], told["way"]) == ([], "native")
    assert told["rows"] > 6000
    manifest = json.loads(backups.files("native").manifest.read_text())
    readings = next(table for table in manifest["tables"] if table["name"] == "readings")
    readings["rows"] += 1
    readings["samples"][2]["checksum"] = "0"
    for file in (backups.files("native").data,):
        shutil.copy(file, tmp_path)
    (tmp_path / "native.json").write_text(json.dumps(manifest))
    wrong = (await verify(backups.settings, str(tmp_path / "native.json")))["differences"]
    assert wrong[0] == "readings: rows is 6000, expected 6001"
    assert len(wrong) == 2
    assert left
    assert await read(server_url, "SELECT datname FROM pg_database WHERE datname LIKE 'ddms\\_verify\\_%'") == []


async def test_switching_over_gives_the_new_database_the_old_name_and_back(backups, server_url, new, database_url):
    live = target.name_of(replace(backups.settings, database_url=database_url))
    settings = replace(backups.settings, database_url=database_url)
    await restore(settings, Order(named="native", database=new))
    session = await asyncpg.connect(database_url)
    await switch(settings, new, f"{live}_old")
    assert session.is_closed() or await _is_gone(session)
    assert await read(database_url, "SELECT count(*) FROM readings") == [(6000,)]
    await switch(settings, f"{live}_old", new)
    assert await read(database_url, "SELECT count(*) FROM readings") == [(0,)]
    assert await read(elsewhere(server_url, new), "SELECT count(*) FROM readings") == [(6000,)]


async def _is_gone(session: asyncpg.Connection) -> bool:
    try:
        await session.execute("SELECT 1")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return True
    return False
