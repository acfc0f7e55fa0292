"""Events of subscriptions: what a subscriber is shown."""

from datetime import UTC, datetime
from enum import StrEnum

import orjson
import strawberry

from api.devices.types import DeviceStatus
from api.graphql.described import describe_enum, field, output_type, resolver
from api.graphql.enums import reason_of
from api.graphql.scalars import IdColumn, NumberColumn, QualityColumn, TextColumn, TimeColumn
from api.ground import columns
from api.ground.ids import IdKind, to_id
from api.live.mirror import Directory, Readings
from api.live.resume import Span
from ddms.quality import Quality, Reason, quality_of


class EventKind(StrEnum):
    """What an event of a subscription holds."""

    SNAPSHOT = "snapshot"
    CHANGES = "changes"
    RESUMED = "resumed"
    LATE = "late"


describe_enum(
    EventKind,
    name="EventKind",
    description="What an event of a subscription holds.",
    values={
        "SNAPSHOT": "All that is watched, as it is now: replace what you know.",
        "CHANGES": "What is new since the event before.",
        "RESUMED": "What was missed since the token `resumeFrom`, oldest first; a snapshot follows. `gaps` tells what cannot "
        "be given. A reading may come twice, never not at all: its point and time identify it.",
        "LATE": "No readings, only `gaps`: a collector stored readings late, after the database was away.",
    },
)


class SnapshotReason(StrEnum):
    """Why a snapshot was sent."""

    STARTED = "started"
    RECONNECTED = "reconnected"
    CONFIGURATION = "configuration"
    TOO_SLOW = "too_slow"


describe_enum(
    SnapshotReason,
    name="SnapshotReason",
    description="Why a snapshot was sent.",
    values={
        "STARTED": "The subscription began.",
        "RECONNECTED": "The API lost the collectors' stream for a while: readings may have been missed, `series` has them. Of alarms nothing was: what happened comes next.",
        "CONFIGURATION": "Points were added or removed among the chosen devices; a name, text or priority of an alarm was changed.",
        "TOO_SLOW": "You read too slowly: events were left out, and this is the state after them; `series` or `alarmJournal` has the rest.",
    },
)


@output_type
class LiveColumns:
    """Readings as columns of one length."""

    readings: strawberry.Private[Readings]
    directory: strawberry.Private[Directory]

    @resolver
    def point_id(self) -> IdColumn:
        """The point of each reading."""
        return IdColumn(columns.ids(IdKind.POINT.value, self.readings.points))

    @resolver
    def time(self) -> TimeColumn:
        """When each was read."""
        return TimeColumn(self.readings.times)

    @resolver
    def value(self) -> NumberColumn:
        """The value of each; null when it is bad or a text."""
        return NumberColumn(self.readings.values)

    @resolver
    def quality(self) -> QualityColumn:
        """The quality code of each."""
        return QualityColumn(self.readings.qualities)

    @resolver
    def text(self) -> TextColumn:
        """The text of each; null when its point has a number."""
        texts = self.readings.texts
        if not texts:
            return TextColumn(orjson.Fragment(b"[" + b",".join([b"null"] * len(self.readings.points)) + b"]"))
        return TextColumn([texts.get(point) for point in self.readings.points.tolist()])

    @resolver
    def value_name(self) -> TextColumn:
        """What the value of each is called: `Fault`; null without a name."""
        return TextColumn(columns.value_names(self.directory.value_names, self.readings.points, self.readings.values))


@output_type
class LiveReading:
    """One reading, as it arrived."""

    point_id: strawberry.ID = field(description="The point.")
    device_id: strawberry.ID = field(description="The point's device.")
    device: str = field(description="The device's name.")
    key: str = field(description="The point's key, unique in its device.")
    unit: str = field(description="Unit of the value, `°C`.")
    time: datetime = field(description="When it was read.")
    value: float | None = field(description="The value in the point's unit; null when it is bad or a text.")
    text: str | None = field(description="The text of a string point; null where the point has a number.")
    quality: Quality = field(description="How far it can be trusted.")
    reason: Reason = field(description="Why it is not better.")
    value_name: str | None = field(description="What the value is called: `Fault`; null without a name.")


class GapReason(StrEnum):
    """Why readings are not in the stream."""

    TOO_OLD = "too_old"
    TOO_MANY = "too_many"
    STORED_LATE = "stored_late"


describe_enum(
    GapReason,
    name="GapReason",
    description="Why readings are not in the stream; `series` has them.",
    values={
        "TOO_OLD": "The token is older than the journal of flushes, which goes back an hour.",
        "TOO_MANY": "More than 100,000 readings were missed; those from here on are left out.",
        "STORED_LATE": "The collector could not reach the database when it read them, and stored them later.",
    },
)


@output_type
class ReadingsGap:
    """A time from which the stream does not give all readings; ask `series` for it."""

    start: datetime = field(name="from", description="From when, inclusive.")
    end: datetime = field(name="to", description="To when, inclusive.")
    reason: GapReason = field(description="Why.")

    @classmethod
    def of(cls, span: Span | None, reason: GapReason) -> "list[ReadingsGap]":
        """Make it of a span, if there is one."""
        return [cls(start=span.first, end=span.last, reason=reason)] if span else []


@output_type
class ReadingsEvent:
    """Readings of the chosen points: first all newest ones, then what arrives."""

    kind: EventKind = field(description="Whether this is everything, or what is new.")
    reason: SnapshotReason | None = field(description="Why everything was sent; null when it is no snapshot.")
    resume_token: str = field(
        description="Give it as `resumeFrom` of a new subscription, and that goes on after this event."
    )
    gaps: list[ReadingsGap] = field(
        default_factory=list, description="What is not in this stream; empty when all is, as nearly always."
    )
    readings_: strawberry.Private[Readings]
    directory: strawberry.Private[Directory]

    @resolver
    def columns(self) -> LiveColumns:
        """The readings as columns: the cheap way."""
        return LiveColumns(readings=self.readings_, directory=self.directory)

    @resolver
    def readings(self) -> list[LiveReading]:
        """The readings as objects: the convenient way, for up to some hundred points."""
        chosen = self.readings_
        rows = zip(
            chosen.points.tolist(),
            chosen.times.tolist(),
            chosen.values.tolist(),
            chosen.qualities.tolist(),
            strict=True,
        )
        return [self._reading(*row) for row in rows if row[0] in self.directory.points]

    def _reading(self, point: int, milliseconds: int, value: float, quality: int) -> LiveReading:
        entry = self.directory.points[point]
        return LiveReading(
            point_id=to_id(IdKind.POINT, point),
            device_id=to_id(IdKind.DEVICE, entry.device_id),
            device=entry.device,
            key=entry.key,
            unit=entry.unit,
            time=datetime.fromtimestamp(milliseconds / 1000, UTC),
            value=None if value != value else value,  # noqa: PLR0124 - NaN
            text=self.readings_.texts.get(point),
            quality=quality_of(quality),
            reason=reason_of(quality),
            value_name=self.directory.value_names.get(point, {}).get(value),
        )


@output_type
class DeviceStatesEvent:
    """States of the chosen devices: first all of them, then those that changed."""

    kind: EventKind = field(description="Whether these are all, or those that changed.")
    reason: SnapshotReason | None = field(description="Why all were sent; null for changes.")
    devices: list[DeviceStatus] = field(description="How each device is doing.")
