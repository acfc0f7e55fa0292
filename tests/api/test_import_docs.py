"""docs/import.md has every column with its default, and its examples are read."""

import re
from dataclasses import MISSING, fields
from pathlib import Path

import asyncpg
import pytest

from api.connections.store import RANGES as CONNECTION_RANGES
from api.devices.files import COLUMNS, CONNECTION_FIELDS, DEVICE_COLUMNS, LIMIT_COLUMNS, FileFormat, read
from api.devices.store import RANGES as DEVICE_RANGES
from api.devices.store import DeviceInput
from api.limits.types import LimitInput
from api.points.types import PointInput
from ddms.alarms import Priority
from ddms.limits import Direction, LimitKind
from ddms.registers import ByteOrder, DataType, RegisterTable

TEXT = (Path(__file__).parents[2] / "docs/import.md").read_text(encoding="utf-8")
ROWS = {row[0]: row for row in re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", TEXT, re.MULTILINE)}
ENUMS = {
    "register_table": RegisterTable,
    "data_type": DataType,
    "byte_order": ByteOrder,
    "limit_kind": LimitKind,
    "direction": Direction,
    "priority": Priority,
}
SPELLED = {
    DeviceInput: {name: column for column, name in DEVICE_COLUMNS.items()},
    LimitInput: {name: column for column, name in LIMIT_COLUMNS.items()},
}
LISTS = {"points", "limits"}
TOLD_APART = {(LimitInput, "kind"), (LimitInput, "threshold"), (LimitInput, "key")}
"""Whose need or default depends on other columns."""


def test_every_column_is_told_in_the_order_of_the_export_and_no_other():
    assert tuple(ROWS) == COLUMNS


@pytest.mark.parametrize("kind", [DeviceInput, PointInput, LimitInput])
def test_each_default_is_told(kind):
    for field in fields(kind):
        if field.name in LISTS or (kind, field.name) in TOLD_APART:
            continue
        default = getattr(field.default, "value", field.default)
        told = ROWS[SPELLED.get(kind, {}).get(field.name, field.name)][3]
        if default in {None, ""} or field.default_factory is not MISSING:
            continue
        if default is MISSING:
            assert told == "needed", field.name
        else:
            assert told == f"`{str(default).lower() if isinstance(default, bool) else default}`", field.name


async def test_each_default_of_a_connection_is_the_databases(owner: asyncpg.Connection):
    row = await owner.fetchrow("INSERT INTO connections (endpoint) VALUES ('tcp://a:502') RETURNING *")
    for name in CONNECTION_FIELDS:
        value = str(row[name]).lower() if isinstance(row[name], bool) else row[name]
        assert ROWS[name][3] == f"`{value}`", name


@pytest.mark.parametrize(("name", "limits"), [*CONNECTION_RANGES.items(), *DEVICE_RANGES.items()])
def test_each_range_is_told(name, limits):
    low, high = limits
    assert ROWS[name][2].startswith((f"{low} to {high}", f"{low}, {high}")), name


@pytest.mark.parametrize("name", ENUMS)
def test_each_value_of_a_choice_is_told(name):
    assert ROWS[name][2] == ", ".join(member.value for member in ENUMS[name])


@pytest.mark.parametrize("form", FileFormat)
def test_each_example_is_read(form):
    example = re.findall(rf"```{form.value}\n(.*?)```", TEXT, re.DOTALL)[0]
    contents = read(example, form)
    mixer = contents.entries[0].device
    assert (mixer.name, mixer.unit_id, mixer.points[1].address, mixer.points[1].scale) == ("Mixer 1", 3, 16, 0.1)
    assert contents.connections["tcp://10.0.0.10:502"].settings["timeout_ms"] == 500


def test_the_example_of_limits_is_read():
    example = re.findall(r"```csv\n(.*?)```", TEXT, re.DOTALL)[1]
    (entry,) = read(example, FileFormat.CSV).entries
    (point,) = entry.device.points
    assert [(limit.kind, limit.threshold, limit.priority) for limit in point.limits] == [
        ("high", 85.0, "high"), ("high_high", 95.0, "critical"), ("low", 10.0, "medium")
    ]  # fmt: skip
    assert [limit.on_delay_seconds for limit in point.limits] == [10, 0, 10]
