"""Resuming: from a token to the readings that were committed since.

A token holds, for each collector, the number of the newest flush and of the newest replay that its bearer has heard of.
The journal `flushes` tells the times of the readings in all later ones, and `readings` has them; see
docs/decisions/0008-resume-by-a-journal-of-flushes.md.
"""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from api.ground import columns
from api.ground.database import Database
from ddms.errors import Code, DdmsError

MOST_READINGS = 100_000
"""How many missed readings are given at most; `series` has the rest."""

_FORM = 1

FIND_MISSED = """-- ddms:find_missed
SELECT w.until > w.after AND NOT coalesce(bool_or(f.sequence <= w.after + 1), false) AS forgotten,
       min(f.first_time) FILTER (WHERE f.sequence > w.after) AS first_time,
       max(f.last_time) FILTER (WHERE f.sequence > w.after) AS last_time
  FROM unnest($1::text[], $2::bool[], $3::bigint[], $4::bigint[]) AS w (collector, replayed, after, until)
  LEFT JOIN flushes f ON f.collector = w.collector AND f.replayed = w.replayed AND f.sequence <= w.until
 GROUP BY w.collector, w.replayed, w.after, w.until
"""
# An integer beyond 2^53 comes with its text, so not a second time without it.
READ_MISSED = """-- ddms:read_missed
SELECT array_send(array_agg(point_id)) AS points, array_send(array_agg(time)) AS times,
       array_send(array_agg(coalesce(value, 'NaN'))) AS numbers, array_send(array_agg(quality)) AS qualities
  FROM (SELECT * FROM readings r WHERE point_id = any($1::int[]) AND time BETWEEN $2 AND $3
           AND NOT (coalesce(abs(value) >= 9007199254740992, false) AND EXISTS (
               SELECT FROM texts t WHERE t.point_id = r.point_id AND t.time = r.time AND t.text IS NOT NULL))
         ORDER BY time, point_id LIMIT $4) r
"""
READ_MISSED_TEXTS = """-- ddms:read_missed_texts
SELECT t.point_id, t.time, t.text, t.quality, r.value
  FROM texts t JOIN points p ON p.id = t.point_id LEFT JOIN readings r ON r.point_id = t.point_id AND r.time = t.time
 WHERE t.point_id = any($1::int[]) AND t.time BETWEEN $2 AND $3 AND (p.data_type LIKE 'string%' OR t.text IS NOT NULL)
 ORDER BY t.time, t.point_id LIMIT $4
"""


class Heard(NamedTuple):
    """The newest of a collector's commits that were heard of."""

    sequence: int
    replays: int


class Span(NamedTuple):
    """From the first to the last time, both inclusive."""

    first: datetime
    last: datetime


@dataclass(frozen=True, kw_only=True)
class ResumeToken:
    """Where a subscriber stopped: what it had heard of each collector, and when (milliseconds since 1970 UTC)."""

    milliseconds: int
    heard: Mapping[str, Heard]

    def __str__(self) -> str:
        packed = orjson.dumps([_FORM, self.milliseconds, {name: tuple(pair) for name, pair in self.heard.items()}])
        return urlsafe_b64encode(packed).rstrip(b"=").decode()

    @classmethod
    def of(cls, text: str) -> "ResumeToken":
        """Read it; raises INVALID."""
        try:
            form, milliseconds, heard = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            known = {str(name): Heard(int(numbers[0]), int(numbers[1])) for name, numbers in heard.items()}
            datetime.fromtimestamp(milliseconds / 1000, UTC)
            fits = form == _FORM and all(0 <= number < 2**63 for pair in known.values() for number in pair)
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, OSError):
            fits = False
        if not fits:
            raise DdmsError(
                Code.INVALID,
                "this is no resume token: give one as `resumeToken` of an event had it, or none",
                field="resumeFrom",
            )
        return cls(milliseconds=milliseconds, heard=known)

    @property
    def time(self) -> datetime:
        """When it was made."""
        return datetime.fromtimestamp(self.milliseconds / 1000, UTC)


def token_of(heard: Mapping[str, Heard]) -> str:
    """Return the token of this moment."""
    return str(ResumeToken(milliseconds=int(time.time() * 1000), heard=heard))


@dataclass(kw_only=True)
class Missed:
    """What was missed: columns of one length in the order of time, texts, and what cannot be given."""

    points: NDArray[Any] = field(default_factory=lambda: np.empty(0, np.intp))
    times: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    numbers: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    qualities: NDArray[Any] = field(default_factory=lambda: np.empty(0, np.uint8))
    texts: list[Any] = field(default_factory=list)
    too_old: Span | None = None
    too_many: Span | None = None


async def missed(database: Database, token: ResumeToken, until: Mapping[str, Heard], points: list[int]) -> Missed:
    """Return the readings of these points that were committed after the token and not after `until`."""
    found = Missed()
    async with database.connection() as statements:
        rows = await statements.rows(FIND_MISSED, *_wanted(token, until))
        if any(row["forgotten"] for row in rows):
            kept = min((row["first_time"] for row in rows if row["first_time"]), default=datetime.now(UTC))
            found.too_old = Span(min(token.time, kept), kept)
        for span in joined(Span(row["first_time"], row["last_time"]) for row in rows if row["first_time"]):
            room = MOST_READINGS - len(found.points)
            row = await statements.row(READ_MISSED, points, *span, room + 1)
            assert row is not None  # noqa: S101 - an aggregate has one row
            read = columns.integers(row["points"])[:room]
            found.points = np.concatenate([found.points, read.astype(np.intp)])
            times = columns.times(row["times"])
            found.times = np.concatenate([found.times, times[:room]])
            found.numbers = np.concatenate([found.numbers, columns.numbers(row["numbers"])[:room]])
            found.qualities = np.concatenate([found.qualities, columns.codes(row["qualities"])[:room].astype(np.uint8)])
            found.texts += await statements.rows(READ_MISSED_TEXTS, points, *span, MOST_READINGS)
            if len(times) > room:
                found.too_many = Span(datetime.fromtimestamp(int(times[room]) / 1000, UTC), span.last)
                break
    return found


def _wanted(token: ResumeToken, until: Mapping[str, Heard]) -> tuple[list[str], list[bool], list[int], list[int]]:
    never = Heard(0, 0)
    rows = [
        (name, replayed, token.heard.get(name, never)[replayed], newest[replayed])
        for name, newest in until.items()
        for replayed in (False, True)
    ]
    names, replayed, after, newest_numbers = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4
    return names, replayed, after, newest_numbers


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans that do not overlap, in their order."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.first <= result[-1].last:
            result[-1] = Span(result[-1].first, max(result[-1].last, span.last))
        else:
            result.append(span)
    return result
