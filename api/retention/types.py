"""Retention for people: what will be erased, when, what it takes, and what earlier runs erased."""

from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.graphql.scalars import BigInt
from api.ground.database import Database, Row
from api.ground.ids import IdKind, to_id
from api.retention.announcement import ANNOUNCED_BEFORE
from ddms.errors import Code, DdmsError, Sentence

MOST_RUNS = MOST_DEVICES = 1000

READ_DUE = """-- ddms:read_retention_due
SELECT coalesce(n.due_at, next_cleanup(now() + $1::interval)) AS due_at, n.announced_at FROM (SELECT) one LEFT JOIN retention_notice n ON true
"""
# What was announced goes at the next run; what was configured since then is announced by it, and goes a day later.
PREVIEW = """-- ddms:preview_retention
SELECT d.id AS device_id, d.name, d.deleted_at, d.retention_days, p.source, p.days, p.before, p.since, p.rows, p.bytes,
       CASE WHEN $2 OR p.before <= k.due_before OR NOT EXISTS (SELECT FROM retention_notice) THEN $1 ELSE next_cleanup($1::timestamptz + $3::interval) END AS erased_at
  FROM retention_preview($1::timestamptz) p JOIN devices d ON d.id = p.device_id LEFT JOIN retention_state k ON k.device_id = p.device_id AND k.source = p.source
 WHERE p.rows > 0 ORDER BY lower(d.name), d.id, array_position(array['readings', 'texts', 'rollup_1m', 'rollup_1h', 'rollup_1d'], p.source)
"""
LIST_RUNS = """-- ddms:list_retention_runs
SELECT r.id, r.started_at, r.finished_at, r.state, r.requested_by, r.error, t.source, t.rows, t.bytes, t.chunks
  FROM (SELECT * FROM retention_runs ORDER BY id DESC LIMIT $1) r LEFT JOIN retention_run_tables t ON t.run_id = r.id
 ORDER BY r.id DESC, array_position(array['readings', 'texts', 'rollup_1m', 'rollup_1h', 'rollup_1d'], t.source)
"""


