"""What a limit would have done to readings that are there already. Pure.

The collector takes one step of many limits at a time (`JudgedLimits.step`); here many steps of one limit are taken at a
time. The readings are parted, each part has a copy of the limit of its own, and all copies take their steps together. How
the limit stands where a part begins is worked out before, and looked at after: as long as a part did not begin as the one
before ended, all begin anew from there. So what comes out is what the steps one by one would have brought.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddms.judged import DIRECTIONS, NEVER, JudgedLimits, Standing, among, bit_of, change_within, directed
from ddms.limits import Limit, LimitKind

_BAD, _NORMAL, _BETWEEN, _ABOVE = -1, 0, 1, 2
_SECOND = 1_000_000


class Values(NamedTuple):
    """Readings of one point, oldest first: times in microseconds, values with NaN where one is bad."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]


class Occurred(NamedTuple):
    """When an alarm would have been raised and cleared: places in `measures`; one that stands at the end has none to clear."""

    measures: Values
    raised: NDArray[np.intp]
    cleared: NDArray[np.intp]


class Held(NamedTuple):
    """Of a point with a deadband, whose readings are stored when they change, in microseconds."""

    interval: int
    """How often it is read."""
    longest: int
    """For how long nothing is stored at most."""
    until: int
    """What was read from then on does not count."""


def occurred(limit: Limit, readings: Values, reference: Values | None = None, held: Held | None = None) -> Occurred:
    """Return what the limit would have made of readings, beginning at rest.

    `reference`: the readings of the other point of a deviation. `held`: the collector compared more than was stored.
    """
    judged = JudgedLimits()
    judged.fit([limit], {limit.id: Standing()})
    most, back = float(judged.most[0]), float(judged.back[0])
    if held and limit.kind is LimitKind.RATE:
        readings = _with_held(readings, readings.times + limit.period_s * _SECOND, held)
    measures = measures_of(limit, readings, reference)
    if held and (limit.on_delay_s or limit.off_delay_s):
        runs = _Runs.of(measures, limit, most, back)
        measures = _with_held(measures, runs.begun + runs.delay, held)
    kept, starts = _telling(_Runs.of(measures, limit, most, back), measures.times)
    raised, cleared = _judged(limit, measures, kept, starts)
    return Occurred(measures, kept[raised], kept[cleared])


def _with_held(stored: Values, moments: NDArray[np.int64], held: Held) -> Values:
    """Put in what was read next at or after these moments and not stored, because it was as before."""
    times, values = stored
    before = np.searchsorted(times, moments, side="right") - 1
    moments, before = moments[before >= 0], before[before >= 0]
    read = times[before] - (times[before] - moments) // held.interval * held.interval
    then = np.append(times, held.until)[before + 1]
    missing = (read > times[before]) & (read < then) & (read - times[before] <= held.longest)
    missing &= ~np.isnan(values[before])
    all_times = np.concatenate([times, read[missing]])
    all_values = np.concatenate([values, values[before[missing]]])
    unique, places = np.unique(all_times, return_index=True)
    return Values(unique, all_values[places])


def measures_of(limit: Limit, readings: Values, reference: Values | None) -> Values:
    """Return what is compared with the threshold, at the readings at which something is."""
    times, values = readings
    direction = DIRECTIONS[limit.direction]
    match limit.kind:
        case LimitKind.LOW_LOW | LimitKind.LOW:
            return Values(times, -values)
        case LimitKind.DEVIATION:
            others = reference or Values(np.empty(0, np.int64), np.empty(0))
            newest = np.searchsorted(others.times, times, side="right") - 1
            said = newest >= 0
            return Values(times[said], directed(values[said] - others.values[newest[said]], direction))
        case LimitKind.RATE:
            return _rates(readings, limit.period_s * _SECOND, direction)
        case LimitKind.BIT:
            return Values(times, bit_of(values, limit.bit or 0, limit.inverted))
        case LimitKind.VALUE:
            return Values(times, among(values, np.array(limit.alarm_values), inverted=limit.inverted))
        case LimitKind.HIGH | LimitKind.HIGH_HIGH:
            return readings


def _rates(readings: Values, period: int, direction: int) -> Values:
    """Return the change within each period; a bad reading begins anew, as in `JudgedLimits`."""
    times, values = readings
    bad = np.isnan(values)
    nexts = np.searchsorted(times, times + period).tolist()
    next_bad = np.append(_next(bad), len(times)).tolist()
    next_good = np.append(_next(~bad), len(times)).tolist()
    ends, begins = [], []
    anchor = next_good[0]
    while anchor < len(times):
        then = nexts[anchor]
        if next_bad[anchor] <= then and next_bad[anchor] < len(times):
            anchor = next_good[next_bad[anchor]]
        elif then < len(times):
            begins.append(anchor)
            ends.append(then)
            anchor = then
        else:
            break
    first, last = np.array(begins, np.intp), np.array(ends, np.intp)
    changes = change_within(values[last] - values[first], times[last] - times[first], period)
    told = np.concatenate([last, np.flatnonzero(bad)])
    measures = np.concatenate([directed(changes, direction), np.full(int(bad.sum()), np.nan)])
    order = np.argsort(told, kind="stable")
    return Values(times[told[order]], measures[order])


