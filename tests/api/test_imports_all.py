"""Import: all mistakes at once, what spreadsheets write, settings of connections, files that are meant to hurt."""

import asyncio
import json
from pathlib import Path

import asyncpg
import pytest

from api.devices.files import FileFormat, read
from api.files.mistakes import MOST_TOLD, Finder
from api.files.yaml import Limits, load
from ddms.errors import Mistakes
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.command_line import ddms_on

HEAD = "device,endpoint,unit_id,key,register_table,address,data_type,scale\n"
IMPORT = "mutation ($text: String!, $format: FileFormat!, $dry: Boolean!) { importDevices(text: $text, format: $format, dryRun: $dry) { errors { code line column message } applied changes { device connection field before after } } }"


def found(text: str, form: FileFormat = FileFormat.CSV) -> list[tuple[int, int]]:
    with pytest.raises(Mistakes) as told:
        read(text, form)
    return [(one.line, one.column) for one in told.value.each]


def test_all_mistakes_of_a_table_are_told_at_once_with_their_cells():
    text = HEAD + (
        "A,tcp://a,999,k,holding,x,int16,0\n"
        "B,http://b,1,K,holding,1,int16,\n"
        "C,,1,k,nowhere,70000,int17,one\n"
        "A,,3,k2,holding,1,,\n"
    )
    assert found(text) == [
        (2, 3),
        (2, 6),
        (2, 8),
        (3, 2),
        (3, 4),
        (4, 1),
        (4, 5),
        (4, 6),
        (4, 7),
        (4, 8),
        (5, 1),
        (5, 3),
    ]


def test_a_cell_that_cannot_be_read_makes_no_mistake_of_the_right_cells_beside_it():
    text = "device,endpoint,key,register_table,address,data_type,bit,valid_max\nA,tcp://a,k,holding,1,bitt,3,5\n"
    assert found(text) == [(2, 6)]


def test_with_a_decimal_comma_a_whole_number_may_have_one_too():
    text = "device;endpoint;key;register_table;address;data_type;scale\nA;tcp://a;k;holding;17,0;int16;0,1\n"
    (entry,) = read(text, FileFormat.CSV).entries
    assert (entry.device.points[0].address, entry.device.points[0].scale) == (17, 0.1)


def test_all_mistakes_of_yaml_are_told_at_once_with_their_characters():
    text = """\
devices:
- name: A
  endpoint: nowhere
  unit_id: 999
  points:
  - {key: k, register_table: holding, address: x, data_type: int17}
  - {kye: k, register_table: holding, address: 1, data_type: int16}
- endpoint: tcp://b
elsewhere: 1
"""
    assert found(text, FileFormat.YAML) == [(3, 13), (4, 12), (6, 48), (6, 62), (7, 5), (7, 11), (8, 3), (9, 1)]


