"""Limits in files: YAML and CSV say the same, come back as they were written, and their mistakes have lines."""

import csv
import io
import re
from pathlib import Path

import asyncpg
import pytest

from api.devices.files import FileFormat, read, write
from ddms.errors import Mistakes
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.command_line import ddms_on

ALARMS = (Path(__file__).parents[2] / "docs/alarms.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", ALARMS, re.DOTALL)[0]
HEAD = "device,endpoint,key,register_table,address,data_type,limit,limit_kind,threshold,hysteresis,priority,limit_bit,alarm_values,cause\n"
TANK = "Tank,tcp://10.0.0.1,level,input,0,float32,"
SHORT = HEAD + TANK + "high,,85,2,high,,,Outlet closed\nTank,,level,,,,low,,10,,,,,\n"
IMPORT = "mutation ($text: String!, $format: FileFormat = CSV, $dry: Boolean = false, $prune: Boolean = false) { importDevices(text: $text, format: $format, dryRun: $dry, prune: $prune) { errors { message line column } changes { device point limit field before after } } }"
LIMITS = "SELECT p.key AS point, l.key, l.kind, l.threshold, l.priority FROM limits l JOIN points p ON p.id = l.point_id ORDER BY 1, 2"


def mistakes(text: str, form: FileFormat = FileFormat.CSV) -> list[tuple[int, int, str]]:
    with pytest.raises(Mistakes) as told:
        read(text, form)
    return [(one.line, one.column, one.message.split(": ", 1)[1]) for one in told.value.each]


def devices(text: str, form: FileFormat) -> list:
    return [entry.device for entry in read(text, form).entries]


async def stored(owner: asyncpg.Connection) -> set[tuple]:
    return {tuple(row) for row in await owner.fetch(LIMITS)}


def told(payload) -> set[tuple]:
    assert payload["errors"] == []
    return {tuple(change.values()) for change in payload["changes"]}


@pytest.mark.parametrize("form", FileFormat)
def test_all_kinds_of_limits_come_back_as_they_were_written(form):
    (device,) = devices(EXAMPLE, FileFormat.YAML)
    assert [len(point.limits or []) for point in device.points] == [2, 0, 2, 1]
    for point in device.points:
        point.limits = point.limits or []
    device.points[0].limits[0].action = "=1+1\nand a line"
    assert devices(write([device], form), form) == [device]


def test_csv_has_a_row_for_each_limit_with_the_point_again():
    (device,) = devices(EXAMPLE, FileFormat.YAML)
    rows = list(csv.DictReader(io.StringIO(write([device], FileFormat.CSV))))
    assert [(row["key"], row["address"], row["limit"]) for row in rows] == [
        ("level", "0", "high"), ("level", "0", "deviation"), ("wanted", "0", ""),
        ("status", "8", "overload"), ("status", "8", "no_power"), ("mode", "9", "by_hand"),
    ]  # fmt: skip


def test_yaml_leaves_out_what_is_as_by_default():
    (device,) = devices(SHORT, FileFormat.CSV)
    assert "limits:\n    - kind: high\n" in write([device], FileFormat.YAML)
    assert "latched" not in write([device], FileFormat.YAML)


def test_a_file_that_says_nothing_of_limits_is_not_one_that_takes_them_away():
    head = HEAD[: HEAD.index(",limit,")] + "\n"
    assert devices(head + TANK[:-1] + "\n", FileFormat.CSV)[0].points[0].limits is None
    assert devices(HEAD + TANK + ",,,,,,,\n", FileFormat.CSV)[0].points[0].limits == []
    for written, limits in (("", None), (", limits: ", None), (", limits: []", [])):
        point = f"{{key: a, register_table: input, address: 0, data_type: int16{written}}}"
        yaml = f"devices:\n- name: T\n  endpoint: tcp://10.0.0.1\n  points:\n  - {point}\n"
        assert devices(yaml, FileFormat.YAML)[0].points[0].limits == limits


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (TANK + "high,,,,,,,\n", (2, 1, "threshold: a limit of the kind high needs a threshold")),
        (TANK + "high,,x,,,,,\n", (2, 9, "threshold: 'x' is not a number: write 1.5")),
        (TANK + "high,,nan,,,,,\n", (2, 9, "threshold: 'nan' is not a number: write 1.5")),
        (TANK + "high,,80,,urgent,,,\n", (2, 11, "priority: 'urgent' is not known here: write one of critical, high, medium, low")),
        (TANK + "overload,,80,,,,,\n", (2, 1, "kind: this is needed")),
        (TANK + ",,80,,,,,\n", (2, 1, "kind: this is needed")),
        (TANK + "high,,80,,,,,\nTank,,level,,,,low,,80,,,,,\n", (2, 9, "threshold: low (80.0) must be below high (80.0)")),
        (TANK + "high,,80,,,,,\nTank,,level,,,,high,,90,,,,,\n", (3, 7, "key: there are two limits with the key high")),
        (TANK + "high,,80,99,,,,\nTank,,level,,,,low,,10,,,,,\n", (2, 10, "hysteresis: the hysteresis is larger than the band: no value between the limits would be normal")),
        (TANK + "high,,80,,,,,\nTank,,level,,5,,low,,10,,,,,\n", (3, 5, "address: differs from the same point's on line 2")),
        (TANK + "b,bit,,,,1,,\n", (2, 8, "kind: float32 has no bits: they are those of whole numbers")),
        ("Tank,tcp://10.0.0.1,,,,,high,,80,,,,,\n", (2, 1, "key: this is needed")),
    ],
)  # fmt: skip
def test_a_mistake_of_a_limit_in_csv_is_told_with_its_place(rows, expected):
    assert expected in mistakes(HEAD + rows)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("{kind: high}", (6, 7, "threshold: a limit of the kind high needs a threshold")),
        ("{kind: high, threshold: 1e400}", (6, 31, "threshold: '1e400' is not a number: write 1.5")),
        ("{kind: high, treshold: 1}", (6, 30, "treshold: this is not known here: write one of")),
        ("{kind: high, threshold: 1, threshold: 2}", (6, 34, "threshold: this stands twice here")),
        ("80", (6, 7, "limits: write a list of mappings, each with kind and threshold")),
        ("{kind: rate, threshold: 1, hysteresis: 1}", (6, 46, "hysteresis: the hysteresis 1.0 must be smaller than the threshold 1.0")),
    ],
)  # fmt: skip
def test_a_mistake_of_a_limit_in_yaml_is_told_with_its_place(limit, expected):
    point = "{key: a, register_table: input, address: 0, data_type: int16, limits:\n    [ " + limit + "]}"
    yaml = f"devices:\n- name: T\n  endpoint: tcp://10.0.0.1\n  points:\n  - {point}\n"
    found = mistakes(yaml, FileFormat.YAML)
    assert any((line, column) == expected[:2] and text.startswith(expected[2]) for line, column, text in found), found


