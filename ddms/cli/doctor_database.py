"""What the doctor asks the database: clock, collectors, devices by endpoint, lines that cannot keep up, readings."""

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import asyncpg

from ddms import VERSION
from ddms.cli.doctor_roles import examine_roles
from ddms.cli.findings import Finding, Verdict, ago, size
from ddms.database import Connection, check_schema, read_edition
from ddms.errors import DdmsError
from ddms.health import READ_HEALTH, storing

CLOCK_WARN_SECONDS, CLOCK_BAD_SECONDS = 2.0, 30.0
MOST_NAMED = 10
LOST_RECENTLY = 86_400.0
MQTT_SILENT_SECONDS = 120.0
SITE_SILENT_SECONDS = 60.0

READ_COLLECTORS = """-- ddms:doctor_collectors
SELECT name, version, extract(epoch FROM now() - started_at)::float8 AS runs, extract(epoch FROM now() - seen_at)::float8 AS silent,
       seen_at > now() - interval '30 s' AND stopped_at IS NULL AS alive, stopped_at IS NOT NULL AS stopped,
       trouble, lost_readings, extract(epoch FROM now() - lost_at)::float8 AS lost_ago, spool_bytes,
       extract(epoch FROM now() - spool_since)::float8 AS spool_age
  FROM collectors ORDER BY name
"""
READ_UNPOLLED = """-- ddms:doctor_unpolled
SELECT c.endpoint FROM connections c LEFT JOIN leases l ON l.connection_id = c.id AND l.expires_at > now()
 WHERE l.connection_id IS NULL AND EXISTS (SELECT FROM devices d JOIN points p ON p.device_id = d.id AND p.enabled
                                            WHERE d.connection_id = c.id AND d.enabled AND d.deleted_at IS NULL) ORDER BY 1
"""
READ_DEVICES = """-- ddms:doctor_devices
SELECT d.device AS name, d.endpoint, d.state, extract(epoch FROM now() - coalesce(d.first_failure, d.since))::float8 AS lasts,
       d.last_error, p.overrun_since IS NOT NULL AS overrun, extract(epoch FROM now() - p.overrun_since)::float8 AS overrun_lasts
  FROM grafana.devices d LEFT JOIN grafana.polling p USING (device_id) WHERE d.state <> 'disabled' ORDER BY d.endpoint, d.device
"""
READ_MQTT = """-- ddms:doctor_mqtt
SELECT extract(epoch FROM now() - seen_at)::float8 AS seen, extract(epoch FROM now() - failing_since)::float8 AS failing, last_error, published,
       extract(epoch FROM now() - published_at)::float8 AS behind, lost_from, lost_until
  FROM mqtt
"""
READ_SITES = """-- ddms:doctor_sites
SELECT site, extract(epoch FROM now() - max(c.seen_at))::float8 AS silent, extract(epoch FROM now() - max(i.changed_at))::float8 AS stored,
       (SELECT count(*) FROM set_aside s WHERE s.site = c.site AND s.set_aside_at > now() - interval '1 day') AS aside
  FROM collectors c LEFT JOIN ingested i ON i.collector = c.name WHERE c.epoch IS NOT NULL GROUP BY site ORDER BY site
"""
READ_CLOCK = "-- ddms:doctor_clock\nSELECT extract(epoch FROM clock_timestamp())::float8"


async def examine_database(connection: Connection) -> AsyncIterator[Finding]:
    """Make all checks that need the database."""
    yield Finding("database", Verdict.OK, f"reachable, storage edition {await read_edition(connection)}")
    try:
        await check_schema(connection)
    except DdmsError as error:
        yield Finding("schema", Verdict.BAD, error.message)
        return
    yield Finding("schema", Verdict.OK, "belongs to this version")
    try:
        async for finding in examine_roles(connection):
            yield finding
        yield await _clock(connection)
        collectors = await connection.fetch(READ_COLLECTORS)
        unpolled = [row["endpoint"] for row in await connection.fetch(READ_UNPOLLED)]
        devices = await connection.fetch(READ_DEVICES)
        health = await connection.fetchrow(READ_HEALTH)
        mqtt = await connection.fetchrow(READ_MQTT)
        sites = await connection.fetch(READ_SITES)
    except asyncpg.PostgresError as error:
        yield Finding("database", Verdict.BAD, f"a question was refused: {error}", "look into the database's log")
        return
    for finding in (
        *_collectors(collectors, unpolled),
        *_devices(devices),
        *_overrun(devices),
        *_readings(health),
        *_mqtt(mqtt),
        *_sites(sites),
    ):
        yield finding


