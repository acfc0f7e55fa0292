"""`ddms doctor`: what is wrong, and what to do, at three in the morning."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote
from urllib.request import urlopen

import click
import orjson

from ddms.cli import settings as read_settings
from ddms.cli.doctor_database import examine_database
from ddms.cli.doctor_replicas import examine_replicas
from ddms.cli.findings import Finding, Verdict, ago, size
from ddms.database import connect
from ddms.errors import DdmsError
from ddms.settings import Settings

LITTLE_SPACE, NO_SPACE = 0.10, 0.03
_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.BAD: "red"}


@click.command
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON array.")
def doctor(as_json: bool) -> None:
    """Look at settings, disk, spool, sign-in providers, database, replicas, roles, clock, collectors, devices, lines, readings; say what to do.

    Exit code 1 when something is bad. Changes nothing.
    """
    findings = asyncio.run(examine())
    if as_json:
        click.echo(orjson.dumps([asdict(finding) for finding in findings]).decode())
    else:
        for finding in findings:
            _show(finding)
    if any(finding.state is Verdict.BAD for finding in findings):
        raise SystemExit(1)


def _show(finding: Finding) -> None:
    click.echo(f"{click.style(f'{finding.state:<4}', fg=_COLOURS[finding.state])}  {finding.check:<10}  {finding.text}")
    for detail in finding.details:
        click.echo(f"{'':18}- {detail}")
    if finding.advice:
        click.echo(f"{'':18}→ {finding.advice}")


async def examine() -> list[Finding]:
    """Make all checks; those that need what is missing are left out."""
    try:
        settings = read_settings()
    except DdmsError as error:
        return [Finding("settings", Verdict.BAD, error.message, "correct it; `ddms settings` lists them all")]
    findings = [Finding("settings", Verdict.OK, "all are valid"), *_disk(settings), *_spool(settings)]
    findings += await asyncio.to_thread(lambda: list(_collector(settings)))
    if settings.openid_providers:
        from ddms.cli.doctor_openid import examine_providers  # noqa: PLC0415 - most have none, and it takes the API's parts

        findings += await examine_providers(settings)
    try:
        connection = await connect(settings, "doctor")
    except DdmsError as error:
        advice = (
            "start it, or look at the network between; until it is back the collectors keep polling into their spools, "
            "and alarms, dashboards and the API stand still. Collectors and devices were not looked at"
        )
        return [*findings, Finding("database", Verdict.BAD, error.message, advice)]
    try:
        findings += [finding async for finding in examine_database(connection)]
        findings += [finding async for finding in examine_replicas(settings, connection)]
    finally:
        await connection.close(timeout=2)
    return findings


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.spool_directory.absolute()
    place = next(p for p in (folder, *folder.parents) if p.exists())
    usage = shutil.disk_usage(place)
    share = usage.free / usage.total
    state = Verdict.BAD if share < NO_SPACE else Verdict.WARN if share < LITTLE_SPACE else Verdict.OK
    text = f"{size(usage.free)} ({share:.0%}) free for the spool at {place}"
    yield Finding("disk", state, text, "" if state is Verdict.OK else "make room, before readings are lost")


def _collector(settings: Settings) -> Iterator[Finding]:
    """Ask the collector of this machine, if there is one where the settings say."""
    host, port = settings.collector_metrics_host, settings.collector_metrics_port
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what it listens on, not ours
    url = f"http://[{host}]:{port}/health" if ":" in host else f"http://{host}:{port}/health"
    try:
        with urlopen(url, timeout=3) as answer:  # noqa: S310 - http, by the line above
            health = orjson.loads(answer.read(1_000_000))
        reasons, version = tuple(map(str, health["reasons"])), health["version"]
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return  # none runs here: the database knows of all
    if reasons:
        advice = "what each sentence means: docs/troubleshooting.md; it goes on polling meanwhile"
        yield Finding("collector", Verdict.WARN, f"the one at {host}:{port} is degraded", advice, reasons)
    else:
        yield Finding("collector", Verdict.OK, f"the one at {host}:{port}, version {version}, stores what it reads")


def _spool(settings: Settings) -> Iterator[Finding]:
    folder = settings.spool_directory
    if not folder.is_dir():
        yield Finding("spool", Verdict.OK, f"{folder} is not there: no collector of this machine keeps its spool there")
        return
    aside = [f.name for f in folder.rglob("*.*") if f.suffix in {".damaged", ".refused"}]
    if aside:
        yield Finding("spool", Verdict.WARN, f"{len(aside)} batches were set aside in {folder}, as the log tells",
                      "their readings are not in the database: keep them for a person who can look into them")  # fmt: skip
    kept = sorted({batch.parent for batch in folder.rglob("*.batch")})  # each collector has a folder of its name
    for own in kept:
        yield from _filling(settings, own, "" if own == folder else f"{unquote(own.name)}: ")
    if not kept:
        yield Finding("spool", Verdict.OK, "empty")


def _filling(settings: Settings, folder: Path, whose: str) -> Iterator[Finding]:
    files = []
    for batch in folder.glob("*.batch"):
        with suppress(FileNotFoundError):  # replayed just now
            files.append((batch.stat().st_size, batch.stat().st_mtime))
    used, oldest = sum(s for s, _ in files), time.time() - min((t for _, t in files), default=time.time())
    room = min(settings.spool_max_bytes - used, shutil.disk_usage(folder).free)
    full = used / (used + max(room, 1))
    lasts = f"; as it grows now it is full in {ago(room / (used / max(oldest, 1.0)))}" if oldest > 60 and used else ""
    state = Verdict.BAD if full > 0.9 else Verdict.WARN
    text = f"{whose}{size(used)} in {len(files)} batches, {full:.0%} full, the oldest {ago(oldest)} old{lasts}"
    advice = "bring the database back (below); the spool then empties by itself, oldest first"
    if state is Verdict.BAD:
        advice += ". When it is full readings are lost: make room on the disk, raise DDMS_SPOOL_MAX_BYTES"
    yield Finding("spool", state, text, advice)
