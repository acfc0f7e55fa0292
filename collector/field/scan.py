"""A scan: which units answer behind an endpoint, and which registers they have.

Registers are found by reading large blocks; a block that is refused is parted until only the refused ones are left. Many
devices refuse a read that begins or ends inside a value of 32 or 64 bits, so blocks of words begin at even addresses
and have an even length, and before a register is said to be missing it is asked for with each of its neighbours.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from collector.line.tcp import Reader, ReadError
from ddms.quality import LINE_FAILURES, Reason
from ddms.registers import ADDRESSES, MAX_BITS, MAX_WORDS, RegisterTable

PARTS = 4
HALVED = 8  # a block of so many registers or fewer is halved, which finds values of 64 bits
REFUSALS = frozenset({Reason.ILLEGAL_ADDRESS, Reason.ILLEGAL_VALUE, Reason.DEVICE_FAILURE})
SILENCES = 3  # blocks in a row without an answer, after which a table is left alone
BUSY_RETRIES = 3
BUSY_SECONDS = 0.2
UNITS_SHARE = 0.3  # of the progress
SAME_FOR_ALL = 8  # if so many units were asked and all of them answer, the device does not look at the unit id

NOBODY = frozenset({Reason.TIMEOUT, Reason.CLOSED, Reason.WRONG_UNIT, Reason.GATEWAY_PATH, Reason.GATEWAY_TARGET})
"""What is heard of a unit id that nobody has."""

Read = Callable[[int, int], Awaitable[bytes]]
"""Reads `count` registers (or bits) from `address` on."""
Span = tuple[int, int]
"""First address, and how many."""


async def readable(read: Read, address: int, count: int, *, is_bits: bool = False) -> list[tuple[Span, bytes]]:
    """Read all that can be read of a range, in order: a refused part is parted further. Other failures are raised.

    The last value may reach beyond the range.
    """
    if whole := await _whole(read, address, count):
        return whole
    if count <= 2 and not is_bits:
        return await _one_by_one(read, address, count)
    if count == 1:
        return []
    size = -(-count // (PARTS if count > HALVED else 2))
    size += size % 2 and not is_bits
    parts = [(start, min(size, address + count - start)) for start in range(address, address + count, size)]
    return [found for part in parts for found in await readable(read, *part, is_bits=is_bits)]


async def _one_by_one(read: Read, address: int, count: int) -> list[tuple[Span, bytes]]:
    """Read what there is of one or two refused registers: one alone, or the last with the one after it."""
    last = address + count - 1
    found = [*await _whole(read, address, 1), *await _whole(read, last, 1)] if count == 2 else []
    if (last, 1) not in (span for span, _ in found):
        found += await _whole(read, last, 2)
    return found


async def _whole(read: Read, address: int, count: int) -> list[tuple[Span, bytes]]:
    """Read a span, or nothing when it is refused."""
    if address + count > ADDRESSES:
        return []
    try:
        return [((address, count), await read(address, count))]
    except ReadError as error:
        if error.reason not in REFUSALS:
            raise
    return []


def joined(spans: list[Span]) -> list[Span]:
    """Join spans that follow each other, or overlap."""
    result: list[Span] = []
    for address, count in spans:
        if result and address <= result[-1][0] + result[-1][1]:
            first = result[-1][0]
            result[-1] = (first, max(result[-1][1], address + count - first))
        else:
            result.append((address, count))
    return result


async def scan(
    link: Reader, parameters: Mapping[str, Any], report: Callable[[float, dict[str, Any]], None]
) -> dict[str, Any]:
    """Find units `unit_from` to `unit_to`, and their registers `address_from` to `address_to` in the `tables`.

    Returns `{units: [{unit_id, reason, milliseconds, ranges: [{register_table, address, count}], notes}], notes,
    requests}`; `report` is given the same while it grows. Raises `ReadError` when the endpoint cannot be reached.
    """
    return await _Scan(link, parameters, report).run()


class _Scan:
    def __init__(
        self, link: Reader, parameters: Mapping[str, Any], report: Callable[[float, dict[str, Any]], None]
    ) -> None:
        self._link, self._report = link, report
        self._timeout = parameters["timeout_ms"] / 1000
        self._unit_ids = range(parameters["unit_from"], parameters["unit_to"] + 1)
        self._tables = [RegisterTable(table) for table in parameters["tables"]]
        self._first, self._last = parameters["address_from"], parameters["address_to"]
        if not self._tables or self._first > self._last or not self._unit_ids:
            raise ValueError("a scan needs a table, a unit and an address")
        self._progress = 0.0
        self._result: dict[str, Any] = {"units": [], "notes": [], "requests": 0}

    async def run(self) -> dict[str, Any]:
        """Look for units, then for their registers."""
        await self._find_units()
        units = self._result["units"]
        if len(units) == len(self._unit_ids) >= SAME_FOR_ALL:
            units = self._told_apart(units)
        span = (1 - UNITS_SHARE) / max(1, len(units) * len(self._tables))
        for unit in units:
            for table in self._tables:
                await self._find_registers(unit, table, span)
        self._step(1 - self._progress)
        return self._result

    def _told_apart(self, units: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return which units to scan when all answer: those that answer unlike most, or the first of all alike."""
        told = Counter(unit["reason"] for unit in units)
        reason, _ = told.most_common(1)[0]
        others = [unit for unit in units if unit["reason"] != reason]
        if reason is None or not others:
            self._result["notes"].append("every unit id answers: this device does not look at it; only one was scanned")
            return units[:1]
        alike = len(units) - len(others)
        note = f"{alike} units answer with the same exception ({reason}), as some gateways do for units that are not there: left out"
        self._result["notes"].append(note)
        self._result["units"][:] = others
        return others

    def _step(self, by: float) -> None:
        self._progress = min(1.0, self._progress + by)
        self._report(self._progress, self._result)

    async def _read(self, unit_id: int, table: RegisterTable, address: int, count: int) -> bytes:
        for _ in range(BUSY_RETRIES):
            self._result["requests"] += 1
            try:
                return await self._link.read(unit_id, table.function, address, count, self._timeout)
            except ReadError as error:
                if error.reason is not Reason.BUSY:
                    raise
                await asyncio.sleep(BUSY_SECONDS)
        raise ReadError(Reason.BUSY)

    async def _find_units(self) -> None:
        for unit_id in self._unit_ids:
            began, reason = time.monotonic(), Reason.GOOD
            try:
                await self._read(unit_id, self._tables[0], self._first, 1)
            except ReadError as error:
                reason = error.reason
                if reason in LINE_FAILURES:
                    raise
            if reason not in NOBODY:
                self._result["units"].append(_unit(unit_id, reason, time.monotonic() - began))
            self._step(UNITS_SHARE / len(self._unit_ids))

    async def _find_registers(self, unit: dict[str, Any], table: RegisterTable, share: float) -> None:
        spans: list[Span] = []
        most, silences, address = MAX_BITS if table.is_bits else MAX_WORDS - MAX_WORDS % 2, 0, self._first
        others = [found for found in unit["ranges"] if found["register_table"] != table.value]

        async def read(start: int, count: int) -> bytes:
            return await self._read(unit["unit_id"], table, start, count)

        while address <= self._last:
            count = min(most, self._last - address + 1)
            if address == self._first and address % 2 and not table.is_bits:
                count = 1  # what follows begins at an even address
            try:
                parts = await readable(read, address, count, is_bits=table.is_bits)
            except ReadError as error:
                silences += 1
                if error.reason is Reason.ILLEGAL_FUNCTION or silences == SILENCES:
                    unit["notes"].append(f"{table.value}: {error.reason.explanation}")
                    self._step(share * (self._last - address + 1) / (self._last - self._first + 1))
                    break
                unit["notes"].append(f"{table.value} {address} – {address + count - 1}: {error.reason.explanation}")
                parts = []
            else:
                silences = 0
            spans = joined([*spans, *(span for span, _ in parts)])
            if len(parts) > 1 and joined([span for span, _ in parts]) == [(address, count)]:
                most = max(n for (_, n), _ in parts)  # nothing is missing: only the request was too long
                note = f"{table.value}: a request for {count} is refused, for {most} answered"
                unit["notes"].append(note)
            unit["ranges"] = others + [{"register_table": table.value, "address": a, "count": n} for a, n in spans]
            reached = max([address + count, *(a + n for (a, n), _ in parts)])  # the last value may reach further
            self._step(share * min(reached - address, self._last - address + 1) / (self._last - self._first + 1))
            address = reached
        if parting := None if table.is_bits else await _parting(read, spans):
            unit["notes"].append(f"{table.value}: {parting}")


async def _parting(read: Read, spans: list[Span]) -> str | None:
    """Say whether values can be read in parts, tried at the first span that can be parted."""
    first = next((address for address, count in spans if count > 1), None)
    if first is None:
        return None
    try:
        await read(first, 1)
    except ReadError as error:
        if error.reason in REFUSALS:
            return f"address {first} is answered together with {first + 1}, alone it is refused: read values whole (32 bits or more)"
    return None


def _unit(unit_id: int, reason: Reason, seconds: float) -> dict[str, Any]:
    return {
        "unit_id": unit_id,
        "reason": None if reason is Reason.GOOD else reason.label,
        "milliseconds": round(seconds * 1000, 3),
        "ranges": [],
        "notes": [],
    }
