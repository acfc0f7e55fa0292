"""What may be stored: times that can be, what retention keeps, each reading once."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ddms.errors import Sentence
from ddms.history.points import Points, Target
from ddms.history.rows import Mistake, Rows
from ddms.stream import to_datetime, to_microseconds

_AHEAD = 60_000_000
"""So many microseconds a clock may be ahead."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Readings that may be stored, by point and time; and what became of the others."""

    rows: Rows
    mistakes: list[Mistake]
    repeated: int
    expired: int


def judge(rows: Rows, points: Points, *, take_expired: bool, newest_wins: bool) -> Judged:
    """Sort out what cannot be stored."""
    kept_from = np.array([target.kept_from for target in points.targets] or [0], np.int64)
    limit = to_microseconds(datetime.now(UTC)) + _AHEAD
    early, late = rows.times < 0, rows.times > limit
    expired = ~early & (rows.times < kept_from[rows.targets])
    mistakes = [
        _at(rows, place, Sentence("{} is before 1970", _shown(rows.times[place])))
        for place in np.flatnonzero(early).tolist()
    ]
    mistakes += [
        _at(rows, place, Sentence("{} is in the future", _shown(rows.times[place])))
        for place in np.flatnonzero(late).tolist()
    ]
    if not take_expired:
        mistakes += [
            _at(rows, place, _expired(points.targets[rows.targets[place]], rows.times[place]))
            for place in np.flatnonzero(expired).tolist()
        ]
    stays = ~(early | late) if take_expired else ~(early | late | expired)
    rows = rows if stays.all() else rows.where(stays)
    once, more, repeated = _once(rows, points, newest_wins=newest_wins)
    return Judged(rows=once, mistakes=mistakes + more, repeated=repeated, expired=int(expired.sum()))


def _at(rows: Rows, place: int, sentence: Sentence) -> Mistake:
    return Mistake(int(rows.lines[place]), sentence)


def _expired(target: Target, time: int) -> Sentence:
    return Sentence(
        "{} is older than the {} days that {} keeps: retention would erase it; keep them longer, or --expired store",
        _shown(time),
        target.keeps_days,
        target.device,
    )


def _shown(time: int) -> str:
    return f"{to_datetime(int(time)):%Y-%m-%dT%H:%M:%SZ}"


def _once(rows: Rows, points: Points, *, newest_wins: bool) -> tuple[Rows, list[Mistake], int]:
    """Sort by point and time; of several readings of one point and time the first stays, or the last. Equal ones are counted."""
    numbers = np.array([target.number for target in points.targets] or [0], np.int64)[rows.targets]
    apart = rows.no_number
    order = np.lexsort((-rows.lines if newest_wins else rows.lines, apart, rows.times, numbers))
    rows, numbers, apart = rows.where(order), numbers[order], apart[order]
    again = np.zeros(len(rows), bool)
    again[1:] = (numbers[1:] == numbers[:-1]) & (rows.times[1:] == rows.times[:-1]) & (apart[1:] == apart[:-1])
    if not again.any():
        return rows, [], 0
    # The one that stays is the nearest one before that is not there again.
    stays = np.maximum.accumulate(np.where(again, 0, np.arange(len(rows))))
    other = again & ~_same(rows, stays)
    if newest_wins:
        return rows.where(~again), [], int(again.sum())
    mistakes = []
    for place in np.flatnonzero(other):
        first = stays[place]
        sentence = Sentence(
            "{} has another value at {} on line {}",
            points.targets[rows.targets[place]].name,
            _shown(rows.times[place]),
            int(rows.lines[first]),
        )
        mistakes.append(Mistake(int(rows.lines[place]), sentence))
    return rows.where(~again), mistakes, int((again & ~other).sum())


def _same(rows: Rows, places: NDArray[np.int64]) -> NDArray[np.bool_]:
    same: NDArray[np.bool_]
    values, others = rows.values, rows.values[places]
    same = ((values == others) | (np.isnan(values) & np.isnan(others))) & (rows.codes == rows.codes[places])
    if rows.texts is not None:
        same &= rows.texts == rows.texts[places]
    return same
