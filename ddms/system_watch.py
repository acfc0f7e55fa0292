"""The watch of DDMS over itself: everything is measured by one statement, and what happened is done to the alarms.

Delays run by the database's clock. What cannot be measured now is uncertain, and neither raises nor clears. When nobody
watched for a while, delays begin anew: what is found then may be the end of the interruption, and not a trouble of its own.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ddms.alarm_kinds import Kind, Texts
from ddms.alarm_rows import Asks, Happening, happen
from ddms.alarms import Event
from ddms.system_alarms import COMMON, KINDS

INTERRUPTED = timedelta(minutes=1)
_GIVEN = "SELECT * FROM unnest($2::text[], $3::text[], $4::float8[], $5::text[])"

BEGIN_WATCH = "-- ddms:begin_watch\nSELECT watched_at, clock_timestamp() AS now FROM system_watch FOR UPDATE"
READ_SITE = "-- ddms:read_site_of_watch\nSELECT * FROM configuration"
END_WATCH = "-- ddms:end_watch\nUPDATE system_watch SET watched_at = $1"
_MEASURED = "\nUNION ALL ".join(
    f"SELECT '{name}'::text, m.* FROM ({kind.measured}) AS m (subject, value, detail)"  # noqa: S608 - constants
    for name, kind in KINDS.items()
    if kind.measured
)
MEASURE_SYSTEM = f"""-- ddms:measure_system
WITH {COMMON}, measured (kind, subject, value, detail) AS ({_MEASURED} UNION ALL {_GIVEN})
SELECT kind, subject, m.value, m.detail, m.kind IS NOT NULL AS is_measured, a.id, coalesce(a.active, false) AS active,
       coalesce(a.uncertain, false) AS uncertain, a.pending_since
  FROM measured m FULL JOIN (SELECT * FROM alarms WHERE source = 'system' AND removed_at IS NULL) a USING (kind, subject)
"""  # noqa: S608 - constants are put in
MAKE_SYSTEM_ALARMS = """-- ddms:make_system_alarms
INSERT INTO alarms (source, kind, subject, priority) SELECT 'system', * FROM unnest($1::text[], $2::text[], $3::text[])
ON CONFLICT (kind, subject) WHERE source = 'system' DO UPDATE SET priority = excluded.priority RETURNING id, kind, subject
"""
WRITE_TEXTS = """-- ddms:write_alarm_texts
INSERT INTO alarm_texts AS t SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
ON CONFLICT (source, kind, language) DO UPDATE SET title = excluded.title, cause = excluded.cause, consequence = excluded.consequence, action = excluded.action
 WHERE (t.title, t.cause, t.consequence, t.action) <> (excluded.title, excluded.cause, excluded.consequence, excluded.action)
"""

WRITE_PRIORITIES = """-- ddms:write_system_priorities
UPDATE alarms a SET priority = u.priority FROM unnest($1::text[], $2::text[]) AS u (kind, priority)
 WHERE a.source = 'system' AND a.kind = u.kind AND a.priority <> u.priority
"""
# What an operator looks at is how it is now, not how it was when it was raised.
TELL_MEASURED = """-- ddms:tell_measured
UPDATE alarms a SET measured = u.value, measured_at = $4, detail = coalesce(u.detail, a.detail)
  FROM unnest($1::int[], $2::float8[], $3::text[]) AS u (id, value, detail) WHERE a.id = u.id AND a.active
