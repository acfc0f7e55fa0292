"""`ddms export`: the same file as over HTTP, whole or not at all."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from tests.support.command_line import ddms

START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
RANGE = ["--from", START.isoformat(), "--to", (START + timedelta(hours=1)).isoformat()]


async def test_a_device_is_exported_to_a_file_that_is_there_only_when_it_is_whole(
    database_url, make_device, owner: asyncpg.Connection, tmp_path: Path
):
    await make_device("Mixer 1")
    await owner.execute(
        "INSERT INTO readings SELECT $1::timestamptz + n * interval '1 min', 1, n, 0 FROM generate_series(0, 9) n",
        START,
    )
    file = tmp_path / "mixer.csv"
    done = ddms("export", "--device", "mixer 1", *RANGE, "-o", str(file), url=database_url)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"10 rows are in {file}.\n"
    assert len(file.read_text().splitlines()) == 11
    shown = ddms("export", "--device", "mixer 1", *RANGE, url=database_url)
    assert shown.stdout == file.read_text()
    assert shown.stderr == ""
    again = ddms("export", "--device", "nobody", *RANGE, "-o", str(file), url=database_url)
    assert (again.returncode, again.stderr[:38]) == (1, "Error: there is no device 'nobody': it")
    assert len(file.read_text().splitlines()) == 11, "what was there stays"
    assert [path.name for path in tmp_path.glob("*")] == [file.name]


def test_what_cannot_be_is_refused_without_a_database():
    done = ddms("export", "--device", "x", "--from", "tomorrow")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: from: 'tomorrow' is not a time")
