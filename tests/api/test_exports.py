"""Exports over HTTP: what stands in the files, who gets them, what is refused, and how a broken one is told."""

import asyncio
import csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import httpx2
import pytest
from graphql import parse, validate

from api.ground.limits import EXPORTS_EACH
from api.schema import build
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.exports import FORGET_ROLLUPS, MINUTE, START, during, fetch, put, table


async def test_each_reading_is_a_line_with_its_quality_and_a_failed_one_has_no_value(api: Api, owner):
    pump = await add(api)
    await put(owner, pump["points"]["flow"], [20.5, None, -3.25, 1e-9])
    await owner.execute("INSERT INTO texts VALUES ($1, $2, 'AUTO', 0)", START, pump["points"]["mode"])
    rows = await table(api, device=pump["id"], timezone="Asia/Shanghai", **during())
    assert rows == [
        ["time", "device", "point", "name", "unit", "value", "text", "quality", "reason"],
        ["2026-03-28T20:00:00+08:00", "Pump", "flow", "flow", "m³/h", "20.5", "", "good", ""],
        ["2026-03-28T20:01:00+08:00", "Pump", "flow", "flow", "m³/h", "", "", "bad", "timeout"],
        ["2026-03-28T20:02:00+08:00", "Pump", "flow", "flow", "m³/h", "-3.25", "", "good", ""],
        ["2026-03-28T20:03:00+08:00", "Pump", "flow", "flow", "m³/h", "1e-09", "", "good", ""],
        ["2026-03-28T20:00:00+08:00", "Pump", "mode", "mode", "", "", "AUTO", "good", ""],
    ]


async def test_a_long_integer_has_all_of_its_digits_as_a_text(api: Api, owner):
    pump = await add(api)
    flow = pump["points"]["flow"]
    await owner.execute("UPDATE points SET data_type = 'uint64' WHERE id = $1", flow)
    await put(owner, flow, [2.0**53, 5, 2.0**53])
    await owner.execute("INSERT INTO texts VALUES ($1, $2, '9007199254740993', 2)", START, flow)
    rows = await table(api, point=f"pt_{flow}", **during())
    assert [row[5:8] for row in rows[1:]] == [
        ["9.007199254740992e+15", "9007199254740993", "good"],
        ["5", "", "good"],
        ["9.007199254740992e+15", "9007199254740993", "good"],
    ]


async def test_the_beginning_is_in_the_file_and_the_end_is_not(api: Api, owner):
    pump = await add(api)
    await put(owner, pump["points"]["flow"], [0, 1, 2, 3])
    rows = await table(api, point=f"pt_{pump['points']['flow']}", **during(3))
    assert [row[5] for row in rows[1:]] == ["0", "1", "2"]


async def test_no_formula_runs_in_a_spreadsheet_and_negative_numbers_stay_numbers(api: Api, owner):
    bad = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "a;=1+1", "a,+1", '"=1', "＝1", "a\n=1"]
    name = '=HYPERLINK("http://x";"y")'
    pump = await add(api, name)
    await put(owner, pump["points"]["flow"], [-3.5])
    await owner.executemany(
        "INSERT INTO texts VALUES ($1, $2, $3, 0)",
        [(START + MINUTE * n, pump["points"]["mode"], text) for n, text in enumerate(bad)],
    )
    response = await fetch(api, device=pump["id"], dialect="spreadsheet", **during())
    assert response.content.startswith(b"\xef\xbb\xbftime,")
    rows = list(csv.reader(io.StringIO(response.text.removeprefix("\ufeff"))))
    assert len(rows) == 1 + len(bad) + 1, "no text makes a line of its own"
    assert {row[1] for row in rows[1:]} == {"'" + name}
    (value,) = [row[5] for row in rows if row[2] == "flow"]
    assert value == "-3.5"
    for other in (",", ";", "\t"):  # also in a program that takes another delimiter
        cells = [c for line in csv.reader(io.StringIO(response.text), delimiter=other) for c in line]
        assert not [c for c in cells if c.lstrip()[:1] in {"=", "+", "@", "＝"} and not c.startswith("'")]
    assert "'-1" in [row[6] for row in rows]


