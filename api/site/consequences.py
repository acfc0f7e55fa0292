"""What a change of the configuration does to what is there already: jobs that move, history and entries that go, alarms.

It is computed in the change's own transaction, a part of it before and the rest after, so that a dry run tells what the
change itself would do. Each part runs only when one of its fields is different, and costs little on a large site.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from api.alarms.store import Asking
from api.ground.cron import Cron
from api.ground.database import Row, Statements
from api.retention.announcement import ANNOUNCED_BEFORE
from api.site.jobs import jobs_of
from api.site.record import MEANINGS, stored
from api.site.watch import measures
from ddms.backups.folder import Kept, size, surplus
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings
from ddms.system_alarms import KINDS
from ddms.system_watch import kinds_of_site, measure

READ_CLEANUP = """-- ddms:read_cleanup_of_change
SELECT n.due_at, next_cleanup(coalesce(n.due_at, now()) + $1::interval) AS following FROM (SELECT) one LEFT JOIN retention_notice n ON true
"""
READ_CUTS = (
    "-- ddms:read_cuts_of_change\nSELECT device_id, source, before FROM retention_cuts($1) WHERE source LIKE 'rollup%'"
)
IN_TIME = "-- ddms:in_time\nSET LOCAL statement_timeout = '700ms'"
# Of devices with so many points together, drawn by their hash; what they lose stands for what all lose.
COUNT_EXPIRING = """-- ddms:count_expiring_by_change
WITH sizes AS (SELECT device_id, points, sum(points) OVER (ORDER BY hashint4(device_id), device_id) - points AS before
                 FROM (SELECT device_id, count(*) AS points FROM points GROUP BY 1) s),
     drawn AS (SELECT device_id FROM sizes WHERE before < $5),
     scale AS (SELECT sum(points) / sum(points) FILTER (WHERE before < $5) AS points, count(*)::float8 / nullif(count(*) FILTER (WHERE before < $5), 0) AS devices FROM sizes),
     cut AS MATERIALIZED (
        SELECT c.source, c.device_id, greatest(old.before, coalesce(k.dirty_from, k.erased_before, '-infinity')) AS since, c.before
          FROM unnest($2::int[], $3::text[], $4::timestamptz[]) AS old (device_id, source, before)
          JOIN retention_cuts($1) c USING (device_id, source) JOIN drawn USING (device_id) LEFT JOIN retention_state k USING (device_id, source)
         WHERE c.before > old.before),
     counted AS MATERIALIZED (SELECT source, history_count(source, device_id, since, before) AS rows FROM cut WHERE since < before)
SELECT c.source, round(count(*) * s.devices)::bigint AS devices, round(sum(c.rows) * s.points)::bigint AS rows, (sum(c.rows) * s.points * w.width)::bigint AS bytes
  FROM counted c JOIN history_widths() w USING (source) CROSS JOIN scale s
 WHERE c.rows > 0 GROUP BY c.source, w.width, s.points, s.devices ORDER BY 1
"""
IS_COMPRESSED = "-- ddms:is_compressed\nSELECT compression_available()"
COUNT_COMPRESSIBLE = """-- ddms:count_compressible_by_change
SELECT source, n.chunks - coalesce(o.chunks, 0) AS chunks, n.rows - coalesce(o.rows, 0) AS rows, n.bytes - coalesce(o.bytes, 0) AS bytes
  FROM compression_due($2) n LEFT JOIN compression_due($1) o USING (source) WHERE n.chunks > coalesce(o.chunks, 0)
