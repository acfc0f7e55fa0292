"""The profiles that come with DDMS: every file is whole, and decodes known words to known values."""

import functools
import re
from pathlib import Path

import numpy as np
import pytest

from api.points.types import PointInput
from api.profiles.files import SHIPPED, read, shipped, write
from api.profiles.store import ProfileMap
from collector.storing.decode import PointArrays, decode
from ddms import lines
from ddms.plan import RequestLimits, plan
from ddms.quality import Reason
from ddms.registers import ADDRESSES, Field, layout

FILES = sorted(shipped())


@functools.cache
def profile(name: str) -> ProfileMap:
    (found,) = read(shipped()[name])
    return found


def decoded(point: PointInput, words: list[int]) -> float | str:
    """Decode words as the collector does; before scale and offset."""
    register = point.register
    assert register.size == len(words)
    whole = layout((Field(0, register.data_type, register.byte_order, register.bit, register.size),))
    raw = np.array(words, ">u2").view(np.uint8)
    if whole.text_columns:
        return whole.text(0, raw.tobytes())
    return float(whole.decode(raw[np.newaxis])[0, 0])


def test_there_are_ten_and_their_names_differ():
    assert len(FILES) >= 10
    assert len({profile(name).name.lower() for name in FILES}) == len(FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_register_is_in_order_and_no_two_points_are_the_same(name):
    found = profile(name)
    assert found.points
    measured = [point for point in found.points if not point.expression]
    for point in measured:
        assert point.register.problem() is None, point.key
        assert point.register.end <= ADDRESSES
    places = [(p.register_table, p.address, p.bit) for p in measured]
    assert len({p.key for p in measured}) == len(set(places)) == len(places)


@pytest.mark.parametrize("name", FILES)
def test_no_two_points_overlap(name):
    ordered = sorted(profile(name).points, key=lambda p: (p.register_table, p.address))
    for one, next_one in zip(ordered, ordered[1:], strict=False):
        bits_of_one_word = one.bit is not None and next_one.bit is not None and one.bit != next_one.bit
        apart = one.register_table != next_one.register_table or one.register.end <= next_one.address
        assert apart or bits_of_one_word, next_one.key


@pytest.mark.parametrize("name", FILES)
def test_every_file_says_its_source_and_what_it_was_verified_against(name):
    text = Path(str(SHIPPED.joinpath(f"{name}.yaml"))).read_text(encoding="utf-8")
    assert profile(name).source
    assert profile(name).manufacturer
    assert "# Source: " in text
    assert "# Verified: " in text
    bare = [line for line in text.splitlines() if line.startswith("  - {") and not re.search(r"}  # \S", line)]
    assert bare == [], "behind each point stands the manual's own number"


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_is_read_as_the_same(name):
    found = profile(name)
    assert read(write([found])) == [found]


# The words of (1) are public: Carlo Gavazzi, EM300 communication protocol V2R9, section 2.3, says that FFFF 7FFF is the
# overflow 7FFFFFFFh. No example was found for the others: their words were calculated from type, order and scale.
GOLDEN = [
    ("eastron_sdm630", "voltage_l1", [0x4366, 0x3333], 230.2),
    ("eastron_sdm630", "energy_import", [0x447A, 0x0000], 1000),
    ("carlo_gavazzi_em330_em340", "power", [0xFFFF, 0x7FFF], None),  # (1)
    ("carlo_gavazzi_em330_em340", "voltage_l1", [2302, 0], 230.2),
    ("carlo_gavazzi_em330_em340", "power", [0xFFF6, 0xFFFF], -1.0),
    ("carlo_gavazzi_em330_em340", "energy_import", [0x86A1, 0x0001], 10000.1),
    ("carlo_gavazzi_em24_ethernet", "current_l2", [12345, 0], 12.345),
    ("carlo_gavazzi_em24_ethernet", "frequency", [499], 49.9),
    ("janitza_umg96rm", "frequency", [0x4248, 0x0000], 50),
    ("janitza_umg96rm", "energy_export", [0x4974, 0x2400], 1000),
    ("janitza_umg604", "power", [0xC47A, 0x0000], -1000),
    ("siemens_sentron_pac3200", "energy_import", [0x412E, 0x8480, 0x0000, 0x0000], 1000),
    ("siemens_sentron_pac3200", "voltage_l3", [0x4366, 0x3333], 230.2),
    ("abb_b23_b24", "voltage_l1", [0, 2302], 230.2),
    ("abb_b23_b24", "power", [0xFFFF, 0xFF9C], -1.0),
    ("abb_b23_b24", "power", [0x7FFF, 0xFFFF], None),
    ("abb_b23_b24", "energy_export", [0xFFFF] * 4, None),
    ("abb_b23_b24", "energy_import", [0, 0, 0x0001, 0x86A1], 1000.01),
    ("schneider_iem3000", "energy_import", [0, 0, 0x000F, 0x4240], 1000),
    ("schneider_iem3000", "power", [0x40B0, 0x0000], 5.5),
    ("schneider_pm3200", "voltage_l1_l2", [0x43C8, 0x0000], 400),
    ("schneider_pm3200", "energy_export", [0xFFFF, 0xFFFF, 0xFFF0, 0xBDC0], -1000),
    ("vacon_10", "frequency", [0xEC78], -50),
    ("vacon_10", "current", [1234], 12.34),
    ("vacon_10", "fault", [0b1011], 1),
    ("vacon_10", "zero_speed", [0b1011], 0),
    ("grundfos_magna3_cim", "liquid_temperature", [31315], 40),
    ("grundfos_magna3_cim", "flow", [0xFFFF], None),
    ("grundfos_magna3_cim", "power", [0x0001, 0x0000], 65536),
    ("sunspec_inverter_float", "manufacturer", [0x4672, 0x6F6E, 0x6975, 0x7300] + [0] * 12, "Fronius"),
    ("sunspec_inverter_float", "power", [0x459C, 0x4000], 5000),
    ("inepro_pro380", "power", [0x3FC0, 0x0000], 1500),
    ("chint_dtsu666", "voltage_l1", [0x450F, 0xE000], 230.2),
    ("bg_etech_ws100", "energy_import", [0x0001, 0x86A1], 1000.01),
    ("dzg_dvh4013", "energy_export_l3", [0x0000, 0x03E8], 1),
    ("orno_or_we_504", "power_factor", [0x03CF], 0.975),
    ("sunspec_inverter_single_phase", "power_sf", [0xFFFE], -2),
    ("sunspec_inverter_three_phase", "operating_state", [4], 4),
    ("sunspec_inverter_three_phase", "power", [0x8000], None),
    ("sunspec_meter_single_phase", "power_sf", [0x8000], None),
    ("sunspec_meter_split_phase", "voltage_sf", [0xFFFF], -1),
    ("sunspec_meter_three_phase", "energy_sf", [3], 3),
]


@pytest.mark.parametrize(("name", "key", "words", "value"), GOLDEN)
def test_known_words_are_decoded_to_known_values(name, key, words, value):
    (point,) = [p for p in profile(name).points if p.key == key]
    raw = decoded(point, words)
    if value is None:
        assert raw in point.sentinels
    elif isinstance(raw, str):
        assert raw == value
    else:
        assert raw not in point.sentinels
        assert raw * point.scale + point.offset == pytest.approx(value, rel=1e-6)


def test_every_shipped_profile_has_a_known_value():
    assert {name for name, *_ in GOLDEN} == set(FILES)


def test_an_inverter_with_scale_factors_shows_watts_and_percent():
    sent = {40083: 2304, 40084: 0xFFFF, 40100: 24, 40101: 1, 40093: 1, 40094: 0x86A1, 40095: 0, 40102: 0x8000, 40106: 0}
    rows = [
        point.row() | {"id": place} for place, point in enumerate(profile("sunspec_inverter_three_phase").points, 1)
    ]
    points = lines.linked(lines.point(row) for row in rows)
    arrays = PointArrays()
    arrays.calculate([point for point in points if point.is_calculated], 0)
    answers = []
    for block in (block for poll in plan(points, RequestLimits()) for block in poll.blocks):
        block.slots = arrays.place(block.points, 10)
        words = [sent.get(address, 0) for address in range(block.address, block.address + block.count)]
        answers.append((block, 20_000_000, np.array(words, ">u2").tobytes(), 0))
    found = {points[r["point_id"] - 1].key: r for r in decode(answers, arrays).readings}
    assert [float(found[key]["value"]) for key in ("power", "dc_power", "efficiency", "energy_export")] == [
        230.4,
        240,
        96,
        100.001,
    ]
    assert found["cabinet_temperature"]["quality"] == Reason.SENTINEL