async def test_the_wide_shape_has_a_row_for_each_time_and_an_outage_is_empty_cells(api: Api, owner):
    pump, tank = await add(api), await add(api, "Tank")
    ten = timedelta(seconds=10)
    await put(owner, pump["points"]["flow"], [1, 2, None], start=START + timedelta(seconds=3), step=ten)
    await put(
        owner, tank["points"]["flow"], [7, 8], start=START + ten * 2 + timedelta(seconds=1), step=timedelta(seconds=2)
    )
    points = [f"pt_{device['points']['flow']}" for device in (pump, tank)]
    rows = await table(api, point=points, shape="wide", **during(40 / 60))
    assert rows == [
        ["time", "Pump / flow [m³/h]", "Tank / flow [m³/h]"],
        ["2026-03-28T12:00:00+00:00", "1", ""],
        ["2026-03-28T12:00:10+00:00", "2", ""],
        ["2026-03-28T12:00:20+00:00", "", "8"],
        ["2026-03-28T12:00:30+00:00", "", ""],
    ]
    coarse = await table(api, point=points, shape="wide", step="30", **during(40 / 60))
    assert [row[1:] for row in coarse[1:]] == [["", "8"], ["", ""]]


async def test_a_group_in_the_wide_shape_has_its_numbers_in_columns_and_no_texts(api: Api, owner):
    devices = [(await add(api, name))["id"] for name in ("Tank", "pump")]
    create = "mutation ($input: GroupInput!) { createGroup(input: $input) { errors { code } } }"
    await api.ask(create, input={"name": "Hall 1", "devices": devices})
    rows = await table(api, group="hall 1", shape="wide", level="1h", **during())
    assert rows[0] == ["time", "pump / running", "pump / flow [m³/h]", "Tank / running", "Tank / flow [m³/h]"]
    assert len(rows) == 2


@pytest.mark.parametrize("refreshed", [True, False])
async def test_levels_hold_what_their_readings_make(api: Api, owner, refreshed):
    pump = await add(api)
    flow = pump["points"]["flow"]
    await put(owner, flow, [1, 2, None, 6, 3], step=timedelta(seconds=20))
    if refreshed:
        await owner.execute("CALL refresh_rollups()")
    rows = await table(api, point=f"pt_{flow}", level="1m", **during())
    assert rows[0][5:] == [
        "average",
        "lowest",
        "highest",
        "first",
        "last",
        "count",
        "good",
        "time_weighted_average",
        "covered_seconds",
        "increase",
        "rate",
        "restarts",
        "standard_deviation",
        "state_seconds",
        "starts",
        "shift",
        "quality",
        "reason",
    ]
    assert [row[0][11:19] for row in rows[1:]] == ["12:00:00", "12:01:00"]
    assert rows[1][5:] == [
        "1.5",
        "1",
        "2",
        "1",
        "2",
        "2",
        "0.6666666666666666",
        "1.5",
        "40",
        *[""] * 3,
        "0.5",
        *[""] * 3,
        "bad",
        "timeout",
    ]
    assert rows[2][5:] == ["4.5", "3", "6", "6", "3", "2", "1", "5", "30", *[""] * 3, "1.5", *[""] * 3, "good", ""]
    wide = await table(api, point=f"pt_{flow}", level="1m", shape="wide", **during(3))
    assert [row[1] for row in wide[1:]] == ["1.5", "4.5", ""]


@pytest.mark.parametrize("shape", ["long", "wide"])
async def test_days_are_those_of_the_time_zone_also_when_summer_time_begins(api: Api, owner, shape):
    pump = await add(api)
    await put(owner, pump["points"]["flow"], [1] * 60, start=START - timedelta(hours=13), step=timedelta(hours=1))
    asked = {"from_": "2026-03-28T00:00", "to": "2026-03-31T00:00", "timezone": "Europe/Berlin"}
    rows = await table(api, point=f"pt_{pump['points']['flow']}", level="1d", shape=shape, **asked)
    days = ["2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"]
    assert [row[0] for row in rows[1:]] == days
    if shape == "long":
        assert [int(row[10]) for row in rows[1:]] == [24, 23, 13]


