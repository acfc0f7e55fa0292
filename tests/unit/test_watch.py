"""`ddms watch`: what stands on the screen, and that only what is known now stands there as a number."""

import math
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from rich.console import Console

from ddms.cli.watching import words
from ddms.cli.watching.address import Place, websocket
from ddms.cli.watching.board import Board, Filter, Point, Reading
from ddms.cli.watching.keys import Key
from ddms.cli.watching.screen import View, picture
from ddms.errors import DdmsError

NOW = 1_800_000_000.0
TIMEOUT = 16
CLOCK = 1


def point(**changes) -> Point:
    return Point(**{"id": "pt_1", "key": "flow", "name": "Flow", "unit": "m³/h", "patience": 40.0} | changes)


def reading(value: float | None, *, ago: float = 0, code: int = 0, text: str | None = None) -> Reading:
    return Reading(time=NOW - ago, value=value, text=text, code=code)


def row(number: int, **changes) -> dict:
    return {
        "id": f"pt_{number}", "key": f"key{number}", "name": f"Value {number}", "unit": "bar", "enabled": True,
        "intervalSeconds": 10, "deadband": 0, "heartbeatSeconds": 300,
    } | changes  # fmt: skip


def board(devices: int = 3, points: int = 2, wanted: Filter = Filter()) -> Board:  # noqa: B008 - it is frozen
    made = Board(wanted)
    made.load(
        {
            "id": f"dev_{d}",
            "name": f"Pump {d}",
            "status": {"state": "ONLINE"},
            "points": [row(100 * d + p) for p in range(points)],
        }
        for d in range(devices)
    )
    made.word = ""
    return made


def drawn(shown: Board, view: View | None = None, *, width: int = 80, height: int = 24, encoding: str = "utf-8"):
    file = TextIOWrapper(BytesIO(), encoding=encoding, errors="strict")
    console = Console(width=width, height=height, file=file, force_terminal=True, color_system=None, no_color=True)
    console.print(picture(shown, view or View(), console, keys=False))
    file.flush()
    return file.buffer.getvalue().decode(encoding).splitlines()


@pytest.mark.parametrize(
    ("newest", "text", "quality"),
    [
        (None, "– not read yet", "none"),
        (reading(12.5), "12.5 m³/h", "good"),
        (reading(6_240_071.4), "6240071 m³/h", "good"),
        (reading(12.5, code=CLOCK), "12.5 m³/h ?", "uncertain"),
        (reading(12.5, code=TIMEOUT), "– timeout", "bad"),
        (reading(None, code=200), "– bad (200)", "bad"),
        (reading(12.5, ago=41), "– stale", "stale"),
        (reading(None, text="V4.9"), "V4.9 m³/h", "good"),
    ],
)
def test_only_a_present_value_is_shown_as_a_number(newest, text, quality):
    assert words.shown(point(newest=newest), NOW) == (text, quality)


@pytest.mark.parametrize(
    ("ago", "text"), [(0, "0 s"), (119, "119 s"), (600, "10 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_an_age_is_told_in_the_unit_that_people_use(ago, text):
    assert words.age(point(newest=reading(1, ago=ago)), NOW) == text


def test_a_trend_has_a_blank_where_nothing_is_known():
    assert words.sparkline([0, 1, math.nan, 7]) == "▁▂ █"
    assert words.sparkline([5, 5]) == "▁▁"
    assert words.sparkline([math.nan]) == " "
    assert words.sparkline([0, 7], ascii_only=True).isascii()


def test_a_trend_holds_a_value_no_longer_than_it_is_believed():
    flow = point()
    for one in (reading(1, ago=590), reading(2, ago=100), reading(None, ago=70, code=TIMEOUT), reading(3, ago=5)):
        flow.take(one)
    steps = flow.steps(NOW, 60)
    known = {number: value for number, value in enumerate(steps) if not math.isnan(value)}
    assert known == {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0, 49: 2.0, 50: 2.0, 51: 2.0, 59: 3.0}


def test_a_reading_that_comes_twice_or_late_changes_nothing():
    flow = point()
    assert flow.take(reading(2, ago=5))
    assert not flow.take(reading(2, ago=5))
    assert not flow.take(reading(1, ago=50))
    assert flow.newest == reading(2, ago=5)


def test_what_is_watched_can_be_chosen_by_name_and_key_in_any_case():
    chosen = board(3, 2, Filter(devices=frozenset({"pump 1"}), keys=frozenset({"key101"})))
    assert [device.name for device in chosen.devices] == ["Pump 1"]
    assert list(chosen.points) == ["pt_101"]


def test_readings_stay_when_the_configuration_is_read_again():
    shown = board()
    shown.read({"pointId": ["pt_0"], "time": [NOW * 1000], "value": [1.5], "text": [None], "quality": [0]})
    before = shown.points["pt_0"].newest
    shown.load([{"id": "dev_0", "name": "Pump 0", "status": {"state": "ONLINE"}, "points": [row(0)]}])
    assert shown.points["pt_0"].newest == before


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 50), (60, 10)])
@pytest.mark.parametrize("devices", [0, 1, 31])
def test_the_picture_is_never_larger_than_the_terminal(width, height, devices):
    lines = drawn(board(devices, 40), width=width, height=height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_an_api_that_is_away_is_told_first_of_all():
    shown = board()
    shown.word = "the API at 10.0.0.1:8000 is away (connection refused); trying again"
    assert drawn(shown)[0].startswith("the API at 10.0.0.1:8000 is away")


def test_a_terminal_without_unicode_gets_ascii():
    shown = board()
    shown.points["pt_0"].take(reading(1))
    for line in drawn(shown, encoding="ascii"):
        assert line.isascii(), line


def test_a_state_is_seen_without_colours():
    shown = board()
    shown.states([{"deviceId": "dev_1", "state": "OFFLINE"}])
    head, _, first, second, *_ = drawn(shown)
    assert head.startswith("3 devices   ● 2 online   ✕ 1 offline")
    assert (first[:8], second[:8]) == ("● Pump 0", "✕ Pump 1")


def test_a_person_opens_a_device_and_goes_back_to_where_they_were():
    shown, view = board(31), View()
    for key in (Key.PAGE_DOWN, Key.PAGE_DOWN, Key.PAGE_DOWN, Key.PAGE_DOWN, Key.UP):
        view.press(key, shown)
    assert any("Pump 29" in line for line in drawn(shown, view))
    view.press(Key.OPEN, shown)
    assert drawn(shown, view)[0].startswith("Pump 29")
    view.press(Key.BACK, shown)
    assert (view.device(shown), view.chosen) == (None, 29)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://ddms.example", "wss://ddms.example/graphql"),
        ("http://127.0.0.1:8000/graphql", "ws://127.0.0.1:8000/graphql"),
        ("10.0.0.5:8000/", "ws://10.0.0.5:8000/graphql"),
        ("wss://ddms.example/other/graphql?x=1", "wss://ddms.example/other/graphql"),
    ],
)
def test_the_address_that_people_know_is_enough(given, url):
    assert websocket(given) == url


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (None, "start one with `ddms demo`"),
        ("ftp://ddms.example", "no address like https://"),
        ("http://10.0.0.1", "in DDMS_TOKEN, or as a file with --token-file"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, url, sentence):
    with pytest.raises(DdmsError, match=sentence.replace("`", ".")):
        Place(url=url, token=None, token_file=None, directory=tmp_path).read()
