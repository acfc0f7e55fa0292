"""A trial: points are read once, as `testConnection` and `ddms read` show them, and nothing is stored."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from collector.line.tcp import Reader, ReadError
from collector.storing.decode import PointArrays, decode
from ddms.lines import register
from ddms.plan import Block, PolledPoint, RequestLimits, plan
from ddms.quality import UNIT_FAILURES, Reason, reason_of

_NOBODY_THERE = {reason.label for reason in UNIT_FAILURES}


async def test_connection(
    link: Reader, parameters: Mapping[str, Any], report: Callable[[float, dict[str, Any]], None]
) -> dict[str, Any]:
    """Read the points of a request of the kind `test_connection`."""
    del report  # it is over in a moment
    points = [
        PolledPoint(id=i, key=p["key"], register=register(p), scale=p["scale"], offset=p["value_offset"])
        for i, p in enumerate(parameters["points"])
    ]
    return await read_once(link, parameters["unit_id"], points, parameters["timeout_ms"] / 1000)


async def read_once(
    link: Reader, unit_id: int, points: list[PolledPoint], timeout: float, limits: RequestLimits | None = None
) -> dict[str, Any]:
    """Read each point once, and return the requests with their raw words, and the decoded values.

    A refused block is read again point by point, so that one bad register does not hide the others.
    """
    requests: list[dict[str, Any]] = []
    values: dict[int, dict[str, Any]] = {}
    for poll in plan(points, limits or RequestLimits()):
        for block in poll.blocks:
            if requests and requests[-1]["reason"] in _NOBODY_THERE:  # one time-out tells enough
                values |= _values(block, None, Reason[requests[-1]["reason"].upper()])
                continue
            data, reason = await _request(link, unit_id, block, timeout, requests)
            blocks = [block]
            if reason in {Reason.ILLEGAL_ADDRESS, Reason.ILLEGAL_VALUE} and len(block.points) > 1:
                blocks = [b for p in block.points for q in plan([p], RequestLimits()) for b in q.blocks]
            for part in blocks:
                if part is not block:
                    data, reason = await _request(link, unit_id, part, timeout, requests)
                values |= _values(part, data, reason)
    return {"requests": requests, "values": [values[point.id] for point in points]}


async def _request(
    link: Reader, unit_id: int, block: Block, timeout: float, requests: list[dict[str, Any]]
) -> tuple[bytes | None, Reason]:
    start = time.monotonic()
    data, reason = None, Reason.GOOD
    try:
        data = await link.read(unit_id, block.table.function, block.address, block.count, timeout)
    except ReadError as error:
        reason = error.reason
    requests.append(
        {
            "register_table": block.table.value,
            "address": block.address,
            "count": block.count,
            "milliseconds": round((time.monotonic() - start) * 1000, 3),
            "words": _words(data, is_bits=block.table.is_bits, count=block.count),
            "reason": None if reason is Reason.GOOD else reason.label,
        }
    )
    return data, reason


def _words(data: bytes | None, *, is_bits: bool, count: int) -> list[int] | None:
    if data is None:
        return None
    if is_bits:
        return [data[i // 8] >> i % 8 & 1 for i in range(count)]
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


def _values(block: Block, data: bytes | None, reason: Reason) -> dict[int, dict[str, Any]]:
    """Judge a block as the collector would: scaled, with sentinels and ranges turned into reasons."""
    arrays = PointArrays()
    block.slots = arrays.place(block.points, interval_s=1)
    batch = decode([(block, 0, data, reason)], arrays)
    raw = None if data is None else block.layout.decode(np.frombuffer(data, np.uint8).reshape(1, -1))[0]
    texts = {text.point_id: text.text for text in batch.texts}
    return {
        point.id: {
            "key": point.key,
            "raw": None if raw is None else _number(raw[column]),
            "value": _number(reading["value"]),
            "text": texts.get(point.id),
            "reason": reason_of(int(reading["quality"])).label,
        }
        for column, (point, reading) in enumerate(zip(block.points, batch.readings, strict=True))
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