async def test_shifts_begin_at_six_two_and_ten_of_the_place(api: Api, owner):
    pump = await add(api)
    await put(owner, pump["points"]["flow"], [1] * 60, start=START - timedelta(hours=7), step=timedelta(hours=1))
    asked = {"from_": "2026-03-28T06:00", "to": "2026-03-30T06:00", "timezone": "Europe/Berlin"}
    asked |= {"point": f"pt_{pump['points']['flow']}", "bucket": "PT8H", "origin": "2026-01-01T06:00"}
    rows = await table(api, **asked)
    starts = ["28T06:00:00+01:00", "28T14:00:00+01:00", "28T22:00:00+01:00"]
    starts += ["29T06:00:00+02:00", "29T14:00:00+02:00", "29T22:00:00+02:00"]
    assert [row[0] for row in rows[1:]] == [f"2026-03-{start}" for start in starts]
    assert [row[10] for row in rows[1:]] == ["8", "8", "7", "8", "8", "8"]
    wide = await table(api, shape="wide", **asked)
    assert [row[0] for row in wide[1:]] == [row[0] for row in rows[1:]]
    preview = (await fetch(api, preview="1", **asked)).json()
    assert (preview["rows"], preview["filename"][-9:]) == (pytest.approx(6, abs=1), "_PT8H.csv")


@pytest.mark.parametrize(("bucket", "days"), [("P1M", [31, 28, 31]), ("P1W", [7] * 13)])
async def test_months_and_weeks_are_buckets_of_an_export(api: Api, owner, bucket, days):
    pump = await add(api)
    start = datetime(2026, 1, 1, tzinfo=UTC) if bucket == "P1M" else datetime(2025, 12, 29, tzinfo=UTC)
    await owner.execute("UPDATE points SET interval_s = 3600")
    await put(owner, pump["points"]["flow"], [1] * 24 * sum(days), start=start, step=timedelta(hours=1))
    await owner.execute(FORGET_ROLLUPS, start)
    span = {"from_": start.isoformat(), "to": (start + timedelta(days=sum(days))).isoformat()}
    rows = await table(api, point=f"pt_{pump['points']['flow']}", bucket=bucket, **span)
    assert [int(row[10]) for row in rows[1:]] == [24 * count for count in days]
    assert [row[13] for row in rows[1:]] == [str(86_400 * count) for count in days]


async def test_a_file_has_a_name_that_says_what_is_in_it(api: Api):
    pump = await add(api, "Pump/7 ☃ north")
    head = (await fetch(api, device=pump["id"], timezone="Asia/Shanghai", level="1h", **during())).headers
    assert 'filename="Pump-7-_-north_20260328-2000_20260328-2100_1h.csv"' in head["Content-Disposition"] or (
        'filename="Pump-7-north_20260328-2000_20260328-2100_1h.csv"' in head["Content-Disposition"]
    )
    assert head["Content-Type"].startswith("text/csv; charset=utf-8")
    assert head["Cache-Control"] == "no-store"


