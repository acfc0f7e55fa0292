"""A probe: registers decoded in every type and byte order, the most plausible first, so that nobody has to guess."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from collector.field.identity import identity
from collector.field.plausibility import Candidate, rank
from collector.field.scan import REFUSALS, Read, readable
from collector.line.tcp import Reader, ReadError
from ddms.quality import Reason
from ddms.registers import ADDRESSES, ByteOrder, DataType, RegisterTable, manual_address

BEFORE, AFTER = 5, 13  # registers around the address: a 64-bit value at −1 and its neighbour, one at +1 and its
OFFSETS = (0, -1, 1)
PAUSE_SECONDS = 0.5  # between the two reads
LEAST_TEXT = 2

_ASKED_FOR = frozenset(
    {DataType.BOOL, DataType.BIT, DataType.BITS, DataType.STRING_LOW, DataType.STRING_UTF16, DataType.BCD16}
)
"""What no word tells by itself: nearly every one could be it."""
PROPOSED = tuple(
    kind
    for kind in DataType
    if kind not in _ASKED_FOR and not kind.value.startswith(("mod10k", "signed", "uint24", "int24", "uint48", "int48"))
)
Words = dict[int, int]
"""What was read, by address."""


async def probe(
    link: Reader, parameters: Mapping[str, Any], report: Callable[[float, dict[str, Any]], None]
) -> dict[str, Any]:
    """Read around an address twice, and rank what it may mean; `expected` is a value that the engineer sees elsewhere.

    Returns `{identity: {vendor: …} or None, words: [[address, word]], refused: [address], candidates: [...]}`; see `collector.field.plausibility` for the
    candidates and their score. Raises `ReadError` when nothing can be read.
    """
    table, address = RegisterTable(parameters["register_table"]), parameters["address"]
    unit_id, timeout = parameters["unit_id"], parameters["timeout_ms"] / 1000
    if not 0 <= address < ADDRESSES:
        raise ValueError("an address is 0 to 65535")

    async def read(start: int, count: int) -> bytes:
        return await link.read(unit_id, table.function, start, count, timeout)

    reach = (1, 1) if table.is_bits else (BEFORE, AFTER)
    start, end = max(0, address - reach[0]), min(ADDRESSES, address + reach[1] + 1)
    start -= 0 if table.is_bits else start % 2
    before = await _words(read, start, end, is_bits=table.is_bits)
    report(0.4, {})
    await asyncio.sleep(PAUSE_SECONDS)
    words = await _words(read, start, end, is_bits=table.is_bits)
    if address not in words and not table.is_bits:
        words |= await _whole(read, address)
    if address not in words:
        raise ReadError(Reason.ILLEGAL_ADDRESS, _advice(table, address, words))
    found = candidates(words, before, address, is_bits=table.is_bits)
    return {
        "identity": await identity(link, unit_id, timeout),
        "words": sorted(words.items()),
        "refused": [a for a in range(start, end) if a not in words],
        "candidates": [c.as_dict(address) for c in rank(found, parameters.get("expected"))],
    }


async def _whole(read: Read, address: int) -> Words:
    """Read an address as a part of any value of 2 or 4 registers: some devices answer nothing but whole values."""
    for count in (2, 4):
        for start in range(max(0, address - count + 1), min(address, ADDRESSES - count) + 1):
            try:
                data = await read(start, count)
            except ReadError as error:
                if error.reason not in REFUSALS:
                    raise
            else:
                return {start + i: int.from_bytes(data[2 * i : 2 * i + 2], "big") for i in range(count)}
    return {}


def _advice(table: RegisterTable, address: int, words: Words) -> str:
    tried = f"{table.value} {address}, alone and with its neighbours"
    if (meant := manual_address(table, address)) is not None:
        return f"{tried}; if {address} is a manual's number, the address is {meant}"
    if words:
        return f"{tried}; those near by that it has: {', '.join(map(str, sorted(words)))}"
    return tried


async def _words(read: Read, start: int, end: int, *, is_bits: bool) -> Words:
    words: Words = {}
    for (address, count), data in await readable(read, start, end - start, is_bits=is_bits):
        for i in range(count):
            word = data[i // 8] >> i % 8 & 1 if is_bits else int.from_bytes(data[2 * i : 2 * i + 2], "big")
            words[address + i] = word
    return words


def candidates(words: Words, before: Words, address: int, *, is_bits: bool) -> list[Candidate]:
    """Return every way to read the registers at an address, the one before, and the one after it."""
    if is_bits:
        kinds = [(DataType.BOOL, ByteOrder.ABCD)]
    else:
        kinds = [(kind, order) for kind in PROPOSED for order in _orders(kind)]
    found = []
    for offset in OFFSETS:
        for kind, order in kinds:
            size = kind.words or _text_length(words, address + offset)
            if size and (
                candidate := _candidate(words, before, address + offset, size, offset=offset, kind=kind, order=order)
            ):
                found.append(candidate)
    return found


def _orders(kind: DataType) -> tuple[ByteOrder, ...]:
    """Return the orders that differ: words of 16 bits know two, single bytes one."""
    if kind.words in {2, 4}:
        return tuple(ByteOrder)
    if kind in {DataType.UINT16, DataType.INT16, DataType.FLOAT16, DataType.STRING}:
        return (ByteOrder.ABCD, ByteOrder.BADC)
    return (ByteOrder.ABCD,)


def _text_length(words: Words, address: int) -> int:
    """Return how many registers from an address on look like characters, in either order."""
    count = 0
    while (word := words.get(address + count)) is not None and _is_text(word):
        count += 1
    return count if count >= LEAST_TEXT else 0


def _is_text(word: int) -> bool:
    return all(byte == 0 or 0x20 <= byte < 0x7F for byte in divmod(word, 256)) and word != 0


def _candidate(
    words: Words, before: Words, first: int, size: int, *, offset: int, kind: DataType, order: ByteOrder
) -> Candidate | None:
    mine = _slice(words, first, size)
    if mine is None:
        return None
    beside = [] if kind is DataType.STRING else [_slice(words, first + step, size) for step in (-size, size)]
    return Candidate(
        offset=offset,
        data_type=kind,
        byte_order=order,
        words=mine,
        before=_slice(before, first, size),
        beside=[neighbour for neighbour in beside if neighbour is not None],
    )


def _slice(words: Words, start: int, size: int) -> tuple[int, ...] | None:
    found = tuple(words[a] for a in range(start, start + size) if a in words)
    return found if len(found) == size else None
