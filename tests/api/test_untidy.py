"""Untidy input: what no person meant to send is refused in a sentence, over GraphQL, in files and on the command line."""

import json
import logging
from pathlib import Path

import asyncpg
import pytest

from api.devices.files import FileFormat, read, write
from ddms import inputs
from ddms.errors import DdmsError
from ddms.logs import JsonFormatter, TextFormatter
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.command_line import ddms_on

LONG = "9" * 5000
UNSEEN = {
    "a line feed": "Pump\n2026-11-26 INFO api: all is well",
    "a carriage return": "Pump\rTank",
    "a tab": "Pump\t1",
    "a bell": "Pump\x07",
    "a null": "Pu\0mp",
    "an escape": "\x1b[31mPump",
    "a next line": "Pu\x85mp",
    "a line separator": "Pu\u2028mp",
    "a right-to-left override": "Pu\u202emp",
    "an isolate": "Pu\u2066mp",
    "a zero-width space": "Pu\u200bmp",
    "a byte-order mark": "Pu\ufeffmp",
}
NAMES = [*UNSEEN.values(), "", "   ", "x" * 121]
WRITES = {
    "a device's name": ("mutation ($text: String!) { createDevice(input: {name: $text, endpoint: \"tcp://a\"}) { errors { code field } } }", "name"),
    "a point's name": ("mutation ($text: String!) { createDevice(input: {name: \"a\", endpoint: \"tcp://a\", points: [{key: \"k\", name: $text, registerTable: COIL, address: 0, dataType: BOOL}]}) { errors { code field } } }", "points.0.name"),
    "a point's unit": ("mutation ($text: String!) { createDevice(input: {name: \"a\", endpoint: \"tcp://a\", points: [{key: \"k\", unit: $text, registerTable: COIL, address: 0, dataType: BOOL}]}) { errors { code field } } }", "points.0.unit"),
    "a device's group": ("mutation ($text: String!) { createDevice(input: {name: \"a\", endpoint: \"tcp://a\", groups: [$text]}) { errors { code field } } }", "groups"),
    "a group's name": ("mutation ($text: String!) { createGroup(input: {name: $text}) { errors { code field } } }", "name"),
    "a profile's name": ("mutation ($text: String!) { createProfile(input: {name: $text, points: []}) { errors { code field } } }", "name"),
    "a token's name": ("mutation ($text: String!) { createToken(name: $text, role: VIEWER, days: 1) { errors { code field } } }", "name"),
    "an endpoint's host": ("mutation ($text: String!) { createDevice(input: {name: \"a\", endpoint: $text}) { errors { code field } } }", "endpoint"),
    "a time zone": ("mutation ($text: String!) { updateConfiguration(changes: {timeZone: $text}) { errors { code field } } }", "timeZone"),
    "a time of day": ("mutation ($text: String!) { updateConfiguration(changes: {cleanupTime: $text}) { errors { code field } } }", "cleanupTime"),
}  # fmt: skip
ZONES = [
    "localtime",
    "posixrules",
    "Factory",
    "../../etc/passwd",
    "/etc/localtime",
    "Europe/Ber\nlin",
    "posix/UTC",
    " ",
    "UTC+5",
]
HOSTILE = [
    ("{ devices(first: LONG) { totalCount } }", {}),
    ("{ devices(first: -LONG) { totalCount } }", {}),
    ('{ device(id: "dev_LONG") { id } }', {}),
    ("{ device(id: LONG) { id } }", {}),
    ('{ devices(after: "LONG") { totalCount } }', {}),
    ('{ devices(text: "a\\u0000b") { totalCount } }', {}),
    ('{ series(points: ["pt_LONG"], from: "2026-01-01T00:00:00Z") { count } }', {}),
    ('{ series(points: ["pt_1"], from: "0001-01-01T00:00:00Z") { count } }', {}),
    ('{ series(points: ["pt_1"], from: "9999-12-31T23:59:59Z") { count } }', {}),
    ('{ series(points: ["pt_1"], from: "2026-02-30T00:00:00Z") { count } }', {}),
    ('{ series(points: ["pt_1"], from: "LONG") { count } }', {}),
    ('{ series(points: ["pt_1"], from: "2026-01-01T00:00:00Z", bucket: "PTLONGS") { count } }', {}),
    ('{ series(points: ["pt_1"], from: "2026-01-01T00:00:00Z", timeZone: "localtime") { count } }', {}),
    ('{ series(points: ["pt_1"], from: "2026-01-01T00:00:00Z", maxPoints: LONG) { count } }', {}),
    ('query ($n: Int) { devices(first: $n) { totalCount } }', {"n": 10**30}),
    ('query ($n: Int) { devices(first: $n) { totalCount } }', {"n": 1e300}),
    ('mutation { createToken(name: "a", role: VIEWER, days: LONG) { errors { code } } }', {}),
    ('mutation { createDevice(input: {name: "a", endpoint: "tcp://a", unitId: LONG}) { errors { code } } }', {}),
    ('mutation { createDevice(input: {name: "a", endpoint: "tcp://a:LONG"}) { errors { code } } }', {}),
    ('mutation { createDevice(input: {name: "a", endpoint: "tcp://a", points: [{key: "k", registerTable: HOLDING, address: 0, dataType: INT16, scale: LONG}]}) { errors { code } } }', {}),
    ('mutation { createDevice(input: {name: "a", endpoint: "tcp://a", points: [{key: "k", registerTable: HOLDING, address: 0, dataType: INT16, validMax: 1e999}]}) { errors { code } } }', {}),
    ('mutation { createDevice(input: {name: "a", endpoint: "tcp://a", points: [{key: "k", registerTable: HOLDING, address: 0, dataType: INT16, sentinels: [-1e999]}]}) { errors { code } } }', {}),
    ('mutation { updateConfiguration(changes: {cleanupTime: "LONG:00"}) { errors { code } } }', {}),
    ('mutation { updateConfiguration(changes: {retentionDays: LONG}) { errors { code } } }', {}),
    ('mutation { probe(endpoint: "tcp://a", unitId: 1, address: LONG) { errors { code } } }', {}),
    ('mutation { signIn(name: "a\\u0000b", password: "x") { errors { code } } }', {}),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(HOSTILE)))