async def test_a_dry_run_shows_the_changes_of_limits_and_the_import_makes_them(api: Api, owner: asyncpg.Connection):
    assert ("Tank", "level", "high", None, None, "limit") in told(await api.ask(IMPORT, text=SHORT))
    assert await stored(owner) == {("level", "high", "high", 85.0, "high"), ("level", "low", "low", 10.0, "medium")}
    changed = SHORT.replace("high,,85", "high,,90").replace("low,,10", "low_low,,5")
    expected = {
        ("Tank", "level", "high", "threshold", "85.0", "90.0"),
        ("Tank", "level", "low_low", None, None, "limit"),
        ("Tank", "level", "low", None, "limit", None),
    }
    assert told(await api.ask(IMPORT, text=changed, dry=True)) == expected
    assert len(await stored(owner)) == 2
    ids = await owner.fetchval("SELECT id FROM limits WHERE key = 'high'")
    assert told(await api.ask(IMPORT, text=changed)) == expected
    assert await stored(owner) == {("level", "high", "high", 90.0, "high"), ("level", "low_low", "low_low", 5.0, "medium")}  # fmt: skip
    assert await owner.fetchval("SELECT id FROM limits WHERE key = 'high'") == ids, "the same limit, the same alarm"
    assert told(await api.ask(IMPORT, text=changed)) == set()


async def test_a_file_without_limits_keeps_them_also_when_it_prunes(api: Api, owner: asyncpg.Connection):
    await api.ask(IMPORT, text=SHORT)
    head = HEAD[: HEAD.index(",limit,")] + "\n"
    assert told(await api.ask(IMPORT, text=head + TANK[:-1] + "\n", prune=True)) == set()
    assert len(await stored(owner)) == 2


async def test_a_deviation_from_a_point_that_is_not_there_is_told_with_its_line(api: Api):
    text = EXAMPLE.replace("reference_key: wanted", "reference_key: wished")
    payload = await api.ask(IMPORT, text=text, format="YAML")
    line = text[: text.index("wished")].count("\n") + 1
    assert [(error["line"], error["message"].split(": ", 1)[1]) for error in payload["errors"]] == [
        (line, "reference_key: the device has no point wished to compare with")
    ]


async def test_the_examples_of_the_document_work_in_their_order(api: Api, owner: asyncpg.Connection):
    await add(api)
    section = ALARMS[ALARMS.index("### Setting them") : ALARMS.index("### In profiles")]
    for example in re.findall(r"```graphql\n(.*?)```", section, re.DOTALL):
        payload = await api.ask(example)
        assert payload["errors"] == []
    assert await owner.fetchval("SELECT array_agg(key || ' ' || priority ORDER BY id) FROM limits") == [
        "high critical", "rate medium"
    ]  # fmt: skip


@pytest.mark.parametrize("form", FileFormat)
async def test_the_command_line_exports_and_imports_limits(settings, owner: asyncpg.Connection, tmp_path, form):
    first, second = tmp_path / "plant.yaml", tmp_path / f"again.{form}"
    first.write_text(EXAMPLE)
    done = await ddms_on(settings, "devices", "import", str(first))
    assert "+ Tank 1 / level / high\n" in done.stdout
    before = await owner.fetch("SELECT * FROM limits ORDER BY id")
    await ddms_on(settings, "devices", "export", str(second))
    again = await ddms_on(settings, "devices", "import", str(second), "--prune")
    assert (again.stdout, again.stderr) == ("", "There is no difference.\n")
    assert await owner.fetch("SELECT * FROM limits ORDER BY id") == before
