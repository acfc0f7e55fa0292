"""The installation itself: versions, storage edition, collectors."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, output_type, resolver
from api.graphql.pages import After, Before, Connection, First, Last, Listing, NameOrder, Page
from api.graphql.scalars import BigInt
from api.ground.database import Row
from ddms import VERSION
from ddms.database import SCHEMA_VERSION
from ddms.quality import Quality, Reason

ALIVE = timedelta(seconds=30)

COLLECTORS: Listing["Collector"] = Listing(
    "collectors",
    """
SELECT name, name AS by_name, 0 AS id, started_at, seen_at, version, sequence, lost_readings, lost_at, spool_bytes, spool_since, trouble, refused_readings, seen_at > now() - $1::interval AS alive
  FROM collectors WHERE ($2::boolean IS NULL OR (seen_at > now() - $1::interval) = $2)
""",
    parameters=2,
    orders={NameOrder.NAME: ("by_name", "text")},
)


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


def _collectors(rows: list[Row]) -> list[Collector]:
    return [Collector(**{f.name: row[f.name] for f in fields(Collector)}) for row in rows]
