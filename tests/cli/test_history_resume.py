"""An import that is killed goes on where it was, and nothing is stored, counted or rejected twice."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg

from ddms.database import connect
from ddms.history.csv_source import TABLE_BYTES
from tests.support.history import add_points, history, history_aside, keep_for_ever, moment

WAITING = "SELECT pid FROM pg_stat_activity WHERE application_name = 'ddms-history-import' AND wait_event_type = 'Lock'"
LINES, LONG = 12_000, "x" * 1000
"""Long lines, so that the file has several parts."""


def write(file: Path) -> None:
    bad = {1000, 11_000}
    lines = (f"{moment(n).isoformat()},Pump 7 / flow,{'?' if n in bad else n},{LONG}\n" for n in range(LINES))
    file.write_text("time,tag,value,note\n" + "".join(lines))
    assert file.stat().st_size > 3 * TABLE_BYTES


async def test_an_import_that_was_killed_goes_on(settings, owner: asyncpg.Connection, make_device, tmp_path: Path):
    points = await add_points(owner, await make_device("Pump 7"), flow="float64")
    await keep_for_ever(owner)
    file, rejects = tmp_path / "plant.csv", tmp_path / "rejects.csv"
    write(file)
    await owner.execute(
        "INSERT INTO readings VALUES ($2, $1, 1, 0)", points["flow"], moment(0)
    )  # makes the day's chunk
    await owner.execute("DELETE FROM readings")
    in_the_way = await connect(settings, "tests")
    hold = in_the_way.transaction()
    await hold.start()
    await in_the_way.execute("INSERT INTO readings VALUES ($2, $1, 1, 0)", points["flow"], moment(LINES - 10))
    process = await started(settings, file, rejects)
    while not (pid := await owner.fetchval(WAITING)):
        assert process.returncode is None
        await asyncio.sleep(0.02)
    process.kill()
    await process.wait()
    await owner.execute("SELECT pg_terminate_backend($1, 10000)", pid)
    await hold.rollback()
    await in_the_way.close()
    before = await owner.fetchval("SELECT count(*) FROM readings")
    assert 2000 < before < LINES - 2
    done = await history(settings, "import", file, "--rejects", rejects)
    assert f"went on after line {before + 2:,}, where it was cut off" in done.error
    assert (done.code, done.counted("readings"), done.counted("new"), done.counted("rejected")) == (
        0,
        LINES - 2,
        LINES - 2,
        2,
    )
    assert await owner.fetchval("SELECT count(*) FROM readings") == LINES - 2
    assert [line.partition(",")[0] for line in rejects.read_text().splitlines()] == [
        "time", moment(1000).isoformat(), moment(11_000).isoformat(),
    ]  # fmt: skip
    assert await owner.fetchval("SELECT sum(total) FROM rollup_1d") == LINES - 2


async def started(settings, file: Path, rejects: Path) -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DDMS_")}
    environment |= {"DDMS_DATABASE_URL": settings.database_url, "DDMS_DATABASE_ROLE": "ddms_app"}
    command = [sys.executable, "-m", "ddms", "history", "import", str(file), "--rejects", str(rejects)]
    return await asyncio.create_subprocess_exec(*command, env=environment)


async def test_an_import_that_runs_is_not_begun_a_second_time(settings, owner, make_device, tmp_path: Path):
    """Its claim is a name in the database, so it holds on other machines too."""
    await add_points(owner, await make_device("Pump 7"), flow="float64")
    await keep_for_ever(owner)
    file = tmp_path / "plant.csv"
    file.write_text("time,tag,value\n2026-03-01T00:00:00Z,Pump 7.flow,1\n")
    await history(settings, "import", file)
    mark = await owner.fetchval("SELECT fingerprint FROM history_imports")
    assert await owner.fetchval("SELECT claim($1)", f"import {mark}")
    assert "is being imported by another program just now" in (await history(settings, "import", file)).error


async def test_two_copies_of_a_file_at_once_store_each_reading_once(settings, owner, make_device, tmp_path: Path):
    points = await add_points(owner, await make_device("Pump 7"), flow="float64", head="float64")
    await keep_for_ever(owner)
    lines = [f"{moment(n).isoformat()},Pump 7 / {key},{n}\n" for n in range(5000) for key in points]
    files = [tmp_path / "plant.csv", tmp_path / "copy.csv"]
    for file in files:
        file.write_text("time,tag,value\n" + "".join(lines))
    both = await asyncio.gather(*(history_aside(settings, "import", file) for file in files))
    assert [done.code for done in both] == [0, 0], [done.error for done in both]
    assert sum(done.counted("new") for done in both) == len(lines)
    assert await owner.fetchval("SELECT count(*) FROM readings") == len(lines)
    assert await owner.fetchval("SELECT sum(total) FROM rollup_1d") == len(lines)
