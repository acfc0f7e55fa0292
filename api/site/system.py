"""The installation itself: versions, storage edition, collectors."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, output_type, resolver
from api.graphql.pages import After, Before, Connection, First, Last, Listing, NameOrder, Page
from api.graphql.payloads import UserError, mutation
from api.graphql.scalars import BigInt
from api.ground import audit
from api.ground.database import Row
from ddms import VERSION
from ddms.database import SCHEMA_VERSION
from ddms.errors import Code, DdmsError, Sentence
from ddms.quality import Quality, Reason

ALIVE = timedelta(seconds=30)

COLLECTORS: Listing["Collector"] = Listing(
    "collectors",
    """
SELECT name, name AS by_name, 0 AS id, site, started_at, seen_at, version, sequence, lost_readings, lost_at, spool_bytes, spool_since, trouble, refused_readings,
       spool_max_bytes, spool_room_bytes, spool_fault, clock_seconds, seen_at > now() - $1::interval AS alive
  FROM collectors WHERE ($2::boolean IS NULL OR (seen_at > now() - $1::interval) = $2)
""",
    parameters=2,
    orders={NameOrder.NAME: ("by_name", "text")},
)

SITES: Listing["Site"] = Listing(
    "sites",
    """
SELECT site AS name, site AS by_name, 0 AS id, devices, told_at, reached, reached_at, newest_at, pending, behind_seconds, stream_bytes, stream_max_bytes,
       trouble, set_aside, set_aside_at, set_aside_reason
  FROM grafana.sites
""",
    parameters=0,
    orders={NameOrder.NAME: ("by_name", "text")},
)

REMOVE_COLLECTOR = """-- ddms:remove_collector
DELETE FROM collectors WHERE name = $1 AND seen_at <= now() - $2::interval RETURNING seen_at
"""
IS_COLLECTOR = "-- ddms:is_collector\nSELECT EXISTS (SELECT FROM collectors WHERE name = $1)"


@output_type
class QualityCode:
    """What a quality code of a column means."""

    code: int = field(description="The number in the column.")
    quality: Quality = field(description="Its class.")
    reason: Reason = field(description="Its name.")
    explanation: str = field(description="What an engineer should know, or do.")


@output_type
class System:
    """The installation."""

    version: str = field(description="Version of DDMS.")
    edition: str = field(
        description="What the database can do: `community` (TimescaleDB), `apache` (its Apache edition), `plain` (PostgreSQL)."
    )
    schema_version: str = field(description="Version of the database's schema.")
    time: datetime = field(description="The server's clock.")
    live: bool = field(description="Whether the live stream is connected.")

    @resolver
    def qualities(self) -> list[QualityCode]:
        """All quality codes."""
        return [
            QualityCode(code=reason.value, quality=reason.quality, reason=reason, explanation=reason.explanation)
            for reason in Reason
        ]


@output_type
class Collector:
    """A program that polls devices."""

    name: str = field(description="Its name, as configured.")
    site: str = field(description="The far site whose devices it polls; empty: those of no site.")
    alive: bool = field(description="Whether it was heard of in the last 30 seconds.")
    started_at: datetime = field(description="When it started.")
    seen_at: datetime = field(description="When it was last heard of.")
    version: str = field(description="Its version of DDMS.")
    sequence: BigInt = field(description="Number of its newest flush; each is one more than the one before.")
    lost_readings: BigInt = field(
        description="Readings that were lost because neither the database nor its spool took them, since it was installed."
    )
    lost_at: datetime | None = field(description="When readings were last lost.")
    spool_bytes: BigInt = field(description="What waits in its spool for the database, as it last said, in bytes.")
    spool_since: datetime | None = field(description="How old the oldest of it is; null when the spool is empty.")
    trouble: str | None = field(
        description="What keeps it from storing readings as fast as it reads them, as it last said; null when nothing does."
    )
    refused_readings: BigInt = field(
        description="Readings that the database refused for their content since it started; they are set aside in its spool."
    )
    spool_max_bytes: BigInt | None = field(
        description="How large its spool may become, in bytes; null of a collector that never said it."
    )
    spool_room_bytes: BigInt | None = field(
        description="How much its spool can still take, in bytes: what its limit leaves, or its disk, whichever is less."
    )
    spool_fault: str | None = field(description="Why its spool cannot be written; null when it can.")
    clock_seconds: float | None = field(
        description="By how much its clock is ahead of the database's, in seconds; negative: behind."
    )


@output_type
class Site:
    """A far site, whose readings come over NATS: how far they are stored."""

    name: str = field(description="Its name, as connections have it.")
    devices: int = field(description="How many enabled devices it has.")
    told_at: datetime | None = field(
        description="When `ddms ingest` last said something of it; null: it never did, and nothing of the site is stored."
    )
    reached: bool = field(description="Whether its stream was seen in the last minute.")
    reached_at: datetime | None = field(description="When its stream was last seen.")
    newest_at: datetime | None = field(
        description="When the newest message that is stored came into the stream, by the clock of its NATS server."
    )
    pending: BigInt | None = field(
        description="How many messages wait in its stream; null while that is not known. A message is all that a collector read since the one before."
    )
    behind_seconds: float | None = field(
        description="How old the oldest of them is, in seconds; 0 when none waits, null while that is not known."
    )
    stream_bytes: BigInt | None = field(description="How large its stream is, in bytes.")
    stream_max_bytes: BigInt | None = field(description="How large its stream may become, in bytes.")
    trouble: str | None = field(description="What keeps `ddms ingest` from its readings; null when nothing does.")
    set_aside: int = field(description="How many messages of the last day could not be stored as they came.")
    set_aside_at: datetime | None = field(description="When the newest of them came.")
    set_aside_reason: str | None = field(description="Why it could not be stored.")


@output_type
class RemoveCollectorPayload:
    """The answer of removeCollector."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was removed.")
    collector: str | None = field(default=None, description="The name of the collector that was removed.")


