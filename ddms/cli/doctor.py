"""`ddms doctor`: what is wrong, and what to do, at three in the morning."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import asyncpg
import click
import orjson

from ddms.cli import settings as read_settings
from ddms.database import Connection, check_schema, connect, read_edition
from ddms.errors import DdmsError
from ddms.settings import Settings

LITTLE_SPACE, NO_SPACE = 0.10, 0.03
CLOCK_WARN_SECONDS, CLOCK_BAD_SECONDS = 2.0, 30.0
MOST_NAMED = 10

READ_COLLECTORS = """-- ddms:doctor_collectors
SELECT name, version, started_at, seen_at, seen_at > now() - interval '30 s' AS alive, stopped_at IS NOT NULL AS stopped
  FROM collectors ORDER BY name
"""
READ_DEVICES = """-- ddms:doctor_devices
SELECT d.name, coalesce(s.state, 'unknown') AS state, s.since, s.last_error
  FROM devices d LEFT JOIN device_states s ON s.device_id = d.id WHERE d.enabled AND d.deleted_at IS NULL ORDER BY d.name
"""
READ_NEWEST = "-- ddms:doctor_newest\nSELECT extract(epoch FROM now() - max(time))::float8 FROM latest"
READ_CLOCK = "-- ddms:doctor_clock\nSELECT extract(epoch FROM clock_timestamp())::float8"


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do."""

    check: str
    state: State
    text: str
    advice: str = ""


@click.command
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON array.")
def doctor(as_json: bool) -> None:
    """Look at settings, database, collectors, devices, spool, clock and disk; say what to do.

    Exit code 1 when something is bad. Changes nothing.
    """
    findings = asyncio.run(examine())
    if as_json:
        click.echo(orjson.dumps([asdict(finding) for finding in findings]).decode())
    else:
        for finding in findings:
            colour = {State.OK: "green", State.WARN: "yellow", State.BAD: "red"}[finding.state]
            click.echo(f"{click.style(f'{finding.state:<4}', fg=colour)}  {finding.check:<10}  {finding.text}")
            if finding.advice:
                click.echo(f"{'':18}→ {finding.advice}")
    if any(finding.state is State.BAD for finding in findings):
        raise SystemExit(1)


async def examine() -> list[Finding]:
    """Make all checks; those that need what is missing are left out."""
    try:
        settings = read_settings()
    except DdmsError as error:
        return [Finding("settings", State.BAD, error.message, "correct it; `ddms settings` lists them all")]
    findings = [Finding("settings", State.OK, "all are valid"), *_disk(settings), *_spool(settings)]
    try:
        connection = await connect(settings, "doctor")
    except DdmsError as error:
        return [*findings, Finding("database", State.BAD, error.message, "readings go to the spool until it is back")]
    try:
        findings += [finding async for finding in _database(connection)]
    finally:
        await connection.close(timeout=2)
    return findings


def _disk(settings: Settings) -> Iterator[Finding]:
    place = next(
        p for p in (settings.spool_directory.absolute(), *settings.spool_directory.absolute().parents) if p.exists()
    )
    usage = shutil.disk_usage(place)
    share = usage.free / usage.total
    state = State.BAD if share < NO_SPACE else State.WARN if share < LITTLE_SPACE else State.OK
    text = f"{usage.free / 1e9:.1f} GB ({share:.0%}) free for the spool at {place}"
    yield Finding("disk", state, text, "" if state is State.OK else "make room, before readings are lost")


def _spool(settings: Settings) -> Iterator[Finding]:
    folder = Path(settings.spool_directory)
    if not folder.is_dir():
        yield Finding("spool", State.OK, f"{folder} is not there: nothing was spooled from here")
        return
    files = [(f.stat().st_size, f.stat().st_mtime) for f in folder.rglob("*") if f.is_file()]
    size = sum(s for s, _ in files)
    if size == 0:
        yield Finding("spool", State.OK, "empty")
        return
    full = size / settings.spool_max_bytes
    age = time.time() - min(t for _, t in files)
    state = State.BAD if full > 0.9 else State.WARN
    yield Finding("spool", state, f"{size / 1e6:.1f} MB in {len(files)} files, {full:.0%} full, the oldest {_ago(age)} old",
                  "it empties by itself when the database is back and the collector runs")  # fmt: skip


async def _database(connection: Connection) -> AsyncIterator[Finding]:
    yield Finding("database", State.OK, f"reachable, storage edition {await read_edition(connection)}")
    try:
        await check_schema(connection)
    except DdmsError as error:
        yield Finding("schema", State.BAD, error.message)
        return
    yield Finding("schema", State.OK, "belongs to this version")
    try:
        for check in (_clock, _collectors, _devices, _readings):
            yield await check(connection)
    except asyncpg.PostgresError as error:
        yield Finding("database", State.BAD, f"a question was refused: {error}", "look into the database's log")


async def _clock(connection: Connection) -> Finding:
    off = await connection.fetchval(READ_CLOCK) - time.time()
    state = State.BAD if abs(off) > CLOCK_BAD_SECONDS else State.WARN if abs(off) > CLOCK_WARN_SECONDS else State.OK
    text = f"this machine's and the database's differ by {abs(off):.1f} s"
    return Finding("clock", state, text, "" if state is State.OK else "let both follow one time server (chrony, NTP)")


async def _collectors(connection: Connection) -> Finding:
    rows = await connection.fetch(READ_COLLECTORS)
    alive = [row for row in rows if row["alive"] and not row["stopped"]]
    said = [f"{r['name']} {r['version']} since {r['started_at']:%Y-%m-%d %H:%M}" for r in alive]
    dead = [f"{r['name']} last seen {r['seen_at']:%Y-%m-%d %H:%M}" for r in rows if not r["alive"] and not r["stopped"]]
    if not alive:
        text = "none is alive" + (f" ({', '.join(dead[:MOST_NAMED])})" if dead else "")
        return Finding("collectors", State.BAD, text, "start one: `ddms collector`; its log says why it ended")
    advice = "its devices were taken over; start it again, or forget it" if dead else ""
    return Finding("collectors", State.WARN if dead else State.OK, "; ".join(said + dead), advice)


async def _devices(connection: Connection) -> Finding:
    rows = await connection.fetch(READ_DEVICES)
    if not rows:
        return Finding("devices", State.WARN, "there are none", "add one: `ddms scan`, then `ddms devices import`")
    wrong = [row for row in rows if row["state"] in {"offline", "error"}]
    online = sum(row["state"] == "online" for row in rows)
    said = [f"{r['name']} {r['state']} since {r['since']:%m-%d %H:%M}: {r['last_error']}" for r in wrong[:MOST_NAMED]]
    more = [f"and {len(wrong) - MOST_NAMED} more"] if len(wrong) > MOST_NAMED else []
    text = "; ".join([f"{online} of {len(rows)} online", *said, *more])
    if online == 0:
        return Finding(
            "devices", State.BAD, text, "if all are offline at once, look at the network or the gateway first"
        )
    return Finding("devices", State.WARN if wrong else State.OK, text, "`ddms read NAME` asks one now" if wrong else "")


async def _readings(connection: Connection) -> Finding:
    age = await connection.fetchval(READ_NEWEST)
    if age is None:
        return Finding("readings", State.WARN, "there are none yet")
    state = State.OK if age < 3700 else State.BAD
    return Finding(
        "readings", state, f"the newest is {_ago(age)} old", "" if state is State.OK else "see collectors above"
    )


def _ago(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"
