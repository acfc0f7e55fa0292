"""What the formats of an export hold, as the programs read them that people open them with."""

import asyncio
import csv
import io
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import openpyxl
import pyarrow as pa
import pytest

from api.export.workbook import Heading, Workbook
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.exports import MINUTE, START, during, fetch, put, table

NAME = "=cmd|' /C calc'!A0 \"😀\" <b>&amp; _x000D_"
AUTUMN = datetime(2025, 10, 26, 0, 0, tzinfo=UTC)


async def workbook(api: Api, **parameters) -> openpyxl.Workbook:
    response = await fetch(api, format="xlsx", **parameters)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].endswith("spreadsheetml.sheet")
    return openpyxl.load_workbook(io.BytesIO(response.content))


async def rows(api: Api, **parameters) -> list[tuple]:
    return list((await workbook(api, **parameters)).active.values)


# openpyxl leaves the escape of `_x0041_` as it is; Excel takes it for the text that it was.
async def test_a_workbook_has_numbers_times_and_texts_that_are_no_formulas(api: Api, owner):
    pump = await add(api, NAME)
    await put(owner, pump["points"]["flow"], [20.5, None, -3.25, 1e-9, 0])
    await owner.execute(
        "INSERT INTO texts VALUES ($1, $2, $3, 0)", START, pump["points"]["mode"], " =1+1\n\ufffe<&> _x0041_ "
    )
    book = await workbook(api, device=pump["id"], timezone="Asia/Shanghai", **during())
    sheet = book.active
    header, *values = sheet.values
    values = [tuple(cell.replace("_x005F_", "_") if isinstance(cell, str) else cell for cell in row) for row in values]
    assert header == ("time", "utc_offset", "device", "point", "name", "unit", "value", "text", "quality", "reason")
    assert (sheet.freeze_panes, sheet["A1"].font.b, sheet.column_dimensions["A"].width > 20) == ("A2", True, True)
    first = datetime(2026, 3, 28, 20, 0)  # noqa: DTZ001 - a worksheet's times have no zone
    assert [row[0] for row in values] == [*(first + MINUTE * n for n in range(5)), first]
    assert {row[1] for row in values} == {"+08:00"}
    assert {row[2] for row in values} == {NAME}
    assert [row[6] for row in values] == [20.5, None, -3.25, 1e-9, 0, None]
    assert [row[8:] for row in values[:2]] == [("good", None), ("bad", "timeout")]
    assert values[-1][7] == " =1+1 <&> _x0041_ "
    assert {sheet.cell(2, 7).data_type, sheet.cell(2, 3).data_type} == {"n", "s"}, "numbers, and no formulas"


async def test_the_hour_that_autumn_repeats_is_told_apart_by_its_offset(api: Api, owner):
    pump = await add(api)
    await put(owner, pump["points"]["flow"], [1, 2], start=AUTUMN, step=timedelta(hours=1))
    asked = {"point": f"pt_{pump['points']['flow']}", "timezone": "Europe/Berlin"}
    asked |= {"from_": AUTUMN.isoformat(), "to": (AUTUMN + timedelta(hours=2)).isoformat()}
    local = await rows(api, **asked)
    assert {row[0].isoformat() for row in local[1:]} == {"2025-10-26T02:00:00"}
    assert [row[1] for row in local[1:]] == ["+02:00", "+01:00"]
    assert [row[0] for row in (await table(api, **asked))[1:]] == [f"2025-10-26T02:00:00+0{n}:00" for n in (2, 1)]
    for times, seen in (
        ("utc", ["2025-10-26T00:00:00+00:00", "2025-10-26T01:00:00+00:00"]),
        ("epoch", ["1761436800", "1761440400"]),
    ):
        assert [row[0] for row in (await table(api, times=times, **asked))[1:]] == seen
    assert [row[0] for row in (await rows(api, times="epoch", **asked))[1:]] == [1761436800, 1761440400]
    utc = (await rows(api, times="utc", **asked))[1:]
    assert [row[:2] for row in utc] == [(AUTUMN.replace(tzinfo=None) + timedelta(hours=n), "Pump") for n in (0, 1)]


