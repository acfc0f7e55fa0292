"""The audit by GraphQL: who did what, in pages, with filters."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import strawberry

from api.devices.types import Device, by_numbers
from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.graphql.pages import PLAN_EACH, After, Before, Connection, Descending, First, Last, Listing, Page
from api.graphql.scalars import BigInt, Json
from api.graphql.together import together
from api.ground.actor import ActorKind, Transport
from api.ground.audit import ACTIONS
from api.ground.database import Database, Row
from api.ground.ids import IdKind, from_id

_TIME = StrEnum("_TIME", {"TIME": "time"})
ENTRIES: Listing["AuditEntry"] = Listing(
    "audit",
    """
SELECT number AS id, number, at, actor, actor_kind, actor_id, token, address, client, transport, action, subject, before, after, hash
  FROM audit_log
 WHERE number IS NOT NULL AND ($1::timestamptz IS NULL OR at >= $1) AND ($2::timestamptz IS NULL OR at < $2)
   AND ($3::text IS NULL OR lower(actor) = lower($3)) AND ($4::text[] IS NULL OR action = any($4))
   AND ($5::text IS NULL OR subject = $5) AND ($6::text IS NULL OR address = $6)
   AND ($7::text IS NULL OR audit_words(actor, address, client, action, subject, before, after) @@ audit_query($7))
""",
    parameters=7,
    orders={_TIME.TIME: ("at", "timestamptz")},
    custom_plans=True,
)
NEWEST = """-- ddms:newest_audit
SELECT number, at, actor, actor_kind, actor_id, token, address, client, transport, action, subject, before, after, encode(hash, 'hex') AS hash
  FROM audit_log
 WHERE number IS NOT NULL AND ($1::timestamptz IS NULL OR at >= $1) AND ($2::timestamptz IS NULL OR at < $2)
   AND ($3::text IS NULL OR lower(actor) = lower($3)) AND ($4::text[] IS NULL OR action = any($4)) AND ($5::text IS NULL OR subject = $5)
 ORDER BY at DESC, number DESC LIMIT $6
"""
NAME_SUBJECTS = """-- ddms:name_audit_subjects
SELECT a.number, coalesce(d.name, p.name, g.name, f.name, c.endpoint, u.name, t.name, CASE WHEN m.id IS NOT NULL THEN concat_ws(': ', m.device_name, m.point_name, m.subject, m.kind) END) AS name FROM audit_log a
 CROSS JOIN LATERAL (SELECT split_part(a.subject, '_', 1) AS kind, CASE WHEN a.subject ~ '^[a-z]+_[1-9][0-9]{0,8}$' THEN split_part(a.subject, '_', 2)::int END AS row) s
  LEFT JOIN devices d ON s.kind = 'dev' AND d.id = s.row
  LEFT JOIN points p ON s.kind = 'pt' AND p.id = s.row
  LEFT JOIN groups g ON s.kind = 'grp' AND g.id = s.row
  LEFT JOIN profiles f ON s.kind = 'prof' AND f.id = s.row
  LEFT JOIN connections c ON s.kind = 'con' AND c.id = s.row
  LEFT JOIN users u ON s.kind = 'usr' AND u.id = s.row
  LEFT JOIN api_tokens t ON s.kind = 'tok' AND t.id = s.row
  LEFT JOIN alarms m ON s.kind = 'alm' AND m.id = s.row
 WHERE a.number = any($1::bigint[])
