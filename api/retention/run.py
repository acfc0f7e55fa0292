"""The daily run: announces what will be erased, a day later erases it, and records what went (docs/retention.md)."""

import logging
from datetime import datetime
from typing import Any

from api.ground import audit
from api.ground.actor import COMMAND_LINE
from api.ground.database import Database, Row, Statements
from api.ground.metrics import RETENTION_BYTES, RETENTION_DUE, RETENTION_DUE_ROWS, RETENTION_ROWS
from api.ground.scheduler import report
from api.retention.announcement import COUNT_DUE, READ_NOTICE, SCHEDULE, announce
from api.retention.erasing import BATCH_ROWS, SOURCES, ErasingBatch, ErasingPace, erase, passing, patiently, reason
from api.retention.rollups import REFRESH_ROLLUPS
from ddms.errors import Code, DdmsError, Sentence

CLAIM = "-- ddms:claim_retention\nSELECT claim('retention')"
RELEASE = "-- ddms:release_retention\nSELECT release('retention')"
INTERRUPT_RUNS = """-- ddms:interrupt_retention_runs
UPDATE retention_runs SET state = 'interrupted', finished_at = now(), error = 'the program that ran it ended' WHERE state = 'running'
"""
INSERT_RUN = """-- ddms:insert_retention_run
WITH run AS (INSERT INTO retention_runs (requested_by) VALUES ($1) RETURNING id),
     tables AS (INSERT INTO retention_run_tables (run_id, source) SELECT id, unnest($2::text[]) FROM run)
SELECT id FROM run
"""
FINISH_RUN = (
    "-- ddms:finish_retention_run\nUPDATE retention_runs SET finished_at = now(), state = $2, error = $3 WHERE id = $1"
)
BEGIN_ERASING = "-- ddms:begin_erasing\nSELECT * FROM begin_erasing($1, now(), $2)"
END_ERASING = """-- ddms:end_erasing
SELECT end_erasing($1, d.id, d.before, d.changes) FROM unnest($2::int[], $3::timestamptz[], $4::int[]) AS d (id, before, changes)
"""
COUNT_EXPIRED = """-- ddms:count_expired
SELECT coalesce(sum(history_count($1, d.id, d.since, least(d.before, $5))), 0)::bigint
  FROM unnest($2::int[], $3::timestamptz[], $4::timestamptz[]) AS d (id, since, before)
"""
DROP_CHUNK = "-- ddms:drop_expired_chunk\nSELECT drop_expired_chunk($1, $2)"
COUNT_CHUNK = """-- ddms:count_dropped_chunk
UPDATE retention_run_tables SET chunks = chunks + 1, bytes = bytes + $3 WHERE run_id = $1 AND source = $2
"""
COUNT_ROWS = (
    "-- ddms:count_dropped_rows\nUPDATE retention_run_tables SET rows = rows + $3 WHERE run_id = $1 AND source = $2"
)
LIST_POINTS_OF = "-- ddms:list_points_of\nSELECT coalesce(array_agg(id ORDER BY id), '{}') FROM points WHERE device_id = any($1::int[])"
READ_WIDTH = "-- ddms:read_history_width\nSELECT width FROM history_widths() WHERE source = $1"
# What goes and that it went are one transaction: a run that is killed has counted right.
ERASE_BATCH = """-- ddms:erase_expired
UPDATE retention_run_tables t SET rows = t.rows + coalesce(e.rows, 0), bytes = t.bytes + coalesce(e.rows * $6::float8, 0)::bigint
  FROM erase_history($2, $3::int[], $4, $5, $7) AS e (rows) WHERE t.run_id = $1 AND t.source = $2 RETURNING e.rows
"""
FORGET_JOURNALS = "-- ddms:forget_journals\nSELECT forget_journals()"
READ_RUN = """-- ddms:read_retention_run
SELECT coalesce(sum(rows), 0)::bigint AS rows, coalesce(sum(bytes), 0)::bigint AS bytes, coalesce(sum(chunks), 0)::int AS chunks
  FROM retention_run_tables WHERE run_id = $1
"""

logger = logging.getLogger("api.retention")


async def retention(database: Database) -> dict[str, Any] | None:
    """Do what the day asks for: announce what is not announced yet, erase what was announced a day ago."""
    notice = await database.row(READ_NOTICE, SCHEDULE)
    details = None
    if notice and notice["is_due"]:
        details = {"run": await run(database, SCHEDULE, announced=True)}
    if notice is None or details:
        notice = await announce(database)
    RETENTION_DUE.set(notice["due_at"].timestamp())
    RETENTION_DUE_ROWS.set(notice["rows"])
    return details


