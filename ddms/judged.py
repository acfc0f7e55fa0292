"""Limits as arrays: all readings of a flush are compared with all limits at once.

A point whose limits are at rest and whose value lies between its levels costs one comparison; only the others are looked at
limit by limit, still as arrays. Each limit becomes one measure that is too large or not: a level as it is or with its sign
turned, a distance, a change, a bit. Above the threshold it is violated, from the threshold less hysteresis on it is normal,
and between both it stays what it was. Delays run by the times of the readings.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddms.alarms import Event
from ddms.limits import Limit, LimitKind
from ddms.quality import Reason

NEVER = np.iinfo(np.int64).min
_SECOND = 1_000_000
_KINDS = list(LimitKind)
_LOWER = {LimitKind.LOW_LOW, LimitKind.LOW}
_DEVIATION, _RATE, _BIT, _VALUE = (
    _KINDS.index(k) for k in (LimitKind.DEVIATION, LimitKind.RATE, LimitKind.BIT, LimitKind.VALUE)
)
DIRECTIONS = {"either": 0, "above": 1, "below": -1}


class Standing(NamedTuple):
    """What the database knows of a limit's condition; times in microseconds."""

    active: bool = False
    uncertain: bool = False
    pending_since: int | None = None


class Found(NamedTuple):
    """What happened at a limit; without an event a delay began or was broken off."""

    limit_id: int
    event: Event | None
    time: int
    value: float | None
    quality: int
    threshold: float | None
    pending_since: int | None


class Steps(NamedTuple):
    """Of some limits, at which what happened: doubt, certainty again, the first one heard of, raised, cleared, a delay moved."""

    doubted: NDArray[np.bool_]
    trusted: NDArray[np.bool_]
    first: NDArray[np.bool_]
    raised: NDArray[np.bool_]
    cleared: NDArray[np.bool_]
    moved: NDArray[np.bool_]


