"""What limits would have done to readings: the same as the collector's evaluation, reading by reading."""

import random

import numpy as np
import pytest

from ddms.alarms import Event
from ddms.judged import JudgedLimits, Standing
from ddms.limits import Limit, LimitKind
from ddms.preview import Held, Values, occurred
from ddms.quality import Reason

SECOND = 1_000_000
READINGS = np.dtype([("point_id", "i4"), ("time", "i8"), ("value", "f8"), ("quality", "i2")])


def walk(dice: random.Random, size: int, step: float = 4) -> Values:
    """Return readings that go up and down, are bad now and then, and stand still for a while."""
    times, values, now, value = [], [], 0, 50.0
    for _ in range(size):
        now += dice.choice((1, 1, 1, 2, 30)) * SECOND
        value = min(100.0, max(0.0, value + dice.choice((0, 0, -step, step))))
        times.append(now)
        values.append(np.nan if dice.random() < 0.1 else value)
    return Values(np.array(times), np.array(values))


def one_by_one(limit: Limit, readings: Values, reference: Values | None = None) -> list[tuple[Event, int]]:
    """Return what the collector finds when each reading comes with a flush of its own."""
    judged = JudgedLimits()
    judged.fit([limit], {limit.id: Standing()})
    told = [(time, limit.point_id, value) for time, value in zip(*readings, strict=True)]
    if reference:
        told += [(time, limit.reference_id, value) for time, value in zip(*reference, strict=True)]
    flushes: dict[int, list] = {}
    for time, point, value in sorted(told):
        quality = Reason.TIMEOUT if np.isnan(value) else Reason.GOOD
        flushes.setdefault(time, []).append((point, time, value, quality))
    found = [one for flush in flushes.values() for one in judged.judge(np.array(flush, READINGS))]
    return [(one.event, one.time) for one in found if one.event in {Event.RAISED, Event.CLEARED}]


def at_once(
    limit: Limit, readings: Values, reference: Values | None = None, held: Held | None = None
) -> list[tuple[Event, int]]:
    found = occurred(limit, readings, reference, held)
    times = found.measures.times
    events = [(Event.RAISED, int(time)) for time in times[found.raised]]
    events += [(Event.CLEARED, int(time)) for time in times[found.cleared]]
    return sorted(events, key=lambda one: one[1])


def limits(dice: random.Random):
    delays = {"on_delay_s": dice.choice((0, 0, 2, 7, 60)), "off_delay_s": dice.choice((0, 0, 3, 9, 60))}
    common = {"id": 7, "point_id": 3, **delays}
    yield Limit(kind=LimitKind.HIGH, threshold=60, hysteresis=dice.choice((0, 1, 15)), **common)
    yield Limit(kind=LimitKind.LOW_LOW, threshold=40, hysteresis=dice.choice((0, 1, 15)), **common)
    direction = dice.choice(("either", "above", "below"))
    yield Limit(
        kind=LimitKind.DEVIATION,
        threshold=12,
        hysteresis=dice.choice((0, 8)),
        reference_id=2,
        direction=direction,
        **common,
    )
    yield Limit(
        kind=LimitKind.RATE,
        threshold=5,
        period_s=dice.choice((1, 5, 60)),
        hysteresis=dice.choice((0, 2)),
        direction=direction,
        **common,
    )
    yield Limit(kind=LimitKind.BIT, bit=dice.randrange(6), inverted=dice.random() < 0.5, **common)
    yield Limit(kind=LimitKind.VALUE, alarm_values=(42, 46, 54), inverted=dice.random() < 0.5, **common)


@pytest.mark.unmeasured
@pytest.mark.parametrize("seed", range(60))
def test_the_preview_finds_what_the_collector_finds(seed):
    dice = random.Random(seed)
    readings, reference = walk(dice, dice.choice((1, 2, 50, 400))), walk(dice, 300)
    for limit in limits(dice):
        other = reference if limit.kind is LimitKind.DEVIATION else None
        assert at_once(limit, readings, other) == one_by_one(limit, readings, other), limit


def each_second(dice: random.Random, size: int) -> tuple[Values, Values]:
    """Return readings of each second, and those of them that a deadband lets be stored."""
    values, value, stored, since = [], 50.0, [], 0
    for second in range(size):
        value += dice.choice((0, 0, 0, 0, 0, -4, 4))
        values.append(np.nan if dice.random() < 0.05 else value)
        is_bad, was_bad = np.isnan(values[-1]), bool(stored) and np.isnan(values[stored[-1]])
        since = second - stored[-1] if stored else 99
        if since >= 20 or is_bad != was_bad or (not is_bad and values[-1] != values[stored[-1]]):
            stored.append(second)
    every = Values(np.arange(size) * SECOND, np.array(values))
    return every, Values(every.times[stored], every.values[stored])


@pytest.mark.unmeasured
@pytest.mark.parametrize("seed", range(40))
def test_what_a_deadband_kept_from_being_stored_was_compared_too(seed):
    dice = random.Random(seed)
    every, stored = each_second(dice, 600)
    for limit in limits(dice):
        if limit.kind not in {LimitKind.DEVIATION, LimitKind.RATE}:
            assert at_once(limit, stored, held=Held(SECOND, 30 * SECOND, 600 * SECOND)) == one_by_one(limit, every), (
                limit
            )


def test_without_readings_nothing_happens():
    nothing = Values(np.empty(0, np.int64), np.empty(0))
    for limit in limits(random.Random(1)):
        assert at_once(limit, nothing) == []


def test_readings_that_are_all_bad_raise_nothing():
    bad = Values(np.arange(5) * SECOND, np.full(5, np.nan))
    for limit in limits(random.Random(1)):
        assert at_once(limit, bad) == []
