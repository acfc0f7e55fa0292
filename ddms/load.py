"""What polling costs a line: how long each request takes, and whether the intervals can be kept. Pure.

An answer takes what the unit needs (measured by the collector, or assumed) and, on a serial line, the time of the
characters of both frames.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from ddms.endpoints import Frames
from ddms.lines import ConnectionConfiguration, LineSettings, Unit
from ddms.plan import Block, plan

ASSUMED_SECONDS = 0.02
_BITS_A_CHARACTER = 11
_FRAME_CHARACTERS = 8 + 5 + 7  # the request, the answer without its data, two silences of 3.5
_TEXT_CHARACTERS = 17 + 11  # the same of ASCII frames, which need no silence; each byte is two characters


class Overrun(StrEnum):
    """Whether the intervals can be kept."""

    NONE = "none"
    AT_TIMES = "at_times"
    ALWAYS = "always"

    @property
    def sentence(self) -> str:
        """What it means for the polls."""
        return _SENTENCES[self]


_SENTENCES = {
    Overrun.NONE: "the intervals can be kept",
    Overrun.AT_TIMES: "when slow and fast polls are due together, the fast ones are late",
    Overrun.ALWAYS: "more than the line can do: polls are skipped",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request of the plan, and the seconds that it keeps the line busy, with the pause before it."""

    device_id: int
    block: Block
    interval_s: float
    seconds: float
    measured: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What some requests cost together: registers in a cycle of all of them, times in seconds.

    `turn_seconds` is what the most frequent ones need, with one of the others that comes between.
    """

    requests: int
    points: int
    wanted: int
    filled: int
    requests_per_second: float
    cycle_seconds: float
    turn_seconds: float
    budget_seconds: float | None
    busy: float
    measured: bool

    @property
    def overrun(self) -> Overrun:
        """Whether the intervals can be kept: `busy` is the share of time, `budget_seconds` the shortest interval."""
        if self.busy > 1:
            return Overrun.ALWAYS
        if self.budget_seconds is not None and self.turn_seconds > self.budget_seconds:
            return Overrun.AT_TIMES
        return Overrun.NONE


def requests(line: ConnectionConfiguration, answer_seconds: Mapping[int, float]) -> list[Request]:
    """Plan all requests of a line; `answer_seconds` are the measured answer times by device id, where there are some."""
    polls = {unit.device_id: _blocks(unit) for unit in line.units}
    needed = {
        device_id: answer_seconds[device_id] - _mean_wire(line.line, blocks)
        for device_id, blocks in polls.items()
        if device_id in answer_seconds and blocks
    }
    assumed = fmean(needed.values()) if needed else ASSUMED_SECONDS  # its neighbours on the line are the best guess
    return [
        Request(
            device_id=device_id,
            block=block,
            interval_s=interval,
            seconds=max(0.0, needed.get(device_id, assumed)) + _wire(line.line, block) + line.line.request_pause,
            measured=device_id in needed,
        )
        for device_id, blocks in polls.items()
        for interval, block in blocks
    ]


def _blocks(unit: Unit) -> list[tuple[float, Block]]:
    return [(poll.interval_s, block) for poll in plan(unit.points, unit.limits) for block in poll.blocks]


def _wire(line: LineSettings, block: Block) -> float:
    """Return how long the characters of a request and its answer take on a serial line; elsewhere 0."""
    if not line.endpoint.transport.is_serial:
        return 0.0
    is_text = line.endpoint.transport.frames is Frames.ASCII
    characters = _TEXT_CHARACTERS + 2 * block.bytes if is_text else _FRAME_CHARACTERS + block.bytes
    return characters * _BITS_A_CHARACTER / line.baud_rate


def _mean_wire(line: LineSettings, blocks: Sequence[tuple[float, Block]]) -> float:
    weights = [1 / interval for interval, _ in blocks]
    return fmean([_wire(line, block) for _, block in blocks], weights)


def total(line: LineSettings, planned: Iterable[Request]) -> Load:
    """Add up requests of a line."""
    planned = list(planned)
    shortest = min((request.interval_s for request in planned), default=None)
    again = line.connect_pause if line.close_after_cycle and planned else 0.0
    wanted = sum(request.block.wanted for request in planned)
    fastest = sum(request.seconds for request in planned if request.interval_s == shortest)
    between = max((request.seconds for request in planned if request.interval_s != shortest), default=0.0)
    return Load(
        requests=len(planned),
        points=sum(len(request.block.points) for request in planned),
        wanted=wanted,
        filled=sum(request.block.count for request in planned) - wanted,
        requests_per_second=sum(1 / request.interval_s for request in planned),
        cycle_seconds=sum(request.seconds for request in planned) / line.max_in_flight + again,
        turn_seconds=fastest / line.max_in_flight + between + again,
        budget_seconds=shortest,
        busy=sum(r.seconds / r.interval_s for r in planned) / line.max_in_flight
        + (again / shortest if shortest else 0),
        measured=bool(planned) and all(request.measured for request in planned),
    )