def _next(where: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return for each place the next one, itself included, at which it is true; the length when there is none."""
    found = np.where(where, np.arange(len(where)), len(where))
    nearest: NDArray[np.intp] = np.minimum.accumulate(found[::-1])[::-1]
    return nearest


class _Starts(NamedTuple):
    """How a limit stands before each of some readings."""

    active: NDArray[np.bool_]
    uncertain: NDArray[np.bool_]
    pending: NDArray[np.int64]


class _Runs(NamedTuple):
    """Readings that lie on one side of threshold and hysteresis one after the other; bad ones do not part them."""

    side: NDArray[np.int8]
    """Of each reading."""
    good: NDArray[np.intp]
    """Places of the readings that are not bad."""
    begins: NDArray[np.intp]
    """Where in `good` each run begins."""
    begun: NDArray[np.int64]
    """When it began."""
    sides: NDArray[np.int8]
    delay: NDArray[np.int64]

    @classmethod
    def of(cls, measures: Values, limit: Limit, most: float, back: float) -> "_Runs":
        times, measure = measures
        side = np.where(measure > most, _ABOVE, np.where(measure > back, _BETWEEN, _NORMAL)).astype(np.int8)
        side[np.isnan(measure)] = _BAD
        good = np.flatnonzero(side != _BAD)
        first = np.ones(len(good), np.bool_)
        first[1:] = side[good[1:]] != side[good[:-1]]
        begins = np.flatnonzero(first)
        sides = side[good[begins]]
        delays = [limit.on_delay_s * _SECOND, limit.off_delay_s * _SECOND]
        delay = np.select([sides == _ABOVE, sides == _NORMAL], delays, 0)
        return cls(side, good, begins, times[good[begins]], sides, delay)


def _telling(runs: _Runs, times: NDArray[np.int64]) -> tuple[NDArray[np.intp], _Starts]:
    """Return the places of the readings at which anything can happen, and how the limit would stand before each.

    Between them the value is on the same side of threshold and hysteresis, and no delay runs out.
    """
    side, good = runs.side, runs.good
    turns = np.ones(len(side), np.bool_)
    turns[1:] = side[1:] != side[:-1]
    due = np.searchsorted(times[good], runs.begun + runs.delay)
    switches = (runs.sides != _BETWEEN) & (due < np.append(runs.begins[1:], len(good)))
    switched, to = good[due[switches]], runs.sides[switches] == _ABOVE
    turns[switched] = True
    kept = np.flatnonzero(turns)
    return kept, _standing_before(kept, times, runs, switched, to)


def _standing_before(
    kept: NDArray[np.intp], times: NDArray[np.int64], runs: _Runs, switched: NDArray[np.intp], to: NDArray[np.bool_]
) -> _Starts:
    """Work out how the limit stands before each place: as the last switch left it, with the delay of the run that is on."""
    last = np.searchsorted(switched, kept) - 1
    active = np.where(last >= 0, np.append(to, values=False)[last], False)
    uncertain = active & (runs.side[np.maximum(kept - 1, 0)] == _BAD) & (kept > 0)
    begins = runs.good[runs.begins]
    run = np.searchsorted(begins, kept) - 1
    differs = (run >= 0) & (np.append(runs.sides, _BETWEEN)[run] == np.where(active, _NORMAL, _ABOVE))
    return _Starts(active, uncertain, np.where(differs, np.append(times[begins], NEVER)[run], NEVER))


def _judged(
    limit: Limit, measures: Values, kept: NDArray[np.intp], starts: _Starts
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Let copies of the limit take all steps; return at which of `kept` it is raised and cleared."""
    size = len(kept)
    length = max(1, int(size**0.5))
    firsts = np.arange(0, size, length)
    standing = [column[firsts] for column in starts]
    while True:
        judged = JudgedLimits()
        copies = [replace(limit, id=number + 1, point_id=number + 1) for number in range(len(firsts))]
        judged.fit(copies, {number + 1: Standing() for number in range(len(firsts))})
        judged.active[:], judged.uncertain[:], judged.pending[:] = standing
        raised, cleared = _steps(judged, firsts, length, measures, kept)
        ended = [judged.active, judged.uncertain, judged.pending]
        right = [np.append(begin[:1], end[:-1]) for begin, end in zip(standing, ended, strict=True)]
        if all(np.array_equal(one, other) for one, other in zip(standing, right, strict=True)):
            return raised, cleared
        standing = right


def _steps(
    judged: JudgedLimits, firsts: NDArray[np.intp], length: int, measures: Values, kept: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    raised: list[NDArray[Any]] = [np.empty(0, np.intp)]
    cleared: list[NDArray[Any]] = [np.empty(0, np.intp)]
    for turn in range(min(length, len(kept))):
        places = firsts + turn
        places = places[places < len(kept)]  # the last part may be shorter
        at = kept[places]
        done = judged.step(
            np.arange(len(places)), measures.times[at], measures.values[at], np.ones(len(places), np.bool_)
        )
        raised.append(places[done.raised])
        cleared.append(places[done.cleared])
    return np.sort(np.concatenate(raised)), np.sort(np.concatenate(cleared))
