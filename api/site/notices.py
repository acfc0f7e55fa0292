"""Notices: what administrators should know before it happens, or because it went wrong."""

from datetime import datetime
from enum import StrEnum

import strawberry

from api.graphql.context import Info
from api.graphql.described import describe_enum, field, output_type, resolver
from api.graphql.messages import told
from api.ground.roles import Role
from ddms.errors import Sentence

READ_NOTICES = """-- ddms:read_notices
SELECT 'retention_due' AS kind, n.announced_at AS since, n.due_at AS until, sum(k.due_rows)::bigint AS rows, sum(k.due_bytes)::bigint AS bytes,
       count(DISTINCT k.device_id) AS devices, NULL AS error, NULL AS address
  FROM retention_notice n JOIN retention_state k ON k.due_rows > 0 GROUP BY n.announced_at, n.due_at
UNION ALL
SELECT 'retention_failed', started_at, NULL, NULL, NULL, NULL, error, NULL FROM (SELECT * FROM retention_runs WHERE state <> 'running' ORDER BY id DESC LIMIT 1) r WHERE state = 'failed'
UNION ALL
SELECT 'erasure_failed', requested_at, NULL, rows, NULL, NULL, error, NULL FROM erasures WHERE state <> 'done' AND error IS NOT NULL
UNION ALL
SELECT 'sign_in_locked', min(since), CASE WHEN max(until) > now() THEN max(until) END, count(*), NULL, NULL, NULL, (array_agg(address ORDER BY since DESC))[1]
  FROM sign_in_locks WHERE since > now() - interval '1 day' HAVING $1 AND count(*) > 0
"""


class NoticeKind(StrEnum):
    """What a notice is about."""

    RETENTION_DUE = "retention_due"
    RETENTION_FAILED = "retention_failed"
    ERASURE_FAILED = "erasure_failed"
    SIGN_IN_LOCKED = "sign_in_locked"


describe_enum(
    NoticeKind,
    name="NoticeKind",
    description="What a notice is about.",
    values={
        "RETENTION_DUE": "History will be erased at `until`; `retentionPreview` says what.",
        "RETENTION_FAILED": "The last run of the retention stopped; it is tried again.",
        "ERASURE_FAILED": "The history of something deleted could not be erased yet; it is tried again.",
        "SIGN_IN_LOCKED": "Somebody failed too often to sign in within a day; told to owners. `until`: when the last lock opens.",
    },
)


@output_type
class Notice:
    """Something that administrators should know."""

    kind: NoticeKind = field(description="What it is about.")
    message: str = field(description="The same as a sentence.")
    since: datetime = field(description="Since when it is known.")
    until: datetime | None = field(description="When it happens; null when it has happened.")


def _message(kind: NoticeKind, row: dict[str, object]) -> str:
    match kind:
        case NoticeKind.RETENTION_DUE:
            megabytes = int(str(row["bytes"])) // 1_000_000
            sentence = Sentence(
                "about {} rows ({} MB) of {} devices will be erased because they are expired: `retentionPreview` says which; export before what is needed",
                row["rows"],
                megabytes,
                row["devices"],
            )
        case NoticeKind.RETENTION_FAILED:
            sentence = Sentence("the last retention run stopped ({}): it is tried again after an hour", row["error"])
        case NoticeKind.ERASURE_FAILED:
            sentence = Sentence(
                "the history of something that was deleted is not erased yet ({}): it is tried again", row["error"]
            )
        case NoticeKind.SIGN_IN_LOCKED:
            sentence = Sentence(
                "failed attempts have locked sign-ins {} times within a day, last from {}: the audit log says whose",
                row["rows"],
                row["address"] or Sentence("many addresses"),
            )
    return told(sentence)


@strawberry.type
class NoticeQueries:
    """Queries about notices."""

    @resolver
    async def notices(self, info: Info) -> list[Notice]:
        """What administrators should know now; empty when there is nothing."""
        is_owner = info.context.require(Role.ADMIN).role is Role.OWNER
        rows = [dict(row) for row in await info.context.database.rows(READ_NOTICES, is_owner)]
        kinds = [NoticeKind(str(row["kind"])) for row in rows]
        return [
            Notice(kind=kind, message=_message(kind, row), since=row["since"], until=row["until"])
            for kind, row in zip(kinds, rows, strict=True)
        ]
