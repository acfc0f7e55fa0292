"""Import and export of devices, by the command line and by GraphQL."""

import asyncio
import csv
import io
import json
import re
from pathlib import Path

import asyncpg
import pytest

from api.devices.files import FileFormat, read, write
from api.ground.budget import Budgets
from ddms.errors import Mistakes
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.command_line import ddms_on

HEAD = "device,endpoint,unit_id,key,name,unit,register_table,address,data_type,bit,sentinels,interval_seconds\n"
GOOD = HEAD + (
    "Pump,tcp://10.0.0.1,3,flow,Flow,m³/h,holding,0,float32,,,1\n"
    "Pump,,,level,,%,INPUT,4,int16,,32767;-32768,\n"
    "Tank,serial:///dev/ttyUSB0,9,full,,,holding,7,bit,3,,\n"
)
GOOD_YAML = """
devices:
- name: Pump
  endpoint: tcp://10.0.0.1
  unit_id: 3
  points:
  - {key: flow, name: Flow, unit: m³/h, register_table: holding, address: 0, data_type: float32, interval_seconds: 1}
  - {key: level, unit: '%', register_table: input, address: 4, data_type: int16, sentinels: [32767, -32768]}
- name: Tank
  endpoint: serial:///dev/ttyUSB0
  unit_id: 9
  points:
  - {key: full, register_table: holding, address: 7, data_type: bit, bit: 3}
"""
IMPORT = "mutation ($text: String!, $format: FileFormat!, $dry: Boolean!, $prune: Boolean = false) { importDevices(text: $text, format: $format, dryRun: $dry, prune: $prune) { errors { code field message } applied changes { device point field before after } } }"


def mistakes(text: str, form: FileFormat = FileFormat.CSV) -> list[str]:
    """What is wrong with a file, as a person is told."""
    with pytest.raises(Mistakes) as told:
        read(text, form)
    return [one.message for one in told.value.each]


def test_csv_and_yaml_say_the_same():
    from_csv, from_yaml = read(GOOD, FileFormat.CSV).entries, read(GOOD_YAML, FileFormat.YAML).entries
    assert [e.device for e in from_csv] == [e.device for e in from_yaml]
    assert [[point["key"] for point in e.point_places] for e in from_csv] == [[(2, 4), (3, 4)], [(4, 4)]]
    assert [e.place for e in from_yaml] == [(3, 3), (9, 3)]


@pytest.mark.parametrize("form", FileFormat)
def test_what_is_written_is_read_as_the_same(form):
    devices = [entry.device for entry in read(GOOD, FileFormat.CSV).entries]
    devices[0].description = 'a "quoted", text; with\na line'
    devices[0].points[0].scale = 0.1 + 0.2
    assert [entry.device for entry in read(write(devices, form), form).entries] == devices


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-5 °C", "@SUM(A1)", "\t=1", "'=1", "''@x", "'plain", "it's"])
def test_no_text_of_ours_is_a_formula_in_a_spreadsheet_and_all_come_back_as_they_were(text):
    (device, _) = (entry.device for entry in read(GOOD, FileFormat.CSV).entries)
    device.description, device.points[0].name, device.points[0].offset = text, text.strip(), -40.0
    device.points[0].sentinels = [-1.0]
    written = write([device], FileFormat.CSV)
    cells = [cell for row in csv.reader(io.StringIO(written)) for cell in row]
    formulas = [cell for cell in cells if cell[:1] in set("=+-@\t\r") and not re.fullmatch(r"-[\d.;-]+", cell)]
    assert formulas == []
    assert [entry.device for entry in read(written, FileFormat.CSV).entries] == [device]
    assert [entry.device for entry in read(write([device], FileFormat.YAML), FileFormat.YAML).entries] == [device]


BAD_CSV = [
    (HEAD.replace("unit_id", "unit"), 1, "twice"),
    (HEAD.replace("device,", ""), 1, "device: this column is missing"),
    ("", 1, "device: this column is missing"),
    (HEAD.replace("unit_id", "slave"), 1, "slave"),
    (HEAD.replace("device,", "name2,"), 1, "name2"),
    (GOOD.replace(",3,flow", ",300,flow"), 2, "unit_id"),
    (GOOD.replace(",3,flow", ",three,flow"), 2, "unit_id"),
    (GOOD.replace("INPUT,4", "INPUT,70000"), 3, "address"),
    (GOOD.replace("INPUT,4,int16", "INPUT,4,int15"), 3, "int15"),
    (GOOD.replace("7,bit,3", "7,bit,"), 4, "bit"),
    (GOOD.replace("32767;", "x;"), 3, "sentinels"),
    (GOOD.replace("level", "flow"), 3, "flow"),
    (GOOD + "Pump,tcp://other,3,x,,,holding,9,int16,,,\n", 5, "endpoint"),
    (GOOD + "New,,3,x,,,holding,9,int16,,,\n", 5, "endpoint"),
    (GOOD + ",,3,x,,,holding,9,int16,,,\n", 5, "name"),
    (GOOD + "a,b,c,d,e,f,g,h,i,j,k,l,m,n\n", 5, "more cells"),
    (GOOD + '"open,tcp://a', 5, "CSV"),
]


