"""Settings: read once from the environment, frozen, and strict.

Every setting is a variable `DDMS_<NAME>`; `DDMS_<NAME>_FILE` names a file that holds the value, for secrets.
"""

import os
import re
import socket
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

from ddms.endpoints import SITE
from ddms.errors import Code, DdmsError
from ddms.openid import Provider, is_safe
from ddms.targets import Targets

PREFIX = "DDMS_"
_LONGEST_FILE_NAME = 200
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


class MqttFormat(StrEnum):
    """How readings are published."""

    PLAIN = "plain"
    SPARKPLUG = "sparkplug"


class LogFormat(StrEnum):
    """JSON for machines, text for a terminal."""

    JSON = "json"
    TEXT = "text"


def _whole(text: str) -> int:
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text):
        raise ValueError("it is a whole number, written in digits")
    return int(text)


def _port(text: str) -> int:
    port = _whole(text)
    if not 0 <= port <= 65535:
        raise ValueError("a port is 0 to 65535")
    return port


def _positive(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise ValueError("it must be at least 1")
    return number


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds <= 60.0:
        raise ValueError("it is a number of seconds from 0 to 60")
    return seconds


def _host(text: str) -> str:
    host = text.strip().removeprefix("[").removesuffix("]")
    if not host or re.search(r"[\s/\[\]@]", host):
        raise ValueError("it is a host name or an address such as 0.0.0.0 or ::1, without a port")
    return host


def _name(text: str) -> str:
    if not 1 <= len(text) <= 64 or text != text.strip() or not text.isprintable():
        raise ValueError("a name has 1 to 64 characters that can be seen, and no space at its ends")
    return text


def _site(text: str) -> str:
    if not text or not SITE.fullmatch(text):
        raise ValueError("a site is named by lower-case letters, digits and -, at most 32")
    return text


def _sites(text: str) -> tuple[str, ...]:
    sites = tuple(part.strip() for part in text.split(",") if part.strip())
    for site in sites:
        _site(site.removesuffix("@leaf"))
    if len({site.removesuffix("@leaf") for site in sites}) < len(sites):
        raise ValueError("each site is named once")
    return sites


def _nats_url(text: str) -> str:
    if not _is_url(text, {"nats", "tls"}) or not urlsplit(text).hostname:
        raise ValueError("it looks like nats://127.0.0.1:4222, or tls://ddms.example:4222")
    return text


def _folder(text: str) -> Path:
    if not text.strip():
        raise ValueError("it is the path of a folder")
    return Path(text)


def _copy(text: str) -> str:
    """Return a folder, or a bucket of an S3-compatible store."""
    if not text.strip() or (
        text.startswith("s3:") and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,62}(/[^\s?#]*)?", text)
    ):
        raise ValueError("it is a folder, or a bucket as s3://bucket/folder")
    return text


def _files(text: str) -> tuple[Path, ...]:
    return tuple(_folder(part.strip()) for part in text.split(",") if part.strip())


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        if urlsplit(origin).scheme not in {"http", "https"}:
            raise ValueError(f"{origin!r} is not an origin such as https://plant.example")
    return origins


def _proxies(text: str) -> tuple[str, ...]:
    proxies = tuple(part.strip() for part in text.split(",") if part.strip())
    for proxy in proxies:
        if proxy != "*":
            ip_network(proxy)
    return proxies


def _targets(text: str) -> tuple[str, ...]:
    targets = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in Targets.of(targets).names:
        if not re.fullmatch(r"(\*|(\*\.)?[\w-]+(\.[\w-]+)*)", name) or name[-1].isdigit():
            raise ValueError(f"{name!r} is no network such as 10.1.0.0/16, and no name such as hooks.example.com")
    return targets


def _mqtt_url(text: str) -> str | None:
    if not text.strip():
        return None
    if not _is_url(text, {"mqtt", "mqtts"}) or not urlsplit(text.strip()).hostname:
        raise ValueError("it looks like mqtts://user@broker.example:8883, or mqtt:// without encryption")
    return text.strip()


def _authorities(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        ssl.create_default_context(cadata=text)
    except ssl.SSLError as error:
        raise ValueError("it holds certificates as PEM, -----BEGIN CERTIFICATE----- and so on") from error
    return text


def _mqtt_topic(text: str) -> str:
    named = re.findall(r"\{(.*?)\}", text)
    if not {"device", "point"} <= set(named) <= {"group", "device", "point"} or len(named) > len(set(named)):
        raise ValueError("it has {device} and {point}, and {group} if you like: ddms/{group}/{device}/{point}")
    if re.search(r"[+#\x00-\x1f]|^\$", text) or len(text) > 1_000:
        raise ValueError("a topic has no + and no #, and does not begin with $")
    return text


def _mqtt_node(text: str) -> str:
    if not re.fullmatch(r"[^/+#\x00-\x1f\s]{1,100}/[^/+#\x00-\x1f\s]{1,100}", text):
        raise ValueError("it looks like group/node, without spaces, + and #")
    return text


def _qos(text: str) -> int:
    if text.strip() not in {"0", "1"}:
        raise ValueError("it is 0 or 1")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _budget(text: str) -> int:
    cost = int(text)
    if cost < 1_000:
        raise ValueError("it must be at least 1000")
    return cost


def _http_url(text: str) -> str:
    if not _is_url(text, {"http", "https"}) or not urlsplit(text).hostname:
        raise ValueError("it looks like http://127.0.0.1:4318")
    return text


def _public_url(text: str) -> str:
    url = text.strip().removesuffix("/")
    parts = urlsplit(url)
    if not is_safe(url) or parts.path or parts.query or parts.fragment:
        raise ValueError("it looks like https://ddms.example, without a path; http is for this machine alone")
    return url


def _providers(text: str) -> tuple[Provider, ...]:
    from ddms.openid_file import parse  # noqa: PLC0415 - most programs have none to read

    return parse(text)


def _database_url(text: str) -> str:
    if not _is_url(text, {"postgresql", "postgres"}):
        raise ValueError(
            "it looks like postgresql://user@host:5432/database, with an address of IPv6 in brackets; a password with "
            "signs such as / @ : # is better given as DDMS_DATABASE_PASSWORD"
        )
    return text


def _is_url(text: str, schemes: Collection[str]) -> bool:
    try:
        url = urlsplit(text.strip())
        user, _, hosts = url.netloc.rpartition("@")
        ports = [urlsplit(f"//{host}").port for host in hosts.split(",")]  # PostgreSQL takes several
    except ValueError:  # a port or an address that is none
        return False
    return url.scheme in schemes and 0 not in ports and "@" not in user


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
    api_host: str = _setting(_host, "127.0.0.1", "Address the API listens on")
    api_port: int = _setting(_port, 8000, "Port the API listens on")
    allowed_origins: tuple[str, ...] = _setting(
        _origins, (), "Other origins whose pages may open a websocket, separated by commas"
    )
    trusted_proxies: tuple[str, ...] = _setting(
        _proxies, (), "Addresses or networks of the proxies that are believed who asks (X-Forwarded-For), or *"
    )
    keys_directory: Path | None = _setting(
        _folder, None, "Folder of the keys with which the API tells Grafana who somebody is; all replicas share it"
    )
    public_url: str | None = _setting(
        _public_url, None, "Where browsers find DDMS, such as https://ddms.example; OpenID Connect needs it"
    )
    openid_providers: tuple[Provider, ...] = _setting(
        _providers, (), "Providers that people may sign in by (OpenID Connect), in YAML or JSON; better as a file"
    )
    webhook_targets: tuple[str, ...] = _setting(
        _targets,
        (),
        "Where webhooks may lead, separated by commas: networks, and names of hosts that have public addresses; none without it",
    )
    mqtt_url: str | None = _setting(
        _mqtt_url,
        None,
        "The MQTT broker that readings are published to, mqtt://user@host:1883 or mqtts://; none without it",
    )
    mqtt_password: str | None = _setting(str, None, "Password for that broker")
    mqtt_ca: str | None = _setting(
        _authorities,
        None,
        "Whose certificate the broker may have, as PEM, better as a file; else the system's authorities",
    )
    mqtt_format: MqttFormat = _setting(
        MqttFormat, MqttFormat.PLAIN, "plain (JSON, a topic a point) or sparkplug (Sparkplug B)"
    )
    mqtt_topic: str = _setting(
        _mqtt_topic, "ddms/{group}/{device}/{point}", "The topic of a point, when the format is plain"
    )
    mqtt_groups: tuple[str, ...] = _setting(
        _names, (), "Of which groups devices are published, separated by commas; else all"
    )
    mqtt_qos: int = _setting(_qos, 1, "0 or 1: how surely plain readings are delivered")
    mqtt_retain: Switch = _setting(
        Switch, Switch.ON, "Whether the broker keeps the newest plain reading of each point, on or off"
    )
    mqtt_node: str = _setting(
        _mqtt_node,
        "DDMS/ddms",
        "Who this DDMS is at the broker, group/node as in Sparkplug; the node is the client's name too",
    )
    grafana_url: str | None = _setting(
        _http_url, None, "Where the API reaches Grafana, to which it brings what people ask whose rights are limited"
    )
    cost_per_second: int = _setting(
        _budget, 10_000, "Cost of operations that is restored to each caller's budget every second"
    )
    introspection: Switch = _setting(
        Switch, Switch.ON, "Whether the API tells its schema, on or off; GraphiQL and code generators need it"
    )
    collector_name: str = _setting(
        _name, socket.gethostname, "Name of this collector; two that run at once need two names"
    )
    collector_metrics_host: str = _setting(_host, "127.0.0.1", "Address of the collector's /metrics and /health")
    collector_metrics_port: int = _setting(_port, 9108, "Port of the collector's /metrics and /health")
    spool_directory: Path = _setting(
        _folder,
        Path("/var/lib/ddms/spool"),
        "Folder that keeps readings while the database is away; each collector has one of its name in it",
    )
    spool_max_bytes: int = _setting(_positive, 2 * 1024**3, "Largest size of the spool, in bytes")
    site: str | None = _setting(
        _site, None, "Far site of this collector, whose connections it polls; else those that belong to no site"
    )
    nats_url: str | None = _setting(
        _nats_url, None, "NATS server, for `ddms ingest`, and for a collector of a site that reaches no database"
    )
    nats_password: str | None = _setting(str, None, "Password for the NATS URL")
    nats_credentials: Path | None = _setting(
        _folder, None, "File with the nkey seed for NATS, or with a token and a seed (.creds); instead of a password"
    )
    nats_ca: Path | None = _setting(_folder, None, "Certificate, as a PEM file, that vouches for the NATS server")
    ingest_sites: tuple[str, ...] = _setting(
        _sites,
        (),
        "Sites that `ddms ingest` stores, separated by commas; name@leaf has its stream on its own leaf node",
    )
    ingest_stream_max_bytes: int = _setting(
        _positive,
        1024**3,
        "Largest size of each site's stream; when it is full, readings stay in the collector's spool",
    )
    ingest_metrics_host: str = _setting(_host, "127.0.0.1", "Address of the /metrics and /health of `ddms ingest`")
    ingest_metrics_port: int = _setting(_port, 9110, "Port of the /metrics and /health of `ddms ingest`")
    flush_interval: float = _setting(_interval, 0.1, "Shortest time between two flushes, in seconds")
    backup_database_url: str | None = _setting(
        _database_url,
        None,
        "PostgreSQL as a superuser, for backups, verification and restores; only where these are made",
    )
    backup_database_password: str | None = _setting(str, None, "Password for the database URL of backups")
    verify_database_url: str | None = _setting(
        _database_url,
        None,
        "Another server, as a superuser, where backups are restored to try them; else that of backups",
    )
    verify_database_password: str | None = _setting(str, None, "Password for the URL of that server")
    backup_directory: Path = _setting(_folder, Path("/var/lib/ddms/backups"), "Folder of the backups")
    export_directory: Path | None = _setting(
        _folder, None, "Folder of exports that are made in the background; all replicas of the API share it"
    )
    export_max_bytes: int = _setting(_positive, 10 * 1024**3, "Largest size of that folder, in bytes")
    export_hours: int = _setting(_positive, 24, "How long a file stays in it, in hours")
    backup_copy: str | None = _setting(
        _copy, None, "Where each backup is copied to: another folder, or s3://bucket/folder"
    )
    backup_s3_endpoint: str | None = _setting(
        _http_url, None, "The S3-compatible store of the copies, such as https://minio.example:9000; else Amazon's"
    )
    backup_s3_region: str = _setting(str, "us-east-1", "The region of that store")
    backup_s3_access_key: str | None = _setting(str, None, "The access key for that store")
    backup_s3_secret_key: str | None = _setting(str, None, "The secret key for that store")
    postgres_programs: Path | None = _setting(
        _folder, None, "Folder of pg_dump and pg_restore; else they are looked for"
    )
    modbus_tls_directory: Path = _setting(
        _folder, Path("/etc/ddms/modbus"), "Folder of the certificates for devices that are reached by tls://"
    )
    disk_path: Path | None = _setting(
        _folder, None, "A folder on the disk of the database, as the API sees it: how much is free there is shown"
    )
    certificate_files: tuple[Path, ...] = _setting(
        _files, (), "Certificates whose expiry the API watches, as PEM files, separated by commas"
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
        settings = cls(**values)
        if settings.openid_providers and settings.public_url is None:
            sentence = "DDMS_OPENID_PROVIDERS needs DDMS_PUBLIC_URL: where providers send people back, such as https://ddms.example"
            raise DdmsError(Code.SETTINGS, sentence, field="DDMS_PUBLIC_URL")
        if settings.nats_url is None and settings.ingest_sites:
            raise DdmsError(
                Code.SETTINGS, "DDMS_INGEST_SITES needs DDMS_NATS_URL: where their readings come", field="DDMS_NATS_URL"
            )
        return settings

    @property
    def for_backups(self) -> Self:
        """The settings with which backups are made: the login that may read everything, where there is one."""
        if self.backup_database_url is None:
            return self
        return replace(
            self,
            database_url=self.backup_database_url,
            database_password=self.backup_database_password,
            database_role=None,
        )

    @property
    def spool_folder(self) -> Path:
        """The folder of this collector's own spool: two names never share one."""
        name = quote(self.collector_name, safe=" ")
        if not name.strip("."):
            name = name.replace(".", "%2E")
        if len(name) > _LONGEST_FILE_NAME:
            name = sha256(name.encode()).hexdigest()
        return self.spool_directory.absolute() / name

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
        shown = "" if _holds_secret(variable, text) else f"={text[:200]!r}"
        raise DdmsError(Code.SETTINGS, f"{variable}{shown} does not fit: {error}", field=variable) from error


def _holds_secret(variable: str, text: str) -> bool:
    return (
        "PASSWORD" in variable
        or "SECRET" in variable
        or "OPENID" in variable
        or (variable.endswith("_URL") and "@" in text)
    )
