"""What a connection task knows of its units: their polls, their state, their failures."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from collector.polling.polls import BlockRequest, PollState
from ddms.lines import Unit
from ddms.plan import Block, PolledPoint
from ddms.quality import Reason

FAILURES_UNTIL_OFFLINE = 3

logger = logging.getLogger("ddms.collector")


class Reopening(StrEnum):
    """Why a connection was closed and opened again, though nobody hung up."""

    explanation: str

    def __new__(cls, label: str, explanation: str) -> "Reopening":
        """Make a member of its label and of the sentence that an engineer reads."""
        member = str.__new__(cls, label)
        member._value_ = label
        member.explanation = explanation
        return member

    SILENT = "silent", "nothing was answered for three time-outs"
    OUT_OF_STEP = "out_of_step", "what came belonged to other requests"
    UNNUMBERED = "unnumbered", "a late answer without its transaction id could not be told from the next one"


class DeviceCondition(NamedTuple):
    """What is known of a device's reachability, as it is stored in `device_states`."""

    device_id: int
    state: str
    failures: int
    first_failure: datetime | None
    last_error: str | None


class Pace(NamedTuple):
    """How fast a device answers and whether its polls keep their intervals, as it is stored in `device_states`."""

    device_id: int
    answer_seconds: float | None
    late_seconds: float | None
    overrun_since: datetime | None


class AnswerSink(Protocol):
    """Where answers and changes of state go; all return at once."""

    def place(self, points: Sequence[PolledPoint], interval_s: float) -> NDArray[np.intp]:
        """Return the slots of the points of a block that is read every `interval_s` seconds."""

    def answer(self, block: Block, time: int, data: bytes | None, reason: int) -> None:
        """Take what a request brought: an `Answer`."""

    def seen(self, device_id: int) -> None:
        """Take note that a device answered just now."""

    def state(self, state: DeviceCondition) -> None:
        """Take a device's new state."""

    def pace(self, paces: Iterable[Pace]) -> None:
        """Take how fast devices answer, from time to time."""


@dataclass(slots=True)
class Statistics:
    """Counters of one unit, or of a connection, since the program started; times in seconds."""

    requests: int = 0
    answers: int = 0
    readings: int = 0
    answer_seconds: float = 0.0
    errors: Counter[Reason] = field(default_factory=Counter)
    polls: int = 0
    late_seconds: float = 0.0
    overruns: int = 0
    demotions: int = 0
    connects: int = 0
    reopens: Counter[Reopening] = field(default_factory=Counter)

    def add(self, other: "Statistics") -> None:
        """Add what another one counted."""
        for name in _COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.errors.update(other.errors)
        self.reopens.update(other.reopens)

    @classmethod
    def sum(cls, parts: Iterable["Statistics"]) -> "Statistics":
        """Return what several counted together."""
        total = cls()
        for part in parts:
            total.add(part)
        return total


_COUNTERS = (
    "requests", "answers", "readings", "answer_seconds", "polls", "late_seconds", "overruns", "demotions", "connects",
)  # fmt: skip


class UnitState:
    """A unit and how it is doing."""

    __slots__ = ("config", "failures", "first_failure", "polls", "retry_at", "state", "statistics", "told_trouble")

    def __init__(self, config: Unit) -> None:
        self.config = config
        self.polls: list[PollState] = []
        self.statistics = Statistics()
        self.failures = 0
        self.first_failure: datetime | None = None
        self.retry_at = 0.0
        self.state = "unknown"
        self.told_trouble: str | None = None

    @property
    def demoted(self) -> bool:
        """Whether it is no longer polled, only tried again from time to time."""
        return self.failures >= FAILURES_UNTIL_OFFLINE

    @property
    def trouble(self) -> str | None:
        """Which points the unit refuses or fails to give, and why."""
        reasons = (
            f"{_named(request.block)}: {reason.explanation}" for poll in self.polls for request, reason in poll.bad
        )
        return "; ".join(dict.fromkeys(reasons)) or None

    def most_trusted(self) -> BlockRequest:
        """Return the request that was missed the least: its answer tells best whether the unit lives."""
        requests = [request for poll in self.polls for request in poll.active or poll.planned]
        return min(requests, key=lambda request: request.misses)

    def told(self, error: str | None) -> DeviceCondition:
        """Return how it does, with what went wrong last."""
        return DeviceCondition(self.config.device_id, self.state, self.failures, self.first_failure, error)


def _named(block: Block) -> str:
    first, *others = (point.key for point in block.points)
    return f"{first} and {len(others)} more" if others else first


class WentOffline(list[tuple[UnitState, Reason]]):
    """Units that went offline in one cycle; they are logged together, since behind one gateway they are often many."""

    def report(self, line: object) -> None:
        """Log them, and begin anew."""
        if self:
            names = ", ".join(unit.config.name for unit, _ in self)
            logger.warning("%s: offline: %s (%s)", line, names, self[0][1].explanation)
            self.clear()