@pytest.mark.parametrize(("text", "line", "word"), BAD_CSV)
def test_a_mistake_in_csv_is_told_with_its_line(text, line, word):
    assert any(mistake.startswith(f"line {line}, column ") and word in mistake for mistake in mistakes(text))


BAD_YAML = [
    ("devices: [", 2, "YAML"),
    ("- a", 1, "devices"),
    (GOOD_YAML.replace("unit_id: 9", "unit_id: 999"), 11, "unit_id"),
    (GOOD_YAML.replace("address: 7", "address: seven"), 13, "address"),
    (GOOD_YAML.replace("address: 7", "address: 70000"), 13, "address"),
    (GOOD_YAML.replace("bit: 3", "bit: true"), 13, "bit"),
    (GOOD_YAML.replace("key: flow,", "keys: flow,"), 7, "keys"),
    (GOOD_YAML.replace("name: Tank", "name: pump"), 9, "line 3"),
    (GOOD_YAML.replace("unit_id: 9", "name: Tank"), 11, "twice"),
    ("devices:\n- !!python/object/apply:os.system [x]", 2, "tags"),
    ("devices:\n- 7", 2, "not a device"),
]


@pytest.mark.parametrize(("text", "line", "word"), BAD_YAML)
def test_a_mistake_in_yaml_is_told_with_its_line(text, line, word):
    found = mistakes(text, FileFormat.YAML)
    assert any(mistake.startswith(f"line {line}, column ") and word in mistake for mistake in found), found


async def test_a_dry_run_shows_the_difference_and_changes_nothing(api: Api, owner: asyncpg.Connection):
    await api.ask(IMPORT, text=GOOD, format="CSV", dry=False)
    changed = GOOD.replace(",3,flow,Flow", ",4,flow,Flow rate").replace("Tank", "Well")
    payload = await api.ask(IMPORT, text=changed, format="CSV", dry=True, prune=True)
    assert (payload["errors"], payload["applied"]) == ([], False)
    told = {(c["device"], c["point"], c["field"], c["before"], c["after"]) for c in payload["changes"]}
    assert told == {
        ("Pump", None, "unit_id", "3", "4"),
        ("Pump", "flow", "name", "Flow", "Flow rate"),
        ("Well", None, None, None, "device"),
        ("Well", "full", None, None, "point"),
        ("Tank", None, None, "device", None),
    }
    assert await owner.fetchval("SELECT string_agg(name, ' ' ORDER BY name) FROM devices") == "Pump Tank"


async def test_one_bad_line_and_nothing_is_imported(api: Api, owner: asyncpg.Connection):
    payload = await api.ask(IMPORT, text=GOOD.replace("7,bit,3", "7,bit,33"), format="CSV", dry=False)
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [("INVALID", "line 4")]
    assert await owner.fetchval("SELECT count(*) FROM devices") == 0


async def test_points_that_a_file_has_not_stay_unless_pruned(api: Api, owner: asyncpg.Connection):
    device = await add(api, endpoint="tcp://10.0.0.1", unitId=3)
    await api.ask(IMPORT, text=GOOD, format="CSV", dry=False)
    keys = "SELECT string_agg(key, ' ' ORDER BY key) FROM points WHERE device_id = $1"
    number = int(device["id"][4:])
    assert await owner.fetchval(keys, number) == "flow level mode running"
    await api.ask(IMPORT, text=GOOD, format="CSV", dry=False, prune=True)
    assert await owner.fetchval(keys, number) == "flow level"
    assert (
        await owner.fetchval("SELECT id FROM points WHERE key = 'flow' AND device_id = $1", number)
        == device["points"]["flow"]
    )


