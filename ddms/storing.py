"""How readings get into the table `readings`: by binary COPY straight from numpy, and rollups hear of those that come late."""

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddms import stream
from ddms.database import Connection

COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END = b"\xff\xff"
_POSTGRES_EPOCH = 946_684_800_000_000  # 2000-01-01, in microseconds since 1970
_MINUTE = 60_000_000
_COLUMNS = ("time", "point_id", "value", "quality")
_HEAD = [("fields", ">i2"), ("time_size", ">i4"), ("time", ">i8"), ("point_size", ">i4"), ("point_id", ">i4"), ("value_size", ">i4")]  # fmt: skip
_TAIL = [("quality_size", ">i4"), ("quality", ">i2")]
_ROW = np.array([(4, 8, 0, 4, 0, 8, 0, 2, 0)], [*_HEAD, ("value", ">f8"), *_TAIL])
_ROW_WITHOUT_VALUE = np.array([(4, 8, 0, 4, 0, -1, 2, 0)], [*_HEAD, *_TAIL])

READ_ROLLED_UP = "-- ddms:read_rolled_up\nSELECT rolled_up_to()"
NOTE_LATE = """-- ddms:note_late
SELECT note_late($1::int[], $2::timestamptz[])
"""


def rows(readings: NDArray[Any]) -> bytes:
    """Return readings as the rows of a binary COPY of `time, point_id, value, quality`."""
    good = ~np.isnan(readings["value"])
    if good.all():
        return _rows(readings, _ROW)
    return _rows(readings[good], _ROW) + _rows(readings[~good], _ROW_WITHOUT_VALUE)


def _rows(readings: NDArray[Any], blank: NDArray[Any]) -> bytes:
    row = blank.repeat(len(readings))
    row["time"] = readings["time"] - _POSTGRES_EPOCH
    row["point_id"], row["quality"] = readings["point_id"], readings["quality"]
    if blank is _ROW:
        row["value"] = readings["value"]
    return row.tobytes()


async def copy(connection: Connection, table: str, packed: bytes) -> None:
    """Copy what `rows` packed into a table with the columns of `readings`."""

    async def source() -> AsyncIterator[bytes]:
        yield COPY_HEAD
        yield packed
        yield COPY_END

    await connection.copy_to_table(table, source=source(), columns=_COLUMNS, format="binary")


async def note_late(connection: Connection, readings: NDArray[Any]) -> None:
    """Say which readings come after their minute was rolled up; first of all, because it keeps the next one waiting."""
    if len(readings):
        await note_minutes(connection, readings, await connection.fetchval(READ_ROLLED_UP))


async def note_minutes(connection: Connection, readings: NDArray[Any], rolled_up_to: Any) -> None:
    """Say of which minutes before `rolled_up_to` these readings are."""
    late = readings[readings["time"] < stream.to_microseconds(rolled_up_to)]
    if len(late):
        minutes = late["time"] // _MINUTE * _MINUTE
        once = np.unique(np.stack([late["point_id"], minutes], axis=1), axis=0)
        times = [stream.to_datetime(time) for time in once[:, 1].tolist()]
        await connection.execute(NOTE_LATE, once[:, 0].tolist(), times)
