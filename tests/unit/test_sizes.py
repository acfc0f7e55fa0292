"""How large a server has to be: sums that a person can check, and the page that shows them."""

import re
from pathlib import Path

import pytest

from ddms.cli.size import scaled
from ddms.sizes import DAY, Plant, facts

PAGE = Path(__file__).parents[2] / "docs/sizes.md"


def test_a_point_takes_what_its_readings_and_rollups_take():
    one = Plant(devices=1, points=1, interval_s=60, compressed_after_days=None)
    assert one.disk_bytes(1) == pytest.approx(1440 * 92.7 + 1440 * 142 + 24 * 146 + 172)
    assert Plant(devices=7, points=3, interval_s=60, compressed_after_days=None).disk_bytes(1) == pytest.approx(
        21 * one.disk_bytes(1)
    )


def test_what_is_old_is_compressed_and_then_gone():
    plant = Plant(devices=1, points=1, interval_s=DAY, reading_days=10, minute_days=10, hour_days=10)
    readings_a_day = plant.readings_per_second * DAY
    assert readings_a_day == 1
    seven, ten, later = (plant.disk_bytes(days) for days in (7, 10, 11))
    assert ten - seven == pytest.approx(3 * (6.9 + 23.5 + 34 + 172))
    assert later - ten == pytest.approx(172), "only days are kept longer"


def test_slow_points_have_no_more_minutes_than_readings_and_deadbands_store_less():
    assert Plant(devices=1, interval_s=3600).disk_bytes(1) < Plant(devices=1, interval_s=60).disk_bytes(1) / 20
    assert Plant(devices=1, stored=0.25).readings_per_second == Plant(devices=1).readings_per_second / 4


@pytest.mark.parametrize(
    ("amount", "unit", "shown"),
    [(0, "cores", "under 0.001 cores"), (0.0123, "cores", "0.012 cores"), (999.6, "B", "1 kB"), (2.7e11, "B", "270 GB"), (1234, "/s", "1,200 /s")],
)  # fmt: skip
def test_amounts_have_two_figures(amount, unit, shown):
    assert scaled(amount, unit) == shown


def test_the_page_shows_what_the_command_says():
    rows = {
        first: cells.split(" | ")
        for first, cells in re.findall(r"^\| ([a-z ]+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    }
    for column, devices in enumerate((1, 100, 1000, 10_000, 100_000)):
        for name, amount, unit in facts(Plant(devices=devices)):
            assert rows[name][column] == scaled(amount, unit), name