@pytest.mark.parametrize("ending", ["csv", "yaml"])
async def test_export_and_import_go_round_without_a_difference(settings, tmp_path: Path, ending):
    first = await ddms_on(settings, "devices", "import", "-", fed=GOOD.replace("-32768,", "-32768,0.25"))
    assert first.returncode == 0, first.stderr
    assert "+ Pump / flow" in first.stdout
    file = tmp_path / f"devices.{ending}"
    assert (await ddms_on(settings, "devices", "export", str(file))).returncode == 0
    said = file.read_text(encoding="utf-8")
    intervals = (
        [row["interval_seconds"] for row in csv.DictReader(io.StringIO(said))]
        if ending == "csv"
        else re.findall("interval_seconds: (.*)", said)
    )
    assert intervals == ["1", "0.25", "10"], "whole numbers are written as before there were others"
    again = await ddms_on(settings, "devices", "import", str(file), "--prune", "--dry-run", "--json")
    assert json.loads(again.stdout) == {"applied": False, "changes": []}


async def test_a_dash_is_standard_output_and_no_file(settings, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    await ddms_on(settings, "devices", "import", "-", fed=GOOD)
    for command in (
        ["devices", "export"],
        ["profiles", "export"],
        ["export", "--device", "Pump", "--from", "-1h", "-o"],
    ):
        done = await ddms_on(settings, *command, "-")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout
    assert list(tmp_path.iterdir()) == []


async def test_a_document_is_registered_from_standard_input(settings):
    done = await ddms_on(settings, "documents", "add", "-", fed="query Newest { latest { count } }")
    assert done.returncode == 0, done.stderr
    assert "Newest" in (await ddms_on(settings, "documents", "list")).stdout


async def test_the_command_line_tells_the_line_and_fails(settings):
    bad = await ddms_on(settings, "devices", "import", "-", fed=GOOD.replace("INPUT,4", "INPUT,-4"))
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("Error: line 3, column 8: address: ")
    assert (await ddms_on(settings, "devices", "export")).stdout.count("\n") == 1


async def test_tokens_are_made_listed_and_revoked_on_the_command_line(settings, api: Api):
    made = await ddms_on(settings, "token", "create", "--name", "cli", "--role", "admin", "--days", "3", "--json")
    token = json.loads(made.stdout)
    api.tokens["cli"] = token["token"]
    assert await api.ask("{ me { name role } }", "cli") == {"name": "cli", "role": "ADMIN"}
    assert "cli" in (await ddms_on(settings, "token", "list")).stdout
    assert (await ddms_on(settings, "token", "revoke", token["id"])).returncode == 0
    assert "cli" not in (await ddms_on(settings, "token", "list")).stdout
    await asyncio.sleep(0.2)
    assert await api.code("{ me { name } }", "cli") == "UNAUTHENTICATED"
    again = await ddms_on(settings, "token", "revoke", token["id"])
    assert (again.returncode, again.stderr.startswith("Error: no valid token")) == (1, True)


PROFILE = "mutation ($input: ProfileInput!) { createProfile(input: $input) { errors { message } } }"


async def test_an_import_is_priced_with_the_points_of_its_profiles(api: Api):
    points = [{"key": f"p{n}", "registerTable": "HOLDING", "address": n, "dataType": "UINT16"} for n in range(1000)]
    await api.ask(PROFILE, input={"name": "Large", "points": points})
    lines = [f"Pump {n},tcp://10.0.0.{n},Large" for n in range(1, 51)]
    text = "\n".join(["device,endpoint,profile", *lines])
    payload = await api.ask(IMPORT, text=text, format="CSV", dry=True)
    assert payload["errors"] == [
        {
            "code": "INVALID",
            "field": "text",
            "message": "the import costs 252500, at most 200000 is served: import in parts, or by `ddms devices import`",
        }
    ]


async def test_what_an_import_costs_is_taken_out_of_the_budget(api: Api):
    api.parts.budgets = Budgets(0)
    text = "device,endpoint\n" + "\n".join(f"Pump {n},tcp://10.0.0.1" for n in range(100))
    told = await api.post(IMPORT, "admin", text=text, format="CSV", dry=True)
    assert told["data"]["importDevices"]["errors"] == []
    assert told["extensions"]["cost"]["limit"] - told["extensions"]["cost"]["available"] > 100 * 50


def test_a_file_is_not_read_any_further_after_too_many_mistakes():
    with pytest.raises(Mistakes) as told:
        read("device,endpoint\n" + "a,b\n" * 4_000 + ",c\n" * 20_000, FileFormat.CSV)
    assert told.value.count == 10_000
