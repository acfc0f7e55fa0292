"""The states of an alarm, after ISA-18.2 (section 5, alarm state transitions) and OPC UA part 9. Pure.

An alarm is active or not, acknowledged or not, and may be latched. Beside that it may be shelved, suppressed by design or
out of service; its condition is followed all the same. `transition` says what an event makes of a state.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum


class Priority(StrEnum):
    """How much an alarm matters."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Shelf(StrEnum):
    """How an alarm is shelved."""

    TIMED = "timed"
    ONCE = "once"


class State(StrEnum):
    """The states of ISA-18.2, without those that hide an alarm."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    LATCHED_UNACKNOWLEDGED = "latched_unacknowledged"
    LATCHED_ACKNOWLEDGED = "latched_acknowledged"


class Event(StrEnum):
    """What may happen to an alarm, as it stands in the journal."""

    RAISED = "raised"
    CLEARED = "cleared"
    UNCERTAIN = "uncertain"
    CERTAIN = "certain"
    ACKNOWLEDGED = "acknowledged"
    NOTED = "noted"
    SHELVED = "shelved"
    UNSHELVED = "unshelved"
    SHELF_ENDED = "shelf_ended"
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"
    OUT_OF_SERVICE = "out_of_service"
    IN_SERVICE = "in_service"
    SERVICE_DUE = "service_due"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """The state of one alarm."""

    active: bool = False
    acknowledged: bool = True
    latched: bool = False
    uncertain: bool = False
    shelved: Shelf | None = None
    suppressed: bool = False
    out_of_service: bool = False

    @property
    def state(self) -> State:
        """The state of ISA-18.2; the column `alarms.state` is computed the same way."""
        if self.active:
            return State.ACKNOWLEDGED if self.acknowledged else State.UNACKNOWLEDGED
        if self.latched:
            return State.LATCHED_ACKNOWLEDGED if self.acknowledged else State.LATCHED_UNACKNOWLEDGED
        return State.NORMAL if self.acknowledged else State.RETURNED

    @property
    def calls(self) -> bool:
        """Whether somebody should be called."""
        return self.active and not self.acknowledged and not self.hidden

    @property
    def hidden(self) -> bool:
        """Whether it is kept from calling."""
        return self.shelved is not None or self.suppressed or self.out_of_service


REST = Alarm()


def transition(
    alarm: Alarm, event: Event, *, latches: bool = False, shelf: Shelf = Shelf.TIMED
) -> tuple[Alarm, tuple[Event, ...]]:
    """Return the state after an event, and what of it goes into the journal: nothing when the event does not apply.

    `latches`: the limit is latched, for RAISED. `shelf`: for SHELVED.
    """
    if event is Event.RAISED:
        return _raised(alarm, latches=latches)
    if event is Event.SHELVED:
        after = alarm if alarm.out_of_service else replace(alarm, shelved=shelf)
        return after, () if alarm.out_of_service else (event,)
    return _RULES[event](alarm)


Outcome = tuple[Alarm, tuple[Event, ...]]


def _raised(alarm: Alarm, *, latches: bool) -> Outcome:
    if alarm.active:
        return alarm, ()
    latched = latches or alarm.latched
    return replace(alarm, active=True, acknowledged=False, latched=latched, uncertain=False), (Event.RAISED,)


def _cleared(alarm: Alarm) -> Outcome:
    if not alarm.active:
        return alarm, ()
    gone = replace(alarm, active=False, uncertain=False)
    if alarm.shelved is not Shelf.ONCE:
        return gone, (Event.CLEARED,)
    return _shown_again(replace(gone, shelved=None)), (Event.CLEARED, Event.SHELF_ENDED)


def _shown_again(alarm: Alarm) -> Alarm:
    """What comes back from a shelf or a maintenance asks anew for attention, if it is still there."""
    return replace(alarm, acknowledged=not (alarm.active or alarm.latched))


def _uncertain(alarm: Alarm) -> Outcome:
    if alarm.uncertain or not alarm.active:
        return alarm, ()
    return replace(alarm, uncertain=True), (Event.UNCERTAIN,)


def _certain(alarm: Alarm) -> Outcome:
    return (replace(alarm, uncertain=False), (Event.CERTAIN,)) if alarm.uncertain else (alarm, ())


def _acknowledged(alarm: Alarm) -> Outcome:
    held = alarm.latched and not alarm.active
    if alarm.acknowledged and not held:
        return alarm, ()
    return replace(alarm, acknowledged=True, latched=alarm.latched and alarm.active), (Event.ACKNOWLEDGED,)


def _ends_shelf(event: Event) -> Callable[[Alarm], Outcome]:
    return lambda alarm: (_shown_again(replace(alarm, shelved=None)), (event,)) if alarm.shelved else (alarm, ())


def _ends_service(event: Event) -> Callable[[Alarm], Outcome]:
    return lambda alarm: (
        (_shown_again(replace(alarm, out_of_service=False)), (event,)) if alarm.out_of_service else (alarm, ())
    )


def _suppressed(alarm: Alarm) -> Outcome:
    if alarm.suppressed or alarm.state is State.NORMAL:
        return alarm, ()
    return replace(alarm, suppressed=True), (Event.SUPPRESSED,)


def _unsuppressed(alarm: Alarm) -> Outcome:
    # An acknowledgement stays: whoever gave it knows, and is not called twice for one cause.
    return (replace(alarm, suppressed=False), (Event.UNSUPPRESSED,)) if alarm.suppressed else (alarm, ())


def _out_of_service(alarm: Alarm) -> Outcome:
    ended = (Event.UNSHELVED,) if alarm.shelved else ()
    return replace(alarm, out_of_service=True, shelved=None), (*ended, Event.OUT_OF_SERVICE)


def _withdrawn(alarm: Alarm) -> Outcome:
    return (alarm, ()) if alarm == REST else (REST, (Event.WITHDRAWN,))


_RULES: dict[Event, Callable[[Alarm], Outcome]] = {
    Event.CLEARED: _cleared,
    Event.UNCERTAIN: _uncertain,
    Event.CERTAIN: _certain,
    Event.ACKNOWLEDGED: _acknowledged,
    Event.NOTED: lambda alarm: (alarm, (Event.NOTED,)),
    Event.UNSHELVED: _ends_shelf(Event.UNSHELVED),
    Event.SHELF_ENDED: _ends_shelf(Event.SHELF_ENDED),
    Event.SUPPRESSED: _suppressed,
    Event.UNSUPPRESSED: _unsuppressed,
    Event.OUT_OF_SERVICE: _out_of_service,
    Event.IN_SERVICE: _ends_service(Event.IN_SERVICE),
    Event.SERVICE_DUE: _ends_service(Event.SERVICE_DUE),
    Event.WITHDRAWN: _withdrawn,
}