async def test_no_number_date_or_id_ends_in_an_internal_error(api: Api, case):
    query, variables = HOSTILE[case][0].replace("LONG", LONG), HOSTILE[case][1]
    answer = await api.post(query, **variables)
    codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
    for payload in (answer.get("data") or {}).values():
        codes |= {error["code"] for error in (payload or {}).get("errors", [])}
    assert codes, answer
    assert "INTERNAL" not in codes, (query[:200], answer)


@pytest.mark.parametrize("what", WRITES)
async def test_nothing_is_stored_under_a_name_with_characters_that_nobody_sees(
    api: Api, owner: asyncpg.Connection, what
):
    query, field = WRITES[what]
    may_be_empty = what in {"a point's name", "a point's unit"}
    for text in NAMES:
        if may_be_empty and not text.strip():
            continue
        payload = await api.ask(query, text=text)
        assert [error["code"] for error in payload["errors"]] == ["INVALID"], (text, payload)
        assert payload["errors"][0]["field"] == field
    assert await owner.fetchval("SELECT count(*) FROM devices") == 0


async def test_a_name_has_one_spelling_whoever_types_it(api: Api, owner: asyncpg.Connection):
    await api.ask('mutation { createGroup(input: {name: "  Ku\u0308hlung "}) { errors { code } } }')
    assert await owner.fetchval("SELECT name FROM groups") == "Kühlung"
    again = await api.ask('mutation { createGroup(input: {name: "K\u00fchlung"}) { errors { code } } }')
    assert again["errors"] == [{"code": "ALREADY_EXISTS"}]


async def test_a_description_has_lines_but_no_bells(api: Api):
    query = 'mutation ($text: String!) { createGroup(input: {name: "a", description: $text}) { errors { field } group { description } } }'
    refused = await api.ask(query, text="a\x07b")
    assert refused["errors"] == [{"field": "description"}]
    taken = await api.ask(query, text="two\r\nlines\tand a tab")
    assert taken["group"] == {"description": "two\nlines\tand a tab"}


@pytest.mark.parametrize("zone", ZONES)
async def test_a_zone_is_a_place_that_the_database_knows_too(api: Api, zone):
    query = "mutation ($zone: String!) { updateConfiguration(changes: {timeZone: $zone}) { errors { code field } } }"
    assert (await api.ask(query, zone=zone))["errors"] == [{"code": "INVALID", "field": "timeZone"}]
    asked = await api.client.get(
        f"{api.url}/export",
        params={"point": "pt_1", "from": "-1h", "timezone": zone},
        headers=api.headers("owner"),
    )
    assert asked.status_code == 400, asked.text


async def test_every_zone_that_is_taken_is_known_to_the_database(owner: asyncpg.Connection):
    known = {row["name"].lower() for row in await owner.fetch("SELECT name FROM pg_timezone_names")}
    places = {name for name in inputs.zones() if name.startswith(("europe/", "asia/", "america/", "africa/"))}
    missing = places - known
    assert len(missing) < len(places) / 5, missing  # a system may leave out names of the past; the change then says so


