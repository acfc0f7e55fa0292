"""The flush: one transaction that stores a batch, renews `latest` and tells the API, all or nothing.

Readings go by binary COPY straight from numpy. A batch that may be in the database already (its commit was cut off,
or it comes from the spool) goes through `replay`, which skips what is there.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
import numpy as np
from numpy.typing import NDArray

from collector.polling.units import DeviceCondition, Pace
from collector.storing.decode import Batch, Text
from ddms import VERSION, stream, tracing
from ddms.database import Connection
from ddms.errors import Code, DdmsError
from ddms.storing import copy, note_late, rows

COMMIT_SECONDS = 20.0
# What says that the batch itself cannot be stored, however the database does.
REFUSED = (asyncpg.DataError, asyncpg.CheckViolationError, asyncpg.NotNullViolationError)
# What says nothing about the batch: the same one may be taken the next time.
AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server ended the session just as we spoke
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.TransactionRollbackError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.PostgresSystemError,
    DdmsError,
)

MAKE_INCOMING = """-- ddms:make_incoming
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (time timestamptz, point_id int, value float8, quality smallint) ON COMMIT DELETE ROWS
"""
# MERGE takes half the time of INSERT … ON CONFLICT here; two collectors that insert one point at once meet a unique
# violation, and the batch goes through `replay`.
RENEW_LATEST = """-- ddms:renew_latest
MERGE INTO latest l USING incoming i ON i.point_id = l.point_id
 WHEN MATCHED THEN UPDATE SET time = i.time, value = i.value, quality = i.quality
 WHEN NOT MATCHED THEN INSERT (point_id, time, value, quality) VALUES (i.point_id, i.time, i.value, i.quality)
"""
TELL = """-- ddms:tell
WITH counted AS (UPDATE collectors SET sequence = $2, seen_at = now(), version = $3 WHERE name = $1),
     noted AS (INSERT INTO flushes (collector, replayed, sequence, first_time, last_time) VALUES ($1, false, $2, $5, $6))
SELECT pg_notify(told.channel, payload) FROM channel('ddms_readings') AS told (channel) CROSS JOIN unnest($4::text[]) AS payload
"""
# The collector's row is locked last, so that its flushes wait for the commit only.
TELL_REPLAY = """-- ddms:tell_replay
WITH counted AS (UPDATE collectors SET replays = replays + 1 WHERE name = $1 RETURNING replays),
     noted AS (INSERT INTO flushes (collector, replayed, sequence, first_time, last_time) SELECT $1, true, replays, $2, $3 FROM counted)
SELECT pg_notify(channel('ddms_replays'), json_build_object('collector', $1::text, 'sequence', replays, 'first', $2::timestamptz, 'last', $3::timestamptz)::text)
  FROM counted
"""
REPLAY_READINGS = """-- ddms:replay_readings
INSERT INTO readings (time, point_id, value, quality) SELECT time, point_id, value, quality FROM incoming ON CONFLICT DO NOTHING
"""
REPLAY_LATEST = """-- ddms:replay_latest
INSERT INTO latest AS l (point_id, time, value, quality)
SELECT DISTINCT ON (point_id) point_id, time, value, quality FROM incoming ORDER BY point_id, time DESC
ON CONFLICT (point_id) DO UPDATE SET time = excluded.time, value = excluded.value, quality = excluded.quality
WHERE l.time < excluded.time
"""
STORE_TEXTS = """-- ddms:store_texts
INSERT INTO texts (time, point_id, text, quality) SELECT * FROM unnest($1::timestamptz[], $2::int[], $3::text[], $4::smallint[])
ON CONFLICT DO NOTHING
"""
RENEW_TEXTS = """-- ddms:renew_texts
UPDATE latest l SET text = t.text
  FROM (SELECT DISTINCT ON (point_id) point_id, text FROM unnest($1::int[], $2::text[], $3::timestamptz[]) AS u (point_id, text, time)
         ORDER BY point_id, time DESC) t
 WHERE l.point_id = t.point_id
"""
STORE_STATES = """-- ddms:store_states
WITH stored AS (
    INSERT INTO device_states AS s (device_id, state, failures, first_failure, last_error, last_seen, outage_from, outage_to, outage_failures)
    SELECT u.*, CASE WHEN u.failures = 0 THEN now() END, u.first_failure, CASE WHEN u.failures > 0 THEN now() END, u.failures FROM unnest($1::int[], $2::text[], $3::int[], $4::timestamptz[], $5::text[]) AS u (device_id, state, failures, first_failure, last_error)
      JOIN devices d ON d.id = u.device_id
    ON CONFLICT (device_id) DO UPDATE SET state = excluded.state, failures = excluded.failures,
        first_failure = excluded.first_failure, last_error = excluded.last_error,
        since = CASE WHEN s.state = excluded.state THEN s.since ELSE now() END,
        last_seen = CASE WHEN excluded.failures = 0 THEN now() ELSE s.last_seen END,
        outage_from = CASE WHEN excluded.failures > 0 THEN excluded.outage_from ELSE s.outage_from END,
        outage_to = CASE WHEN excluded.failures > 0 THEN excluded.outage_to ELSE s.outage_to END,
        outage_failures = CASE WHEN excluded.failures > 0 THEN excluded.outage_failures ELSE s.outage_failures END
    RETURNING device_id
)
SELECT pg_notify(told.channel, device_id::text) FROM channel('ddms_states') AS told (channel) CROSS JOIN stored
"""
STORE_SEEN = """-- ddms:store_seen
UPDATE device_states s SET last_seen = now(), answer_seconds = coalesce(u.answer_seconds, s.answer_seconds),
       late_seconds = u.late_seconds, overrun_since = u.overrun_since
  FROM unnest($1::int[], $2::real[], $3::real[], $4::timestamptz[]) AS u (device_id, answer_seconds, late_seconds, overrun_since)
 WHERE s.device_id = u.device_id
