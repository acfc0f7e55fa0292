"""A poll and what was learned of it: which of its blocks the unit refuses, fails to give, or never answers.

A unit that is silent for one block and answers the others has one bad block: often it reads along a register that is not
there. Such a block is set aside and its parts are asked for one by one, in time that nobody needs: first those between
gaps, then halves. What answers is polled again; the whole block is tried again after a while.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from collector.line.requests import ReadRequest
from ddms.plan import Block, Poll, split, without_gaps
from ddms.quality import Reason

if TYPE_CHECKING:
    from collector.polling.units import UnitState

WHOLE_AGAIN_SECONDS = 600.0
MISSES_UNTIL_SET_ASIDE = 3
MISSES_UNTIL_BAD = 2  # of what cannot be parted: a packet may get lost


class BlockRequest(ReadRequest):
    """The request for a block of a poll; `origin` is the planned one that it is a part of, or itself.

    `misses` counts how often in a row it was not answered.
    """

    __slots__ = ("block", "misses", "origin", "poll", "readings", "statistics")

    def __init__(self, poll: "PollState", block: Block, origin: "BlockRequest | None" = None) -> None:
        super().__init__(poll.unit.config.unit_id, block.table.function, block.address, block.count)
        self.poll = poll
        self.block = block
        self.origin = origin or self
        self.readings = len(block.points)
        self.statistics = poll.unit.statistics
        self.misses = 0

    def parts(self, blocks: Sequence[Block]) -> list["BlockRequest"]:
        """Return requests for parts of the block."""
        block = self.block
        for part in blocks:
            part.slots = block.slots[[block.points.index(point) for point in part.points]]
        return [BlockRequest(self.poll, part, self.origin) for part in blocks]

    def halves(self) -> list["BlockRequest"]:
        """Return what to ask for instead when it is refused; nothing when its points cannot be parted."""
        return self.parts(split(self.block) or ())

    def between_gaps(self) -> list["BlockRequest"]:
        """Return what to ask for instead when it is not answered; nothing when its points cannot be parted."""
        runs = without_gaps(self.block)
        return self.parts(runs) if len(runs) > 1 else self.halves()


class PollState:
    """A poll: `active` is asked for each time it is due; the rest gives bad readings, for a reason.

    `refused` are the registers that the unit refuses or never answers, `failing` the blocks of the last run that it
    answered by another exception, such as 4, `unheard` the parts of silent blocks that wait to be asked for in the quiet;
    `silent` are the planned requests that they are parts of, and when each is tried again as a whole. While it is polled,
    `missed` are the requests that were not answered, `rest` what is asked for after the other units, and `heard` whether
    the unit answered anything.
    """

    __slots__ = (
        "active", "failing", "has_misses", "heard", "missed", "planned", "poll", "refused", "rest", "silent", "unheard",
        "unit", "whole_at", "why_missed",
    )  # fmt: skip

    def __init__(self, unit: "UnitState", poll: Poll) -> None:
        self.unit = unit
        self.poll = poll
        self.planned = [BlockRequest(self, block) for block in poll.blocks]
        self.active = self.planned
        self.refused: list[tuple[BlockRequest, Reason]] = []
        self.failing: list[tuple[BlockRequest, Reason]] = []
        self.unheard: deque[tuple[BlockRequest, Reason]] = deque()
        self.silent: dict[BlockRequest, float] = {}
        self.whole_at = 0.0
        self.has_misses = False
        self.missed: list[BlockRequest] = []
        self.why_missed: Reason | None = None
        self.rest: list[BlockRequest] = []
        self.heard = False

    def begin(self, now: float) -> None:
        """Begin anew; after a while with the planned blocks: a firmware update may have brought the registers."""
        if self.failing:
            self.failing = []
        if self.whole_at and now >= self.whole_at:
            parts = [request for request in self.active if request.origin in self.silent]
            self.active = [request for request in self.planned if request not in self.silent] + parts
            self.refused = [bad for bad in self.refused if bad[0].origin in self.silent]
            self.whole_at = 0.0

    @property
    def fails(self) -> bool:
        """Whether it, or its unit, was not answered the last time."""
        return self.has_misses or self.unit.failures > 0

    @property
    def bad(self) -> Iterator[tuple[BlockRequest, Reason]]:
        """What gave no values, and why."""
        yield from self.refused
        yield from self.unheard
        yield from self.failing

    def replace(self, refused: BlockRequest, parts: list[BlockRequest], reason: Reason) -> None:
        """Read the parts instead of a refused block; without parts its one register is the bad one."""
        self.active = [request for request in self.active if request is not refused] + parts
        if not parts:
            self.refused.append((refused, reason))
        self.whole_at = time.monotonic() + WHOLE_AGAIN_SECONDS

    # -- blocks that are never answered

    def miss(self, request: BlockRequest, reason: Reason) -> None:
        """Note that a request was not answered. One that was just refused is none: its parts are what counts."""
        self.why_missed, self.has_misses = reason, True
        request.misses += 1
        if request in self.active:
            self.missed.append(request)
        else:
            self.heard = True

    def set_aside(self, request: BlockRequest, reason: Reason, *, but: BlockRequest | None = None) -> None:
        """Stop polling a silent block; its parts are asked for while the line is idle, except those that were answered."""
        if request in self.silent:
            self._forget_parts(request)
        self.active = [other for other in self.active if other is not request]
        self.silent.setdefault(request.origin, time.monotonic() + WHOLE_AGAIN_SECONDS)
        self._part(request, reason)
        if but is not None:
            self.unheard = deque(waiting for waiting in self.unheard if waiting[0].address != but.address)
            self.active = [*self.active, but]

    def next_to_seek(self, now: float) -> BlockRequest | None:
        """Return what is to be asked for in the quiet: a part of a silent block, or one as a whole that is due again."""
        if self.unheard:
            return self.unheard[0][0]
        return next((request for request, due in self.silent.items() if due <= now), None)

    def answered(self, request: BlockRequest, *, refused: bool) -> None:
        """Poll a part that was answered, or a whole block instead of its parts."""
        if request in self.silent:
            del self.silent[request]
            self._forget_parts(request)
        else:
            self._found(request)
        request.misses = 0
        if not refused:
            self.active = [*self.active, request]

    def still_silent(self, request: BlockRequest, reason: Reason) -> None:
        """Split a block that was not answered again; what cannot be split is bad."""
        if request in self.silent:
            self.silent[request] = time.monotonic() + WHOLE_AGAIN_SECONDS
            return
        self._found(request)
        self._part(request, reason)

    def _forget_parts(self, whole: BlockRequest) -> None:
        self.active = [other for other in self.active if other.origin is not whole]
        self.refused = [bad for bad in self.refused if bad[0].origin is not whole]
        self.unheard = deque(waiting for waiting in self.unheard if waiting[0].origin is not whole)

    def _part(self, request: BlockRequest, reason: Reason) -> None:
        parts = request.between_gaps()
        if parts:
            self.unheard += [(part, reason) for part in parts]
        elif request.misses < MISSES_UNTIL_BAD:
            self.unheard.append((request, reason))
        else:
            self.refused.append((request, reason))

    def _found(self, request: BlockRequest) -> None:
        self.unheard = deque(waiting for waiting in self.unheard if waiting[0] is not request)
