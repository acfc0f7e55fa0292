"""Erasures: the history of deleted points goes in the background, with progress, over restarts."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.graphql.scalars import BigInt
from api.ground.actor import Actor
from api.ground.database import Database, Row, Statements
from api.ground.ids import IdKind, from_id, to_id
from api.ground.scheduler import CHANNEL
from api.retention.erasing import ALWAYS, BATCH_ROWS, SOURCES, ErasingBatch, ErasingPace, erase, reason

JOB = "erasures"
SHARES = {"readings": 0.7, "texts": 0.05, "rollup_1m": 0.2, "rollup_1h": 0.04, "rollup_1d": 0.01}
"""How much of the work each table is, about: for the progress that is shown."""
SETTLE_SECONDS = 15
"""So long after the deletion a collector may still store what it had read: only a later pass is the last one."""

INSERT_ERASURE = """-- ddms:insert_erasure
WITH told AS (SELECT pg_notify(channel($5), $6)),
     newest AS (DELETE FROM latest WHERE point_id = any($3::int[]))
INSERT INTO erasures (subject, device_id, points, requested_by) SELECT $1, $2, $3, $4 FROM told RETURNING id
"""
LIST_OPEN = "-- ddms:list_open_erasures\nSELECT id, points, requested_at <= now() - make_interval(secs => $1) AS settled FROM erasures WHERE state <> 'done' ORDER BY id"
START = "-- ddms:start_erasure\nUPDATE erasures SET state = 'running' WHERE id = $1 AND state = 'pending'"
ERASE_BATCH = """-- ddms:erase_deleted
UPDATE erasures x SET rows = x.rows + coalesce(e.rows, 0) FROM erase_history($2, $3::int[], $4, $5, $6) AS e (rows) WHERE x.id = $1 RETURNING e.rows
"""
PROGRESS = (
    "-- ddms:progress_of_erasure\nUPDATE erasures SET progress = greatest(progress, $2), error = NULL WHERE id = $1"
)
ERASE_LATEST = "-- ddms:erase_latest\nDELETE FROM latest WHERE point_id = any($1::int[])"
FINISH = "-- ddms:finish_erasure\nUPDATE erasures SET state = 'done', progress = 1, finished_at = now() WHERE id = $1"
FAIL = "-- ddms:fail_erasure\nUPDATE erasures SET error = $2 WHERE id = $1"
# `latest` has a row of every point that was ever read: also of one whose readings came out of a spool after it was deleted.
SWEEP = """-- ddms:sweep_deleted_points
INSERT INTO erasures (subject, points, requested_by)
SELECT 'points that were deleted before', array_agg(l.point_id), 'schedule' FROM latest l
 WHERE NOT EXISTS (SELECT FROM points p WHERE p.id = l.point_id)
   AND NOT EXISTS (SELECT FROM erasures e WHERE e.state <> 'done' AND l.point_id = any(e.points)) HAVING count(*) > 0
"""
_SELECT = (
    "SELECT id, subject, device_id, state, progress, rows, error, requested_by, requested_at, finished_at FROM erasures"
)
READ_ERASURE = f"-- ddms:read_erasure\n{_SELECT} WHERE id = $1"
LIST_ERASURES = (
    f"-- ddms:list_erasures\n{_SELECT} WHERE $1::boolean IS NULL OR (state = 'done') <> $1 ORDER BY id DESC LIMIT 100"
)


async def forget(
    statements: Statements, actor: Actor, points: list[int], *, subject: str, device: int | None = None
) -> int | None:
    """Have all that was read of points that are gone erased, in the background; return the erasure's number."""
    if not points and device is None:
        return None
    number: int = await statements.value(INSERT_ERASURE, subject, device, points, actor.name, CHANNEL, JOB)
    return number


async def erase_deleted(database: Database) -> dict[str, Any] | None:
    """Erase what is asked for, one after the other; whatever was cut off begins again where rows are left."""
    erased = {}
    failure: Exception | None = None
    async with database.connection() as statements:
        await statements.value(SWEEP)
        for number, points, settled in await statements.rows(LIST_OPEN, SETTLE_SECONDS):
            try:
                erased[str(number)] = await _erase(statements, number, points)
            except Exception as error:  # noqa: BLE001 - the others are erased nevertheless
                await statements.value(FAIL, number, reason(error))
                failure = error
                continue
            if settled:
                await statements.value(FINISH, number)
    if failure:
        raise failure
    return {"rows": erased} if erased else None


async def _erase(statements: Statements, number: int, points: list[int]) -> int:
    erased = 0

    async def one(batch: ErasingBatch) -> int | None:
        rows: int | None = await statements.value(
            ERASE_BATCH, number, batch.source, batch.points, batch.starts, batch.ends, BATCH_ROWS
        )
        nonlocal erased
        erased += rows or 0
        return rows

    await statements.value(START, number)
    done = 0.0
    for source in SOURCES:
        async for part in erase(statements, source, points, ALWAYS, erase_batch=one, pace=ErasingPace()):
            await statements.value(PROGRESS, number, done + part * SHARES[source])
        done += SHARES[source]
    await statements.value(ERASE_LATEST, points)
    return erased


class ErasureState(StrEnum):
    """How far an erasure is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"


describe_enum(
    ErasureState,
    name="ErasureState",
    description="How far an erasure is.",
    values={
        "PENDING": "It has not begun.",
        "RUNNING": "It is being erased, or waits some seconds for what a collector had read before it heard of it.",
        "DONE": "Nothing is left.",
    },
)


@output_type
class Erasure:
    """The history of deleted points, which is erased in the background."""

    id: strawberry.ID = field(description="Opaque, `era_12`.")
    subject: str = field(description="What was deleted: `Pump 3`, or `Pump 3: flow, pressure`.")
    device_id: strawberry.ID | None = field(
        description="The id that the device had; null when it has other points still."
    )
    state: ErasureState = field(description="How far it is.")
    progress: float = field(description="0 to 1.")
    rows: BigInt = field(description="Rows erased so far, with those of rollups.")
    error: str | None = field(description="Why the last attempt did not come to its end; it is tried again.")
    requested_by: str = field(description="Who deleted it.")
    requested_at: datetime = field(description="When it was deleted.")
    finished_at: datetime | None = field(description="When the last row was gone.")

    @classmethod
    def of(cls, row: Row) -> "Erasure":
        """Make it of its row."""
        values = dict(row)
        device = values.pop("device_id")
        return cls(
            **values | {"id": to_id(IdKind.ERASURE, row["id"]), "state": ErasureState(row["state"])},
            device_id=None if device is None else to_id(IdKind.DEVICE, device),
        )


async def by_number(database: Database, number: int | None) -> Erasure | None:
    """Return an erasure, or None."""
    row = None if number is None else await database.row(READ_ERASURE, number)
    return row and Erasure.of(row)


@strawberry.type
class ErasureQueries:
    """Queries about erasures."""

    @resolver
    async def erasure(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("Its id, from deleteDevice.")],  # noqa: A002 - GraphQL's word
    ) -> Erasure | None:
        """One erasure and its progress; null when there is none."""
        return await by_number(info.context.database, from_id(IdKind.ERASURE, id))

    @resolver
    async def erasures(
        self,
        info: Info,
        *,
        open: Annotated[bool | None, argument("Only those that are not done, or that are.")] = None,  # noqa: A002 - GraphQL's word
    ) -> list[Erasure]:
        """The newest 100 erasures of the last year, newest first."""
        return [Erasure.of(row) for row in await info.context.database.rows(LIST_ERASURES, open)]