def test_ten_thousand_mistakes_are_told_by_their_kind_after_the_first_fifty():
    rows = "".join(
        f"D{n // 10},tcp://a,1,k{n % 10},holding,{'x' if n % 2 else 'y'},int16,{n % 3 + 1}\n" for n in range(10_000)
    )
    with pytest.raises(Mistakes) as told:
        read(HEAD + rows, FileFormat.CSV)
    assert told.value.count == 10_000
    assert len(told.value.each) == MOST_TOLD + 1
    assert told.value.each[-1].message.startswith("9950 more of the kind address: ")
    assert "(lines 52, 53, 54" in told.value.each[-1].message


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read(separator):
    number = "0.5" if separator == "," else "0,5"
    rows = [
        ["Device", "ENDPOINT", "Unit ID", "device_enabled", "key", "register_table", "address", "data_type", "scale", "enabled"],
        ["A", "tcp://a", "7.0", "WAHR", "k", "Discrete Input", "0x10", "Bool", "1", "FALSE"],
        ["A", "", "", "", "j", "HOLDING", " 4 ", "int16", number, "TRUE"],
        [""] * 10,
    ]  # fmt: skip
    text = "\ufeff" + "\r\n".join(separator.join(row) for row in rows) + "\r\n"
    (entry,) = read(text, FileFormat.CSV).entries
    device = entry.device
    assert (device.unit_id, device.enabled, [point.address for point in device.points]) == (7, True, [16, 4])
    assert (device.points[1].scale, device.points[0].enabled) == (0.5, False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
async def test_the_command_line_reads_what_spreadsheets_save(
    settings, owner: asyncpg.Connection, tmp_path: Path, encoding
):
    file = tmp_path / "plant.csv"
    file.write_bytes((HEAD + "Kühlung 5 °C,tcp://a,1,,,,,\n").encode(encoding))
    done = await ddms_on(settings, "devices", "import", str(file))
    assert done.returncode == 0, done.stderr
    assert await owner.fetchval("SELECT name FROM devices") == "Kühlung 5 °C"
    assert ("Windows-1252" in done.stderr) == (encoding == "cp1252")


async def test_the_command_line_tells_all_mistakes_and_fails(settings, tmp_path: Path):
    file = tmp_path / "plant.csv"
    file.write_text(HEAD + "A,tcp://a,x,,,,,\nB,tcp://a,y,,,,,\n")
    done = await ddms_on(settings, "devices", "import", str(file))
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [
            "Error: line 2, column 3: unit_id: 'x' is not a whole number: write 17, or 0x11",
            "Error: line 3, column 3: unit_id: 'y' is not a whole number: write 17, or 0x11",
            "2 mistakes: nothing was changed.",
        ],
    )
    file.write_bytes(b"PK\x03\x04 a workbook")
    done = await ddms_on(settings, "devices", "import", str(file))
    assert (done.returncode, "save it as `CSV UTF-8`" in done.stderr) == (1, True)


PLANT = """\
connections:
- {endpoint: "serial:///dev/ttyUSB0", baud_rate: 9600, parity: none, stop_bits: 2, request_pause_ms: 30}
devices:
- {name: A, endpoint: "tcp://10.0.0.1", timeout_ms: 250, max_in_flight: 4, close_after_cycle: yes, groups: [Hall 1], retention_days: 30, enabled: false}
- {name: B, endpoint: "tcp://10.0.0.1:502", unit_id: 2}
- {name: C, endpoint: "serial:///dev/ttyUSB0", points: [{key: k, register_table: coil, address: 1, data_type: bool}]}
"""


@pytest.mark.parametrize("ending", ["csv", "yaml"])
async def test_a_second_site_is_set_up_alike(settings, owner: asyncpg.Connection, tmp_path: Path, ending):
    told = "SELECT c.*, d.name, d.unit_id, d.enabled, d.retention_days FROM connections c JOIN devices d ON d.connection_id = c.id ORDER BY d.name"
    first = await ddms_on(settings, "devices", "import", "-", "--format", "yaml", fed=PLANT)
    assert first.returncode == 0, first.stderr
    assert "~ tcp://10.0.0.1:502: timeout_ms: 1000 → 250" in first.stdout
    rows = [{n: v for n, v in row.items() if n not in {"id", "version"}} for row in await owner.fetch(told)]
    assert [(row["timeout_ms"], row["max_in_flight"], row["baud_rate"]) for row in rows] == [(250, 4, 19200), (250, 4, 19200), (1000, 1, 9600)]  # fmt: skip
    file = tmp_path / f"plant.{ending}"
    await ddms_on(settings, "devices", "export", str(file))
    again = await ddms_on(settings, "devices", "import", str(file), "--prune", "--json")
    assert json.loads(again.stdout)["changes"] == []
    await owner.execute("DELETE FROM devices")
    await owner.execute("DELETE FROM connections")
    await owner.execute("DELETE FROM groups")
    second = await ddms_on(settings, "devices", "import", str(file))
    assert second.returncode == 0, second.stderr
    there = [{n: v for n, v in row.items() if n not in {"id", "version"}} for row in await owner.fetch(told)]
    assert there == rows
    assert await owner.fetchval("SELECT name FROM groups") == "Hall 1"