async def _clock(connection: Connection) -> Finding:
    off = await connection.fetchval(READ_CLOCK) - time.time()
    state = (
        Verdict.BAD if abs(off) > CLOCK_BAD_SECONDS else Verdict.WARN if abs(off) > CLOCK_WARN_SECONDS else Verdict.OK
    )
    text = f"this machine's and the database's differ by {abs(off):.1f} s"
    return Finding("clock", state, text, "" if state is Verdict.OK else "let both follow one time server (chrony, NTP)")


def _mqtt(row: Any) -> Iterator[Finding]:
    """Say how publishing goes, where anything ever was."""
    if row is None or row["seen"] is None:
        return
    lost = (f"readings from {row['lost_from']} to {row['lost_until']} were not published",) if row["lost_from"] else ()
    if row["seen"] > MQTT_SILENT_SECONDS:
        text = f"nothing is published to the MQTT broker, for {ago(row['seen'])}"
        yield Finding(
            "mqtt", Verdict.WARN, text, "right if DDMS_MQTT_URL was removed; else look into the API's log", lost
        )
    elif row["failing"] is not None:
        text = f"{row['last_error']}, for {ago(row['failing'])}"
        yield Finding(
            "mqtt", Verdict.BAD, text, "mend the broker or the settings DDMS_MQTT_…; `ddms mqtt` tries them", lost
        )
    else:
        text = f"the broker took {row['published']:,} readings, the newest {ago(row['behind'] or 0.0)} ago"
        yield Finding("mqtt", Verdict.WARN if lost else Verdict.OK, text, details=lost)


def _sites(rows: list[Any]) -> Iterator[Finding]:
    """Say of each far site when it was heard of; what it sends is stored by `ddms ingest`."""
    for row in rows:
        stored = "nothing was stored of it yet" if row["stored"] is None else f"stored up to {ago(row['stored'])} ago"
        text = f"{row['site']}: heard of {ago(row['silent'])} ago, {stored}"
        late = row["silent"] > SITE_SILENT_SECONDS or (row["stored"] or 0) > SITE_SILENT_SECONDS
        advice = "does `ddms ingest` run, do its NATS servers reach each other? docs/sites.md" if late else ""
        aside = (f"{row['aside']:,} messages were set aside since yesterday: the table set_aside says why",)
        details = aside if row["aside"] else ()
        yield Finding("sites", Verdict.WARN if late or details else Verdict.OK, text, advice, details)


def _collectors(rows: list[Any], unpolled: list[str]) -> Iterator[Finding]:
    alive = [row for row in rows if row["alive"]]
    dead = tuple(
        f"{r['name']} was last heard of {ago(r['silent'])} ago" for r in rows if not r["alive"] and not r["stopped"]
    )
    if not alive:
        stopped = tuple(f"{r['name']} was stopped {ago(r['silent'])} ago" for r in rows if r["stopped"])
        text = "none is running: nothing is polled" if rows else "none was ever started: nothing is polled"
        advice = "start one: `ddms collector`, or its container or service; the last lines of its log say why it ended"
        yield Finding("collectors", Verdict.BAD, text, advice, dead + stopped)
        return
    said = ", ".join(f"{r['name']} for {ago(r['runs'])}" for r in alive)
    strange = tuple(
        f"{r['name']} is version {r['version']}, this is {VERSION}" for r in alive if r["version"] != VERSION
    )
    advice = "the others took its devices over: start it again; its log says why it ended" if dead else ""
    yield Finding(
        "collectors", Verdict.WARN if dead or strange else Verdict.OK, f"running: {said}", advice, dead + strange
    )
    if unpolled:
        text = f"{len(unpolled)} endpoints are polled by no collector, though one runs"
        advice = "if it lasts longer than 30 s, look into the collector's log, and restart it"
        yield Finding("collectors", Verdict.BAD, text, advice, _some(unpolled))
    yield from _durability(alive)


