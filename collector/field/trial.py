"""A trial: points are read once, as `testConnection` and `ddms read` show them, and nothing is stored."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from collector.field.identity import identity
from collector.line.tcp import Reader, ReadError
from collector.storing.decode import PointArrays, decode
from ddms import lines
from ddms.plan import Block, PolledPoint, RequestLimits, plan, split, without_gaps
from ddms.quality import LINE_FAILURES, UNIT_FAILURES, Reason, reason_of

MOST_SILENT = 2  # blocks without an answer, after which a unit that answered nothing so far is left alone
_MOMENT = 1_000_000_000_000  # when all of a trial is read, in microseconds: any time long after 0 will do
_IN_A_CIRCLE = {"value": np.nan, "quality": Reason.INPUT_STALE}  # what is not saved yet may be
_LIMITS = ("max_words", "max_bits", "max_gap")

_LEFT_OUT: dict[str, Any] = {
    "interval_s": 10,
    "deadband": 0.0,
    "heartbeat_s": 600,
    "valid_min": None,
    "valid_max": None,
    "sentinels": [],
    "expression": "",
    "scale_by": "",
}
"""What an API of the version before says nothing of."""


async def test_connection(
    link: Reader, parameters: Mapping[str, Any], report: Callable[[float, dict[str, Any]], None]
) -> dict[str, Any]:
    """Read the points of a request of the kind `test_connection`; it may name the limits of the device's requests."""
    del report  # it is over in a moment
    points = lines.linked(lines.point(_LEFT_OUT | {"id": i} | p) for i, p in enumerate(parameters["points"], 1))
    limits = RequestLimits(**{name: parameters[name] for name in _LIMITS if name in parameters})
    unit, timeout = parameters["unit_id"], parameters["timeout_ms"] / 1000
    found = await read_once(link, unit, points, timeout, limits)
    answered = any(request["reason"] is None for request in found["requests"])
    return found | {"identity": await identity(link, unit, timeout) if answered else None}


async def read_once(
    link: Reader, unit_id: int, points: list[PolledPoint], timeout: float, limits: RequestLimits | None = None
) -> dict[str, Any]:
    """Read each point once, and return the requests with their raw words, and the decoded values.

    The requests are those of the collector's plan, and parted as the collector parts them: a refused block is halved
    until the bad register is found; one that is silent, of a device that answers others, is read without its gaps, then
    halved. A device that answered nothing is asked twice at most.
    """
    trial = _Trial(link, unit_id, timeout)
    for poll in plan(points, limits or RequestLimits()):
        for block in poll.blocks:
            await trial.read(block)
    if trial.has_answered:
        for block in trial.silent:
            await trial.part(block, Reason.TIMEOUT)
    trial.compute(points)
    return {"requests": trial.requests, "values": [trial.values[point.id] for point in points]}


class _Trial:
    """The requests to one unit, and what came of them."""

    def __init__(self, link: Reader, unit_id: int, timeout: float) -> None:
        self._link, self._unit_id, self._timeout = link, unit_id, timeout
        self.requests: list[dict[str, Any]] = []
        self.values: dict[int, dict[str, Any]] = {}
        self.silent: list[Block] = []
        self.has_answered = False
        self._arrays = PointArrays()
        self._answers: list[tuple[Block, bytes | None, Reason]] = []
        self._failure: Reason | None = None  # why the line itself cannot be used, or the unit is taken for dead

    async def read(self, block: Block) -> None:
        """Read a block, and its parts when it is refused."""
        if self._failure is not None:
            self._take(block, None, self._failure)
            return
        data, reason = await _request(self._link, self._unit_id, block, self._timeout, self.requests)
        self._take(block, data, reason)
        if reason not in UNIT_FAILURES:
            self.has_answered = True
        elif reason is Reason.TIMEOUT:
            self.silent.append(block)
        if reason in LINE_FAILURES or (not self.has_answered and len(self.silent) == MOST_SILENT):
            self._failure = reason
        if reason in {Reason.ILLEGAL_ADDRESS, Reason.ILLEGAL_VALUE}:
            await self.part(block, reason)

    async def part(self, block: Block, reason: Reason) -> None:
        """Read a block in parts."""
        parts = without_gaps(block) if reason is Reason.TIMEOUT else (block,)
        if len(parts) == 1:
            parts = split(block) or ()
        for part in parts:
            data, found = await _request(self._link, self._unit_id, part, self._timeout, self.requests)
            self._take(part, data, found)
            if found is reason or found in {Reason.ILLEGAL_ADDRESS, Reason.ILLEGAL_VALUE}:
                await self.part(part, found)

    def _take(self, block: Block, data: bytes | None, reason: Reason) -> None:
        self._answers.append((block, data, reason))
        self.values |= _values(block, data, reason, self._arrays)

    def compute(self, points: list[PolledPoint]) -> None:
        """Compute what depends on other points, now that all are read: first what registers scale."""
        arrays, calculated = self._arrays, [point for point in points if point.is_calculated]
        arrays.calculate(calculated, _MOMENT)
        if calculated or any(point.scale_by for point in points):
            for answer in self._answers:
                self.values |= _values(*answer, arrays)
        if arrays.calculated is not None:
            arrays.calculated.wake()
            found = {int(reading["point_id"]): reading for reading in decode([], arrays).readings}
            self.values |= {point.id: _value(point, None, found.get(point.id, _IN_A_CIRCLE)) for point in calculated}


async def _request(
    link: Reader, unit_id: int, block: Block, timeout: float, requests: list[dict[str, Any]]
) -> tuple[bytes | None, Reason]:
    start = time.monotonic()
    data, reason, explanation = None, Reason.GOOD, Reason.GOOD.explanation
    try:
        data = await link.read(unit_id, block.table.function, block.address, block.count, timeout)
    except ReadError as error:
        reason, explanation = error.reason, str(error)
    requests.append(
        {
            "register_table": block.table.value,
            "address": block.address,
            "count": block.count,
            "milliseconds": round((time.monotonic() - start) * 1000, 3),
            "words": _words(data, is_bits=block.table.is_bits, count=block.count),
            "reason": None if reason is Reason.GOOD else reason.label,
            "explanation": explanation,
        }
    )
    return data, reason


def _words(data: bytes | None, *, is_bits: bool, count: int) -> list[int] | None:
    if data is None:
        return None
    if is_bits:
        return [data[i // 8] >> i % 8 & 1 for i in range(count)]
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


def _values(block: Block, data: bytes | None, reason: Reason, arrays: PointArrays) -> dict[int, dict[str, Any]]:
    """Judge a block as the collector would: scaled, with sentinels and ranges turned into reasons."""
    block.slots = arrays.place(block.points, interval_s=1)
    arrays.texts.clear()
    batch = decode([(block, _MOMENT, data, reason)], arrays)
    raw = (
        [None] * len(block.points)
        if data is None
        else block.layout.decode(np.frombuffer(data, np.uint8).reshape(1, -1))[0]
    )
    texts = {text.point_id: text.text for text in batch.texts}
    return {
        point.id: _value(point, number, reading, texts.get(point.id))
        for point, number, reading in zip(block.points, raw, batch.readings, strict=True)
    }


def _value(point: PolledPoint, raw: float | None, reading: Any, text: str | None = None) -> dict[str, Any]:
    why = reason_of(int(reading["quality"]))
    return {
        "key": point.key,
        "raw": None if raw is None else _number(raw),
        "value": _number(reading["value"]),
        "text": text,
        "reason": why.label,
        "explanation": why.explanation,
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
