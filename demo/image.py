"""The registers of a simulated device: its model's values, written as its table says.

This is written apart from `ddms.registers`, which reads them: a slip in one is not hidden by the other.
"""

import math
import struct
from typing import Any

from ddms.registers import ByteOrder, DataType, Register, RegisterTable
from demo.inventory import PlantDevice, PlantPoint

_CODES = {
    DataType.UINT16: "H", DataType.INT16: "h", DataType.UINT32: "I", DataType.INT32: "i", DataType.UINT64: "Q",
    DataType.INT64: "q", DataType.FLOAT16: "e", DataType.FLOAT32: "f", DataType.FLOAT64: "d",
    DataType.UINT8_LOW: "B", DataType.UINT8_HIGH: "B", DataType.INT8_LOW: "b", DataType.INT8_HIGH: "b",
}  # fmt: skip
_RANGES = {
    code: (-(1 << (8 * size - 1)), (1 << (8 * size - 1)) - 1) if code.islower() else (0, (1 << (8 * size)) - 1)
    for code, size in (("B", 1), ("b", 1), ("H", 2), ("h", 2), ("I", 4), ("i", 4), ("Q", 8), ("q", 8))
}
_HIGH = {DataType.UINT8_HIGH, DataType.INT8_HIGH}
_LOW = {DataType.UINT8_LOW, DataType.INT8_LOW}

Words = dict[int, int]
"""Register (or bit) by address."""


def image(device: PlantDevice, model: Any, now: float, begun: float) -> dict[RegisterTable, Words]:
    """Return all registers of a device at `now`, with what the faults of a plant started at `begun` make of its values."""
    tables: dict[RegisterTable, Words] = {table: {} for table in RegisterTable}
    composed = {p.register.address for p in device.points if p.register.data_type is DataType.BIT}
    for point in device.points:
        register = point.register
        if register.data_type is DataType.UINT16 and register.address in composed:
            continue  # its bits make it
        _write(tables[register.table], register, point, value_of(device, model, point.key, now, begun))
    return tables


def value_of(device: PlantDevice, model: Any, key: str, now: float, begun: float) -> Any:
    """Return a point's value, faults included; None: it has none."""
    lost = device.faults.no_value
    if lost and key in lost.points and lost.since(now, begun) is not None:
        return None
    value = getattr(model, key)
    for shift in device.faults.shifts:
        if shift.point == key and value is not None and (since := shift.spell.since(now, begun)) is not None:
            value += shift.size(since)
    return value


def _write(words: Words, register: Register, point: PlantPoint, value: Any) -> None:
    address = register.address
    match register.data_type:
        case DataType.BOOL:
            words[address] = int(value)
        case DataType.BIT:
            words[address] = words.get(address, 0) | int(value) << (register.bit or 0)
        case DataType.STRING:
            data = str(value).encode()[: 2 * register.size].ljust(2 * register.size, b"\0")
            _place(words, address, data, register.byte_order)
        case data_type:
            code = _CODES[data_type]
            data = struct.pack(f">{code}", _raw(point, code, value))
            if data_type in _LOW:
                words[address] = words.get(address, 0) & 0xFF00 | data[0]
            elif data_type in _HIGH:
                words[address] = words.get(address, 0) & 0x00FF | data[0] << 8
            else:
                _place(words, address, data, register.byte_order)


def _raw(point: PlantPoint, code: str, value: float | None) -> float | int:
    if value is None:
        return math.nan if code in "efd" else int(point.sentinels[0])
    raw = (value - point.offset) / point.scale
    if code in "efd":
        return raw
    low, high = _RANGES[code]
    return min(max(round(raw), low), high)


def _place(words: Words, address: int, data: bytes, order: ByteOrder) -> None:
    """Write big-endian bytes into registers in the order of the device (ABCD as they are)."""
    pairs = [data[i : i + 2] for i in range(0, len(data), 2)]
    if order in {ByteOrder.CDAB, ByteOrder.DCBA}:
        pairs.reverse()
    if order in {ByteOrder.BADC, ByteOrder.DCBA}:
        pairs = [pair[::-1] for pair in pairs]
    for i, pair in enumerate(pairs):
        words[address + i] = int.from_bytes(pair, "big")