@pytest.mark.parametrize("name", UNSEEN.values(), ids=UNSEEN)
async def test_the_dry_run_refuses_what_the_import_refuses(api: Api, name):
    quoted = json.dumps(name)
    text = f"devices:\n- name: {quoted}\n  endpoint: tcp://10.0.0.1\n  points: []\n"
    query = "mutation ($text: String!, $dry: Boolean!) { importDevices(text: $text, format: YAML, dryRun: $dry) { errors { code line column } } }"
    dry, wet = [await api.ask(query, text=text, dry=dry) for dry in (True, False)]
    assert dry == wet == {"errors": [{"code": "INVALID", "line": 2, "column": 9}]}


async def test_the_command_line_refuses_the_same(settings):
    for command in (
        ["token", "create", "--name", "a\x07b", "--role", "viewer", "--days", "1"],
        ["config", "set", "time_zone=localtime"],
        ["config", "set", f"retention_days={LONG}"],
        ["config", "set", "retention_days=1_0"],
    ):
        done = await ddms_on(settings, *command)
        assert done.returncode == 1, done.stdout
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1


async def test_numbers_are_the_same_on_the_command_line(settings):
    done = await ddms_on(settings, "config", "set", "retention_days=0x10", "time_zone=europe/berlin", "--json")
    told = json.loads(done.stdout)["configuration"]
    assert (told["retention_days"], told["time_zone"]) == (16, "Europe/Berlin")


@pytest.mark.parametrize("text", UNSEEN.values(), ids=UNSEEN)
@pytest.mark.parametrize("form", [TextFormatter, JsonFormatter])
def test_no_text_of_a_caller_splits_a_log_line(text, form):
    line = form().format(logging.makeLogRecord({"msg": "device %s is offline", "args": (text,), "name": "x"}))
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert "Pu" in line


def test_a_traceback_cannot_pass_for_another_line():
    try:
        raise ValueError("a\n2026-11-26 12:00:00.000+00:00 INFO api: all is well")  # noqa: TRY301 - it is what is caught
    except ValueError as error:
        record = logging.makeLogRecord({"msg": "it failed", "exc_info": (type(error), error, error.__traceback__)})
    first, *rest = TextFormatter().format(record).splitlines()
    assert first.endswith("it failed")
    assert all(line.startswith("  ") for line in rest)


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠", " =", "'=", "a;=", "a,@"])
async def test_no_device_is_a_formula_in_a_spreadsheet(api: Api, settings, sign, tmp_path: Path):
    await add(api, f"{sign}cmd")
    file = tmp_path / "devices.csv"
    await ddms_on(settings, "devices", "export", str(file))
    text = file.read_text()
    cells = [
        cell.strip('"').lstrip() for line in text.splitlines() for part in line.split(",") for cell in part.split(";")
    ]
    assert not [cell for cell in cells if cell[:1] in set("=+@＝＋－＠") or cell.startswith("-c")]
    assert read(text, FileFormat.CSV).entries[0].device.name == f"{sign}cmd".strip()
    assert write([read(text, FileFormat.CSV).entries[0].device], FileFormat.CSV).splitlines()[1:]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (inputs.whole, {"7": 7, " 7 ": 7, "7.0": 7, "0x1F": 31, "-3": -3, "1 000": 1000, "10\u00a0000": 10_000}, ["", "7.5", "1e3", "1_0", "٣", LONG, "0x", "1,0", "1 00", "--1"]),
        (inputs.number, {"1.5": 1.5, "-3e-2": -0.03, ".5": 0.5, "0x10": 16.0, "1'234.5": 1234.5}, ["", "1,5", "nan", "inf", "1e999", LONG, "1_0", "1.2.3", "1e", "٣"]),
        (inputs.switch, {"TRUE": True, "wahr": True, "0": False, "Falsch": False, "no": False, "1.0": True}, ["", "2", "maybe"]),
    ],
    ids=["whole", "number", "switch"],
)  # fmt: skip
def test_numbers_and_switches_are_read_as_people_write_them(rule, good, bad):
    assert {raw: rule(raw) for raw in good} == good
    for raw in bad:
        with pytest.raises(ValueError):  # noqa: PT011 - its sentence is for people
            rule(raw)


def test_a_decimal_comma_is_one_where_the_comma_is_free():
    assert inputs.number("1,5", decimal_comma=True) == 1.5
    with pytest.raises(ValueError, match="1,5"):
        inputs.number("1.234,5", decimal_comma=True)


def test_an_input_names_its_field():
    with pytest.raises(DdmsError) as told:
        inputs.fit(inputs.zone, "localtime", "timeZone")
    assert told.value.field == "timeZone"
