"""Settings: read once from the environment, frozen, and strict.

Every setting is a variable `DDMS_<NAME>`; `DDMS_<NAME>_FILE` names a file that holds the value, for secrets.
"""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from ddms.errors import Code, DdmsError

PREFIX = "DDMS_"
TEST_PREFIX = "DDMS_TEST_"  # read by the test suite and the benchmarks only
OF_CLIENTS = frozenset({"DDMS_URL", "DDMS_TOKEN"})
"""What `ddms watch` reads: where an API is that runs elsewhere, so no setting of a program."""


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Switch(StrEnum):
    """What is on or off."""

    ON = "on"
    OFF = "off"


class LogFormat(StrEnum):
    """JSON for machines, text for a terminal."""

    JSON = "json"
    TEXT = "text"


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError("a port is 0 to 65535")
    return port


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("it must be at least 1")
    return number


def _interval(text: str) -> float:
    seconds = float(text)
    if not 0.0 <= seconds <= 60.0:
        raise ValueError("it is a number of seconds from 0 to 60")
    return seconds


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        if urlsplit(origin).scheme not in {"http", "https"}:
            raise ValueError(f"{origin!r} is not an origin such as https://plant.example")
    return origins


def _http_url(text: str) -> str:
    if urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).hostname:
        raise ValueError("it looks like http://127.0.0.1:4318")
    return text


def _database_url(text: str) -> str:
    if urlsplit(text).scheme not in {"postgresql", "postgres"}:
        raise ValueError("it looks like postgresql://user@host:5432/database")
    return text


def _setting(parse: Callable[[str], Any], default: Any, meaning: str) -> Any:
    metadata = {"parse": parse, "meaning": meaning}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that can be set, with its defaults; the meanings are printed by `ddms settings`."""

    database_url: str = _setting(
        _database_url, "postgresql://ddms_app@127.0.0.1:5432/ddms", "PostgreSQL of DDMS, as a URL"
    )
    database_password: str | None = _setting(str, None, "Password for the database URL")
    database_role: str | None = _setting(str, None, "Role to take on after connecting (SET ROLE)")
    app_password: str | None = _setting(str, None, "Given by `ddms migrate` to the programs' role, ddms_app")
    grafana_password: str | None = _setting(
        str, None, "Given by `ddms migrate` to Grafana's read-only role, ddms_grafana"
    )
    api_host: str = _setting(str, "127.0.0.1", "Address the API listens on")
    api_port: int = _setting(_port, 8000, "Port the API listens on")
    allowed_origins: tuple[str, ...] = _setting(
        _origins, (), "Other origins whose pages may open a websocket, separated by commas"
    )
    introspection: Switch = _setting(
        Switch, Switch.ON, "Whether the API tells its schema, on or off; GraphiQL and code generators need it"
    )
    collector_name: str = _setting(
        str, socket.gethostname, "Name of this collector; two that run at once need two names"
    )
    collector_metrics_host: str = _setting(str, "127.0.0.1", "Address of the collector's /metrics and /health")
    collector_metrics_port: int = _setting(_port, 9108, "Port of the collector's /metrics and /health")
    spool_directory: Path = _setting(Path, Path("spool"), "Folder that keeps readings while the database is away")
    spool_max_bytes: int = _setting(_positive, 2 * 1024**3, "Largest size of the spool, in bytes")
    flush_interval: float = _setting(_interval, 0.1, "Shortest time between two flushes, in seconds")
    disk_path: Path | None = _setting(
        Path, None, "A folder on the disk of the database, as the API sees it: how much is free there is shown"
    )
    otlp_endpoint: str | None = _setting(
        _http_url, None, "Where the API sends its traces, an OpenTelemetry collector (OTLP over HTTP); needs ddms[otel]"
    )
    log_level: LogLevel = _setting(LogLevel, LogLevel.INFO, "debug, info, warning or error")
    log_format: LogFormat = _setting(LogFormat, LogFormat.JSON, "json or text")

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read the settings; a variable that is unknown or wrong raises `DdmsError` and is named in it."""
        known = {PREFIX + f.name.upper(): f for f in fields(cls)}
        values: dict[str, Any] = {}
        ours = {n for n in environment if n.startswith(PREFIX) and not n.startswith(TEST_PREFIX)} - OF_CLIENTS
        for variable in sorted(ours):
            name = variable.removesuffix("_FILE") if variable not in known else variable
            if name not in known:
                raise DdmsError(
                    Code.SETTINGS,
                    f"{variable} is not a setting of DDMS: remove it or correct its name (`ddms settings` lists them)",
                    field=variable,
                )
            if name != variable and name in environment:
                raise DdmsError(Code.SETTINGS, f"{name} and {variable} are both set: keep one of them", field=variable)
            text = environment[variable] if name == variable else _read_file(variable, environment[variable])
            values[known[name].name] = _parse(variable, text, known[name].metadata["parse"])
        return cls(**values)

    def dsn(self) -> str:
        """Return the database URL with the password in it."""
        if self.database_password is None:
            return self.database_url
        url = urlsplit(self.database_url)
        user = quote(url.username or "ddms_app", safe="")
        where = url.netloc.rpartition("@")[2]
        return url._replace(netloc=f"{user}:{quote(self.database_password, safe='')}@{where}").geturl()


def _read_file(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DdmsError(
            Code.SETTINGS, f"{variable}: the file {path!r} cannot be read ({error})", field=variable
        ) from error


def _parse(variable: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise DdmsError(Code.SETTINGS, f"{variable}={text!r} does not fit: {error}", field=variable) from error
