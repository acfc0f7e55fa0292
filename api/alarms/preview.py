"""`alarmPreview`: stored readings of a point are compared with limits that are not saved yet, as the collector would have."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
import strawberry

from api.alarms.stored import READ_KEPT, READ_NEIGHBOURS, Stored, joined, parts_of, read_stored
from api.graphql.context import Info
from api.graphql.described import argument, field, output_type, resolver
from api.ground.buckets import EARLIEST
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, from_id, to_id
from api.limits.types import LimitInput
from api.points.types import PointInput
from api.readings.series import SeriesSource
from ddms import intervals
from ddms.errors import Code, DdmsError, Sentence
from ddms.limits import LEVELS, Limit, LimitKind
from ddms.preview import Held, Occurred, Values, occurred
from ddms.stream import to_datetime, to_microseconds

MOST_SHOWN = 1_000
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_LOWER = LEVELS[:2]


@output_type
class PreviewPart:
    """A part of a preview's period, and what it is made of."""

    from_: datetime = field(name="from", description="Its beginning, inclusive.")
    to: datetime = field(description="Its end, exclusive.")
    source: SeriesSource = field(
        description="RAW: the readings, compared one by one. Else the lowest and highest value of each bucket: what came and "
        "went within one counts once and as long as the bucket, and delays shorter than that are not seen."
    )


@output_type
class PreviewOccurrence:
    """One time at which the alarm would have been there."""

    from_: datetime = field(name="from", description="The time of the reading with which it would have been raised.")
    to: datetime | None = field(
        description="The time of the reading with which it would have cleared; null when it still stands at the end."
    )
    seconds: float = field(description="How long it would have been there, up to the end of the period at most.")
    extreme: float | None = field(
        description="The value that was furthest beyond the threshold; of a deviation the distance, of a rate the change, of bits "
        "and values the one with which it would have been raised."
    )


@output_type
class LimitPreview:
    """What one limit would have done."""

    key: str = field(description="The limit's key.")
    kind: LimitKind = field(description="The limit's kind.")
    parts: list[PreviewPart] = field(
        description="What was compared, oldest first. Only levels are compared with rollups: of other kinds the preview begins "
        "where the readings are still there."
    )
    from_: datetime = field(name="from", description="Beginning of what was compared.")
    to: datetime = field(description="End of what was compared.")
    count: int = field(description="How often it would have been raised.")
    seconds: float = field(description="How long it would have been there in all.")
    longest_seconds: float = field(description="How long the longest time.")
    share: float = field(description="For which share of the period it would have been there, 0 to 1.")
    fleeting: int = field(description="How often it would have cleared within `fleetingSeconds`.")
    chattering: int = field(description="How often it would have been raised for the third time within a minute.")
    stands: bool = field(description="Whether it would still be there at the end.")
    occurrences: list[PreviewOccurrence] = field(
        description="The newest times at which it would have been there, newest first."
    )


@strawberry.type
class PreviewQueries:
    """Queries about limits that are not saved yet."""

    @resolver
    async def alarm_preview(
        self,
        info: Info,
        *,
        point: Annotated[strawberry.ID, argument("The point whose readings are compared.")],
        limits: Annotated[list[LimitInput], argument("The limits, as they would be saved together.")],
        from_: Annotated[datetime, strawberry.argument(name="from", description="Beginning, inclusive.")],
        to: Annotated[datetime | None, argument("End, exclusive; now when left out.")] = None,
        occurrences: Annotated[
            int, argument(f"How many of the newest times are told one by one, 0 to {MOST_SHOWN:,}.")
        ] = 10,
        fleeting_seconds: Annotated[float, argument("An alarm that clears sooner is fleeting.")] = 10.0,
    ) -> list[LimitPreview]:
        """What limits would have done to the readings that are stored: how often, how long, when. Nothing is saved.

        They are compared as the collector compares them, delays and hysteresis included, beginning at rest. Each limit is
        looked at as if it were enabled.
        """
        number = from_id(IdKind.POINT, point, "point")
        end = min(to or datetime.now(UTC), datetime.now(UTC))
        if not EARLIEST <= from_ < end:
            raise DdmsError(Code.INVALID, "`from` must be before `to`, and before now", field="from")
        if not 0 <= occurrences <= MOST_SHOWN:
            sentence = Sentence("`occurrences` is 0 to {}", MOST_SHOWN)
            raise DdmsError(Code.INVALID, sentence, field="occurrences")
        if not 0 <= fleeting_seconds <= 86_400:
            raise DdmsError(Code.INVALID, Sentence("`fleetingSeconds` is 0 to {}", 86_400), field="fleetingSeconds")
        async with info.context.database.connection() as statements:
            row = await statements.row(READ_KEPT, number)
            if row is None:
                sentence = Sentence("there is no point {}: it may have been deleted", to_id(IdKind.POINT, number))
                raise DdmsError(Code.NOT_FOUND, sentence, field="point")
            keys = {one["key"]: one["id"] for one in await statements.rows(READ_NEIGHBOURS, row["device_id"])}
            _refuse_faults(row, limits, keys)
            asked = _Asked(row, from_, end, occurrences, fleeting_seconds)
            stored, references = await _read(statements, asked, limits, keys)
        return await asyncio.to_thread(_previews, asked, limits, stored, references, keys)


