"""`ddms history archive`: a month is a file, and what comes back from it is what it was, to the last row."""

import asyncio
import gzip
import json
import os
import stat
import sys
from datetime import timedelta
from pathlib import Path

import asyncpg
import pyarrow.parquet as pq
import pytest

from tests.support.history import START, add_points, everything, history, keep_for_ever, moment

HISTORY = ("readings", "texts", "rollup_1m", "rollup_1h", "rollup_1d")
FILL = """
INSERT INTO readings SELECT $2::timestamptz + n * interval '7 minutes 123456 microseconds', $1,
    CASE WHEN n % 50 <> 0 THEN n::float8 / 3 END, CASE WHEN n % 50 = 0 THEN 16 WHEN n % 7 = 0 THEN 1 ELSE 0 END FROM generate_series(0, 12000) n
"""


@pytest.fixture
async def pump(owner: asyncpg.Connection, make_device) -> dict[str, int]:
    """A pump with numbers from March to April, texts, and an integer with all of its digits."""
    points = await add_points(owner, await make_device("Pump 7"), flow="float64", model="string", total="int64")
    await owner.execute(FILL, points["flow"], START)
    await owner.execute(
        "INSERT INTO texts VALUES ($2, $1, 'a \"quoted\",\n=name', 0), ($3, $1, NULL, 16), ($4, $1, 'B', 0)",
        points["model"], moment(10), moment(20), moment(40 * 86400),
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO readings VALUES ($2, $1, 9007199254740993, 2), ($3, $1, 5, 0)",
        points["total"],
        moment(1),
        moment(2),
    )
    await owner.execute(
        "INSERT INTO texts VALUES ($2, $1, '9007199254740993', 2), ($3, $1, NULL, 0)",
        points["total"],
        moment(1),
        moment(2),
    )
    await keep_for_ever(owner)
    return points


def months(folder: Path) -> dict[str, int]:
    return {one["file"]: one["rows"] for one in json.loads((folder / "manifest.json").read_text())["files"]}


@pytest.mark.parametrize("form", ["parquet", "csv"])
async def test_what_is_archived_erased_and_imported_is_equal_to_the_last_row(
    form, settings, owner: asyncpg.Connection, pump, tmp_path: Path
):
    folder, before = tmp_path / "archive", await everything(owner)
    assert len(before["rollup_1m"]) > 12000
    done = await history(settings, "archive", folder, "--format", form)
    assert (done.code, sum(months(folder).values())) == (0, 12001 + 3 + 4), done.error
    assert [name.partition(".")[0] for name in months(folder)] == ["2026-03", "2026-04"]
    await owner.execute(f"TRUNCATE {', '.join(HISTORY)}, latest")
    done = await history(settings, "import", folder)
    assert done.code == 0, done.error
    after = await everything(owner)
    for name in HISTORY:
        assert after[name] == before[name], name
    again = await history(settings, "import", folder, "--json")
    assert [one["new"] for one in json.loads(again.out)] == [0, 0]


async def test_the_files_are_private_checked_and_read_by_others(settings, pump, tmp_path: Path):
    folder = tmp_path / "archive"
    await history(settings, "archive", folder)
    file = folder / "2026-03.parquet"
    assert [stat.S_IMODE(one.stat().st_mode) for one in (file, folder / "manifest.json")] == [0o600, 0o600]
    table = pq.read_table(file)
    assert table.column_names[:6] == ["time", "device", "point", "unit", "value", "text"]
    assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"
    assert (await history(settings, "verify", folder)).out.endswith("rows are as they were written.\n")
    file.write_bytes(file.read_bytes()[:-1] + b"X")
    broken = await history(settings, "verify", folder)
    assert (broken.code, broken.error) == (1, "Error: 2026-03.parquet has another checksum than it was written with\n")
    refused = await history(settings, "import", folder)
    assert "is not as it was written, so nothing was imported" in refused.error