"""
COUNT_AUDIT = """-- ddms:count_audit_by_change
SELECT count(*) FROM audit_log WHERE number IS NOT NULL AND at < now() - make_interval(days => $1)
"""
COUNT_ALARMS = """-- ddms:count_alarms_by_change
SELECT count(*) AS alarms, count(*) FILTER (WHERE active) AS active FROM alarms WHERE source = $1 AND removed_at IS NULL
"""
COUNT_DEVICES = "-- ddms:count_devices_by_change\nSELECT count(*) FROM devices WHERE deleted_at IS NULL"
COUNT_SHELVED = "-- ddms:count_shelved_by_change\nSELECT count(*) FROM alarms WHERE shelved_until > now() + make_interval(hours => $1) AND removed_at IS NULL"
COUNT_SESSIONS = (
    "-- ddms:count_sessions_by_change\nSELECT count(*) FROM sessions s JOIN valid_tokens v ON v.id = s.token_id"
)

LIST_KEPT = """-- ddms:list_backups_of_change
SELECT name, asked_at AS made_at, kept AS is_kept, verified_at IS NOT NULL AS is_verified, bytes FROM backups WHERE state = 'done' AND removed_at IS NULL
"""

COUNTED = 1_000
"""So many points are counted; what more there is, is estimated."""


class Concern(StrEnum):
    """What a consequence is about."""

    JOBS = "jobs"
    CLEANUP = "cleanup"
    HISTORY = "history"
    COMPRESSION = "compression"
    AUDIT = "audit"
    ALARMS = "alarms"
    SYSTEM_ALARMS = "system_alarms"
    DEVICES = "devices"
    SESSIONS = "sessions"
    BACKUPS = "backups"


@dataclass(frozen=True, kw_only=True, slots=True)
class Consequence:
    """What a change does to something that is there."""

    about: Concern
    message: str
    subject: str | None = None
    """Which job, table, alarm or backups."""
    removes: bool = False
    """Whether something goes that nothing brings back."""
    count: int | None = None
    rows: int | None = None
    bytes: int | None = None
    moved_from: datetime | None = None
    moved_to: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """A change, and what was looked at before it was made."""

    statements: Statements
    settings: Settings
    before: dict[str, Any]
    after: dict[str, Any]
    cleanup: Row
    cuts: list[Row]

    @classmethod
    async def of(
        cls, statements: Statements, settings: Settings, before: dict[str, Any], after: dict[str, Any]
    ) -> "Outlook":
        """Look at what will be gone once the change is made."""
        cleanup: Any = await statements.row(READ_CLEANUP, ANNOUNCED_BEFORE)
        shorter = any(after[name] < before[name] for name in ROLLUPS)
        cuts = await statements.rows(READ_CUTS, cleanup["following"]) if shorter else []
        return cls(statements=statements, settings=settings, before=before, after=after, cleanup=cleanup, cuts=cuts)

    async def consequences(self) -> list[Consequence]:
        """Return what follows, once the change is made."""
        return [one for names, tell in PARTS if self.differs(names) async for one in tell(self)]

    def differs(self, names: Collection[str]) -> bool:
        """Whether one of these fields changes."""
        return any(self.before[name] != self.after[name] for name in names)

    def moment(self, time: datetime) -> str:
        """Write a time as people at the site read it, by the zone that is in force then."""
        return f"{time.astimezone(ZoneInfo(self.after['time_zone'])):%Y-%m-%d %H:%M} {self.after['time_zone']}"


async def _jobs(outlook: Outlook) -> AsyncIterator[Consequence]:
    now = datetime.now(UTC)
    sites: list[Any] = [dict(zip(MEANINGS, stored(values), strict=True)) for values in (outlook.before, outlook.after)]
    for job in jobs_of(outlook.settings):
        if job.cron is None:
            continue
        texts = [(job.cron(site), site["time_zone"]) for site in sites]
        was, will = (Cron(text, zone).after(now) if text.strip() else None for text, zone in texts)
        if was != will:
            message = _moved(job.name, *(outlook.moment(time) if time else None for time in (was, will)))
            yield Consequence(about=Concern.JOBS, subject=job.name, message=message, moved_from=was, moved_to=will)


def _moved(job: str, was: str | None, will: str | None) -> str:
    if will is None:
        return Sentence("the job {} does not run by itself any more; it would have at {}", job, was)
    if was is None:
        return Sentence("the job {} runs by itself from now on, next at {}", job, will)
    return Sentence("the job {} runs next at {} instead of {}", job, will, was)


async def _cleanup(outlook: Outlook) -> AsyncIterator[Consequence]:
    row: Any = await outlook.statements.row(READ_CLEANUP, ANNOUNCED_BEFORE)
    was, will, announced = outlook.cleanup["following"], row["following"], row["due_at"]
    if was == will:
        return
    message = Sentence("the next cleanup is at {} instead of {}", outlook.moment(will), outlook.moment(was))
    if announced:
        message = Sentence(
            "the cleanup that is announced stays at {}, the next is at {} instead of {}", *map(outlook.moment, (announced, will, was))
        )  # fmt: skip
    yield Consequence(about=Concern.CLEANUP, message=message, moved_from=was, moved_to=will)


async def _history(outlook: Outlook) -> AsyncIterator[Consequence]:
    at = outlook.cleanup["following"]
    columns = [[row[name] for row in outlook.cuts] for name in ("device_id", "source", "before")]
    for row in await _expiring(outlook.statements, at, columns):
        message = Sentence(
            "{}: about {:,} rows ({}) of {:,} devices expire, and are erased at {}; until then they can be exported",
            row["source"], row["rows"], size(row["bytes"]), row["devices"], outlook.moment(at),
        )  # fmt: skip
        yield Consequence(
            about=Concern.HISTORY, subject=row["source"], message=message, removes=True, moved_to=at,
            count=row["devices"], rows=row["rows"], bytes=row["bytes"],
        )  # fmt: skip


async def _expiring(statements: Statements, at: datetime, columns: list[list[Any]]) -> list[Row]:
    """Count what expires, of a part of the points where there are many, and of a smaller one where that takes long."""
    for points in (COUNTED, COUNTED // 20):
        try:
            async with statements.undone():
                await statements.value(IN_TIME)
                return await statements.rows(COUNT_EXPIRING, at, *columns, points)
        except DdmsError as error:
            if error.code is not Code.TIMEOUT:
                raise
    return []


async def _compression(outlook: Outlook) -> AsyncIterator[Consequence]:
    if not await outlook.statements.value(IS_COMPRESSED):
        yield Consequence(about=Concern.COMPRESSION, message=Sentence("this edition of the storage compresses nothing"))
    days = (outlook.before["compress_after_days"], outlook.after["compress_after_days"])
    for row in await outlook.statements.rows(COUNT_COMPRESSIBLE, *days):
        message = Sentence(
            "{}: {:,} chunks of about {:,} rows ({}) are compressed when the database does that next",
            row["source"], row["chunks"], row["rows"], size(row["bytes"]),
        )  # fmt: skip
        yield Consequence(
            about=Concern.COMPRESSION, subject=row["source"], message=message, count=row["chunks"], rows=row["rows"], bytes=row["bytes"]
        )  # fmt: skip


async def _audit(outlook: Outlook) -> AsyncIterator[Consequence]:
    days = outlook.after["audit_days"]
    if days > outlook.before["audit_days"]:
        return
    if old := await outlook.statements.value(COUNT_AUDIT, days):
        message = Sentence(
            "{:,} entries of the audit are older than {:,} days, and are erased in the next night", old, days
        )
        yield Consequence(about=Concern.AUDIT, message=message, removes=True, count=old, rows=old)


async def _priorities(outlook: Outlook) -> AsyncIterator[Consequence]:
    for source in ("device", "connection"):
        name = f"{source}_alarm_priority"
        if not outlook.differs({name}):
            continue
        row: Any = await outlook.statements.row(COUNT_ALARMS, source)
        message = Sentence(
            "{:,} alarms, of which {:,} are active, get the priority {} instead of {} at once",
            row["alarms"], row["active"], str(outlook.after[name]), str(outlook.before[name]),
        )  # fmt: skip
        yield Consequence(about=Concern.ALARMS, subject=source, message=message, count=row["alarms"])


async def _system(outlook: Outlook) -> AsyncIterator[Consequence]:
    concerned = {kind for column, kind in LIMITED_BY if outlook.differs({column})}
    asks = Asking(outlook.statements)
    kinds = await kinds_of_site(asks)
    given = await asyncio.to_thread(measures, outlook.settings)
    for row in await measure(asks, given, clock=None):
        if row["kind"] not in concerned or row["value"] is None:
            continue
        kind = kinds[row["kind"]]
        title = _titled(kind.texts.title, row["subject"])
        values = f"{row['value']:,.1f}", f"{kind.raised:,.0f}"
        if not row["active"] and kind.is_beyond(row["value"]):
            message = Sentence("an alarm of the system is raised: {}, {} is beyond {}", title, *values)
        elif row["active"] and kind.is_normal(row["value"]):
            message = Sentence("an alarm of the system is cleared: {}, {} is within {}", title, *values)
        else:
            continue
        yield Consequence(about=Concern.SYSTEM_ALARMS, subject=row["kind"], message=message)


def _titled(title: str, subject: str) -> str:
    return Sentence(title.template, *(subject for _ in title.values)) if isinstance(title, Sentence) else title


async def _devices(outlook: Outlook) -> AsyncIterator[Consequence]:
    count = await outlook.statements.value(COUNT_DEVICES)
    message = Sentence("{:,} devices that are there keep the retention that they have", count)
    yield Consequence(about=Concern.DEVICES, message=message, count=count)


async def _sessions(outlook: Outlook) -> AsyncIterator[Consequence]:
    count = await outlook.statements.value(COUNT_SESSIONS)
    message = Sentence("{:,} browsers that are signed in keep the end that they have", count)
    yield Consequence(about=Concern.SESSIONS, message=message, count=count)


async def _shelves(outlook: Outlook) -> AsyncIterator[Consequence]:
    if count := await outlook.statements.value(COUNT_SHELVED, outlook.after["shelf_hours"]):
        message = Sentence("{:,} alarms stay on the shelf for longer than that: they were shelved before", count)
        yield Consequence(about=Concern.ALARMS, message=message, count=count)


async def _surplus(outlook: Outlook) -> AsyncIterator[Consequence]:
    rows = await outlook.statements.rows(LIST_KEPT)
    kept = [Kept(**{f.name: row[f.name] for f in fields(Kept)}) for row in rows]
    were, will = (
        surplus(
            kept,
            newest=values["backups_kept"],
            monthly=values["backups_kept_monthly"],
            zone=values["time_zone"],
            now=datetime.now(UTC),
        )
        for values in (outlook.before, outlook.after)
    )
    if gone := [name for name in will if name not in were]:
        bytes_ = sum(row["bytes"] or 0 for row in rows if row["name"] in gone)
        message = Sentence("{:,} backups ({}) are removed, the oldest is {}", len(gone), size(bytes_), gone[0])
        yield Consequence(about=Concern.BACKUPS, message=message, removes=True, count=len(gone), bytes=bytes_)


async def _recipients(outlook: Outlook) -> AsyncIterator[Consequence]:
    if outlook.after["backup_recipients"]:
        message = Sentence(
            "backups from now on can be read only with a secret key of these recipients: the server cannot verify them by itself"
        )
    else:
        message = Sentence("backups from now on are not encrypted; those that are stay so")
    yield Consequence(about=Concern.BACKUPS, message=message)


LIMITED_BY = (
    *((kind.configured, name) for name, kind in KINDS.items() if kind.configured),
    ("verified_within_days", "backup_unverified"),
)
"""The fields that say where something is an alarm of the system, and which kind of it."""
SYSTEM_LIMITS = {column for column, _ in LIMITED_BY}
ROLLUPS = ("rollup_1m_days", "rollup_1h_days", "rollup_1d_days")
PARTS: tuple[tuple[Collection[str], Callable[[Outlook], AsyncIterator[Consequence]]], ...] = (
    (("time_zone", "backup_schedule", "verify_schedule"), _jobs),
    (("time_zone", "cleanup_time"), _cleanup),
    (ROLLUPS, _history),
    (("compress_after_days",), _compression),
    (("audit_days",), _audit),
    (("device_alarm_priority", "connection_alarm_priority"), _priorities),
    (SYSTEM_LIMITS, _system),
    (("retention_days",), _devices),
    (("session_idle_minutes", "session_hours"), _sessions),
    (("shelf_hours",), _shelves),
    (("time_zone", "backups_kept", "backups_kept_monthly"), _surplus),
    (("backup_recipients",), _recipients),
)
"""Which fields have which consequences, in the order in which they are told."""
