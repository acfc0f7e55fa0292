"""docs/calculated.md: its examples are read and give what it says; nothing that an expression may hold is left out."""

import re
import struct
from pathlib import Path

import pytest

from api.devices.files import FileFormat, read
from collector.storing.decode import MICROSECONDS, PointArrays, decode
from ddms import lines
from ddms.expressions import FUNCTIONS, parse
from ddms.plan import RequestLimits, plan
from ddms.quality import Reason, reason_of

TEXT = (Path(__file__).parents[2] / "docs/calculated.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^### (.*?)\n```yaml\n(.*?)```\n(.*?)\n\n", TEXT, re.MULTILINE | re.DOTALL)
FORMS = {"int16": ">h", "uint16": ">H", "uint32": ">I", "float32": ">f"}


@pytest.mark.parametrize(("title", "text", "table"), EXAMPLES)
def test_an_example_gives_what_it_says(title, text, table):
    told = {
        name: (register, value)
        for name, register, value in re.findall(r"^\| `(.*)` \| (.*) \| (.*) \|$", table, re.MULTILINE)
    }
    devices = [entry.device for entry in read(text, FileFormat.YAML).entries]
    names = [f"{device.name} / {point.key}" for device in devices for point in device.points]
    assert [*told] == names
    numbers = {name: place for place, name in enumerate(names, 1)}
    units = []
    for device in devices:
        units.append([])
        for point in device.points:
            inputs = [numbers[f"{one.device or device.name} / {one.key}"] for one in point.references]
            row = point.row() | {
                "id": numbers[f"{device.name} / {point.key}"],
                "inputs": inputs,
                "input_intervals": [10] * len(inputs),
            }
            units[-1].append(lines.point(row))
    arrays, answers = PointArrays(), []
    arrays.calculate([point for unit in units for point in unit if point.is_calculated], 0)
    for block in (block for unit in units for poll in plan(unit, RequestLimits()) for block in poll.blocks):
        block.slots, data = arrays.place(block.points, 10), bytearray(block.bytes)
        for point in block.points:
            register, raw = point.register, float(told[names[point.id - 1]][0])
            sent = struct.pack(FORMS[register.data_type.value], raw if register.data_type == "float32" else int(raw))
            start = 2 * (register.address - block.address)
            data[start : start + len(sent)] = sent
        answers.append((block, 20 * MICROSECONDS, bytes(data), Reason.GOOD))
    found = {names[r["point_id"] - 1]: r for r in decode(answers, arrays).readings}
    shown = {
        name: reason_of(int(r["quality"])).label if r["quality"] else f"{r['value']:g}" for name, r in found.items()
    }
    assert shown == {name: value for name, (_, value) in told.items()}


def test_there_are_five_examples_and_each_function_and_operator_is_told():
    assert len(EXAMPLES) == 5
    told = TEXT.split("## How good")[0]
    assert all(re.search(rf"\b{name}\b", told) for name in FUNCTIONS)
    for expression in re.findall(r"`([^`]+)`", TEXT.split("## How good")[1].split("## When")[0]):
        if re.search(r"[-*/(]", expression):
            parse(expression)
