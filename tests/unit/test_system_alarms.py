"""The judgement of the system's measures: hysteresis, delays, and what is not known. Pure."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ddms.alarm_kinds import Kind
from ddms.alarms import Event, Priority
from ddms.system_alarms import KINDS, OF_DEVICES
from ddms.system_watch import Stand, Verdict, judge

NOW = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALARMS = (Path(__file__).parents[2] / "docs/alarms.md").read_text(encoding="utf-8")


def kind(raised: float = 80, cleared: float = 70, on: int = 0, off: int = 0) -> Kind:
    return Kind(
        priority=Priority.HIGH, raised=raised, cleared=cleared, on_delay=on * SECOND, off_delay=off * SECOND, texts=OF_DEVICES
    )  # fmt: skip


@pytest.mark.parametrize(
    ("active", "value", "events"),
    [
        (False, 80.0, ()), (False, 80.1, (Event.RAISED,)), (True, 80.1, ()), (True, 70.1, ()), (True, 70.0, (Event.CLEARED,)),
        (False, 70.0, ()),
    ],
)  # fmt: skip
def test_between_its_two_limits_an_alarm_stays_as_it_is(active, value, events):
    assert judge(kind(), Stand(active=active), value, NOW).events == events


@pytest.mark.parametrize(("active", "days", "events"), [
    (False, 30.0, ()), (False, 29.9, (Event.RAISED,)), (True, 30.5, ()), (True, 31.0, (Event.CLEARED,)),
])  # fmt: skip
def test_a_kind_that_clears_above_its_limit_is_an_alarm_below_it(active, days, events):
    assert judge(kind(30, 31), Stand(active=active), days, NOW).events == events


@pytest.mark.parametrize(("active", "value"), [(False, 90.0), (True, 10.0)])
def test_a_delay_begins_runs_and_ends(active, value):
    slow = kind(on=30, off=30)
    assert judge(slow, Stand(active=active), value, NOW) == Verdict(pending_since=NOW)
    running = Stand(active=active, pending_since=NOW)
    assert judge(slow, running, value, NOW + 29 * SECOND) == Verdict(pending_since=NOW)
    assert judge(slow, running, value, NOW + 30 * SECOND).events == (Event.CLEARED if active else Event.RAISED,)


def test_a_delay_ends_without_a_change_when_its_reason_is_over():
    assert judge(kind(on=30), Stand(pending_since=NOW), 60.0, NOW + 40 * SECOND) == Verdict()


def test_a_delay_that_began_in_the_future_begins_now():
    assert judge(kind(on=30), Stand(pending_since=NOW + 3600 * SECOND), 90.0, NOW) == Verdict(pending_since=NOW)


def test_what_is_not_known_neither_raises_nor_clears_and_is_told_once():
    assert judge(kind(), Stand(), None, NOW) == Verdict()
    assert judge(kind(), Stand(active=True), None, NOW).events == (Event.UNCERTAIN,)
    assert judge(kind(), Stand(active=True, uncertain=True), None, NOW).events == ()


def test_a_delay_goes_on_over_what_is_not_known():
    assert judge(kind(on=30), Stand(pending_since=NOW), None, NOW + 10 * SECOND) == Verdict(pending_since=NOW)


@pytest.mark.parametrize(("value", "events"), [(90.0, (Event.CERTAIN,)), (10.0, (Event.CERTAIN, Event.CLEARED))])
def test_what_is_known_again_is_certain_and_then_judged(value, events):
    assert judge(kind(), Stand(active=True, uncertain=True), value, NOW).events == events


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_documented_with_its_priority(name):
    (row,) = [line for line in ALARMS.splitlines() if line.startswith(f"| `{name}` |")]
    assert row.endswith(f"| {KINDS[name].priority} |")


@pytest.mark.parametrize("name", KINDS)
def test_the_limits_of_each_kind_leave_no_value_both_alarm_and_normal(name):
    one = KINDS[name]
    assert not one.is_normal(one.raised + (0.001 if one.cleared <= one.raised else -0.001))
    assert not one.is_beyond(one.cleared)