def _durability(alive: list[Any]) -> Iterator[Finding]:
    lost = tuple(
        f"{r['name']} lost readings {ago(r['lost_ago'])} ago, {r['lost_readings']:,} since it was installed"
        for r in alive if r["lost_ago"] is not None and r["lost_ago"] < LOST_RECENTLY
    )  # fmt: skip
    if lost:
        advice = "make room on its disk, or raise DDMS_SPOOL_MAX_BYTES; these readings will not come back"
        yield Finding("lost", Verdict.BAD, "neither the database nor a spool took all readings", advice, lost)
    troubled = tuple(f"{r['name']}: {r['trouble']}" for r in alive if r["trouble"])
    if troubled:
        yield Finding("storing", Verdict.BAD, "a collector cannot store as fast as it reads",
                      "docs/troubleshooting.md says what each sentence means; it polls on into its spool", troubled)  # fmt: skip
    waiting = tuple(
        f"{r['name']}: {size(r['spool_bytes'])}, the oldest {ago(r['spool_age'] or 0)} old"
        for r in alive
        if r["spool_bytes"]
    )
    if waiting:
        yield Finding("replay", Verdict.WARN, "spooled readings are on their way into the database",
                      "nothing to do, while the sizes go down", waiting)  # fmt: skip


def _devices(rows: list[Any]) -> Iterator[Finding]:
    if not rows:
        yield Finding("devices", Verdict.WARN, "there are none", "add one: `ddms scan`, then `ddms devices import`")
        return
    online = sum(row["state"] == "online" for row in rows)
    by_endpoint: dict[str, list[Any]] = {}
    for row in rows:
        by_endpoint.setdefault(row["endpoint"], []).append(row)
    dead = {
        at: there for at, there in by_endpoint.items() if len(there) > 1 and {r["state"] for r in there} == {"offline"}
    }
    alone = [row for row in rows if row["state"] in {"offline", "error"} and row["endpoint"] not in dead]
    silent = [row for row in rows if row["state"] == "unknown"]
    state = Verdict.BAD if online == 0 else Verdict.WARN if online < len(rows) else Verdict.OK
    advice = "`ddms read NAME` asks one now; see docs/commissioning.md, When nothing answers" if alone else ""
    if silent:
        advice = "unknown is what no collector reports: see collectors above"
    yield Finding("devices", state, f"{online} of {len(rows)} online{_counted(rows)}", advice, _some(map(_said, alone)))
    for endpoint, there in dead.items():
        lasts = min(row["lasts"] for row in there)
        text = f"{endpoint}: all {len(there)} devices behind it are offline for {ago(lasts)}: {there[0]['last_error']}"
        yield Finding(
            "gateway", Verdict.BAD, text, "it is the gateway, its network or its power rather than the devices"
        )


def _counted(rows: list[Any]) -> str:
    counts = {state: sum(row["state"] == state for row in rows) for state in ("offline", "error", "unknown")}
    return "".join(f", {count} {state}" for state, count in counts.items() if count)


def _said(row: Any) -> str:
    return f"{row['name']} ({row['endpoint']}): {row['state']} for {ago(row['lasts'] or 0)}: {row['last_error']}"


def _some(lines: Iterable[str]) -> tuple[str, ...]:
    lines = tuple(lines)
    more = (f"and {len(lines) - MOST_NAMED} more",) if len(lines) > MOST_NAMED else ()
    return lines[:MOST_NAMED] + more


def _overrun(rows: list[Any]) -> Iterator[Finding]:
    slow: dict[str, list[Any]] = {}
    for row in rows:
        if row["overrun"]:
            slow.setdefault(row["endpoint"], []).append(row)
    for endpoint, there in slow.items():
        lasts = ago(max(row["overrun_lasts"] for row in there))
        text = f"{endpoint}: polls of {len(there)} devices are skipped for {lasts}: it is asked for more than it can do"
        advice = f'`ddms plan "{there[0]["name"]}"` shows on what its time goes: ask less often, or fill larger gaps (max_gap)'
        yield Finding("overrun", Verdict.WARN, text, advice)


def _readings(row: Any) -> Iterator[Finding]:
    if row["read_only"]:
        yield Finding("database", Verdict.BAD, "it takes no writes, so nothing is stored",
                      "if it is a standby, let DDMS_DATABASE_URL name the primary; else end default_transaction_read_only")  # fmt: skip
    if row["newest"] is None:
        yield Finding("readings", Verdict.WARN, "there are none yet")
    elif behind := storing(row):
        advice = "see collectors and devices above; a collector's /health and log say what keeps it from storing"
        yield Finding("readings", Verdict.BAD, behind, advice)
    elif row["points"] or not row["devices"]:
        yield Finding(
            "readings", Verdict.OK, f"stored as fast as they are read; the newest is {ago(row['newest'])} old"
        )
    else:
        text = f"no device is online, so there are no new ones; the newest is {ago(row['newest'])} old"
        yield Finding("readings", Verdict.BAD, text, "see collectors and devices above")
