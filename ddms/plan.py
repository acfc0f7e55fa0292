"""The plan: which registers are read together. Pure.

Neighbouring registers become one block, read by one request; gaps up to a limit are read along. A slower point
whose registers lie in a faster block rides in it and costs no request of its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ddms.registers import Field, Layout, Register, RegisterTable, layout


@dataclass(frozen=True, kw_only=True, slots=True)
class PolledPoint:
    """One measured value: where it lies, how it is decoded, when it is read and stored (see the table `points`).

    `inputs` are the ids of the points that `expression` or `scale_by` names, in their order, `input_intervals` how often each is read.
    """

    id: int
    key: str
    register: Register
    scale: float = 1.0
    offset: float = 0.0
    interval_s: float = 10
    deadband: float = 0.0
    heartbeat_s: int = 600
    valid_min: float | None = None
    valid_max: float | None = None
    sentinels: tuple[float, ...] = ()
    expression: str = ""
    scale_by: str = ""
    inputs: tuple[int, ...] = ()
    input_intervals: tuple[float, ...] = ()

    @property
    def is_calculated(self) -> bool:
        """Whether it is computed of its inputs, and lies nowhere."""
        return self.register.table is RegisterTable.CALCULATED


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestLimits:
    """What one request to a device may ask for: words, bits, and unwanted registers read along."""

    max_words: int = 125
    max_bits: int = 2000
    max_gap: int = 16


@dataclass(eq=False, slots=True)
class Block:
    """One request: `count` addresses of a table from `address` on, and the points in it.

    `slots` are the points' places in the collector's arrays (see `collector.storing.decode`), filled in when it is polled.
    """

    table: RegisterTable
    address: int
    count: int
    points: tuple[PolledPoint, ...]
    layout: Layout
    slots: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))

    @property
    def bytes(self) -> int:
        """Length of the data in the answer."""
        return (self.count + 7) // 8 if self.table.is_bits else 2 * self.count

    @property
    def wanted(self) -> int:
        """Addresses that a point uses; the rest is filled along."""
        return len({a for p in self.points for a in range(p.register.address, p.register.end)})


@dataclass(frozen=True, slots=True)
class Poll:
    """The blocks of one unit that are read at one interval, in seconds."""

    interval_s: float
    blocks: tuple[Block, ...]


def block_of(points: Sequence[PolledPoint]) -> Block:
    """Return the block that spans these points of one table, which are sorted by address."""
    first = points[0].register
    end = max(point.register.end for point in points)
    fields = tuple(
        Field(r.address - first.address, r.data_type, r.byte_order, r.bit, r.size, r.length)
        for r in (p.register for p in points)
    )
    return Block(first.table, first.address, end - first.address, tuple(points), layout(fields))


def plan(points: Iterable[PolledPoint], limits: RequestLimits) -> tuple[Poll, ...]:
    """Plan the requests of one unit: fastest interval first, tables and addresses in order.

    What scales others is read as often as they are, so that it comes with the same request where it can, else before them.
    """
    polls: list[Poll] = []
    waiting = sorted((point for point in points if not point.is_calculated), key=_place)
    scaled = [(number, point.interval_s) for point in waiting if point.scale_by for number in point.inputs]
    needed: dict[int, float] = {}
    for number, interval in scaled:
        needed[number] = min(interval, needed.get(number, interval))
    every = {point: min(point.interval_s, needed.get(point.id, point.interval_s)) for point in waiting}
    for interval in sorted({*every.values()}):
        mine = [point for point in waiting if every[point] == interval]
        if not mine:  # all of them ride with faster ones
            continue
        runs = _runs(mine, limits)
        aboard = set(mine)
        for run in runs:
            riders = _riders(run, waiting, aboard)
            run.extend(riders)
            run.sort(key=_place)
            aboard.update(riders)
        waiting = [point for point in waiting if point not in aboard]
        polls.append(Poll(interval, tuple(block_of(run) for run in _factors_first(runs))))
    return tuple(polls)


def _place(point: PolledPoint) -> tuple[str, int, int]:
    return point.register.table.value, point.register.address, point.register.end


def _runs(points: list[PolledPoint], limits: RequestLimits) -> list[list[PolledPoint]]:
    runs: list[list[PolledPoint]] = []
    for table, members in groupby(points, key=lambda point: point.register.table):
        most = limits.max_bits if table.is_bits else limits.max_words
        start = end = -1
        for point in members:
            register = point.register
            if end < 0 or register.address - end > limits.max_gap or max(end, register.end) - start > most:
                runs.append([])
                start, end = register.address, register.end
            runs[-1].append(point)
            end = max(end, register.end)
    return runs


def _factors_first(runs: list[list[PolledPoint]]) -> list[list[PolledPoint]]:
    """Put first what holds factors of other requests: else what is read each hour had none in its first hour."""
    elsewhere: set[int] = set()
    for run in runs:
        elsewhere |= {number for point in run if point.scale_by for number in point.inputs} - {p.id for p in run}
    return sorted(runs, key=lambda run: elsewhere.isdisjoint(point.id for point in run))


def _riders(run: list[PolledPoint], waiting: list[PolledPoint], aboard: set[PolledPoint]) -> list[PolledPoint]:
    table, start = run[0].register.table, run[0].register.address
    end = max(point.register.end for point in run)
    return [
        point
        for point in waiting
        if point not in aboard
        and point.register.table is table
        and start <= point.register.address
        and point.register.end <= end
    ]


def split(block: Block) -> tuple[Block, Block] | None:
    """Halve a block between registers, to find the bad one; None when its points cannot be parted."""
    middle = block.address + block.count / 2
    best: int | None = None
    end = 0
    for i, point in enumerate(block.points):
        start = point.register.address
        if i and start >= end and (best is None or abs(start - middle) < abs(_start(block, best) - middle)):
            best = i
        end = max(end, point.register.end)
    return None if best is None else (block_of(block.points[:best]), block_of(block.points[best:]))


def without_gaps(block: Block) -> tuple[Block, ...]:
    """Part a block where registers lie that no point uses; the block alone when there are none."""
    runs: list[list[PolledPoint]] = []
    end = -1
    for point in block.points:
        if point.register.address > end or not runs:
            runs.append([])
        runs[-1].append(point)
        end = max(end, point.register.end)
    return tuple(block_of(run) for run in runs) if len(runs) > 1 else (block,)


def _start(block: Block, i: int) -> int:
    return block.points[i].register.address