async def test_a_preview_says_what_it_would_be(api: Api, owner):
    pump = await add(api)
    await put(owner, pump["points"]["flow"], [1] * 50)
    preview = (await fetch(api, device="PUMP", preview="1", **during())).json()
    assert (preview["points"], preview["rows"], preview["title"]) == (3, 50, "Pump")
    wide = (await fetch(api, device="PUMP", preview="1", shape="wide", level="1m", **during())).json()
    assert (wide["points"], wide["rows"]) == (2, 60)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"from_": "2027-01-01T00:00:00Z"}, "INVALID", "from"),
        ({"from_": ""}, "INVALID", "from"),
        ({"from_": "1926-01-01T00:00:00Z"}, "INVALID", "from"),
        ({"from_": "-99999999d"}, "INVALID", "from"),
        ({"from_": "2026-03-28T12:00:00"}, "INVALID", "from"),
        ({"to": "tomorrow"}, "INVALID", "to"),
        ({"device": ""}, "INVALID", "device"),
        ({"device": "dev_99"}, "NOT_FOUND", "device"),
        ({"device": "dev_99999999999"}, "INVALID", "device"),
        ({"device": "nobody"}, "NOT_FOUND", "device"),
        ({"device": "a\0b"}, "INVALID", "device"),
        ({"group": "nothing"}, "NOT_FOUND", "group"),
        ({"point": "pt_99"}, "NOT_FOUND", "point"),
        ({"point": "dev_1"}, "INVALID", "point"),
        ({"timezone": "Mars/Olympus"}, "INVALID", "timezone"),
        ({"timezone": "../../etc/passwd"}, "INVALID", "timezone"),
        ({"level": "5m"}, "INVALID", "level"),
        ({"shape": "tall"}, "INVALID", "shape"),
        ({"bucket": "8h"}, "INVALID", "bucket"),
        ({"bucket": "PT8H", "level": "1h"}, "INVALID", "bucket"),
        ({"bucket": "PT8H", "origin": "six"}, "INVALID", "origin"),
        ({"bucket": "PT8H", "origin": "0001-01-01T00:00:00Z"}, "INVALID", "origin"),
        ({"origin": "2026-01-01T06:00:00Z"}, "INVALID", "origin"),
        ({"step": "0", "shape": "wide"}, "INVALID", "step"),
        ({"step": "10"}, "INVALID", "step"),
        ({"step": "1", "shape": "wide", "from_": "-7000d", "to": "now"}, "INVALID", "step"),
        ({"delimiter": "|"}, "INVALID", "delimiter"),
        ({"format": "xls"}, "INVALID", "format"),
        ({"colour": "red"}, "INVALID", "colour"),
        ({"level": ["1m", "1h"]}, "INVALID", "level"),
    ],
)
async def test_what_cannot_be_is_refused_before_the_first_byte(api: Api, changes, code, field):
    await add(api)
    response = await fetch(api, **({"device": "Pump"} | during() | changes))
    assert response.status_code == (404 if code == "NOT_FOUND" else 400)
    (error,) = response.json()["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == (code, field)


async def test_a_point_that_is_a_text_has_no_column(api: Api):
    pump = await add(api)
    response = await fetch(api, point=f"pt_{pump['points']['mode']}", shape="wide", **during())
    assert response.json()["errors"][0]["extensions"]["field"] == "point"


async def test_a_viewer_may_export_and_somebody_without_a_token_may_not(api: Api):
    await add(api)
    for actor, status in (("owner", 200), ("admin", 200), ("viewer", 200), ("outsider", 401)):
        assert (await fetch(api, actor, device="Pump", **during())).status_code == status
    wrong = await api.client.get(f"{api.url}/export", headers={"Authorization": "Bearer ddms_wrong"})
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_what_the_page_asks_for_is_in_the_schema():
    script = (Path(__file__).parents[2] / "api/static/export/page.js").read_text(encoding="utf-8")
    asked = re.findall(r'"((?:query |mutation |\{ )[^"]+)"', script)
    assert len(asked) == 4
    assert [validate(build()._schema, parse(document)) for document in asked] == [[]] * 4


async def test_the_page_is_served_to_browsers_and_what_it_downloads_needs_no_token_in_an_address(api: Api):
    await add(api)
    page = await api.client.get(f"{api.url}/export?device=Pump", headers={"Accept": "text/html,*/*"})
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.text.replace("http-equiv", ""), "nothing comes from elsewhere"
    assert "Between cells" in page.text
    chinese = await api.client.get(f"{api.url}/export", headers={"Accept": "text/html", "Accept-Language": "zh-CN"})
    assert '<html lang="zh-Hans">' in chinese.text
    assert "分隔符" in chinese.text
    for name in ("page.js", "page.css"):
        assert f"export/page/{name}" in page.text
        assert (await api.client.get(f"{api.url}/export/page/{name}")).status_code == 200
    form = {"device": "Pump", "from": "-1h", "link": "1"}
    made = await api.client.post(f"{api.url}/export", data=form, headers=api.headers("viewer"))
    assert made.json()["validSeconds"] == 60
    opened = await api.client.get(f"{api.url}/{made.json()['url']}", headers={"Accept": "text/html"})
    assert (opened.status_code, opened.text[:5]) == (200, "time,")
    assert (await api.client.post(f"{api.url}/export", data=form)).status_code == 401
    assert (await api.client.post(f"{api.url}/export", json=form)).status_code == 415
    assert (await api.client.put(f"{api.url}/export")).status_code == 405


async def link(api: Api, actor: str = "viewer", **parameters: str) -> str:
    form = {"device": "Pump", "from": "-1h", "link": "1"} | parameters
    made = await api.client.post(f"{api.url}/export", data=form, headers=api.headers(actor))
    return f"{api.url}/{made.json()['url']}"


async def test_a_link_is_good_once_also_when_many_use_it_at_the_same_time(api: Api):
    await add(api)
    url = await link(api)
    statuses = sorted([r.status_code for r in await asyncio.gather(*[api.client.get(url) for _ in range(5)])])
    assert statuses == [200, 401, 401, 401, 401]


async def test_a_link_that_is_old_or_whose_token_ended_opens_nothing(api: Api, owner):
    await add(api)
    old = await link(api)
    await owner.execute("UPDATE export_links SET expires_at = now() - interval '1 s'")
    revoked = await link(api)
    await owner.execute("UPDATE api_tokens SET revoked_at = now() WHERE role = 'viewer'")
    for url in (old, revoked):
        assert (await api.client.get(url)).json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_link_opens_what_it_was_made_for_and_nothing_else(api: Api):
    await add(api)
    await add(api, "Tank")
    answer = await api.client.get(await link(api) + "&device=Tank")
    assert "Tank" not in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("way", ["get", "post"])
async def test_a_token_as_a_parameter_is_refused_with_a_sentence(api: Api, way):
    await add(api)
    given = {"device": "Pump", "from": "-1h", "token": api.tokens["viewer"]}
    answer = await (
        api.client.get(f"{api.url}/export", params=given)
        if way == "get"
        else api.client.post(f"{api.url}/export", data=given)
    )
    assert answer.status_code == 400
    assert "link=1" in answer.json()["errors"][0]["message"]


async def test_a_head_request_gets_the_headers_only(api: Api):
    await add(api)
    url = f"{api.url}/export?" + urlencode({"device": "Pump", "from": "-1h"})
    response = await api.client.head(url, headers=api.headers("viewer"))
    assert (response.status_code, response.content) == (200, b"")
    assert "filename=" in response.headers["Content-Disposition"]


@pytest.fixture
async def long_history(api: Api, owner: asyncpg.Connection) -> str:
    """The URL of an export that does not fit into what the sockets hold."""
    pump = await add(api)
    await owner.execute(
        "INSERT INTO readings SELECT $2::timestamptz + n * interval '100 ms', $1, n, 0 FROM generate_series(1, 400000) n",
        pump["points"]["flow"],
        START,
    )
    return f"/export?{urlencode({'device': 'Pump', 'from': START.isoformat(), 'to': (START + timedelta(days=1)).isoformat()})}"


async def begin(api: Api, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask, and read no more than the beginning."""
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=4096)
    token = api.tokens["viewer"]
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    assert (await reader.readuntil(b"\r\n")).split()[1] == b"200"
    return reader, writer


async def until_connections(owner: asyncpg.Connection, wanted: int) -> None:
    """Wait until so many exports are connected to the database."""
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ddms-export'"
    )
    async with asyncio.timeout(60):
        while await owner.fetchval(sql) != wanted:
            await asyncio.sleep(0.02)


async def test_a_client_that_goes_away_ends_its_query(api: Api, owner, long_history):
    _, writer = await begin(api, long_history)
    await until_connections(owner, 1)
    writer.transport.abort()
    await until_connections(owner, 0)


async def test_an_export_that_breaks_off_is_never_taken_for_a_whole_one(api: Api, owner, long_history):
    async with api.client.stream("GET", api.url + long_history, headers=api.headers("viewer")) as response:
        parts = response.aiter_bytes()
        await anext(parts)
        await until_connections(owner, 1)
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ddms-export' AND datname = current_database()"
        )
        with pytest.raises(httpx2.RemoteProtocolError):
            async for _ in parts:
                pass
    await until_connections(owner, 0)


async def test_one_callers_exports_leave_room_for_anothers(api: Api, owner, long_history, monkeypatch):
    monkeypatch.setattr(api.parts.gate.exports, "_seconds", 0.2)
    clients = [await begin(api, long_history) for _ in range(EXPORTS_EACH)]
    response = await api.client.get(api.url + long_history, headers=api.headers("viewer"))
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (503, "BUSY")
    assert int(response.headers["Retry-After"]) >= 1
    assert (await api.client.head(api.url + long_history, headers=api.headers("owner"))).status_code == 200
    for _, writer in clients:
        writer.transport.abort()
    async with asyncio.timeout(60):
        while (await api.client.head(api.url + long_history, headers=api.headers("viewer"))).status_code != 200:
            await asyncio.sleep(0.05)


async def test_without_a_time_zone_times_are_the_sites(api: Api, owner):
    pump = await add(api)
    await put(owner, pump["points"]["flow"], [1])
    await owner.execute("UPDATE configuration SET time_zone = 'Asia/Kolkata'")
    rows = await table(api, device=pump["id"], **during())
    assert rows[1][0] == "2026-03-28T17:30:00+05:30"
    days = await table(api, device=pump["id"], level="1d", **during())
    assert days[1][0] == "2026-03-28T00:00:00+05:30"


@pytest.mark.parametrize("level", ["raw", "1m"])
async def test_parquet_holds_what_csv_holds(api: Api, owner, level):
    parquet = pytest.importorskip("pyarrow.parquet")
    pump = await add(api)
    await put(owner, pump["points"]["flow"], [1.5, None, -3, 0], step=timedelta(seconds=30))
    await owner.execute("INSERT INTO texts VALUES ($1, $2, '=AUTO', 0)", START, pump["points"]["mode"])
    asked = {"device": "Pump", "level": level, "timezone": "UTC"} | during()
    response = await fetch(api, format="parquet", **asked)
    assert response.headers["Content-Type"] == "application/vnd.apache.parquet"
    rows = parquet.read_table(io.BytesIO(response.content)).to_pylist()
    (names, *lines) = await table(api, **asked)
    assert len(rows) == len(lines) == (5 if level == "raw" else 2)
    for row, line in zip(rows, lines, strict=True):
        assert list(row) == names
        assert row["time"] == datetime.fromisoformat(line[0])
        for name, text in zip(names[1:], line[1:], strict=True):
            found = "" if row[name] is None else row[name]
            assert (float(text) if isinstance(found, float | int) else text.removeprefix("'")) == found, name


async def test_parquet_of_many_rows_is_whole(api: Api, owner, long_history):
    parquet = pytest.importorskip("pyarrow.parquet")
    response = await api.client.get(api.url + long_history + "&format=parquet", headers=api.headers("viewer"))
    file = parquet.ParquetFile(io.BytesIO(response.content))
    assert (file.metadata.num_rows, file.num_row_groups) == (400_000, 4)
    values = file.read(columns=["value"])["value"].to_numpy()
    assert (values[0], values[-1], len(set(values))) == (1, 400_000, 400_000)


async def test_parquet_that_is_not_installed_or_wide_is_refused(api: Api, monkeypatch):
    await add(api)
    asked = {"device": "Pump", "format": "parquet"} | during()
    wide = (await fetch(api, shape="wide", **asked)).json()["errors"][0]
    assert wide["extensions"]["field"] == "shape"
    monkeypatch.setattr("api.export.choice.find_spec", lambda name: None)
    missing = (await fetch(api, **asked)).json()["errors"][0]
    assert missing["extensions"]["field"] == "format"
    assert "ddms[parquet]" in missing["message"]
