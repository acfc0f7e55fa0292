"""Where the events of the subscription `alarms` come from."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from api.alarms.enums import AlarmSource
from api.alarms.feed import AlarmFeed, AlarmsHappened, read_alarms, read_since
from api.alarms.journal import AlarmEventFields
from api.alarms.types import AlarmFields
from api.graphql.described import field as described
from api.graphql.described import output_type
from api.graphql.messages import LANGUAGE
from api.ground.database import Database, Row
from api.ground.sight import Sight
from api.live.broadcast import Source
from api.live.hub import Configured, Reconnected
from api.live.resume import Heard
from api.subscriptions.events import EventKind, SnapshotReason
from ddms.alarms import Priority
from ddms.errors import Code, DdmsError

MOST_SHOWN, USUAL_SHOWN = 2_000, 500
EVENT_TRANSITIONS = 1_000
"""The most transitions in one event of what was missed."""
_FORM = "a1"
_CONFIGURED = (
    "priority", "kind", "device_name", "point_name", "limit_key", "subject", "endpoint", "unit", "cause", "consequence", "action",
    "respond_within_s",
)  # fmt: skip
"""What may change without an event."""


@output_type
class LiveAlarm(AlarmFields):
    """An alarm as it is pushed: all that `Alarm` has, but for what would have to be looked up."""


@output_type
class AlarmTransition(AlarmEventFields):
    """Something that happened to an alarm, and how the alarm is after it."""

    alarm: LiveAlarm = described(description="The alarm as it is after all that this event tells.")


@output_type
class AlarmsEvent:
    """Alarms: first those that are shown, then what happens."""

    kind: EventKind = described(description="Whether these are all, or what happened.")
    reason: SnapshotReason | None = described(description="Why all were sent; null for what happened.")
    resume_token: str = described(
        description="Pass it as `resumeFrom` to go on from here after a break, at any replica of the API."
    )
    complete: bool = described(
        description="Whether `transitions` are all that was missed; false when there were more than 10,000, or the database was restored: `alarmJournal` has them."
    )
    shown: int | None = described(
        description="Of a snapshot: how many alarms there are in all; null for what happened."
    )
    alarms: list[LiveAlarm] = described(
        description="Of a snapshot: the alarms that are not normal, or hidden, the worst first, `first` of them at most."
    )
    transitions: list[AlarmTransition] = described(
        description="What happened, in order; of what was missed the oldest first. One may come twice, never not at all: its id identifies it."
    )


@dataclass(frozen=True, kw_only=True)
class AlarmToken:
    """Where a subscriber stopped: from which transaction on the journal may have what it has not heard."""

    position: int
    milliseconds: int

    def __str__(self) -> str:
        return urlsafe_b64encode(orjson.dumps([_FORM, self.position, self.milliseconds])).rstrip(b"=").decode()

    @classmethod
    def of(cls, text: str) -> "AlarmToken":
        """Read it; raises INVALID."""
        try:
            form, position, milliseconds = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            fits = form == _FORM and all(type(n) is int and 0 <= n < 2**63 for n in (position, milliseconds))
        except (ValueError, TypeError):
            fits = False
        if not fits:
            raise DdmsError(
                Code.INVALID,
                "this is no resume token: give one as `resumeToken` of an event had it, or none",
                field="resumeFrom",
            )
        return cls(position=position, milliseconds=milliseconds)


@dataclass(frozen=True, kw_only=True)
class AlarmChoice:
    """Which alarms a subscriber wants; None for all. `sight`: the devices that a limited person may see."""

    priorities: frozenset[Priority] | None = None
    sources: frozenset[AlarmSource] | None = None
    group: int | None = None
    devices: frozenset[int] | None = None
    sight: Sight | None = None

    def has(self, row: Row, feed: AlarmFeed) -> bool:
        """Whether an alarm is one of them."""
        return (
            (self.priorities is None or row["priority"] in self.priorities)
            and (self.sources is None or row["source"] in self.sources)
            and (self.devices is None or row["device_id"] in self.devices)
            and (self.group is None or _is_of(row, feed.members.get(self.group, set()), feed))
            and (self.sight is None or _is_of(row, self.sight, feed))
        )


def _is_of(row: Row, devices: set[int] | Sight, feed: AlarmFeed) -> bool:
    """Whether an alarm is of one of these devices, or of a connection that one of them is behind."""
    if row["source"] == AlarmSource.CONNECTION:
        return any(feed.connection_of.get(device) == row["connection_id"] for device in devices)
    return row["device_id"] in devices


@dataclass(eq=False)
class AlarmsSource(Source):
    """The alarms that somebody chose."""

    feed: AlarmFeed
    database: Database
    choice: AlarmChoice
    first: int = USUAL_SHOWN
    language: str = field(default_factory=LANGUAGE.get)

    def __post_init__(self) -> None:
        self._before = self._configured()

    def _chosen(self) -> list[Row]:
        return [row for row in self.feed.shown.values() if self.choice.has(row, self.feed)]

    def _configured(self) -> dict[int, tuple[object, ...]]:
        return {row["id"]: _configuration(row) for row in self._chosen()}

    def snapshot(self, reason: str) -> AlarmsEvent:
        """Return the alarms that are shown."""
        rows = sorted(self._chosen(), key=lambda row: (row["by_priority"], row["id"]))
        return AlarmsEvent(
            kind=EventKind.SNAPSHOT,
            reason=SnapshotReason[reason],
            resume_token=_token(self.feed.position),
            complete=True,
            shown=len(rows),
            alarms=self._alarms(rows[: self.first]),
            transitions=[],
        )

    def react(self, event: object) -> AlarmsEvent | None:
        """Return what happened to the chosen alarms."""
        match event:
            case AlarmsHappened(events, alarms):
                for number, row in alarms.items():
                    self._before.pop(number, None)
                    if number in self.feed.shown and self.choice.has(row, self.feed):
                        self._before[number] = _configuration(row)
                transitions = self._transitions(events, alarms)
                return self._happened(EventKind.CHANGES, transitions, self.feed.position) if transitions else None
            case Reconnected():
                self._before = self._configured()
                return self.snapshot("RECONNECTED")
            case Configured():
                before, self._before = self._before, self._configured()
                return None if before == self._before else self.snapshot("CONFIGURATION")
            case _:
                return None

    async def resumed(self, token: str, until: Mapping[str, Heard]) -> list[AlarmsEvent]:
        """Return what was missed since the token. Only the last event goes on after all of them."""
        position = AlarmToken.of(token).position
        since = await read_since(self.database, position)
        transitions = self._transitions(since.events, await read_alarms(self.database, since.events))
        parts = [
            transitions[at : at + EVENT_TRANSITIONS] for at in range(0, max(1, len(transitions)), EVENT_TRANSITIONS)
        ]
        events = [self._happened(EventKind.RESUMED, part, position, complete=since.complete) for part in parts]
        events[-1].resume_token = _token(since.position)
        return events

    def _happened(
        self, kind: EventKind, transitions: list[AlarmTransition], position: int, *, complete: bool = True
    ) -> AlarmsEvent:
        return AlarmsEvent(
            kind=kind, reason=None, resume_token=_token(position), complete=complete, shown=None, alarms=[],
            transitions=transitions,
        )  # fmt: skip

    def _transitions(self, events: list[Row] | tuple[Row, ...], alarms: Mapping[int, Row]) -> list[AlarmTransition]:
        mine = {number: row for number, row in alarms.items() if self.choice.has(row, self.feed)}
        shown = dict(zip(mine, self._alarms(list(mine.values())), strict=True))
        return [AlarmTransition.of(row, alarm=shown[row["alarm_id"]]) for row in events if row["alarm_id"] in shown]

    def _alarms(self, rows: list[Row]) -> list[LiveAlarm]:
        """Make them, with sentences in the language of those who asked."""
        spoken = LANGUAGE.set(self.language)
        try:
            return [LiveAlarm.of(row) for row in rows]
        finally:
            LANGUAGE.reset(spoken)


def _configuration(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in _CONFIGURED)


def _token(position: int) -> str:
    return str(AlarmToken(position=position, milliseconds=int(time.time() * 1000)))
