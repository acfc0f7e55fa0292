"""What is computed of other points: their newest values, factors that registers hold, and calculated points.

A point that is an input has a cell, which holds what was read last. All points with the same program are one formula, computed
together. A calculated point is due when all of its living inputs that are read as often as it, or more often, were read anew,
so that its value is of one moment. When one is late, half an interval more is waited for, once.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ddms.calculation import Term, compute
from ddms.expressions import Program, parse
from ddms.intervals import microseconds
from ddms.plan import PolledPoint
from ddms.quality import Reason

_SECOND = 1_000_000
_NEVER = np.iinfo(np.int64).min // 4
_STALE_INTERVALS, _STALE_SECONDS = 3, 5

Ints = NDArray[np.int64]


class Cells:
    """The newest value of each point that is an input: time, value, quality; and which of them were told since `take`."""

    def __init__(self) -> None:
        self.of: dict[int, int] = {0: 0}  # there is no point 0: it stands for what went
        self.time = np.full(1, _NEVER)
        self.value = np.zeros(1)
        self.quality = np.zeros(1, np.int16)
        self.is_followed = False
        self._told: list[NDArray[np.int32]] = []
        self._new: list[tuple[int, int]] = []

    def __bool__(self) -> bool:
        return len(self.of) > 1

    def add(self, numbers: Iterable[int]) -> list[int]:
        """Return the cells of points."""
        for number in numbers:
            if number not in self.of:
                self.of[number] = len(self.of)
                self._new.append((number, self.of[number]))
        if (more := len(self.of) - len(self.time)) > 0:
            more = max(more, len(self.time))
            self.time = np.concatenate([self.time, np.full(more, _NEVER)])
            self.value = np.concatenate([self.value, np.zeros(more)])
            self.quality = np.concatenate([self.quality, np.zeros(more, np.int16)])
        return [self.of[number] for number in numbers]

    def take_new(self) -> list[tuple[int, int]]:
        """Return the points that got a cell since the last call, each with its cell."""
        new, self._new = self._new, []
        return new

    def note(
        self, cells: NDArray[np.int32], time: Ints, value: NDArray[np.float64], quality: NDArray[np.int16]
    ) -> None:
        """Take readings of points; those without a cell have -1."""
        known = np.flatnonzero(cells >= 0)
        if len(known):
            cells = cells[known]
            self.time[cells], self.value[cells], self.quality[cells] = time[known], value[known], quality[known]
            if self.is_followed:
                self._told.append(cells)

    def unknown(self) -> list[int]:
        """Return the points of which nothing was told yet."""
        return [number for number, cell in self.of.items() if number and self.time[cell] == _NEVER]

    def remember(self, number: int, time: int, value: float, quality: int) -> None:
        """Take what was known of a point before this program ran: nothing is computed of it alone."""
        cell = self.of[number]
        if self.time[cell] == _NEVER:
            self.time[cell], self.value[cell], self.quality[cell] = time, value, quality

    def hear(self, number: int, time: int, value: float, quality: int) -> None:
        """Take a reading of a point that another collector polls, unless it is known."""
        cell = self.of[number]
        if time > self.time[cell]:
            self.note(np.array([cell], np.int32), np.array([time]), np.array([value]), np.array([quality], np.int16))

    def take(self) -> NDArray[np.int32]:
        """Return the cells that were told since the last call."""
        told, self._told = self._told, []
        return np.concatenate(told) if told else np.empty(0, np.int32)

    def terms(self, cells: Ints, lasts: Ints, now: Ints) -> list[Term]:
        """Return inputs of points, a row of `cells` each, with their qualities at these times; each value lasts so many microseconds."""
        quality = np.where(self.quality[cells] >= Reason.TIMEOUT, Reason.INPUT_BAD, self.quality[cells])
        time = self.time[cells]
        is_stale = (now[:, np.newaxis] - time > lasts) | (time == _NEVER)
        quality = np.where(is_stale, Reason.INPUT_STALE, quality)
        value = np.where(quality < Reason.TIMEOUT, self.value[cells], 0.0)
        return [Term(value[:, place], quality[:, place].astype(np.int16)) for place in range(cells.shape[1])]


def _lasts(point: PolledPoint, interval_s: float) -> list[int]:
    """Return how long each input of a point is believed, in microseconds."""
    return [
        microseconds(_STALE_INTERVALS * max(interval_s, interval) + _STALE_SECONDS)
        for interval in point.input_intervals
    ]


class _Table:
    """What is computed by one program: a row for each point, with its numbers, its inputs' cells and how long these are believed."""

    def __init__(self, program: Program, members: Sequence[tuple[tuple[float, ...], list[int], list[int]]]) -> None:
        self.program = program
        numbers, cells, lasts = zip(*members, strict=True)
        self.numbers = np.array(numbers, np.float64).reshape(len(members), -1)
        self.cells: Ints = np.array(cells, np.int64)
        self.lasts: Ints = np.array(lasts, np.int64)

    def compute(self, cells: Cells, rows: NDArray[np.intp], now: Ints) -> Term:
        """Compute some rows, of these times."""
        return compute(self.program, self.numbers[rows], cells.terms(self.cells[rows], self.lasts[rows], now))


