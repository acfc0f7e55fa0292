"""How the units of a line are asked, and what is made of it when they do not answer.

Units that answer are asked in one run. The first request that is not answered costs one time-out; what is left of its
unit is asked last, in the time until the next poll is due, and so are units that failed before. When a unit answers
anything at all, what it did not answer is a bad block (`collector.polling.polls`); when it answers nothing, that is a
failure. After three it is offline and tried again when the policy of `collector.polling.retry` says, in time that nobody
needs.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

from collector.line.tcp import ReadError, Run
from collector.polling.clock import Clock
from collector.polling.polls import MISSES_UNTIL_SET_ASIDE, BlockRequest, PollState
from collector.polling.retry import MOST_SECONDS, wait_before
from collector.polling.schedule import Schedule
from collector.polling.shared_line import SharedLine
from collector.polling.units import FAILURES_UNTIL_OFFLINE, AnswerSink, UnitState, WentOffline
from ddms.plan import Block
from ddms.quality import UNIT_FAILURES, Reason

RETRY_SLACK = 1.5  # seconds that a retry may wait for a quiet moment
LEAST_TIMEOUT = 0.1
SLOW_ANSWERS = 3  # a unit that usually takes longer than the least time-out is waited for as many usual answer times
PATIENT_SECONDS = 1.0  # what is waited for a unit that has its line alone, however often it is polled
PATIENCE = 8  # and beside others each so manyth try of one that never answered
ANYWAY_SECONDS = 5.0  # from time to time parts of silent blocks are asked for on a line that is never quiet
USUAL_ANSWERS = 10  # a part that was not answered for as many usual answer times is silent
CHECKS = 3  # of a line on which nothing was answered, a cycle

logger = logging.getLogger("ddms.collector")


class Asking:
    """Asks the units of one line."""

    def __init__(
        self,
        shared: SharedLine,
        sink: AnswerSink,
        clock: Clock,
        schedule: Schedule,
        is_hurried: Callable[[], bool],
        *,
        retry_seconds: float = MOST_SECONDS,
    ) -> None:
        self.shared = shared
        self.retry_seconds = retry_seconds
        self._sink = sink
        self._clock = clock
        self._schedule = schedule
        self._is_hurried = is_hurried
        self.went_offline = WentOffline()
        self._anyway_at = 0.0
        self.turns: dict[PollState, list[BlockRequest]] = {}
        """Polls that have their turn, each with the requests of it once it began."""

    # -- units that answer

    async def poll(self, polls: list[PollState]) -> list[PollState]:
        """Poll until a request is not answered; return what is left to be polled, its own poll last."""
        left = dict.fromkeys(polls)
        for timeout, group in groupby(self._requests(polls, left), lambda request: self._timeout(request.poll.unit)):
            if (missing := await self._follow(Run(group, self._take), timeout)) is not None:
                return [*self.came_due(missing), *(poll for poll in left if poll is not missing), missing]
        return list(left)

    def _requests(self, polls: Iterable[PollState], left: dict[PollState, None]) -> Iterator[BlockRequest]:
        """Give the requests of polls in turn, each when the one before was answered, and between them what is due more often.

        So a fast poll waits for one slow request and not for a whole cycle, and the slow ones have every second turn at least.
        """
        for poll in polls:
            poll.begin(time.monotonic())
            self.turns[poll] = requests = poll.active
            is_slow = poll.poll.interval_s > self._schedule.shortest
            for request in requests:
                yield request
                if is_slow and (faster := self.came_due(poll)):
                    left.update(dict.fromkeys(faster))
                    yield from self._requests([other for other in faster if not other.fails], left)
            left.pop(poll, None)
            self._finish(poll)

    def came_due(self, poll: PollState) -> list[PollState]:
        """Take what is read more often than a poll and is due now; what has its turn already misses this one."""
        faster = self._schedule.take_faster(poll.poll.interval_s)
        found = [other for other in faster if not (other.unit.demoted or other in self.turns)]
        self.turns.update((other, []) for other in found)
        return found

    async def _follow(self, run: Run[BlockRequest], timeout: float) -> PollState | None:
        """Follow a run to its end, or to a unit that does not answer; return the poll that it stopped at."""
        while run.request is not None:
            try:
                await self.shared.follow(run, timeout)
            except ReadError as error:
                reason = await self._bear(run.request, error.reason, timeout)
                if reason in UNIT_FAILURES:
                    return self._stopped(run.request, reason)
                run.skip()
        return None

    def _stopped(self, request: BlockRequest, reason: Reason) -> PollState:
        """Note where a run stopped, and what of the same poll is behind it; return the poll."""
        poll = request.poll
        requests = self.turns[poll]
        place = requests.index(request)
        poll.heard = place > 0
        poll.miss(request, reason)
        poll.rest = requests[place + 1 :]
        return poll

    def _take(self, request: BlockRequest, data: bytes, sent: float, came: float) -> None:
        """Pass on the right answer to a request: the way of almost every one."""
        statistics = request.statistics
        statistics.requests += 1
        statistics.answers += 1
        statistics.readings += request.readings
        statistics.answer_seconds += came - sent
        self._sink.answer(request.block, self._clock.at(came), data, self._clock.quality)

    # -- units that do not

    async def poll_last(self, poll: PollState) -> None:
        """Poll a unit that failed, or what is left of one; at most one request may wait for nothing."""
        if poll.why_missed is None:
            poll.begin(time.monotonic())
            poll.heard = False
            poll.rest = sorted(poll.active, key=lambda request: request.misses)
            if poll.rest and poll.rest[0].misses:  # it could be this block only: is there a better one to ask?
                poll.heard = await self._answers_otherwise(poll.rest[0])
        while poll.rest:
            request = poll.rest.pop(0)
            reason = await self._read(request, self._time_left(request))
            if reason in UNIT_FAILURES:
                poll.miss(request, reason)
                break
            request.misses = 0
            poll.heard = True
        self.give_up(poll)

    async def _answers_otherwise(self, doubtful: BlockRequest) -> bool:
        other = doubtful.poll.unit.most_trusted()
        if other.misses >= doubtful.misses or other.poll is doubtful.poll:
            return False
        if await self._read(other, self._time_left(other)) in UNIT_FAILURES:
            other.misses += 1
            other.poll.has_misses = True
            return False
        return True

    def give_up(self, poll: PollState) -> None:
        """End a poll of which something was missed, with what was heard."""
        reason, missed, rest = poll.why_missed, poll.missed, poll.rest
        poll.why_missed, poll.missed, poll.rest = None, [], []
        self.turns.pop(poll, None)
        if reason is not None and not poll.heard:
            self._fail(poll.unit, reason, time.monotonic())
            self._answer_all([poll], reason)
            return
        if reason is not None:
            for request in missed:
                if request.misses >= MISSES_UNTIL_SET_ASIDE:
                    poll.set_aside(request, reason)  # which gives its bad readings
                else:
                    self._answer_bad(request.block, reason)
            for request in rest:
                self._answer_bad(request.block, reason)
        poll.has_misses = any(request.misses for request in poll.active)
        self._finish(poll)

    def _timeout(self, unit: UnitState) -> float:
        return unit.config.timeout or self.shared.settings.timeout

    def _time_left(self, request: BlockRequest) -> float:
        timeout = self._timeout(request.poll.unit)
        if not (request.misses or request.poll.unit.failures) or self._schedule.next_due is None:
            return timeout
        return min(timeout, max(self._least(request.poll.unit), self._schedule.next_due - time.monotonic()))

    def _least(self, unit: UnitState) -> float:
        """Return how long an answer is waited for though others are due: else a slow unit beside fast polls never came back."""
        timeout, answers = self._timeout(unit), unit.statistics.answers
        if not self._schedule.is_shared or (not answers and unit.failures % PATIENCE == 0):
            return min(timeout, PATIENT_SECONDS)
        return min(timeout, max(LEAST_TIMEOUT, SLOW_ANSWERS * unit.statistics.answer_seconds / max(1, answers)))

    # -- single requests

    async def _read(self, request: BlockRequest, timeout: float) -> Reason:
        """Read a block by itself and pass on what came; return GOOD or the reason of what failed in it."""
        try:
            await self.shared.follow(Run([request], self._take), timeout)
        except ReadError as error:
            return await self._bear(request, error.reason, timeout)
        return Reason.GOOD

    async def _bear(self, request: BlockRequest, reason: Reason, timeout: float) -> Reason:
        """Make the best of a request that failed; return the reason that counts."""
        if reason in {Reason.ILLEGAL_ADDRESS, Reason.ILLEGAL_VALUE}:
            return await self._find_refused(request, reason, timeout)
        if reason not in UNIT_FAILURES:
            request.poll.failing.append((request, reason))
            self._answer_bad(request.block, reason)
        return reason

    async def _find_refused(self, request: BlockRequest, reason: Reason, timeout: float) -> Reason:
        """Halve a refused block until the bad register is found; its neighbours go on."""
        parts = request.halves()
        request.poll.replace(request, parts, reason)
        for number, part in enumerate(parts):
            found = await self._read(part, timeout)
            if found in UNIT_FAILURES:
                part.misses += 1
                for unread in parts[number:]:
                    self._answer_bad(unread.block, found)
                return found
        return reason

    def _answer_bad(self, block: Block, reason: Reason) -> None:
        self._sink.answer(block, self._clock.now(), None, reason)

    def _answer_all(self, polls: Iterable[PollState], reason: Reason) -> None:
        for poll in polls:
            for block in poll.poll.blocks:
                self._answer_bad(block, reason)

    # -- time that nobody needs

    def _quiet(self) -> float:
        """Return the seconds until the next poll is due, for which the line is free."""
        if self._is_hurried():
            return 0.0
        return (self._schedule.next_due or time.monotonic() + 1) - time.monotonic()

    async def check(self, units: Iterable[UnitState]) -> None:
        """Find out at once whether the session hangs: ask on until something is answered, or the line made anew."""
        living = [unit for unit in units if not unit.demoted]
        for _ in range(CHECKS):
            quiet = self._quiet()
            if not self.shared.is_silent or not living or quiet < LEAST_TIMEOUT:
                return
            unit = min(living, key=lambda unit: unit.failures)
            request = unit.most_trusted()
            if await self._read(request, min(self._timeout(unit), quiet)) not in UNIT_FAILURES:
                request.misses = 0
                self._answered(request.poll)

    async def seek(self, units: Iterable[UnitState]) -> None:
        """Ask for parts of silent blocks, of units that answer."""
        for poll in [poll for unit in units if not unit.failures for poll in unit.polls if poll.silent]:
            while (request := poll.next_to_seek(time.monotonic())) is not None:
                quiet = self._quiet_for(self._enough(poll.unit))
                if quiet is None or not await self._seek(request, quiet):
                    break

    def _quiet_for(self, enough: float) -> float | None:
        """Return for how long the line is quiet, when that is enough; where polls follow each other faster, it is made so from time to time."""
        quiet, now = self._quiet(), time.monotonic()
        if quiet >= enough:
            return quiet
        if self._schedule.shortest > 2 * enough or self._is_hurried() or now < self._anyway_at:
            return None
        self._anyway_at = now + ANYWAY_SECONDS
        return enough

    def _enough(self, unit: UnitState) -> float:
        usual = unit.statistics.answer_seconds / max(1, unit.statistics.answers)
        return min(self._timeout(unit), max(LEAST_TIMEOUT, USUAL_ANSWERS * usual))

    async def _seek(self, request: BlockRequest, quiet: float) -> bool:
        """Ask for a part; return whether something was learned, which is not the case when the unit is silent as a whole."""
        poll, timeout = request.poll, min(self._timeout(request.poll.unit), quiet)
        if request in poll.silent:
            if await self._reads_whole(request, timeout):
                poll.answered(request, refused=False)
            else:
                poll.still_silent(request, Reason.TIMEOUT)
            return True
        reason = await self._read(request, timeout)
        if reason not in UNIT_FAILURES:
            poll.answered(request, refused=reason in {Reason.ILLEGAL_ADDRESS, Reason.ILLEGAL_VALUE})
            return True
        if await self._read(poll.unit.most_trusted(), timeout) in UNIT_FAILURES:
            return False
        request.misses += 1
        poll.still_silent(request, reason)
        return True

    async def _reads_whole(self, request: BlockRequest, timeout: float) -> bool:
        try:
            await self.shared.follow(Run([request], self._take), timeout)
        except ReadError:
            return False
        return True

    # -- failure and return

    async def retry(self, units: Sequence[UnitState]) -> None:
        """Try demoted units again, in the time until the next poll is due."""
        living = any(not unit.demoted for unit in units)
        for unit in [unit for unit in units if unit.demoted]:
            now, timeout = time.monotonic(), self._timeout(unit)
            if unit.retry_at > now or self._is_hurried():
                continue
            quiet = (self._schedule.next_due or now + 1) - now
            if living and quiet < timeout / 2 and now < unit.retry_at + RETRY_SLACK:
                continue
            await self._try_again(unit, max(self._least(unit), min(timeout, quiet)) if living else timeout)
            if living and self._schedule.shortest < 1:
                return  # fast polls come between, and the next unit soon

    async def _try_again(self, unit: UnitState, timeout: float) -> None:
        asked = time.monotonic()
        whole = request = unit.most_trusted()
        poll = request.poll
        poll.begin(asked)
        # Silence may also mean one bad register in all that is asked for: every second time a part is tried instead.
        if unit.failures % 2 and (parts := whole.between_gaps()):
            request = parts[unit.failures // 2 % len(parts)]
        reason = await self._read(request, timeout)
        if reason in UNIT_FAILURES:
            whole.misses += 1
            self._fail(unit, reason, asked)
            self._answer_all(unit.polls, reason)
            return
        if request is whole:
            request.misses = 0
        else:
            poll.set_aside(whole, Reason.TIMEOUT, but=request)
        for other in unit.polls:
            other.has_misses = any(request.misses for request in other.active)
        self._answered(poll)
        self._schedule.at_once(other for other in unit.polls if other is not poll or other.active != [request])

    def _fail(self, unit: UnitState, reason: Reason, asked: float) -> None:
        unit.failures += 1
        unit.first_failure = unit.first_failure or datetime.now(UTC)
        if unit.demoted:
            unit.retry_at = asked + wait_before(unit.failures - FAILURES_UNTIL_OFFLINE, self.retry_seconds)
        if unit.failures == FAILURES_UNTIL_OFFLINE:
            unit.state = "offline"
            unit.statistics.demotions += 1
            self.went_offline.append((unit, reason))
        self._sink.state(unit.told(reason.explanation))

    def _finish(self, poll: PollState) -> None:
        """End a poll that was answered."""
        self.turns.pop(poll, None)
        for request, reason in (*poll.refused, *poll.unheard):
            self._answer_bad(request.block, reason)
        self._answered(poll)

    def _answered(self, poll: PollState) -> None:
        unit = poll.unit
        self._sink.seen(unit.config.device_id)
        if unit.state == "online" and not (unit.failures or poll.refused or poll.failing or poll.unheard):
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