"""
READ_UNWATCHED = """-- ddms:read_unwatched
SELECT extract(epoch FROM now() - watched_at)::float8 AS seconds, now() AS now, coalesce(a.active, false) AS active
  FROM system_watch LEFT JOIN alarms a ON a.source = 'system' AND a.kind = 'watch_stopped' AND a.subject = 'api'
 WHERE watched_at > '2000-01-01'
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """What the program that watches has measured itself; a value that is None is not known now."""

    kind: str
    subject: str
    value: float | None
    detail: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stand:
    """How an alarm of the system stands."""

    active: bool = False
    uncertain: bool = False
    pending_since: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a value makes of an alarm: events in order, and since when a delay runs."""

    events: tuple[Event, ...] = ()
    pending_since: datetime | None = None


def judge(kind: Kind, stand: Stand, value: float | None, now: datetime) -> Verdict:
    """Return what a value makes of an alarm. Pure."""
    if value is None:
        tells = stand.active and not stand.uncertain
        return Verdict(events=(Event.UNCERTAIN,) if tells else (), pending_since=stand.pending_since)
    known = (Event.CERTAIN,) if stand.uncertain else ()
    turns = kind.is_normal(value) if stand.active else kind.is_beyond(value)
    if not turns:
        return Verdict(events=known)
    since = min(stand.pending_since or now, now)
    if now - since < (kind.off_delay if stand.active else kind.on_delay):
        return Verdict(events=known, pending_since=since)
    return Verdict(events=(*known, Event.CLEARED if stand.active else Event.RAISED))


async def watch(connection: Asks, given: Sequence[Measure], *, clock: float) -> int:
    """Measure the system and do what happened to its alarms, in the caller's transaction; return how many changed.

    `clock`: by how many seconds the caller's clock is ahead.
    """
    ((watched_at, now),) = await connection.fetch(BEGIN_WATCH)
    goes_on = now - watched_at < INTERRUPTED
    kinds = await kinds_of_site(connection)
    rows = await measure(connection, given, clock=clock)
    found = [(row, verdict) for row in rows if (verdict := _verdict(row, kinds, now, goes_on=goes_on))]
    numbers = await _make(connection, [row for row, _ in found if row["id"] is None])
    happened = [
        one
        for row, verdict in found
        for one in _happenings(
            row["id"] or numbers[row["kind"], row["subject"]], row, verdict, now, kinds.get(row["kind"])
        )
    ]
    done = await happen(connection, happened) if happened else None
    now_known = [(row["id"], row["value"], row["detail"]) for row in rows if row["active"] and row["value"] is not None]
    if now_known:
        await connection.execute(TELL_MEASURED, *map(list, zip(*now_known, strict=True)), now)
    await connection.execute(END_WATCH, now)
    return len(done.applied) if done else 0


async def kinds_of_site(connection: Asks) -> dict[str, Kind]:
    """Return the kinds of alarms with the limits that the configuration says now."""
    (site,) = await connection.fetch(READ_SITE)
    return {name: kind.at_site(site) for name, kind in KINDS.items()}


async def measure(connection: Asks, given: Sequence[Measure], *, clock: float | None) -> Sequence[Any]:
    """Measure the system: a row for each measure, and for each alarm that is there; without a `clock` that is not known."""
    columns = list(zip(*((m.kind, m.subject, m.value, m.detail) for m in given), strict=True)) or [(), (), (), ()]
    return await connection.fetch(MEASURE_SYSTEM, clock, *map(list, columns))


def _verdict(row: Any, kinds: Mapping[str, Kind], now: datetime, *, goes_on: bool) -> Verdict | None:
    """Return what happened to an alarm; None when nothing did."""
    pending = row["pending_since"]
    if row["is_measured"]:
        stand = Stand(active=row["active"], uncertain=row["uncertain"], pending_since=pending if goes_on else None)
        verdict = judge(kinds[row["kind"]], stand, row["value"], now)
    else:
        verdict = Verdict(events=(Event.WITHDRAWN,) if row["active"] else ())
    return verdict if verdict.events or verdict.pending_since != pending else None


async def _make(connection: Asks, rows: Sequence[Any]) -> dict[tuple[str, str], int]:
    """Make the rows of alarms that never happened before; one that is there is taken."""
    if not rows:
        return {}
    kinds = [row["kind"] for row in rows]
    columns = kinds, [row["subject"] for row in rows], [KINDS[kind].priority.value for kind in kinds]
    return {(r["kind"], r["subject"]): r["id"] for r in await connection.fetch(MAKE_SYSTEM_ALARMS, *columns)}


def _happenings(number: int, row: Any, verdict: Verdict, now: datetime, kind: Kind | None) -> Iterator[Happening]:
    detail = row["detail"]
    for event in verdict.events or (None,):
        is_gone = event is Event.WITHDRAWN
        yield Happening(
            alarm_id=number,
            event=event,
            time=now,
            note="it is not there any more" if is_gone else None,
            value=row["value"],
            threshold=kind.raised if kind and not is_gone else None,
            detail=detail,
            pending_since=verdict.pending_since,
            key=secrets.randbits(62),
        )


async def read_unwatched(connection: Asks) -> float | None:
    """Return for how many seconds nobody has watched, if that is too long and no alarm yet."""
    for seconds, _, active in await connection.fetch(READ_UNWATCHED):
        if not active and KINDS["watch_stopped"].is_beyond(seconds):
            return float(seconds)
    return None


async def tell_unwatched(connection: Asks, seconds: float) -> None:
    """Raise the alarm that nobody watches, in the caller's transaction; raised already, it stays as it is."""
    ((_, now, _),) = await connection.fetch(READ_UNWATCHED)
    row = {"kind": "watch_stopped", "subject": "api", "value": seconds, "detail": f"not done for {seconds:.0f} s"}
    ((_, number),) = (await _make(connection, [row])).items()
    await happen(
        connection, list(_happenings(number, row, Verdict(events=(Event.RAISED,)), now, KINDS["watch_stopped"]))
    )


async def write_priorities(connection: Asks) -> None:
    """Give alarms that are there the priorities that their kinds have now."""
    await connection.execute(WRITE_PRIORITIES, list(KINDS), [kind.priority.value for kind in KINDS.values()])


async def write_texts(connection: Asks, languages: Mapping[str, Mapping[tuple[str, str], Texts]]) -> None:
    """Write the texts of alarms without a limit where Grafana finds them, by language."""
    rows = [
        (source, kind, language, texts.title, texts.cause, texts.consequence, texts.action)
        for language, each in languages.items()
        for (source, kind), texts in each.items()
    ]
    await connection.execute(WRITE_TEXTS, *(list(map(str, column)) for column in zip(*rows, strict=True)))