async def test_a_decimal_comma_is_as_german_and_french_spreadsheets_read_it(api: Api, owner):
    pump = await add(api, "Halle 1, Süd")
    await put(owner, pump["points"]["flow"], [20.5, None, -3.25, 1e-9], step=timedelta(seconds=0.5))
    asked = {"device": pump["id"], "decimal": "comma", "dialect": "spreadsheet", "timezone": "Europe/Berlin"}
    response = await fetch(api, **asked, **during())
    assert response.content.startswith(b"\xef\xbb\xbftime;device;")
    read = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig")), delimiter=";"))
    assert [row[5] for row in read[1:5]] == ["20,5", "", "-3,25", "1e-09"]
    assert [row[0] for row in read[1:3]] == ["2026-03-28 13:00:00", "2026-03-28 13:00:00,5"]
    assert read[1][1] == "Halle 1, Süd"
    level = await fetch(api, level="1m", **asked, **during())
    assert "0,75" in level.text
    wide = await fetch(api, shape="wide", level="1m", **asked, **during())
    assert ";5,75" in wide.text


async def test_a_workbook_of_buckets_and_one_of_annotations(api: Api, owner):
    pump = await add(api)
    flow = pump["points"]["flow"]
    await put(owner, flow, [1, 2, None, 6, 3], step=timedelta(seconds=20))
    header, *values = await rows(api, point=f"pt_{flow}", level="1m", percentile=["50", "99.5"], **during())
    assert header[-5:] == ("percentile_50", "percentile_99.5", "shift", "quality", "reason")
    assert values[0][6:12] == (1.5, 1, 2, 1, 2, 2)
    assert [row[-5:-3] for row in values] == [(1, 2), (3, 6)]
    wide = await rows(api, point=f"pt_{flow}", level="1m", shape="wide", **during(3))
    assert [row[2] for row in wide] == ["Pump / flow [m³/h]", 1.5, 4.5, None]
    await owner.execute(
        "INSERT INTO annotations (starts_at, text, device_id, created_by) VALUES ($1, '=1+1', 1, 'o')", START
    )
    noted = await rows(api, device="Pump", shape="annotations", **during())
    assert noted[0] == ("from", "utc_offset", "to", "device", "point", "group", "text", "created_by")
    assert noted[1][2:] == (None, "Pump", None, None, "=1+1", "o")


async def test_points_of_a_group_are_put_together_in_each_bucket(api: Api, owner):
    for name, values in (("Pump", [1, 2]), ("Tank", [10, 30, None])):
        made = await add(api, name, groups=["Hall"])
        await put(owner, made["points"]["flow"], values, step=timedelta(seconds=30))
    asked = {"group": "Hall", "key": "flow", "level": "1m", "shape": "wide"} | during(2)
    apart = await table(api, measure="max", **asked)
    assert [row[1:] for row in apart] == [["Pump / flow [m³/h]", "Tank / flow [m³/h]"], ["2", "30"], ["", ""]]
    for over, first in (("sum", "32"), ("mean", "16"), ("min", "2")):
        rows = await table(api, measure="max", over=over, **asked)
        assert [row[1:] for row in rows] == [[f"{over} of max of Hall [m³/h]"], [first], [""]]
    answer = await fetch(api, over="sum", **{name: value for name, value in asked.items() if name != "key"})
    assert answer.json()["errors"][0]["extensions"]["field"] == "over", "running has another unit than flow"


async def test_an_empty_result_is_a_header(api: Api):
    await add(api)
    assert len(await rows(api, device="Pump", **during())) == 1
    answer = await fetch(api, device="Pump", format="arrow", **during())
    assert pa.ipc.open_stream(answer.content).read_all().num_rows == 0


async def test_infinity_and_what_is_no_number_leave_a_workbook_whole(api: Api, owner):
    pump = await add(api)
    await put(owner, pump["points"]["flow"], [float("inf"), float("nan"), float("-inf"), 1.7e308, 1.7e308])
    for more in ({}, {"shape": "wide", "step": "60"}, {"level": "1h"}):
        read = await rows(api, point=f"pt_{pump['points']['flow']}", **more, **during(5))
        assert len(read) > 1


@pytest.mark.parametrize("form", ["arrow", "parquet"])
async def test_columns_have_what_the_lines_have(api: Api, owner, form):
    pump = await add(api)
    flow = pump["points"]["flow"]
    await put(owner, flow, [1, 2, None, 6, 3], step=timedelta(seconds=20))
    asked = {"point": f"pt_{flow}", "level": "1m", "percentile": ["50", "95"], "state": "> 1"} | during()
    answer = await fetch(api, format=form, **asked)
    found = (
        pa.ipc.open_stream(answer.content).read_all()
        if form == "arrow"
        else pa.parquet.read_table(io.BytesIO(answer.content))
    )
    lines = await table(api, **asked)
    assert found.column_names == lines[0]
    texts = [
        ["" if cell is None else f"{cell:g}" if isinstance(cell, (int, float)) else str(cell) for cell in row.values()][
            1:
        ]
        for row in found.to_pylist()
    ]
    numbers = [[f"{float(cell):g}" if cell[:1].isdigit() else cell for cell in row[1:]] for row in lines[1:]]
    assert texts == numbers