@pytest.mark.parametrize(
    ("device", "word"),
    [
        ("timeout_ms: 5", "50 to 30000"),
        ("baud_rate: 9600", "no serial line"),
        ("parity: strange", "none, even, odd"),
        ("max_in_flight: 99", "1 to 16"),
    ],
)
def test_a_wrong_setting_of_a_connection_is_told_with_its_place(device, word):
    text = f"devices:\n- name: A\n  endpoint: tcp://a\n  {device}\n"
    with pytest.raises(Mistakes, match=word) as told:
        read(text, FileFormat.YAML)
    assert told.value.each[0].line == 4


def test_devices_that_share_a_connection_agree_on_it():
    text = "device,endpoint,timeout_ms\nA,tcp://a,500\nB,tcp://A:502,600\n"
    assert found(text) == [(3, 3)]


async def test_a_dry_run_leaves_nothing_and_meets_what_the_import_meets(api: Api, owner: asyncpg.Connection):
    payload = await api.ask(IMPORT, text=PLANT, format="YAML", dry=True)
    assert payload["errors"] == []
    assert {"device": "tcp://10.0.0.1:502", "connection": "tcp://10.0.0.1:502", "field": "timeout_ms", "before": "1000", "after": "250"} in payload["changes"]  # fmt: skip
    assert await owner.fetchval("SELECT count(*) FROM connections") == 0
    assert (await api.ask(IMPORT, text=PLANT, format="YAML", dry=False))["changes"] == payload["changes"]


HURTFUL = {
    "brackets": "[" * 40_000,
    "brackets and braces": "[{ " * 20_000,
    "a megabyte of brackets": "[" * 900_000,
    "braces": "{a: " * 40_000,
    "dashes": "- " * 40_000,
    "indents": "".join(" " * depth + "a:\n" for depth in range(1_200)),
    "question marks": "? " * 450_000,
    "aliases that multiply": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "\n".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]" for n in range(9)),
    "an alias of itself": "&a [*a]",
    "a merge key": "d: &d {a: 1}\ndevices:\n- {<<: *d}",
    "a huge scalar": "devices: " + "x" * 900_000,
    "a null": "devices:\n- {name: a\0b, endpoint: tcp://a}",
    "a written null": 'devices:\n- {name: "a\\0b", endpoint: tcp://a}',
    "a tag of Python": "devices:\n- !!python/object/apply:os.system [x]",
    "many documents": "---\n" * 150_000,
    "many directives": "%TAG ! tag:x\n" * 60_000,
    "many names": "{" + "a," * 400_000 + "}",
    "many empty values": "-\n" * 300_000,
}


@pytest.mark.parametrize("text", HURTFUL.values(), ids=HURTFUL)
async def test_no_file_ends_the_api_or_stops_its_event_loop(api: Api, text):
    asked = asyncio.create_task(api.ask(IMPORT, "admin", text=text, format="YAML", dry=True))
    answered = 0
    while not asked.done():
        assert await api.ask("{ __typename }", "viewer") == "Query"
        answered += 1
    payload = await asked
    assert payload["errors"], payload
    assert {error["code"] for error in payload["errors"]} == {"INVALID"}
    assert answered > 0
    assert len(json.dumps(payload)) < 200_000


@pytest.mark.parametrize("limits", [Limits(nodes=10, seconds=10, megabytes=512), Limits(nodes=10**7, seconds=10, megabytes=20)], ids=["nodes", "memory"])  # fmt: skip
def test_the_death_of_the_reader_is_an_error_and_no_outage(limits):
    with pytest.raises(Mistakes, match="import it in parts"):
        load("-\n" * 200_000, Finder(), limits)


def test_a_wide_table_is_refused_by_its_first_line():
    text = ",".join(f"c{n}" for n in range(100_000)) + "\n" + "x\n" * 100_000
    with pytest.raises(Mistakes) as told:
        read(text, FileFormat.CSV)
    assert told.value.count < 100