class _Asked:
    """What is asked of a point, beside its limits."""

    def __init__(self, row: Row, start: datetime, end: datetime, shown: int, fleeting: float) -> None:
        self.number: int = row["id"]
        self.start, self.end, self.shown, self.fleeting = start, end, shown, fleeting
        self.parts = parts_of(row, start, end)
        self.held = None
        if row["deadband"]:
            interval, silent = intervals.microseconds(row["interval_s"]), row["heartbeat_s"] * _SECOND
            self.held = Held(interval, silent + 3 * interval, to_microseconds(end))


def _refuse_faults(row: Row, limits: list[LimitInput], keys: dict[str, int]) -> None:
    """Raise what is wrong with limits, in the words in which saving them would."""
    for name, sentence in PointInput.of(row, limits).problems_of_limits([key for key in keys if key != row["key"]]):
        raise DdmsError(Code.INVALID, sentence, field=name)


async def _read(
    statements: Statements, asked: _Asked, limits: list[LimitInput], keys: dict[str, int]
) -> tuple[Stored, dict[str, Values]]:
    raw = [part for part in asked.parts if part.source is SeriesSource.RAW]
    levels = any(limit.kind in LEVELS for limit in limits)
    stored = await read_stored(statements, asked.number, asked.parts if levels else raw)
    references = {}
    for key in {limit.reference_key for limit in limits if limit.kind is LimitKind.DEVIATION and limit.reference_key}:
        references[key] = (await read_stored(statements, keys[key], raw)).raw
    return stored, references


def _previews(
    asked: _Asked, limits: list[LimitInput], stored: Stored, references: dict[str, Values], keys: dict[str, int]
) -> list[LimitPreview]:
    return [
        _preview(asked, one, _limit(one, place, asked.number, keys), stored, references.get(one.reference_key or ""))
        for place, one in enumerate(limits)
    ]


def _limit(written: LimitInput, place: int, point: int, keys: dict[str, int]) -> Limit:
    return Limit(
        id=place + 1,
        point_id=point,
        kind=written.kind,
        threshold=written.threshold,
        direction=written.direction,
        reference_id=keys.get(written.reference_key or ""),
        period_s=written.period_seconds,
        bit=written.bit,
        alarm_values=tuple(written.alarm_values),
        inverted=written.inverted,
        hysteresis=written.hysteresis,
        on_delay_s=written.on_delay_seconds,
        off_delay_s=written.off_delay_seconds,
    )


def _preview(
    asked: _Asked, written: LimitInput, limit: Limit, stored: Stored, reference: Values | None
) -> LimitPreview:
    parts, readings = stored.parts, stored.raw
    if limit.kind in LEVELS:
        readings = joined([stored.lows if limit.kind in _LOWER else stored.highs, stored.raw])
    else:
        parts = [part for part in parts if part.source is SeriesSource.RAW]
    start = parts[0].start if parts else asked.end
    found = occurred(limit, readings, reference, asked.held)
    end = to_microseconds(asked.end)
    begins = found.measures.times[found.raised]
    ends = np.append(found.measures.times[found.cleared], np.full(len(begins) - len(found.cleared), end))
    lasted = (ends - begins) / _SECOND
    period = (end - to_microseconds(start)) / _SECOND
    newest = range(len(begins) - 1, max(-1, len(begins) - 1 - asked.shown), -1)
    return LimitPreview(
        key=written.key,
        kind=limit.kind,
        parts=[PreviewPart(from_=part.start, to=part.end, source=part.source) for part in parts],
        from_=start,
        to=asked.end,
        count=len(begins),
        seconds=float(lasted.sum()),
        longest_seconds=float(np.max(lasted)) if len(lasted) else 0.0,
        share=float(lasted.sum() / period) if period else 0.0,
        fleeting=int((lasted[: len(found.cleared)] < asked.fleeting).sum()),
        chattering=int((begins[2:] - begins[:-2] <= _MINUTE).sum()),
        stands=len(begins) > len(found.cleared),
        occurrences=[_occurrence(place, limit, readings, found, float(lasted[place])) for place in newest],
    )


def _occurrence(place: int, limit: Limit, readings: Values, found: Occurred, seconds: float) -> PreviewOccurrence:
    measures = found.measures
    first = int(found.raised[place])
    last = int(found.cleared[place]) if place < len(found.cleared) else None
    begin = int(measures.times[first])
    if limit.kind in {LimitKind.BIT, LimitKind.VALUE}:
        extreme = float(readings.values[int(np.searchsorted(readings.times, begin, side="right")) - 1])
    else:
        known = measures.values[first:last][~np.isnan(measures.values[first:last])]
        extreme = (-1 if limit.kind in _LOWER else 1) * float(np.max(known)) if len(known) else np.nan
    return PreviewOccurrence(
        from_=to_datetime(begin),
        to=None if last is None else to_datetime(int(measures.times[last])),
        seconds=seconds,
        extreme=None if np.isnan(extreme) else extreme,
    )
