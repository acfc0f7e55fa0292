"""One task per endpoint: it owns the line, polls its units in turn, and lets no unit hold up the others.

A unit that fails is asked last and only in the time that is left before the next poll is due; after three failures
it is demoted and tried every 60 s, again only in time that nobody needs.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from collector.line.tcp import Line, ReadError, Run
from collector.polling.clock import Clock
from collector.polling.pace import LinePace
from collector.polling.schedule import Schedule
from collector.polling.shared_line import Borrowers, SharedLine
from collector.polling.units import (
    FAILURES_UNTIL_OFFLINE,
    AnswerSink,
    BlockRequest,
    PollState,
    Statistics,
    UnitState,
    WentOffline,
)
from ddms.lines import ConnectionConfiguration, Unit
from ddms.plan import plan, split
from ddms.quality import UNIT_FAILURES, Reason

RETRY_SECONDS = 60.0
RETRY_SLACK = 1.5  # seconds that a retry may wait for a quiet moment
LEAST_TIMEOUT = 0.1

T = TypeVar("T")

logger = logging.getLogger("ddms.collector")


class ConnectionTask:
    """Polls all units behind one endpoint; `run` ends only when it is cancelled."""

    def __init__(
        self,
        configuration: ConnectionConfiguration,
        sink: AnswerSink,
        clock: Clock,
        *,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self.configuration = configuration
        self.retry_seconds = retry_seconds
        self._counted = Statistics()  # what belongs to no unit, or to one that is gone
        self._sink = sink
        self._clock = clock
        self._shared = SharedLine(configuration.line, self._counted)
        self._units: dict[int, UnitState] = {}
        self._schedule = Schedule(clock)
        self._wake = asyncio.Event()
        self._next: ConnectionConfiguration | None = configuration
        self._went_offline = WentOffline()
        self._borrowers = Borrowers()
        self._pace = LinePace()

    def configure(self, configuration: ConnectionConfiguration) -> None:
        """Go on with another configuration after the poll that runs now; unchanged units notice nothing."""
        self._next = configuration
        self._wake.set()

    async def borrow(self, job: Callable[[Line], Awaitable[T]]) -> T:
        """Use the line between two polls: many devices accept only one connection. Raises what the job raises."""
        done = self._borrowers.add(job)
        self._wake.set()
        return await done

    async def run(self) -> None:
        """Poll for ever."""
        try:
            while True:
                self._take_configuration()
                await self._sleep()
                await self._cycle()
        finally:
            self._shared.hang_up()
            self._borrowers.refuse()

    @property
    def statistics(self) -> Statistics:
        """What this connection counted since it is polled."""
        return Statistics.sum([self._counted, *(unit.statistics for unit in self.units)])

    @property
    def units(self) -> list[UnitState]:
        """The units that are polled now."""
        return list(self._units.values())

    # -- configuration

    def _take_configuration(self) -> None:
        if self._next is None:
            return
        new, self._next = self._next, None
        if new.line != self.configuration.line:
            self._shared.hang_up()
            self._shared = SharedLine(new.line, self._counted)
        self.configuration = new
        before, self._units = self._units, {unit.device_id: self._unit(unit) for unit in new.units}
        for device_id in before.keys() - self._units.keys():
            self._counted.add(before[device_id].statistics)
        self._schedule.fit(poll for unit in self.units for poll in unit.polls)

    def _unit(self, config: Unit) -> UnitState:
        known = self._units.get(config.device_id)
        if known is not None and known.config == config:
            return known
        unit = UnitState(config)
        if known is not None:
            unit.statistics = known.statistics
        unit.polls = [PollState(unit, poll) for poll in plan(config.points, config.limits)]
        for poll in unit.polls:
            for block in poll.poll.blocks:
                block.slots = self._sink.place(block.points, poll.poll.interval_s)
        return unit

    # -- time

    async def _sleep(self) -> None:
        """Wait until a poll is due, the configuration changed, or a demoted unit may be tried in the quiet."""
        self._wake.clear()
        if self._next is not None or self._borrowers.waiting:
            return
        now = time.monotonic()
        due = self._schedule.next_due or now + self.retry_seconds
        retry = min((u.retry_at for u in self._units.values() if u.demoted), default=due)
        until = due if retry <= now else min(due, retry)  # one that had to wait is tried after the next polls
        if until > now:
            alarm = asyncio.get_running_loop().call_later(until - now, self._wake.set)
            await self._wake.wait()
            alarm.cancel()

    # -- polling

    async def _cycle(self) -> None:
        polls = [poll for poll in self._schedule.take() if not poll.unit.demoted]
        self._shared.new_cycle()
        workers = min(self.configuration.line.max_in_flight, len(polls)) or 1
        if workers == 1:
            await self._work(polls)
        else:
            shares = [polls[i::workers] for i in range(workers)]
            await asyncio.gather(*(self._work(share) for share in shares))
        await self._borrowers.serve(self._shared)
        await self._retry()
        self._went_offline.report(self.configuration.line.endpoint)
        if self._pace.is_due:
            self._sink.pace(self._pace.look(self.configuration.line.endpoint, self.units))
        if self.configuration.line.close_after_cycle:
            self._shared.hang_up()

    async def _work(self, polls: list[PollState]) -> None:
        """Poll units in turn: those that answer in one run, then those that failed, each in the time that is left."""
        while polls:
            failing = [poll for poll in polls if poll.unit.failures]
            well = [poll for poll in polls if not poll.unit.failures] if failing else polls
            if well:
                polls = await self._poll(well) + failing
            elif self._next is None:
                failing.sort(key=lambda poll: poll.unit.failures)
                polls = await self._poll(failing[:1]) + failing[1:]
            else:
                return  # a new configuration does not wait for units that do not answer

    async def _poll(self, polls: list[PollState]) -> list[PollState]:
        """Poll until a unit does not answer; return what is left to be polled."""
        now = time.monotonic()
        for poll in polls:
            poll.begin(now)
        run = Run([request for poll in polls for request in poll.active], self._take)
        timeout = self._timeout(polls[0].unit)
        failed = None
        while run.request is not None and failed is None:
            try:
                await self._shared.follow(run, timeout)
            except ReadError as error:
                poll = run.request.poll
                reason = await self._bear(run.request, error.reason, timeout)
                if reason in UNIT_FAILURES:
                    failed = poll
                    self._failed(poll.unit, reason)
                    self._answer_all(poll, reason)
                run.skip()
        for number, poll in enumerate(polls, 1):
            if poll is failed:
                return polls[number:]
            for block, reason in poll.refused:
                self._sink.answer(block, self._clock.now(), None, reason)
            self._answered(poll)
        return []

    def _take(self, request: BlockRequest, data: bytes, sent: float, came: float) -> None:
        """Pass on the right answer to a request: the way of almost every one."""
        statistics = request.statistics
        statistics.requests += 1
        statistics.answers += 1
        statistics.readings += request.readings
        statistics.answer_seconds += came - sent
        self._sink.answer(request.block, self._clock.at(came), data, self._clock.quality)

    def _timeout(self, unit: UnitState) -> float:
        timeout = self.configuration.line.timeout
        if not unit.failures or self._schedule.next_due is None:
            return timeout
        return min(timeout, max(LEAST_TIMEOUT, self._schedule.next_due - time.monotonic()))

    async def _read(self, request: BlockRequest, timeout: float) -> Reason:
        """Read a block by itself and pass on what came; return GOOD or the reason of what failed in it."""
        try:
            await self._shared.follow(Run([request], self._take), timeout)
        except ReadError as error:
            return await self._bear(request, error.reason, timeout)
        return Reason.GOOD

    async def _bear(self, request: BlockRequest, reason: Reason, timeout: float) -> Reason:
        """Make the best of a request that failed; return the reason that counts."""
        if reason in {Reason.ILLEGAL_ADDRESS, Reason.ILLEGAL_VALUE}:
            return await self._find_refused(request, reason, timeout)
        if reason not in UNIT_FAILURES:
            request.poll.failing.append((request.block, reason))
            self._sink.answer(request.block, self._clock.now(), None, reason)
        return reason

    async def _find_refused(self, request: BlockRequest, reason: Reason, timeout: float) -> Reason:
        """Halve a refused block until the bad register is found; its neighbours go on."""
        block = request.block
        parts = split(block) or ()
        for part in parts:
            part.slots = block.slots[[block.points.index(point) for point in part.points]]
        for smaller in request.poll.replace(request, parts, reason):
            found = await self._read(smaller, timeout)
            if found in UNIT_FAILURES:
                return found
        return reason

    # -- failure and return

    async def _retry(self) -> None:
        """Try demoted units again, in the time until the next poll is due."""
        for unit in [u for u in self._units.values() if u.demoted]:
            now = time.monotonic()
            if unit.retry_at > now or self._next is not None:
                continue
            quiet = (self._schedule.next_due or now + 1) - now
            living = any(not u.demoted for u in self._units.values())
            if living and quiet < self.configuration.line.timeout / 2 and now < unit.retry_at + RETRY_SLACK:
                continue
            timeout = self.configuration.line.timeout
            await self._try_again(unit, max(LEAST_TIMEOUT, min(timeout, quiet)) if living else timeout)

    async def _try_again(self, unit: UnitState, timeout: float) -> None:
        poll = unit.polls[0]
        poll.begin(time.monotonic())
        reason = await self._read((poll.active or poll.planned)[0], timeout)
        if reason in UNIT_FAILURES:
            self._failed(unit, reason)
            for other in unit.polls:
                self._answer_all(other, reason)
            return
        self._answered(poll)
        self._schedule.at_once(unit.polls[1:])

    def _answer_all(self, poll: PollState, reason: Reason) -> None:
        now = self._clock.now()
        for block in poll.poll.blocks:
            self._sink.answer(block, now, None, reason)

    def _failed(self, unit: UnitState, reason: Reason) -> None:
        unit.failures += 1
        unit.first_failure = unit.first_failure or datetime.now(UTC)
        if unit.demoted:
            unit.retry_at = time.monotonic() + self.retry_seconds
        if unit.failures == FAILURES_UNTIL_OFFLINE:
            unit.state = "offline"
            unit.statistics.demotions += 1
            self._went_offline.append((unit, reason))
        self._sink.state(unit.told(reason.explanation))

    def _answered(self, poll: PollState) -> None:
        unit = poll.unit
        self._sink.seen(unit.config.device_id)
        if unit.state == "online" and not (unit.failures or poll.refused or poll.failing):
            return  # the way of almost every poll
        trouble = unit.trouble
        state = "error" if trouble else "online"
        if unit.state == state and not unit.failures and unit.told_trouble == trouble:
            return
        if unit.state not in {state, "unknown"}:  # a thousand devices that come up are no news
            logger.info("%s is %s", unit.config.name, state, extra={"device": unit.config.device_id})
        unit.state, unit.failures, unit.first_failure, unit.retry_at = state, 0, None, 0.0
        unit.told_trouble = trouble
        self._sink.state(unit.told(trouble))