class JudgedLimits:
    """The limits of this collector, ordered by point, and how they stand."""

    def __init__(self) -> None:
        self._limits: dict[int, Limit] = {}
        self._fit([], {})

    def __len__(self) -> int:
        return len(self._limits)

    def fit(self, limits: Sequence[Limit], standings: Mapping[int, Standing]) -> None:
        """Go on with other limits. One that is the same stands as it stood; a new one as `standings` say, or as nobody knows."""
        wanted = {limit.id: limit for limit in limits}
        if wanted == self._limits and not standings:
            return
        before = {int(number): place for place, number in enumerate(self.id.tolist())}
        kept: dict[int, tuple[Any, ...]] = {}
        for number, limit in wanted.items():
            if (place := before.get(number)) is None:
                continue
            if number in standings and not self.known[place]:
                continue
            same = limit == self._limits[number]
            since = self.pending[place] if same else NEVER  # what began under another limit begins anew
            kept[number] = (self.active[place], self.uncertain[place], self.known[place], since)
        for number, (active, uncertain, since) in standings.items():
            if number in wanted and number not in kept:
                kept[number] = (active, uncertain, True, NEVER if since is None else since)
        anchors = {n: (self.anchor_time[p], self.anchor_value[p]) for n, p in before.items() if n in wanted}
        self._limits = wanted
        self._fit(sorted(limits, key=lambda limit: (limit.point_id, limit.id)), kept)
        for place, number in enumerate(self.id.tolist()):
            if number in anchors:
                self.anchor_time[place], self.anchor_value[place] = anchors[number]

    def unknown(self, numbers: Iterable[int]) -> list[int]:
        """Return those of these limits of whose standing the database must be asked."""
        known = set(self.id[self.known].tolist())
        return [number for number in numbers if number not in known]

    def limit(self, number: int) -> Limit:
        """Return the limit of this number."""
        return self._limits[number]

    def standing(self) -> dict[int, Standing]:
        """Return how the limits stand that are known, by number."""
        return {
            number: Standing(bool(active), bool(uncertain), None if since == NEVER else since)
            for number, active, uncertain, since, known in zip(
                self.id.tolist(), self.active, self.uncertain, self.pending.tolist(), self.known, strict=True
            )
            if known
        }

    def _fit(self, limits: list[Limit], kept: Mapping[int, tuple[Any, ...]]) -> None:
        size = len(limits)
        self.id = np.array([one.id for one in limits], np.int64)
        self.kind = np.array([_KINDS.index(one.kind) for one in limits], np.int8)
        self.sign = np.array([-1.0 if one.kind in _LOWER else 1.0 for one in limits])
        self.threshold = np.array([np.nan if one.threshold is None else one.threshold for one in limits], np.float64)
        self.most = np.where(np.isnan(self.threshold), 0.5, self.sign * self.threshold)
        self.back = self.most - np.array([one.hysteresis for one in limits], np.float64)
        self.direction = np.array([DIRECTIONS[one.direction] for one in limits], np.int8)
        self.period = np.array([one.period_s for one in limits], np.int64) * _SECOND
        self.on_delay = np.array([one.on_delay_s for one in limits], np.int64) * _SECOND
        self.off_delay = np.array([one.off_delay_s for one in limits], np.int64) * _SECOND
        self.bit = np.array([one.bit or 0 for one in limits], np.int64)
        self.inverted = np.array([one.inverted for one in limits], np.bool_)
        self.values = [np.array(one.alarm_values) for one in limits]
        rest = (False, False, False, NEVER)
        standing = [kept.get(one.id, rest) for one in limits]
        self.active = np.array([one[0] for one in standing], np.bool_)
        self.uncertain = np.array([one[1] for one in standing], np.bool_)
        self.known = np.array([one[2] for one in standing], np.bool_)
        self.pending = np.array([one[3] for one in standing], np.int64)
        self.anchor_time = np.full(size, NEVER)
        self.anchor_value = np.full(size, np.nan)
        self._fit_points(limits)
        self._fit_references(limits)

    def _fit_points(self, limits: list[Limit]) -> None:
        points = np.array([one.point_id for one in limits], np.int64)
        unique, self._starts, self._counts = np.unique(points, return_index=True, return_counts=True)
        self._place_of = np.full((int(unique[-1]) if len(unique) else 0) + 2, -1, np.int32)
        self._place_of[unique] = np.arange(len(unique))
        self._point_of = np.repeat(np.arange(len(unique)), self._counts)
        is_level = self.kind < _DEVIATION
        # Between these a point at rest stays at rest; of one with other limits than levels nothing is said so cheaply.
        self._low, self._high = np.full(len(unique), -np.inf), np.full(len(unique), np.inf)
        np.maximum.at(self._low, self._point_of, np.where(is_level & (self.sign < 0), self.threshold, -np.inf))
        np.minimum.at(self._high, self._point_of, np.where(is_level & (self.sign > 0), self.threshold, np.inf))
        self._only_levels = self._every(is_level)
        self._rests = self._only_levels & self._every(self._resting())

    def _fit_references(self, limits: list[Limit]) -> None:
        wanted = sorted({one.reference_id for one in limits if one.reference_id is not None})
        places = {number: place for place, number in enumerate(wanted)}
        self._has_references = bool(wanted)
        self._reference_place = np.full((wanted[-1] if wanted else 0) + 2, -1, np.int32)
        self._reference_place[wanted] = np.arange(len(wanted))
        self._reference = np.array([places.get(one.reference_id or -1, 0) for one in limits], np.int64)
        self._reference_value = np.full(max(1, len(wanted)), np.nan)
        self._reference_read = np.zeros(max(1, len(wanted)), np.bool_)

    def _resting(self) -> NDArray[np.bool_]:
        rests: NDArray[np.bool_] = self.known & ~self.active & (self.pending == NEVER)
        return rests

    def _every(self, of_limits: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if not len(of_limits):
            return np.empty(0, np.bool_)
        every: NDArray[np.bool_] = np.logical_and.reduceat(of_limits, self._starts)
        return every

    # -- readings

    def judge(self, readings: NDArray[Any]) -> list[Found]:
        """Compare the readings of one flush, in the order in which they came; return what happened."""
        if not self._limits or not len(readings):
            return []
        self._note_references(readings)
        points = readings["point_id"]
        last = len(self._place_of) - 1
        places = self._place_of[np.minimum(points, last)]
        value = readings["value"]
        loud = ~self._rests[places] | (value < self._low[places]) | (value > self._high[places])
        loud &= places >= 0
        if not loud.any():
            return []
        touched = np.zeros(len(self._starts), np.bool_)
        touched[places[loud]] = True
        chosen = np.flatnonzero((places >= 0) & touched[places])  # all readings of a point of which one is loud
        found: list[Found] = []
        for once in _rounds(chosen, places):
            found += self._compare(readings[once], places[once])
        self._rests[touched] = (self._only_levels & self._every(self._resting()))[touched]
        return found

    def _note_references(self, readings: NDArray[Any]) -> None:
        if not self._has_references:
            return
        places = self._reference_place[np.minimum(readings["point_id"], len(self._reference_place) - 1)]
        told = places >= 0
        self._reference_value[places[told]] = readings["value"][told]
        self._reference_read[places[told]] = True

    def _compare(self, readings: NDArray[Any], places: NDArray[Any]) -> list[Found]:
        """Compare one reading each of some points with all of their limits."""
        counts = self._counts[places]
        rows = np.repeat(np.arange(len(readings)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        limit = self._starts[places][rows] + within
        time, value = readings["time"][rows], readings["value"][rows].copy()
        quality = readings["quality"][rows]
        value[quality >= Reason.TIMEOUT] = np.nan
        measure, said = self._measure(limit, time, value)
        done = self.step(limit, time, measure, said)
        events = _Events(self, readings, rows, limit, measure)
        found = [*events.of(done.doubted, Event.UNCERTAIN), *events.of(done.trusted, Event.CERTAIN)]
        found += events.of(done.first, Event.CLEARED)
        found += [*events.of(done.raised, Event.RAISED), *events.of(done.cleared, Event.CLEARED)]
        return found + list(events.of(done.moved, None))

    def step(
        self, limit: NDArray[Any], time: NDArray[np.int64], measure: NDArray[np.float64], said: NDArray[np.bool_]
    ) -> "Steps":
        """Go on by one measure each of some limits, none of which is there twice; tell at which of them what happened.

        A measure is NaN when it is bad; of those that are not `said` nothing is said.
        """
        bad = np.isnan(measure)
        active = self.active[limit]
        wanted = np.where(active, measure > self.back[limit], measure > self.most[limit])
        doubted = said & bad & active & ~self.uncertain[limit]
        self.uncertain[limit[doubted]] = True
        trusted = said & ~bad & self.uncertain[limit]
        self.uncertain[limit[trusted]] = False
        settled = said & ~bad
        first = settled & ~self.known[limit] & ~wanted  # nobody knew: the database may still think that it is active
        self.known[limit[settled]] = True
        pending_before = self.pending[limit]
        differs = settled & (wanted != active)
        since = np.where(differs & ((pending_before == NEVER) | (time < pending_before)), time, pending_before)
        since = np.where(settled & ~differs, NEVER, since)
        delay = np.where(active, self.off_delay[limit], self.on_delay[limit])
        switched = differs & (time - np.where(differs, since, time) >= delay)
        since[switched] = NEVER
        self.pending[limit], self.active[limit[switched]] = since, wanted[switched]
        moved = (since != pending_before) & ~switched
        return Steps(doubted, trusted, first, switched & wanted, switched & ~wanted, moved)

    def _measure(
        self, limit: NDArray[Any], time: NDArray[Any], value: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return what is compared (NaN when it is bad), and of which limits something is said at all."""
        kind = self.kind[limit]
        measure = self.sign[limit] * value
        said = np.ones(len(limit), np.bool_)
        if (chosen := np.flatnonzero(kind == _DEVIATION)).size:
            reference = self._reference[limit[chosen]]
            measure[chosen] = directed(value[chosen] - self._reference_value[reference], self.direction[limit[chosen]])
            said[chosen] = self._reference_read[reference]
        if (chosen := np.flatnonzero(kind == _RATE)).size:
            measure[chosen], said[chosen] = self._rates(limit[chosen], time[chosen], value[chosen])
        if (chosen := np.flatnonzero(kind == _BIT)).size:
            measure[chosen] = bit_of(value[chosen], self.bit[limit[chosen]], self.inverted[limit[chosen]])
        for place in np.flatnonzero(kind == _VALUE).tolist():
            one = slice(place, place + 1)
            measure[one] = among(value[one], self.values[limit[place]], inverted=bool(self.inverted[limit[place]]))
        return measure, said

    def _rates(self, limit: NDArray[Any], time: NDArray[Any], value: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the change within the period, once in each; a bad reading or a clock that was set back begins anew."""
        anchored, passed = self.anchor_time[limit] != NEVER, np.maximum(time - self.anchor_time[limit], 1)
        bad, back = np.isnan(value), time < self.anchor_time[limit]
        whole = (
            anchored & ~back & ~bad & (time - np.where(anchored, self.anchor_time[limit], time) >= self.period[limit])
        )
        change = change_within(value - self.anchor_value[limit], np.where(whole, passed, 1), self.period[limit])
        anew = whole | ~anchored | back
        self.anchor_time[limit] = np.where(bad, NEVER, np.where(anew, time, self.anchor_time[limit]))
        self.anchor_value[limit] = np.where(anew, value, self.anchor_value[limit])
        return np.where(whole, directed(change, self.direction[limit]), np.nan), whole | bad


class _Events:
    """Makes `Found` of what was found at some limits."""

    def __init__(
        self,
        judged: JudgedLimits,
        readings: NDArray[Any],
        rows: NDArray[Any],
        limit: NDArray[Any],
        measure: NDArray[Any],
    ) -> None:
        self._judged, self._readings, self._rows, self._limit, self._measure = judged, readings, rows, limit, measure

    def of(self, where: NDArray[np.bool_], event: Event | None) -> Iterator[Found]:
        judged = self._judged
        for place in np.flatnonzero(where).tolist():
            limit, reading = self._limit[place], self._readings[self._rows[place]]
            shown = self._measure[place] if judged.kind[limit] in {_DEVIATION, _RATE} else reading["value"]
            threshold, since = judged.threshold[limit], int(judged.pending[limit])
            yield Found(
                int(judged.id[limit]), event, int(reading["time"]),
                None if np.isnan(shown) else float(shown), int(reading["quality"]),
                None if np.isnan(threshold) else float(threshold), None if since == NEVER else since,
            )  # fmt: skip


def directed(distance: NDArray[Any], direction: NDArray[Any] | int) -> NDArray[Any]:
    """Return how far it is in a direction: 1 up, -1 down, 0 either way."""
    far: NDArray[Any] = np.where(np.equal(direction, 0), np.abs(distance), direction * distance)
    return far


def change_within(change: NDArray[Any], passed: NDArray[Any], period: NDArray[Any] | int) -> NDArray[Any]:
    """Return the change within a period, of one that took another time."""
    within: NDArray[Any] = change / passed * period
    return within


def bit_of(value: NDArray[Any], bit: NDArray[Any] | int, inverted: NDArray[Any] | bool) -> NDArray[np.float64]:
    """Return 1 where the bit is an alarm, NaN where the value is bad."""
    stands = ((np.nan_to_num(value).astype(np.int64) >> bit) & 1).astype(np.bool_) ^ inverted
    return np.where(np.isnan(value), np.nan, stands)


def among(value: NDArray[Any], values: NDArray[Any], *, inverted: bool) -> NDArray[np.float64]:
    """Return 1 where the value is one of these, NaN where it is bad."""
    return np.where(np.isnan(value), np.nan, np.isin(value, values) ^ inverted)


def _rounds(chosen: NDArray[Any], places: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Part readings, in the order in which they came, so that no point is twice in a round."""
    order = np.argsort(places[chosen], kind="stable")
    ordered = places[chosen][order]
    begins = np.r_[True, ordered[1:] != ordered[:-1]]
    turn: NDArray[Any] = np.empty(len(chosen), np.int64)
    turn[order] = np.arange(len(chosen)) - np.maximum.accumulate(np.where(begins, np.arange(len(chosen)), 0))
    for number in range(int(np.max(turn)) + 1):
        yield chosen[turn == number]