"""
STORE_HEALTH = """-- ddms:store_health
WITH forgotten AS (DELETE FROM flushes WHERE committed_at < now() - interval '1 hour')
UPDATE collectors SET seen_at = now(), lost_readings = lost_readings + $2, lost_at = coalesce($3, lost_at), spool_bytes = $4::bigint,
       spool_since = CASE WHEN $4::bigint > 0 THEN now() - make_interval(secs => $5) END
 WHERE name = $1
"""


StoresAlarms = Callable[[Connection], Awaitable[None]]


class CollectorHealth(NamedTuple):
    """How a collector does, as it is stored in `collectors`: readings lost since it was last told, and its spool."""

    name: str
    lost: int
    lost_at: datetime | None
    spool_bytes: int
    spool_age: float


def stored(readings: NDArray[Any]) -> NDArray[Any]:
    """Return the readings that are kept."""
    kept = readings["stored"]
    return readings if kept.all() else readings[kept]


def newest(readings: NDArray[Any]) -> NDArray[Any]:
    """Return the last reading of each point."""
    points, last = np.unique(readings["point_id"][::-1], return_index=True)
    return readings if len(points) == len(readings) else readings[::-1][last]


async def flush_batch(
    connection: Connection,
    collector: str,
    sequence: int,
    batch: Batch,
    alarms: StoresAlarms | None = None,
    *,
    published: Sequence[str] = (),
) -> None:
    """Store a new batch; raises asyncpg's errors, and then nothing is stored unless the commit itself was cut off.

    `alarms` stores what the readings did to alarms, in the same transaction. `published`: the traces of what it came with.
    """
    payloads = stream.pack(_flush(collector, sequence, batch))
    kept, last = stored(batch.readings), newest(batch.readings)
    packed = rows(kept)
    with tracing.flush(collector, sequence, readings=len(batch.readings), published=published):
        async with connection.transaction():
            await note_late(connection, kept)
            if packed:
                await copy(connection, "readings", packed)
            await copy(connection, "incoming", packed if last is kept else rows(last))
            await connection.execute(RENEW_LATEST)
            await _store_texts(connection, batch)
            if alarms is not None:
                await alarms(connection)
            await connection.execute(TELL, collector, sequence, VERSION, payloads, *_span(kept, batch.texts))


def _flush(collector: str, sequence: int, batch: Batch) -> stream.Flush:
    readings = np.empty(len(batch.readings), stream.READING)
    for name in stream.READING.names or ():
        readings[name] = batch.readings[name]
    texts = {text.point_id: text.text for text in batch.texts}
    return stream.Flush(collector=collector, sequence=sequence, readings=readings, texts=texts)


def _span(readings: NDArray[Any], texts: list[Text]) -> tuple[datetime | None, datetime | None]:
    """Return the times of the first and the last of what is stored."""
    times = [readings["time"].min(), readings["time"].max()] if len(readings) else []
    times += [text.time for text in texts]
    return (stream.to_datetime(int(min(times))), stream.to_datetime(int(max(times)))) if times else (None, None)


async def replay_batch(connection: Connection, collector: str, batch: Batch) -> None:
    """Store a batch of which all or nothing may be stored already; subscribers are told of when it is, not its values."""
    async with connection.transaction():
        kept = stored(batch.readings)
        await note_late(connection, kept)
        await copy(connection, "incoming", rows(batch.readings))
        await connection.execute(REPLAY_LATEST)
        if kept is not batch.readings:
            await connection.execute("-- ddms:empty_incoming\nTRUNCATE incoming")
            await copy(connection, "incoming", rows(kept))
        await connection.execute(REPLAY_READINGS)
        await _store_texts(connection, batch)
        await connection.execute(TELL_REPLAY, collector, *_span(kept, batch.texts))


async def _store_texts(connection: Connection, batch: Batch) -> None:
    if not batch.texts:
        return
    points = [text.point_id for text in batch.texts]
    times = [stream.to_datetime(text.time) for text in batch.texts]
    words = [text.text for text in batch.texts]
    await connection.execute(STORE_TEXTS, times, points, words, [text.quality for text in batch.texts])
    await connection.execute(RENEW_TEXTS, points, words, times)


async def store_states(connection: Connection, states: list[DeviceCondition]) -> None:
    """Store how devices do whose state changed."""
    if states:
        await connection.execute(STORE_STATES, *(list(column) for column in zip(*states, strict=True)))


async def store_seen(connection: Connection, health: CollectorHealth, seen: list[Pace]) -> None:
    """Store, from time to time, which devices answered and how fast, and how the collector does: a sign of life.

    Raises `DdmsError` when the collector's row was deleted: it must register again.
    """
    if await connection.execute(STORE_HEALTH, *health) == "UPDATE 0":
        raise DdmsError(Code.UNAVAILABLE, "this collector's row is gone from the database: it is made again")
    if seen:
        await connection.execute(STORE_SEEN, *(list(column) for column in zip(*seen, strict=True)))