class RetentionRunState(StrEnum):
    """How a run of the retention ended."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


describe_enum(
    RetentionRunState,
    name="RetentionRunState",
    description="How a run of the retention ended.",
    values={
        "RUNNING": "It goes on.",
        "DONE": "All that was expired is gone.",
        "FAILED": "It stopped; `error` says why. It is tried again after an hour.",
        "INTERRUPTED": "The program that ran it ended; the next run goes on where it stopped.",
    },
)


@output_type
class ExpiringHistory:
    """What one device loses in one table."""

    table: str = field(description="`readings`, `texts`, or `rollup_1m`, `rollup_1h`, `rollup_1d`.")
    days: int = field(description="How long it is kept, in days.")
    since: datetime | None = field(description="Where it begins; null: with the oldest there is.")
    before: datetime = field(description="What is older goes; whole days of UTC (of rollups, whole chunks).")
    rows: BigInt = field(description="How many rows: exact for readings, the most there can be for rollups.")
    bytes: BigInt = field(description="What they take, in bytes, about: rows times what a row of the table takes.")
    erased_at: datetime = field(description="When it goes; until then it can be exported.")


@output_type
class ExpiringDevice:
    """What one device loses."""

    device_id: strawberry.ID = field(description="The device.")
    name: str = field(description="Its name.")
    deleted_at: datetime | None = field(description="When it was deleted, if its history was kept.")
    retention_days: int = field(description="How long its readings are kept, in days.")
    rows: BigInt = field(description="How many rows go, in all tables.")
    bytes: BigInt = field(description="What they take, in bytes, about.")
    export_until: datetime = field(description="Until when all of it can be exported, by `/export` or `ddms export`.")
    tables: list[ExpiringHistory] = field(description="The same, table by table.")

    @classmethod
    def of(cls, rows: list[Row]) -> "ExpiringDevice":
        """Make it of its rows."""
        tables = [
            ExpiringHistory(
                table=row["source"],
                **{f.name: row[f.name] for f in fields(ExpiringHistory) if f.name != "table"},
            )
            for row in rows
        ]
        own = {name: rows[0][name] for name in ("name", "deleted_at", "retention_days")}
        return cls(
            device_id=to_id(IdKind.DEVICE, rows[0]["device_id"]),
            **own,
            rows=BigInt(sum(table.rows for table in tables)),
            bytes=BigInt(sum(table.bytes for table in tables)),
            export_until=min(table.erased_at for table in tables),
            tables=tables,
        )


@output_type
class RetentionPreview:
    """What the next runs of the retention will erase."""

    due_at: datetime = field(description="When the next run is.")
    announced_at: datetime | None = field(
        description="When it was announced; null before the first time. A run takes only what was announced by then."
    )
    rows: BigInt = field(description="How many rows go, of all devices.")
    bytes: BigInt = field(description="What they take, in bytes, about.")
    device_count: int = field(description="How many devices lose something.")
    expiring: strawberry.Private[list[ExpiringDevice]]

    @resolver
    def devices(
        self, first: Annotated[int, argument(f"How many, 1 to {MOST_DEVICES:,}.")] = 100
    ) -> list[ExpiringDevice]:
        """The devices that lose something, those that lose the most first."""
        _check_first(first, MOST_DEVICES)
        return self.expiring[:first]


@output_type
class RetentionRunTable:
    """What a run erased of one table."""

    table: str = field(description="`readings`, `texts`, or `rollup_1m`, `rollup_1h`, `rollup_1d`.")
    rows: BigInt = field(description="Rows erased; of whole chunks by the rollups of their days.")
    bytes: BigInt = field(description="What they took, in bytes: exact of whole chunks, else about.")
    chunks: int = field(description="Chunks that were dropped whole; their bytes are free on the disk at once.")


@output_type
class RetentionRun:
    """A run of the retention."""

    id: strawberry.ID = field(description="Opaque, `12`.")
    started_at: datetime = field(description="When it began.")
    finished_at: datetime | None = field(description="When it ended.")
    state: RetentionRunState = field(description="How it ended.")
    requested_by: str = field(description="`schedule`, or who ran it.")
    error: str | None = field(description="Why it stopped.")
    rows: BigInt = field(description="Rows erased, of all tables.")
    bytes: BigInt = field(description="What they took, in bytes, about.")
    tables: list[RetentionRunTable] = field(description="The same, table by table.")

    @classmethod
    def of(cls, rows: list[Row]) -> "RetentionRun":
        """Make it of its rows."""
        first = rows[0]
        tables = [
            RetentionRunTable(table=row["source"], **{name: row[name] for name in ("rows", "bytes", "chunks")})
            for row in rows
            if row["source"]
        ]
        own = {name: first[name] for name in ("started_at", "finished_at", "requested_by", "error")}
        return cls(
            id=strawberry.ID(str(first["id"])),
            state=RetentionRunState(first["state"]),
            **own,
            rows=BigInt(sum(table.rows for table in tables)),
            bytes=BigInt(sum(table.bytes for table in tables)),
            tables=tables,
        )


def _check_first(first: int, most: int) -> None:
    if not 1 <= first <= most:
        raise DdmsError(Code.INVALID, Sentence("ask for 1 to {:,}", most), field="first")


def _grouped(rows: list[Row], key: str) -> list[list[Row]]:
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return list(groups.values())


async def read_preview(database: Database, *, at_once: bool = False) -> RetentionPreview:
    """Read what the next runs will erase, by what is configured now; or what one would that is started at once."""
    due: Any = dict(await database.row(READ_DUE, ANNOUNCED_BEFORE) or {})
    if at_once:
        due["due_at"] = datetime.now(UTC)
    rows = await database.rows(PREVIEW, due["due_at"], at_once, ANNOUNCED_BEFORE)
    devices = [ExpiringDevice.of(group) for group in _grouped(rows, "device_id")]
    devices.sort(key=lambda device: -device.bytes)
    return RetentionPreview(
        due_at=due["due_at"],
        announced_at=due["announced_at"],
        rows=BigInt(sum(device.rows for device in devices)),
        bytes=BigInt(sum(device.bytes for device in devices)),
        device_count=len(devices),
        expiring=devices,
    )


async def read_runs(database: Database, most: int) -> list[RetentionRun]:
    """Read the newest runs, newest first."""
    _check_first(most, MOST_RUNS)
    return [RetentionRun.of(group) for group in _grouped(await database.rows(LIST_RUNS, most), "id")]


@strawberry.type
class RetentionQueries:
    """Queries about retention."""

    @resolver
    async def retention_preview(self, info: Info) -> RetentionPreview:
        """What the next runs of the retention will erase, of which device, and until when it can be exported."""
        return await read_preview(info.context.database)

    @resolver
    async def retention_runs(
        self, info: Info, *, first: Annotated[int, argument(f"How many, 1 to {MOST_RUNS:,}.")] = 30
    ) -> list[RetentionRun]:
        """The newest runs of the retention, newest first."""
        return await read_runs(info.context.database, first)