async def test_a_second_run_writes_only_what_is_missing_and_tells_of_late_readings(
    settings, owner: asyncpg.Connection, pump, tmp_path: Path
):
    folder = tmp_path / "archive"
    first = await history(settings, "archive", folder, "--json", "--to", "2026-03")
    assert [one["done"] for one in json.loads(first.out)] == ["written"]
    written = (folder / "2026-03.parquet").stat().st_mtime_ns
    await owner.execute("INSERT INTO readings VALUES ($2, $1, 1, 0)", pump["flow"], moment(40 * 86400 + 1))
    second = await history(settings, "archive", folder, "--json")
    assert [(one["file"], one["done"]) for one in json.loads(second.out)] == [
        ("2026-03.parquet", "same"), ("2026-04.parquet", "written"),
    ]  # fmt: skip
    assert (folder / "2026-03.parquet").stat().st_mtime_ns == written
    await owner.execute("INSERT INTO readings VALUES ($2, $1, 1, 0)", pump["flow"], moment(3))
    told = await history(settings, "archive", folder)
    assert "--renew writes it again" in told.out
    renewed = await history(settings, "archive", folder, "--renew", "--json")
    assert [one["done"] for one in json.loads(renewed.out)] == ["renewed", "same"]


async def test_what_retention_erased_stays_in_the_archive_whatever_comes_late(
    settings, owner: asyncpg.Connection, pump, tmp_path: Path
):
    folder = tmp_path / "archive"
    await history(settings, "archive", folder, "--to", "2026-03")
    await owner.execute("DELETE FROM readings WHERE time < $1", START + timedelta(days=5))
    told = await history(settings, "archive", folder, "--to", "2026-03", "--json")
    assert [one["done"] for one in json.loads(told.out)] == ["erased"]
    await owner.execute("INSERT INTO texts VALUES ($2, $1, 'late', 0)", pump["model"], moment(20 * 86400))
    await history(settings, "archive", folder, "--to", "2026-03", "--renew")
    assert list(months(folder)) == ["2026-03.2.parquet", "2026-03.parquet"]
    await history(settings, "import", folder)
    assert await owner.fetchval("SELECT count(*) FROM readings") == 12003
    assert await owner.fetchval("SELECT count(*) FROM texts WHERE text = 'late'") == 1


async def test_a_file_a_device_of_a_choice_and_no_other_choice_in_its_folder(
    settings, owner: asyncpg.Connection, make_device, pump, tmp_path: Path
):
    other = await add_points(owner, await make_device("Mixer 1", port=2), speed="float64")
    await owner.execute("INSERT INTO readings VALUES ($2, $1, 1, 0)", other["speed"], moment(3))
    folder = tmp_path / "archive"
    await history(settings, "archive", folder, "--by", "device", "--format", "csv", "--to", "2026-03")
    assert list(months(folder)) == ["2026-03.dev_1.csv.gz", "2026-03.dev_2.csv.gz"]
    assert b"2026-03-01T00:00:03.000000Z,Mixer 1,speed,,1.0,,good,," in gzip.decompress(
        (folder / "2026-03.dev_2.csv.gz").read_bytes()
    )
    refused = await history(settings, "archive", folder, "--device", "Mixer 1")
    assert "holds an archive of another choice" in refused.error
    done = await history(settings, "archive", tmp_path / "mixer", "--device", "Mixer 1")
    assert (done.code, months(tmp_path / "mixer")) == (0, {"2026-03.parquet": 1})


async def test_a_deleted_device_comes_back_as_itself_though_its_name_was_given_away(
    settings, owner: asyncpg.Connection, make_device, pump, tmp_path: Path
):
    await owner.execute("UPDATE devices SET deleted_at = now()")
    points = await add_points(owner, await make_device("Pump 7", port=2), flow="float64")
    await owner.execute("UPDATE devices SET retention_days = 3650")
    await owner.execute("INSERT INTO readings VALUES ($2, $1, 1, 0)", points["flow"], moment(3))
    before = await everything(owner, "readings", "texts")
    await history(settings, "archive", tmp_path / "archive")
    await owner.execute("TRUNCATE readings, texts")
    await history(settings, "import", tmp_path / "archive")
    assert await everything(owner, "readings", "texts") == before


@pytest.mark.parametrize("form", ["parquet", "csv"])
async def test_a_disk_that_is_full_leaves_nothing_half(form, settings, pump, tmp_path: Path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DDMS_")}
    environment |= {"DDMS_DATABASE_URL": settings.database_url, "DDMS_DATABASE_ROLE": "ddms_app"}
    limited = f"ulimit -f 20; exec {sys.executable} -m ddms history archive {tmp_path}/archive --format {form}"
    process = await asyncio.create_subprocess_exec("bash", "-c", limited, env=environment, stderr=-1)
    _, error = await process.communicate()
    assert (process.returncode, b"2026-03" in error, b"cannot be written (File too large)" in error) == (
        1,
        True,
        True,
    ), error
    assert list((tmp_path / "archive").iterdir()) == []
    assert (await history(settings, "archive", tmp_path / "archive", "--format", form)).code == 0
