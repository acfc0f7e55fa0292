"""One task per endpoint: it owns the line, polls its units in turn, and lets no unit hold up the others.

How the units are asked, and what is made of it when they do not answer, is in `collector.polling.asking`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from collector.line.tcp import Line
from collector.polling.asking import Asking
from collector.polling.clock import Clock
from collector.polling.pace import LinePace
from collector.polling.polls import PollState
from collector.polling.retry import MOST_SECONDS
from collector.polling.schedule import Schedule
from collector.polling.shared_line import Borrowers, SharedLine
from collector.polling.units import AnswerSink, Statistics, UnitState
from ddms.lines import ConnectionConfiguration, Unit
from ddms.plan import plan

T = TypeVar("T")


class ConnectionTask:
    """Polls all units behind one endpoint; `run` ends only when it is cancelled."""

    def __init__(
        self,
        configuration: ConnectionConfiguration,
        sink: AnswerSink,
        clock: Clock,
        *,
        retry_seconds: float = MOST_SECONDS,
    ) -> None:
        self.configuration = configuration
        self.retry_seconds = retry_seconds
        self._counted = Statistics()  # what belongs to no unit, or to one that is gone
        self._sink = sink
        self._shared = SharedLine(configuration.line, self._counted)
        self._units: dict[int, UnitState] = {}
        self._schedule = Schedule(clock)
        self._wake = asyncio.Event()
        self._next: ConnectionConfiguration | None = configuration
        self._borrowers = Borrowers()
        self._asking = Asking(self._shared, sink, clock, self._schedule, self._is_hurried, retry_seconds=retry_seconds)
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
            self._asking.shared = self._shared = SharedLine(new.line, self._counted)
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

    def _is_hurried(self) -> bool:
        return self._next is not None or bool(self._borrowers.waiting)

    async def _cycle(self) -> None:
        polls = [poll for poll in self._schedule.take() if not poll.unit.demoted]
        self._asking.turns = {poll: [] for poll in polls}
        self._shared.new_cycle()
        workers = min(self.configuration.line.max_in_flight, len(polls)) or 1
        if workers == 1:
            await self._work(polls)
        else:
            shares = [polls[i::workers] for i in range(workers)]
            await asyncio.gather(*(self._work(share) for share in shares))
        await self._borrowers.serve(self._shared)
        await self._use_the_quiet(polls)
        self._asking.went_offline.report(self.configuration.line.endpoint)
        if self._pace.is_due:
            self._sink.pace(self._pace.look(self.configuration.line.endpoint, self.units))
        if self.configuration.line.close_after_cycle:
            self._shared.hang_up()

    async def _use_the_quiet(self, polls: list[PollState]) -> None:
        units = self.units
        if polls:
            await self._asking.check(units)
        await self._asking.retry(units)
        await self._asking.seek(units)

    async def _work(self, polls: list[PollState]) -> None:
        """Poll units in turn: those that answer in one run, then those that failed, each in the time that is left."""
        while polls:
            failing = [poll for poll in polls if poll.fails]
            well = [poll for poll in polls if not poll.fails] if failing else polls
            if well:
                polls = await self._asking.poll(well) + failing
                continue
            failing.sort(key=lambda poll: poll.unit.failures)
            if self._next is not None:  # a new configuration does not wait for units that do not answer
                for poll in failing:
                    if poll.why_missed is not None:
                        self._asking.give_up(poll)
                return
            await self._asking.poll_last(failing[0])
            polls = self._asking.came_due(failing[0]) + failing[1:]