async def run(database: Database, actor: str, *, announced: bool) -> int:
    """Erase what is expired, `announced`: only what was announced. Returns the number of the run, which is recorded."""
    async with database.connection() as statements:
        if not await statements.value(CLAIM):
            raise DdmsError(Code.CONFLICT, "a retention run goes on already: `ddms retention runs` shows it")
        await statements.value(INTERRUPT_RUNS)
        number: int = await statements.value(INSERT_RUN, actor, list(SOURCES))
        try:
            await statements.value(REFRESH_ROLLUPS)
            await _erase_all(statements, number, announced=announced)
            await statements.value(FORGET_JOURNALS)
        except Exception as error:
            await statements.value(FINISH_RUN, number, "failed", reason(error))
            raise
        await statements.value(FINISH_RUN, number, "done", None)
        if not announced:
            await statements.value(COUNT_DUE)
        await _tell(statements, number)
        await statements.value(RELEASE)
    return number


async def _erase_all(statements: Statements, number: int, *, announced: bool) -> None:
    """Erase each table; one that somebody holds is no reason to leave the others."""
    held = []
    for place, source in enumerate(SOURCES):
        report(place / len(SOURCES), f"erases what is expired in {source}")
        try:
            await _Run(statements, number, source).erase(announced=announced)
        except Exception as error:  # noqa: BLE001 - what does not pass is raised again
            held.append(f"{source}: {passing(error)}")
    if held:
        sentence = Sentence(
            "something that reads for long is in the way ({}): an export? The rest is erased", "; ".join(held)
        )
        raise DdmsError(Code.UNAVAILABLE, sentence)


async def run_by_hand(database: Database) -> None:
    """Erase at once what is expired by now, announced or not, as somebody at the command line asks; audited."""
    number = await run(database, COMMAND_LINE.name, announced=False)
    async with database.transaction() as statements:
        await audit.record(statements, COMMAND_LINE, "retention.run", f"retention run {number}")


async def _tell(statements: Statements, number: int) -> None:
    row: Any = await statements.row(READ_RUN, number)
    RETENTION_ROWS.inc(row["rows"])
    RETENTION_BYTES.inc(row["bytes"])
    logger.info("retention: run %d erased %d rows, %d bytes, %d chunks", number, *row)


def _alike(due: list[Row], erased: datetime | None) -> dict[tuple[datetime, datetime], list[Row]]:
    """Return the devices that lose the same time together; what was dropped with its chunks is gone already."""
    alike: dict[tuple[datetime, datetime], list[Row]] = {}
    for row in due:
        since = row["since"] if erased is None else max(row["since"], erased)
        alike.setdefault((since, row["before"]), []).append(row)
    return alike


class _Run:
    """One table in one run."""

    def __init__(self, statements: Statements, number: int, source: str) -> None:
        self._statements = statements
        self._number = number
        self._source = source
        self._pace = ErasingPace()

    async def erase(self, *, announced: bool) -> None:
        """Drop the chunks that no device needs any more, then erase what is expired of single devices."""
        states = await patiently(lambda: self._statements.rows(BEGIN_ERASING, self._source, announced))
        due = [row for row in states if row["since"] is not None and row["since"] < row["before"]]
        if not due:
            return
        cut = min(row["before"] for row in states)
        dropped = await self._drop_chunks(due, cut)
        width = await self._statements.value(READ_WIDTH, self._source)
        for (since, before), rows in _alike(due, cut if dropped else None).items():
            devices = [row["device_id"] for row in rows]
            points = await self._statements.value(LIST_POINTS_OF, devices)
            async for _ in erase(
                self._statements, self._source, points, (since, before), erase_batch=self._batch(width), pace=self._pace
            ):
                pass
            await self._statements.rows(
                END_ERASING, self._source, devices, [before] * len(rows), [row["changes"] for row in rows]
            )

    async def _drop_chunks(self, due: list[Row], cut: datetime) -> bool:
        expired = [[row[name] for row in due] for name in ("device_id", "since", "before")]
        rows = await self._statements.value(COUNT_EXPIRED, self._source, *expired, cut)
        dropped = False
        while (freed := await patiently(lambda: self._statements.value(DROP_CHUNK, self._source, cut))) is not None:
            await self._statements.value(COUNT_CHUNK, self._number, self._source, freed)
            dropped = True
        if dropped:
            await self._statements.value(COUNT_ROWS, self._number, self._source, rows)
        return dropped

    def _batch(self, width: float) -> Any:
        async def one(batch: ErasingBatch) -> int | None:
            rows: int | None = await self._statements.value(
                ERASE_BATCH, self._number, batch.source, batch.points, batch.starts, batch.ends, width, BATCH_ROWS
            )
            return rows

        return one