@strawberry.type
class SystemQueries:
    """Queries about the installation."""

    @resolver
    def system(self, info: Info) -> System:
        """Versions, storage edition and quality codes of this installation."""
        return System(
            version=VERSION,
            edition=info.context.database.edition.value,
            schema_version=SCHEMA_VERSION,
            time=datetime.now(UTC),
            live=info.context.hub.connected.is_set(),
        )

    @resolver
    async def collectors(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        alive: Annotated[bool | None, argument("Only those that run, or that do not.")] = None,
    ) -> Connection[Collector]:
        """The collectors that ever ran, by name, a page at a time."""
        page = Page(first=first, after=after, last=last, before=before, order=NameOrder.NAME)
        return await COLLECTORS.page(info.context.database, page, (ALIVE, alive), _collectors)

    @resolver
    async def sites(
        self, info: Info, *, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Site]:
        """The far sites that have devices, or whose readings `ddms ingest` stores, by name, a page at a time."""
        page = Page(first=first, after=after, last=last, before=before, order=NameOrder.NAME)
        return await SITES.page(info.context.database, page, (), _sites)


def _sites(rows: list[Row]) -> list[Site]:
    return [Site(**{f.name: row[f.name] for f in fields(Site)}) for row in rows]


def _collectors(rows: list[Row]) -> list[Collector]:
    return [Collector(**{f.name: row[f.name] for f in fields(Collector)}) for row in rows]


@strawberry.type
class SystemMutations:
    """What can be done to the installation."""

    @mutation
    async def remove_collector(
        self, info: Info, name: Annotated[str, argument("Its name; `collectors` lists them.")]
    ) -> RemoveCollectorPayload:
        """Forget a collector that does not run any more, so that nobody is called because it is silent.

        What it read stays. If it runs again, it is there again.
        """
        async with info.context.database.transaction() as statements:
            if not await statements.value(REMOVE_COLLECTOR, name, ALIVE):
                if await statements.value(IS_COLLECTOR, name):
                    raise DdmsError(Code.CONFLICT, Sentence("the collector {} runs: stop it first", name), field="name")
                sentence = Sentence("there is no collector {!r}: `collectors` lists them", name[:64])
                raise DdmsError(Code.NOT_FOUND, sentence, field="name")
            await audit.record(statements, info.context.actor, "collector.remove", name)
        return RemoveCollectorPayload(collector=name)
