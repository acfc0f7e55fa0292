"""The job that watches DDMS itself: it raises and clears the alarms of the system (docs/alarms.md)."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from api.alarms.store import Asking
from api.graphql.messages import translated
from api.ground.database import Database
from api.ground.replicas import Replica
from api.site.certificates import expiry
from api.site.storage import disk_of
from ddms.alarm_kinds import Texts
from ddms.languages import Language, languages
from ddms.replicas import ReplicaState
from ddms.settings import Settings
from ddms.system_alarms import TEXTS
from ddms.system_watch import Measure, watch, write_priorities, write_texts

ASK_CLOCK = "-- ddms:ask_clock\nSELECT clock_timestamp()"


class Watch:
    """The work of the job; what it finds is in the database, so another replica goes on with it."""

    def __init__(self, settings: Settings, replicas: Sequence[Replica] = ()) -> None:
        self._settings = settings
        self._replicas = replicas
        self._has_written_texts = False

    async def __call__(self, database: Database) -> dict[str, Any] | None:
        """Measure everything, and do what happened to the alarms."""
        given = [*await asyncio.to_thread(measures, self._settings), *_lags(self._replicas)]
        async with database.transaction() as statements:
            before = time.time()
            theirs = await statements.value(ASK_CLOCK)
            ahead = (before + time.time()) / 2 - theirs.timestamp()
            asks = Asking(statements)
            if not self._has_written_texts:
                await write_texts(asks, {code: told_in(language) for code, language in languages().items()})
                await write_priorities(asks)
            changed = await watch(asks, given, clock=ahead)
        self._has_written_texts = True
        return {"changed": changed} if changed else None


def measures(settings: Settings) -> list[Measure]:
    """Measure what only the program itself sees: the disk, the certificates. It waits for both."""
    return [*_disk(settings.disk_path), *_certificates(settings.certificate_files)]


def _lags(replicas: Iterable[Replica]) -> Iterator[Measure]:
    for replica in replicas:
        if replica.state is not ReplicaState.PRIMARY:
            lag = replica.lag if replica.is_known else None
            yield Measure(kind="replica_lagging", subject=replica.name, value=lag, detail=replica.detail)


def _disk(path: Path | None) -> Iterator[Measure]:
    if path is None:
        return
    size, free = disk_of(path) or (0, 0)
    used = 100 * (1 - free / size) if size else None
    detail = f"{free // 1_000_000} MB of {size // 1_000_000} MB are free"
    for kind in ("disk_filling", "disk_full"):
        yield Measure(kind=kind, subject="database", value=used, detail=detail)


def _certificates(files: Iterable[Path]) -> Iterator[Measure]:
    for file in files:
        days: float | None
        try:
            until, whose = expiry(file)
            days = (until.timestamp() - time.time()) / 86_400
            detail = f"{whose}, valid until {until:%Y-%m-%d %H:%M} UTC"
        except (OSError, ValueError) as error:
            days, detail = None, f"{file} cannot be read: {error}"
        for kind in ("certificate_expiring", "certificate_expires_soon"):
            yield Measure(kind=kind, subject=str(file), value=days, detail=detail)


def told_in(language: Language) -> dict[tuple[str, str], Texts]:
    """Return the texts of alarms without a limit in a language."""
    return {
        name: Texts(**{f.name: translated(getattr(texts, f.name), language) for f in fields(Texts)})
        for name, texts in TEXTS.items()
    }