class Scalers:
    """What multiplies values of points: expressions over registers of the same device."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._members: dict[Program, list[tuple[tuple[float, ...], list[int], list[int]]]] = {}
        self._numbers: list[tuple[int, int]] = []
        self._tables: list[_Table] | None = None
        self._places = np.empty((0, 2), np.int64)

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def add(self, point: PolledPoint, interval_s: float) -> int:
        """Return the number of what scales a point that is read every `interval_s` seconds."""
        program, numbers, _ = parse(point.scale_by)
        members = self._members.setdefault(program, [])
        self._numbers.append(([*self._members].index(program), len(members)))
        members.append((numbers, self._cells.add(point.inputs), _lasts(point, interval_s)))
        self._tables = None
        return len(self._numbers) - 1

    def factors(self, numbers: NDArray[np.int32], now: Ints) -> Term:
        """Return what multiplies values that were read at these times; one of 0 is none: no device means it."""
        tables = self._fit() if self._tables is None else self._tables
        places = self._places[numbers]
        found = Term(np.ones(len(numbers)), np.zeros(len(numbers), np.int16))
        for number in np.unique(places[:, 0]).tolist():
            rows = np.flatnonzero(places[:, 0] == number)
            term = tables[number].compute(self._cells, places[rows, 1], now[rows])
            found.value[rows] = term.value
            found.quality[rows] = np.where(term.value == 0, Reason.INPUT_BAD, term.quality)
        return found

    def _fit(self) -> "list[_Table]":
        self._places = np.array(self._numbers, np.int64)
        self._tables = [_Table(program, members) for program, members in self._members.items()]
        return self._tables


class _Formula(_Table):
    """Calculated points of one program and one rank, and when each is due."""

    def __init__(self, cells: Cells, program: Program, points: Sequence[PolledPoint], clock: int) -> None:
        members = [
            (parse(point.expression).numbers, cells.add(point.inputs), _lasts(point, point.interval_s))
            for point in points
        ]
        super().__init__(program, members)
        intervals = np.array([point.input_intervals for point in points], np.float64)
        own = np.array([point.interval_s for point in points], np.float64)
        self.waited = intervals <= own[:, np.newaxis]
        fastest = np.minimum(own, intervals.min(axis=1))
        self.turn = (own - fastest / 2) * _SECOND
        self.patience = own * 1.5 * _SECOND
        self.at = np.full(len(points), clock, np.int64)
        """When each was computed last: the newest time of its inputs then."""
        self.before = np.full(len(points), _NEVER - 1)
        """The time before that: an input that is older was missed already, and is not waited for again."""

    def due(self, cells: Cells, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], Ints]:
        """Return which of these rows are due, and of what time they are."""
        inputs, at = self.cells[rows], self.at[rows]
        times = cells.time[inputs]
        now = times.max(axis=1)
        since = now - at
        lives = (cells.quality[inputs] < Reason.TIMEOUT) & (times > self.before[rows, np.newaxis])
        awaited = self.waited[rows] & lives
        complete = ((times > at[:, np.newaxis]) | ~awaited).all(axis=1)
        is_due = (
            (complete & (since >= self.turn[rows])) | (since >= self.patience[rows]) | (since < -self.patience[rows])
        )
        self.before[rows[is_due]], self.at[rows[is_due]] = at[is_due], now[is_due]
        return rows[is_due], now[is_due]


class Calculated:
    """The calculated points of this collector, by rank: those that are inputs of others come first."""

    def __init__(
        self,
        cells: Cells,
        points: Sequence[PolledPoint],
        slots: Sequence[int],
        clock: int,
        before: "Calculated | None",
    ) -> None:
        self._cells = cells
        known = before.times() if before else {}
        order = _ranked(points)
        self._formulas: list[_Formula] = []
        self._points: list[PolledPoint] = []
        slot_of = dict(zip((point.id for point in points), slots, strict=True))
        formula_of: list[int] = []
        row_of: list[int] = []
        for members in order.values():
            formula = _Formula(cells, parse(members[0].expression).program, members, clock)
            formula.at = np.array([known.get(point.id, clock) for point in members], np.int64)
            formula_of += [len(self._formulas)] * len(members)
            row_of += range(len(members))
            self._formulas.append(formula)
            self._points += members
        self._slots = np.array([slot_of[point.id] for point in self._points], np.intp)
        self._formula_of, self._row_of = np.array(formula_of, np.intp), np.array(row_of, np.intp)
        self._pending = np.zeros(len(self._points), np.bool_)
        self._link()

    def _link(self) -> None:
        """Note which points each cell is an input of, as slices of one array."""
        pairs = np.array(
            [(cell, place) for place, point in enumerate(self._points) for cell in self._cells.add(point.inputs)],
            np.int64,
        ).reshape(-1, 2)
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        self._users = pairs[:, 1]
        self._starts = np.searchsorted(pairs[:, 0], np.arange(len(self._cells.time) + 1))

    def times(self) -> dict[int, int]:
        """Return when each point was computed last, by id."""
        return {
            point.id: int(self._formulas[formula].at[row])
            for point, formula, row in zip(self._points, self._formula_of, self._row_of, strict=True)
        }

    def wake(self) -> None:
        """Let all be computed of what is known, whether it is due or not."""
        self._pending[:] = True
        for formula in self._formulas:
            formula.at[:] = 2 * _NEVER  # long before an input that was never read

    def inputs(self) -> set[int]:
        """Return the ids of all inputs."""
        return {number for point in self._points for number in point.inputs} - {0}

    def due(self) -> Iterator[tuple[NDArray[np.intp], Ints, Term]]:
        """Give the slots, times and values of what is due since something was told; the caller notes each before the next."""
        pending = self._pending
        first = 0
        self._wake()
        while len(rows := np.flatnonzero(pending[first:])):
            first += int(rows[0])
            number = self._formula_of[first]
            last = int(np.searchsorted(self._formula_of, number, "right"))
            places = first + np.flatnonzero(pending[first:last])
            formula = self._formulas[number]
            rows, now = formula.due(self._cells, self._row_of[places])
            if len(rows):
                yield self._slots[first - self._row_of[first] + rows], now, formula.compute(self._cells, rows, now)
                self._wake()
            first = last
        pending[:] = False

    def _wake(self) -> None:
        told = self._cells.take()
        told = told[told < len(self._starts) - 1]  # others came later, and are no inputs here
        starts, counts = self._starts[told], self._starts[told + 1] - self._starts[told]
        users = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        self._pending[self._users[users]] = True


def _ranked(points: Sequence[PolledPoint]) -> dict[tuple[int, Program], list[PolledPoint]]:
    """Return points by rank and program, lowest first; those that run in a circle, which the API refuses, are left out."""
    by_id = {point.id: point for point in points if point.inputs}
    ranks: dict[int, int] = {}
    waiting = list(by_id.values())
    while waiting:
        ready = [p for p in waiting if all(number in ranks for number in p.inputs if number in by_id)]
        if not ready:
            break
        found = {p.id: max((ranks[n] + 1 for n in p.inputs if n in by_id), default=0) for p in ready}
        ranks |= found
        waiting = [p for p in waiting if p.id not in found]
    order: dict[tuple[int, Program], list[PolledPoint]] = {}
    for point in sorted((p for p in points if p.id in ranks), key=lambda p: ranks[p.id]):
        order.setdefault((ranks[point.id], parse(point.expression).program), []).append(point)
    return order