async def test_a_header_in_a_language(api: Api, owner):
    pump = await add(api)
    await put(owner, pump["points"]["flow"], [1])
    asked = {"point": f"pt_{pump['points']['flow']}", "level": "1m", "percentile": "95"} | during()
    assert (await table(api, language="zh", **asked))[0][5] == "平均值"
    english = (await rows(api, language="en", **asked))[0]
    assert (english[0], english[6], english[-4]) == ("Time", "Average", "Percentile 95")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"format": "xls"}, "format"),
        ({"format": "xlsx", "decimal": "comma"}, "decimal"),
        ({"format": "arrow", "decimal": "comma"}, "decimal"),
        ({"decimal": "comma", "delimiter": "comma"}, "delimiter"),
        ({"decimal": "point", "times": "mars"}, "times"),
        ({"format": "parquet", "times": "utc"}, "times"),
        ({"format": "arrow", "language": "zh"}, "language"),
        ({"format": "arrow", "shape": "wide"}, "shape"),
        ({"format": "arrow", "shape": "annotations"}, "shape"),
        ({"language": "tlh"}, "language"),
        ({"percentile": "95"}, "percentile"),
        ({"measure": "max"}, "measure"),
        ({"measure": "weighted", "level": "1h", "shape": "wide"}, "measure"),
        ({"measure": "starts", "level": "1h", "shape": "wide"}, "measure"),
        ({"over": "sum", "level": "1h"}, "over"),
        ({"percentile": "101", "level": "1h"}, "percentile"),
        ({"percentile": "nan", "level": "1h"}, "percentile"),
        ({"percentile": [str(n) for n in range(11)], "level": "1h"}, "percentile"),
        ({"percentile": "95", "level": "1h", "shape": "wide"}, "percentile"),
        ({"format": "xlsx", "shape": "wide", "step": "1", "from_": "-500d", "to": "now"}, "format"),
    ],
)
async def test_what_does_not_go_together_is_refused_with_the_parameter(api: Api, changes, field):
    await add(api)
    response = await fetch(api, **({"device": "Pump"} | during() | changes))
    assert (response.status_code, response.json()["errors"][0]["extensions"]["field"]) == (400, field)


async def test_without_pyarrow_the_answer_says_what_to_install(api: Api):
    await add(api)
    with mock.patch("api.export.choice.find_spec", return_value=None):
        answer = await fetch(api, device="Pump", format="arrow", **during())
    assert "ddms[parquet]" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("part", [1, 7, 1000])
async def test_a_full_worksheet_goes_on_in_the_next(part: int):
    sent = bytearray()

    async def sink(piece: bytes | bytearray) -> None:
        sent.extend(piece)

    book = Workbook([Heading("n", 10)], sink, most_rows=4)
    lines = [f"<row><c><v>{n}</v></c></row>\n".encode() for n in range(10)]
    for begin in range(0, len(lines), part):
        await book.write(b"".join(lines[begin : begin + part]))
    await book.close()
    read = openpyxl.load_workbook(io.BytesIO(sent))
    assert [[row[0] for row in sheet.values] for sheet in read] == [
        ["n", 0, 1, 2],
        ["n", 3, 4, 5],
        ["n", 6, 7, 8],
        ["n", 9],
    ]


async def test_what_the_document_shows_of_other_programs_is_so(api: Api, owner, tmp_path: Path):
    pump = await add(api)
    flow = pump["points"]["flow"]
    await put(owner, flow, [20.5, None, -3.25])
    asked = {"point": f"pt_{flow}", "timezone": "Europe/Berlin"} | during()
    for name, more in (
        ("comma.csv", {"dialect": "spreadsheet", "decimal": "comma"}),
        ("pump.xlsx", {"format": "xlsx"}),
        ("pump.arrows", {"format": "arrow"}),
    ):
        (tmp_path / name).write_bytes((await fetch(api, **asked, **more)).content)
    text = (Path(__file__).parents[2] / "docs/export.md").read_text(encoding="utf-8")
    [(program, printed)] = re.findall(r"```python\n(.*?)```\nprints\n```text\n(.*?)```", text, re.DOTALL)
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout) == ("", printed)