"""

describe_enum(
    ActorKind,
    name="ActorKind",
    description="What somebody is who did something.",
    values={
        "PERSON": "A person who was signed in.",
        "TOKEN": "A program with an API token.",
        "PROGRAM": "A program of DDMS itself: the command line, the scheduler.",
        "NOBODY": "Somebody without a valid key, as at a sign-in.",
    },
)
describe_enum(
    Transport,
    name="AuditTransport",
    description="By which way something was asked.",
    values={
        "GRAPHQL": "GraphQL over HTTP.",
        "WEBSOCKET": "GraphQL over a websocket.",
        "PAGE": "A page of the API, as that for signing in.",
        "ACTION": "A button in Grafana.",
        "EXPORT": "`/export`.",
        "COMMAND_LINE": "The command line, on the server.",
        "SCHEDULER": "Nobody: it was time.",
    },
)


@output_type
class AuditEntry:
    """What was done once: by whom, when, from where, what it was before and after."""

    number: BigInt = field(description="Its place in the chain, from 1 without a gap.")
    at: datetime = field(description="When it was done.")
    actor: str = field(description="Name of who did it, as it was then.")
    actor_kind: ActorKind | None = field(description="What that is; null in entries from before it was recorded.")
    actor_id: strawberry.ID | None = field(
        description="`usr_2` of a person, `tok_5` of a program's token; null for DDMS itself."
    )
    token: strawberry.ID | None = field(description="The key in use; of a person it names the session.")
    address: str | None = field(description="Where the client was.")
    client: str | None = field(
        description="What the client calls itself (User-Agent); of the command line the account and machine."
    )
    transport: Transport | None = field(description="By which way it was asked.")
    action: str = field(description="What was done, `device.update`; `auditActions` explains them.")
    subject: str = field(description="What it was done to: an id as `dev_12`, or a name.")
    before: Json | None = field(description="What it was before, or what of it changed; null when it is new.")
    after: Json | None = field(description="What it is after; null when it is gone.")
    hash: str = field(description="SHA-256 of this entry and the hash of the one before, in hexadecimal digits.")

    @resolver
    async def subject_name(self, info: Info) -> str | None:
        """What it was done to, by the name that it has now; null when it is gone or has none."""
        return await together(info.context, _names, int(self.number))

    @resolver
    async def device(self, info: Info) -> Device | None:
        """The device that it was done to; null when it was none, or it is gone."""
        if not self.subject.startswith(f"{IdKind.DEVICE.value}_"):
            return None
        return await together(info.context, by_numbers, from_id(IdKind.DEVICE, self.subject))

    @classmethod
    def of(cls, row: Row) -> "AuditEntry":
        """Make it of its row."""
        values = {name: value for name, value in row.items() if name not in {"id", "sorted"}}
        values["hash"] = row["hash"].hex()
        for name, kind in (("actor_kind", ActorKind), ("transport", Transport)):
            values[name] = kind(row[name]) if row[name] in set(kind) else None
        return cls(**values)


@output_type
class AuditAction:
    """Something that is recorded whenever it is done."""

    name: str = field(description="`device.update`.")
    meaning: str = field(description="What it says.")


async def _names(database: Database, numbers: list[int]) -> dict[int, str]:
    return {row["number"]: row["name"] for row in await database.rows(NAME_SUBJECTS, numbers) if row["name"]}


def of_action(text: str | None) -> list[str] | None:
    """Return the actions that are meant: one, or all of a noun."""
    if text is None or "." in text:
        return None if text is None else [text]
    return [name for name in ACTIONS if name.startswith(f"{text}.")] or [text]


async def newest(
    database: Database,
    *,
    most: int,
    from_: datetime | None = None,
    to: datetime | None = None,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
) -> list[Row]:
    """Return the newest entries that pass these filters."""
    async with database.transaction() as statements:
        await statements.value(PLAN_EACH)
        return await statements.rows(NEWEST, from_, to, actor, of_action(action), subject, most)


@strawberry.type
class AuditQueries:
    """Queries about who did what."""

    @resolver
    async def audit(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        from_: Annotated[
            datetime | None, strawberry.argument(name="from", description="Only those since then, inclusive.")
        ] = None,
        to: Annotated[datetime | None, argument("Only those until then, exclusive.")] = None,
        actor: Annotated[str | None, argument("Only what this one did, by name.")] = None,
        action: Annotated[str | None, argument("Only this, `device.update`, or all of a noun, `device`.")] = None,
        subject: Annotated[str | None, argument("Only what was done to this: `dev_12`.")] = None,
        address: Annotated[str | None, argument("Only what came from this address.")] = None,
        text: Annotated[
            str | None, argument("Only those in which all these words stand; the last one may be a beginning.")
        ] = None,
        descending: Descending = True,
    ) -> Connection[AuditEntry]:
        """Who did what, a page at a time, the newest first. For the owner only: it tells people's addresses and habits."""
        page = Page(first=first, after=after, last=last, before=before, order=_TIME.TIME, descending=descending)
        filters = from_, to, actor, of_action(action), subject, address, text
        return await ENTRIES.page(info.context.database, page, filters, lambda rows: [AuditEntry.of(r) for r in rows])

    @resolver
    def audit_actions(self) -> list[AuditAction]:
        """All that is recorded, with its meaning."""
        return [AuditAction(name=name, meaning=meaning) for name, meaning in ACTIONS.items()]
