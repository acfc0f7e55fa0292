"""What a connection task knows of its units: their polls, their state, their failures."""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from collector.line.requests import ReadRequest
from ddms.lines import Unit
from ddms.plan import Block, Poll, PolledPoint
from ddms.quality import Reason

FAILURES_UNTIL_OFFLINE = 3
WHOLE_AGAIN_SECONDS = 600.0

logger = logging.getLogger("ddms.collector")


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

    def place(self, points: Sequence[PolledPoint], interval_s: int) -> NDArray[np.intp]:
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

    def add(self, other: "Statistics") -> None:
        """Add what another one counted."""
        for name in _COUNTERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.errors.update(other.errors)

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


class BlockRequest(ReadRequest):
    """The request for a block of a poll."""

    __slots__ = ("block", "poll", "readings", "statistics")

    def __init__(self, poll: "PollState", block: Block) -> None:
        super().__init__(poll.unit.config.unit_id, block.table.function, block.address, block.count)
        self.poll = poll
        self.block = block
        self.readings = len(block.points)
        self.statistics = poll.unit.statistics


class PollState:
    """A poll and what was learned of it: blocks that had to be split, registers that the unit refuses.

    `failing` are the blocks of its last run that the unit answered by another exception, such as 4.
    """

    __slots__ = ("active", "failing", "planned", "poll", "refused", "unit", "whole_at")

    def __init__(self, unit: "UnitState", poll: Poll) -> None:
        self.unit = unit
        self.poll = poll
        self.planned = [BlockRequest(self, block) for block in poll.blocks]
        self.active = self.planned
        self.refused: list[tuple[Block, Reason]] = []
        self.failing: list[tuple[Block, Reason]] = []
        self.whole_at = 0.0

    def begin(self, now: float) -> None:
        """Begin anew; after a while with the planned blocks: a firmware update may have brought the registers."""
        if self.failing:
            self.failing = []
        if self.whole_at and now >= self.whole_at:
            self.active, self.refused, self.whole_at = self.planned, [], 0.0

    def replace(self, refused: BlockRequest, parts: Sequence[Block], reason: Reason) -> list[BlockRequest]:
        """Read the parts instead of a refused block; without parts its one register is the bad one."""
        requests = [BlockRequest(self, part) for part in parts]
        self.active = [request for request in self.active if request is not refused] + requests
        if not parts:
            self.refused.append((refused.block, reason))
        self.whole_at = time.monotonic() + WHOLE_AGAIN_SECONDS
        return requests


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
        """Whether it is polled no more, only tried again from time to time."""
        return self.failures >= FAILURES_UNTIL_OFFLINE

    @property
    def trouble(self) -> str | None:
        """Which points the unit refuses or fails to give, and why."""
        reasons = (
            f"{_named(block)}: {reason.explanation}"
            for poll in self.polls
            for block, reason in (*poll.refused, *poll.failing)
        )
        return "; ".join(dict.fromkeys(reasons)) or None

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
