"""The audit as files: CSV for people, JSON lines for programs that collect logs."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from api.audit.types import of_action
from api.graphql.pages import PLAN_EACH
from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Database, Row

_BATCH = 5000
EXPORT_AUDIT = """-- ddms:export_audit
SELECT number, at, actor, actor_kind, actor_id, token, address, client, transport, action, subject, before, after, encode(hash, 'hex') AS hash
  FROM audit_log
 WHERE number > $1 AND ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3)
   AND ($4::text IS NULL OR lower(actor) = lower($4)) AND ($5::text[] IS NULL OR action = any($5)) AND ($6::text IS NULL OR subject = $6)
 ORDER BY number LIMIT $7
"""
NAMES = (
    "number", "at", "actor", "actor_kind", "actor_id", "token", "address", "client", "transport", "action", "subject",
    "before", "after", "hash",
)  # fmt: skip


class AuditFormat(StrEnum):
    """How a file is written."""

    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Which entries are wanted."""

    after: int = 0
    from_: datetime | None = None
    to: datetime | None = None
    actor: str | None = None
    action: str | None = None
    subject: str | None = None


async def export(database: Database, actor: Actor, chosen: Chosen, form: AuditFormat) -> AsyncIterator[tuple[str, int]]:
    """Give the file in parts, with the number of entries in each, in the order of the chain; that is audited itself."""
    said = {name: str(value) for name, value in asdict(chosen).items() if value}
    async with database.transaction() as statements:
        await audit.record(statements, actor, "audit.export", "audit", after=said | {"format": form.value})
    if form is AuditFormat.CSV:
        yield ",".join(NAMES) + "\r\n", 0
    after, actions = chosen.after, of_action(chosen.action)
    while True:
        async with database.transaction() as statements:
            await statements.value(PLAN_EACH)
            rows = await statements.rows(
                EXPORT_AUDIT, after, chosen.from_, chosen.to, chosen.actor, actions, chosen.subject, _BATCH
            )
        if rows:
            yield WRITE[form](rows), len(rows)
            after = rows[-1]["number"]
        if len(rows) < _BATCH:
            return


def _json(rows: Sequence[Row]) -> str:
    return b"".join(
        orjson.dumps(dict(row), option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z) for row in rows
    ).decode()


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case dict() | list():
            return orjson.dumps(value).decode()
        case str() if value.startswith(("=", "+", "-", "@", "\t", "\r")):
            return f"'{value}"  # a client may call itself what a spreadsheet would execute
    return value


WRITE: dict[AuditFormat, Callable[[Sequence[Row]], str]] = {AuditFormat.CSV: _csv, AuditFormat.JSONL: _json}
