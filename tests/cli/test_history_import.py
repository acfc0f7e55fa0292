"""`ddms history import`: readings of whatever system, each once; what cannot be taken is told with its line."""

import gzip
import json
import shlex
from datetime import timedelta
from pathlib import Path

import asyncpg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ddms.quality import Reason
from tests.support.history import START, add_points, everything, history, keep_for_ever, moment

EXAMPLE = Path(__file__).parents[2] / "examples/history"


@pytest.fixture
async def pump(owner: asyncpg.Connection, make_device) -> dict[str, int]:
    """A pump without a past."""
    points = await add_points(owner, await make_device("Pump 7"), flow="float64", model="string")
    await keep_for_ever(owner)
    return points


@pytest.fixture
def file(tmp_path: Path):
    """Write a file of the tests."""

    def write(text: str, name: str = "plant.csv", encoding: str = "utf-8") -> Path:
        (tmp_path / name).write_bytes(text.encode(encoding))
        return tmp_path / name

    return write


async def stored(owner: asyncpg.Connection, point: int) -> list[tuple[str, float | None, int]]:
    rows = await owner.fetch("SELECT time, value, quality FROM readings WHERE point_id = $1 ORDER BY time", point)
    return [(f"{row['time']:%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip("."), row["value"], row["quality"]) for row in rows]


async def test_tags_of_another_system_come_by_a_map_with_factors_decimal_commas_and_its_qualities(
    settings, owner: asyncpg.Connection, pump, file
):
    plant = file(
        "Zeit;TagName;Wert;Status\n"
        "01.03.2026 01:00:00,250;FT-101.PV;12,5;192\n"
        "01.03.2026 01:00:01,250;FT-101.PV;-1,5;64\n"
        "01.03.2026 01:00:02,250;FT-101.PV;7;0\n"
        "01.03.2026 01:00:03,250;FT-101.PV;No Data;192\n"
        "01.03.2026 01:00:00,250;OLD;1;192\n",
        encoding="cp1252",
    )
    mapped = file("tag,device,point,factor,offset\nFT-101.PV,pump 7,flow,0.1,3\nOLD,,\n", "tags.csv")
    done = await history(
        settings, "import", plant, "--map", mapped, "--quality", "Status", "--qualities", "opc-da", "--decimal", "comma",
        "--time-format", "%d.%m.%Y %H:%M:%S,%f", "--timezone", "Europe/Berlin", "--bad", "No Data", "--encoding", "cp1252",
        "--time", "Zeit",
    )  # fmt: skip
    assert done.code == 0, done.error
    assert await stored(owner, pump["flow"]) == [
        ("03-01T00:00:00.25", 4.25, 0),
        ("03-01T00:00:01.25", 2.85, Reason.IMPORTED_UNCERTAIN),
        ("03-01T00:00:02.25", None, Reason.IMPORTED_BAD),
        ("03-01T00:00:03.25", None, Reason.IMPORTED_BAD),
    ]


async def test_the_example_of_another_historian_does_what_it_says(settings, owner: asyncpg.Connection, make_device):
    points = await add_points(owner, await make_device("Pump 7"), flow="float64", temperature="float64")
    await keep_for_ever(owner)
    options = shlex.split((EXAMPLE / "import.sh").read_text().partition("ddms history import ")[2].replace("\\\n", ""))[
        1:-2
    ]
    options = [str(EXAMPLE / option) if option == "tags.csv" else option for option in options]
    said = await history(settings, "import", EXAMPLE / "historian.csv", *options)
    assert (said.code, said.counted("new")) == (0, 5), said.error
    assert await stored(owner, points["flow"]) == [
        ("03-28T22:59:50", 0.75, 0), ("03-28T23:00:00", 0.765, 0), ("03-28T23:00:10", None, Reason.IMPORTED_BAD),
    ]  # fmt: skip
    assert [round(value, 9) for _, value, _ in await stored(owner, points["temperature"])] == [20, 21]


async def test_a_wide_file_has_a_column_for_each_point_and_empty_cells_are_no_readings(
    settings, owner: asyncpg.Connection, pump, file
):
    plant = file(
        "\ufefftimestamp,Pump 7 / flow [m³/h],Pump 7 / model\n2026-03-01 00:00:00,1,A\n2026-03-01 00:01:00,,B\n\n2026-03-01 00:02:00,3,\n"
    )
    done = await history(settings, "import", plant, "--timezone", "UTC")
    assert (done.code, done.counted("new")) == (0, 4), done.error
    assert await stored(owner, pump["flow"]) == [("03-01T00:00:00", 1, 0), ("03-01T00:02:00", 3, 0)]
    assert await owner.fetch("SELECT text FROM texts ORDER BY time") == [("A",), ("B",)]
    keys = file("t,flow\n1772323200.5,4\n", "keys.csv")
    done = await history(settings, "import", keys, "--time", "t", "--of-device", "Pump 7", "--time-format", "unix")
    assert done.code == 0, done.error
    assert (await stored(owner, pump["flow"]))[1] == ("03-01T00:00:00.5", 4, 0)


async def test_parquet_of_another_system_comes_in_with_its_own_types(settings, owner, pump, tmp_path: Path):
    table = pa.table(
        {
            "ts": pa.array(
                [1_772_323_200_000_000_789, 1_772_323_201_000_000_000], pa.timestamp("ns", tz="Europe/Berlin")
            ),
            "tag": pa.array(["Pump 7.flow", "Pump 7.flow"]).dictionary_encode(),
            "value": pa.array([1.5, None], pa.float32()),
            "quality": pa.array([0, 0x80000000], pa.int64()),
        }
    )
    pq.write_table(table, tmp_path / "plant.parquet")
    done = await history(settings, "import", tmp_path / "plant.parquet", "--qualities", "opc-ua")
    assert done.code == 0, done.error
    assert await stored(owner, pump["flow"]) == [
        ("03-01T00:00:00", 1.5, 0),
        ("03-01T00:00:01", None, Reason.IMPORTED_BAD),
    ]
    cut = (tmp_path / "plant.parquet").read_bytes()[:-20]
    (tmp_path / "cut.parquet").write_bytes(cut)
    assert "is no whole Parquet file" in (await history(settings, "import", tmp_path / "cut.parquet")).error


async def test_our_own_exports_come_in_as_they_are(settings, owner, pump, file):
    await owner.execute(
        "INSERT INTO readings VALUES ($2, $1, 1.5, 0), ($3, $1, NULL, 16)", pump["flow"], moment(0.000001), moment(1)
    )
    await owner.execute("INSERT INTO texts VALUES ($2, $1, 'A,B', 0)", pump["model"], moment(0))
    before = await everything(owner, "readings", "texts")
    plant = file(
        "time,device,point,name,unit,value,text,quality,reason\n"
        "2026-03-01T01:00:00.000001+01:00,Pump 7,flow,flow,,1.5,,good,\n2026-03-01T01:00:01+01:00,Pump 7,flow,flow,,,,bad,timeout\n"
        '2026-03-01T01:00:00+01:00,Pump 7,model,model,,,"A,B",good,\n'
    )
    await owner.execute("TRUNCATE readings, texts")
    assert (await history(settings, "import", plant)).code == 0
    assert await everything(owner, "readings", "texts") == before


async def test_twice_is_once_and_another_value_is_told_and_taken_only_when_asked(settings, owner, pump, file):
    first = file("time,tag,value\n2026-03-01T00:00:00Z,Pump 7.flow,1\n2026-03-01T00:00:10Z,Pump 7.flow,2\n")
    other = file(
        "time,tag,value\n2026-03-01T00:00:00Z,Pump 7.flow,5\n2026-03-01T00:00:10Z,Pump 7.flow,2\n", "other.csv"
    )
    await history(settings, "import", first)
    said = await history(settings, "import", other)
    assert "there     2  already, 1 of them with another value" in said.out
    assert said.error == (
        "differs: Pump 7 / flow at 2026-03-01T00:00:00.000000Z: stored is 1.0 (0), the file has 5.0 (0); the stored one stays\n"
    )
    assert [value for _, value, _ in await stored(owner, pump["flow"])] == [1, 2]
    said = await history(settings, "import", other, "--replace")
    assert said.counted("replaced") == 1
    assert [value for _, value, _ in await stored(owner, pump["flow"])] == [5, 2]
    assert await owner.fetchval("SELECT sum FROM rollup_1d WHERE point_id = $1", pump["flow"]) == 7


async def test_files_of_other_encodings_and_of_none_are_read_or_refused(settings, owner, pump, file, tmp_path: Path):
    mapped = file("Füllstand: Pump 7 / flow\n", "tags.yaml")
    text = "time\ttag\tvalue\n2026-03-01T00:00:00Z\tFüllstand\t1\n"
    for encoding in ("utf-16", "utf-8-sig"):
        await owner.execute("TRUNCATE readings")
        assert (await history(settings, "import", file(text, encoding=encoding), "--map", mapped)).counted("new") == 1
    for content, told in (
        (text.encode("cp1252"), "line 2 is not utf-8: say what it is, --encoding cp1252"),
        (b"PK\x03\x04", "is a workbook or an archive"),
        (b"", "is empty"),
        (b"time,value,value\n", "the column 'value' is there twice"),
        (b"x" * 5_000_000, "a line is longer than"),
        (gzip.compress(text.encode())[:-20], "is cut off or damaged"),
    ):
        (tmp_path / "broken.csv").write_bytes(content)
        said = await history(settings, "import", tmp_path / "broken.csv", "--map", mapped)
        assert told in said.error
        assert said.code == 1


BAD = """time,tag,value
2026-03-01T00:00:00Z,Pump 7.flow,1
2026-03-01T00:00:00Z,Pump 7.flow,2
2026-03-01T00:00:00Z,Pump 7.flow,1
yesterday,Pump 7.flow,1
1969-12-31T23:59:59Z,Pump 7.flow,1
2126-01-01T00:00:00Z,Pump 7.flow,1
2026-03-01T00:00:01Z,Pump 7.flow,NaN
2026-03-01T00:00:02Z,Pump 7.flow,full
2026-03-01T00:00:03Z,Pump 7.flow,"1,5"
2026-03-01T00:00:04Z,Pump 7.flow,
2026-03-01T00:00:05Z,P-9,1
2026-03-01T00:00:06Z,P-9,1
2026-03-01T00:00:07Z,Pump 7.flow
2026-03-01T00:00:08Z,Pump 7.flow,8
2026-03-01T00:00:0"""
TOLD = [
    "line 3: Pump 7 / flow has another value at 2026-03-01T00:00:00Z on line 2",
    "line 5: 'yesterday' is not a time of the format iso",
    "line 6: 1969-12-31T23:59:59Z is before 1970",
    "line 7: 2126-01-01T00:00:00Z is in the future",
    "line 8: 'NaN' is not a finite number: --bad takes it for a bad reading",
    "line 9: 'full' is not a number: --bad takes it for a bad reading",
    "line 10: '1,5' is not a number: is it a decimal comma, --decimal comma?",
    "line 11: it has no value, and no quality says why",
    "line 12: 'P-9' is no known point: --map says which one it is",
    "line 13: 'P-9' is no known point: --map says which one it is",
    "line 14: it has 2 cells instead of 3",
    "line 16: the file ends in the middle of it, after 1 of 3 cells",
]


async def test_each_mistake_is_told_with_its_line_before_anything_is_stored(settings, owner, pump, file):
    bad = file(BAD)
    dry = json.loads((await history(settings, "import", bad, "--dry-run", "--json")).out)
    assert (dry["told"], dry["unknown"]) == (TOLD, {"P-9": 2})
    assert (dry["new"], dry["repeated"], dry["rejected"]) == (2, 1, 12)
    said = await history(settings, "import", bad)
    assert said.code == 1
    assert [line.removeprefix("Error: ") for line in said.error.splitlines()[:12]] == TOLD
    assert "1 tags are of no known point:\n  P-9: 2\n" in said.error
    assert await owner.fetchval("SELECT count(*) FROM readings") == 0


async def test_rejects_are_written_to_a_file_that_can_be_mended_and_imported(
    settings, owner, pump, file, tmp_path: Path
):
    rejects = tmp_path / "rejects.csv"
    said = await history(settings, "import", file(BAD), "--rejects", rejects)
    assert (said.code, said.counted("new"), said.counted("rejected")) == (0, 2, 12)
    lines = rejects.read_text().splitlines()
    assert lines[:2] == [
        "time,tag,value,ddms_line,ddms_mistake",
        "2026-03-01T00:00:00Z,Pump 7.flow,2,3,Pump 7 / flow has another value at 2026-03-01T00:00:00Z on line 2",
    ]
    assert len(lines) == 13
    mended = file("\n".join([lines[0], lines[6].replace("full", "9")]) + "\n", "mended.csv")
    assert (await history(settings, "import", mended)).counted("new") == 1


async def test_local_times_that_are_twice_or_never_are_told(settings, owner, pump, file):
    clock = ["2025-10-26 01:59:59", "2025-10-26 02:30:00", "2025-10-26 03:00:00", "2026-03-29 02:30:00"]
    plant = file("time,tag,value\n" + "".join(f"{time},Pump 7.flow,{n}\n" for n, time in enumerate(clock)))
    none = await history(settings, "import", plant, "--dry-run", "--json")
    assert json.loads(none.out)["told"][0].startswith("line 2: the time has no offset: say of which zone it is")
    said = json.loads(
        (await history(settings, "import", plant, "--dry-run", "--json", "--timezone", "Europe/Berlin")).out
    )
    assert said["told"] == [
        "line 3: 2025-10-26 02:30:00 is twice in Europe/Berlin, when the clock was put back: choose --ambiguous earlier or later",
        "line 5: 2026-03-29 02:30:00 does not exist in Europe/Berlin: the clock was put forward then",
    ]
    for which, hour in (("earlier", "00"), ("later", "01")):
        await owner.execute("TRUNCATE readings")
        options = ["--timezone", "Europe/Berlin", "--ambiguous", which, "--rejects", plant.with_suffix(".rejects")]
        await history(settings, "import", plant, *options)
        times = [time for time, _, _ in await stored(owner, pump["flow"])]
        assert times == ["10-25T23:59:59", f"10-26T{hour}:30:00", "10-26T02:00:00"]


async def test_what_retention_would_erase_is_refused_unless_it_is_wanted(settings, owner, pump, file):
    await owner.execute("UPDATE devices SET retention_days = 30")
    plant = file("time,tag,value\n2026-03-01T00:00:00Z,Pump 7.flow,1\n")
    said = await history(settings, "import", plant)
    assert "line 2: 2026-03-01T00:00:00Z is older than the 30 days that Pump 7 keeps" in said.error
    said = await history(settings, "import", plant, "--expired", "store")
    assert (said.code, said.counted("expired"), said.counted("new")) == (0, 1, 1)


async def test_late_readings_reach_every_rollup_beside_those_that_were_there(settings, owner, pump, file):
    """By the minute on the running day, by whole days before it."""
    await owner.execute("INSERT INTO readings VALUES ($2, $1, 100, 0)", pump["flow"], moment(30))
    complete = START + timedelta(days=2, hours=5)
    await owner.execute("UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", complete)
    times = [moment(step * 600) for step in range(400)]
    plant = file("time,tag,value\n" + "".join(f"{time.isoformat()},Pump 7.flow,{n}\n" for n, time in enumerate(times)))
    assert (await history(settings, "import", plant)).code == 0
    await owner.execute("CALL refresh_rollups($1)", START + timedelta(days=4))
    expected = await owner.fetch(
        "SELECT date_bin('1 hour', time, '2000-01-01Z') AS bucket, count(*) AS total, sum(value) AS sum, min(value) AS min,"
        " max(value) AS max FROM readings WHERE point_id = $1 GROUP BY 1 ORDER BY 1", pump["flow"],
    )  # fmt: skip
    for source, unit in (("rollup_1h", None), ("rollup_1d", "1 day")):
        found = await owner.fetch(f"SELECT bucket, total, sum, min, max FROM {source} ORDER BY bucket")
        if unit is None:
            assert found == expected
    assert await owner.fetchval("SELECT sum(total) FROM rollup_1d") == 288 + 112 + 1


async def test_the_newest_value_is_the_newest_whatever_is_imported(settings, owner, pump, file):
    await owner.execute("INSERT INTO latest VALUES ($1, $2, 7, 0)", pump["flow"], moment(100))
    old = file("time,tag,value\n2026-03-01T00:00:50Z,Pump 7.flow,1\n2026-03-01T00:00:00Z,Pump 7.model,A\n")
    new = file("time,tag,value\n2026-03-01T00:02:00Z,Pump 7.flow,9\n", "new.csv")
    await history(settings, "import", old)
    newest = "SELECT point_id, value, text FROM latest ORDER BY point_id"
    assert await owner.fetch(newest) == [(pump["flow"], 7, None), (pump["model"], None, "A")]
    await history(settings, "import", new)
    assert await owner.fetchval("SELECT value FROM latest WHERE point_id = $1", pump["flow"]) == 9


async def test_an_import_is_in_the_audit_log(settings, owner, pump, file):
    await history(settings, "import", file("time,tag,value\n2026-03-01T00:00:50Z,Pump 7.flow,1\n"))
    rows = await owner.fetch("SELECT subject, after FROM audit_log WHERE action = 'history.import' ORDER BY number")
    assert [(row["subject"], row["after"]["state"]) for row in rows] == [("plant.csv", "begun"), ("plant.csv", "done")]
    assert rows[1]["after"] | {"new": 1, "points": 1, "from": "2026-03-01T00:00:50+00:00"} == rows[1]["after"]
    assert (await history(settings, "imports")).out.splitlines()[1].split()[2:5] == ["plant.csv", "done", "1"]


@pytest.mark.edition("community")
async def test_compressed_chunks_take_late_readings_and_new_values_and_their_rollups_follow(
    settings, owner, pump, file
):
    text = "".join(f"{moment(step * 60).isoformat()},Pump 7.flow,{step}\n" for step in range(0, 2880, 2))
    await history(settings, "import", file(f"time,tag,value\n{text}"))
    for source in ("readings", "rollup_1m"):
        assert await owner.fetchval(f"SELECT count(compress_chunk(c)) FROM show_chunks('{source}') c") > 0
    text = "".join(f"{moment(step * 60).isoformat()},Pump 7.flow,{-step}\n" for step in range(2880))
    said = await history(settings, "import", file(f"time,tag,value\n{text}", "more.csv"), "--replace")
    assert (said.code, said.counted("new"), said.counted("replaced")) == (0, 1440, 1439), said.error
    rows = await owner.fetch("SELECT total, sum FROM rollup_1d ORDER BY bucket")
    assert rows == [(1440, -sum(range(1440))), (1440, -sum(range(1440, 2880)))]
    again = await history(settings, "import", file(f"time,tag,value\n{text}", "again.csv"))
    assert (again.counted("new"), again.counted("there")) == (0, 2880)
