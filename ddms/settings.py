"""Settings: read once from the environment, frozen, and strict.

Every setting is a variable `DDMS_<NAME>`; `DDMS_<NAME>_FILE` names a file that holds the value, for secrets.
"""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from ddms import setting_values as value
from ddms.errors import Code, DdmsError
from ddms.openid import Provider

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


def _setting(parse: Callable[[str], Any], default: Any, meaning: str) -> Any:
    metadata = {"parse": parse, "meaning": meaning}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that can be set, with its defaults; the meanings are printed by `ddms settings`."""

    database_url: str = _setting(
        value.database_url, "postgresql://ddms_app@127.0.0.1:5432/ddms", "PostgreSQL of DDMS, as a URL"
    )
    database_password: str | None = _setting(str, None, "Password for the database URL")
    database_role: str | None = _setting(str, None, "Role to take on after connecting (SET ROLE)")
    replica_urls: tuple[str, ...] = _setting(
        value.replica_urls,
        (),
        "Streaming replicas that history is read from, as URLs separated by commas; with the user, password and database "
        "of the database URL where they name none",
    )
    replica_lag_seconds: float = _setting(
        value.seconds, 5.0, "How old history may be at most that a replica tells; beyond it the primary is asked"
    )
    pooler_url: str | None = _setting(
        value.database_url,
        None,
        "PgBouncer in transaction mode before the database, for statements of the API that need no session; else the database URL",
    )
    app_password: str | None = _setting(str, None, "Given by `ddms migrate` to the programs' role, ddms_app")
    grafana_password: str | None = _setting(
        str, None, "Given by `ddms migrate` to Grafana's read-only role, ddms_grafana"
    )
    api_host: str = _setting(value.host, "127.0.0.1", "Address the API listens on")
    api_port: int = _setting(value.port, 8000, "Port the API listens on")
    allowed_origins: tuple[str, ...] = _setting(
        value.origins, (), "Other origins whose pages may open a websocket, separated by commas"
    )
    trusted_proxies: tuple[str, ...] = _setting(
        value.proxies, (), "Addresses or networks of the proxies that are believed who asks (X-Forwarded-For), or *"
    )
    keys_directory: Path | None = _setting(
        value.folder, None, "Folder of the keys with which the API tells Grafana who somebody is; all replicas share it"
    )
    public_url: str | None = _setting(
        value.public_url, None, "Where browsers find DDMS, such as https://ddms.example; OpenID Connect needs it"
    )
    openid_providers: tuple[Provider, ...] = _setting(
        value.providers, (), "Providers that people may sign in by (OpenID Connect), in YAML or JSON; better as a file"
    )
    webhook_targets: tuple[str, ...] = _setting(
        value.targets,
        (),
        "Where webhooks may lead, separated by commas: networks, and names of hosts that have public addresses; none without it",
    )
    mqtt_url: str | None = _setting(
        value.mqtt_url,
        None,
        "The MQTT broker that readings are published to, mqtt://user@host:1883 or mqtts://; none without it",
    )
    mqtt_password: str | None = _setting(str, None, "Password for that broker")
    mqtt_ca: str | None = _setting(
        value.authorities,
        None,
        "Whose certificate the broker may have, as PEM, better as a file; else the system's authorities",
    )
    mqtt_format: MqttFormat = _setting(
        MqttFormat, MqttFormat.PLAIN, "plain (JSON, a topic a point) or sparkplug (Sparkplug B)"
    )
    mqtt_topic: str = _setting(value.mqtt_topic, value.MQTT_TOPIC, "The topic of a point, when the format is plain")
    mqtt_groups: tuple[str, ...] = _setting(
        value.names, (), "Of which groups devices are published, separated by commas; else all"
    )
    mqtt_qos: int = _setting(value.qos, 1, "0 or 1: how surely plain readings are delivered")
    mqtt_retain: Switch = _setting(
        Switch, Switch.ON, "Whether the broker keeps the newest plain reading of each point, on or off"
    )
    mqtt_node: str = _setting(
        value.mqtt_node,
        "DDMS/ddms",
        "Who this DDMS is at the broker, group/node as in Sparkplug; the node is the client's name too",
    )
    grafana_url: str | None = _setting(
        value.http_url,
        None,
        "Where the API reaches Grafana, to which it brings what people ask whose rights are limited",
    )
    cost_per_second: int = _setting(
        value.budget, 10_000, "Cost of operations that is restored to each caller's budget every second"
    )
    introspection: Switch = _setting(
        Switch, Switch.ON, "Whether the API tells its schema, on or off; GraphiQL and code generators need it"
    )
    collector_name: str = _setting(
        value.name, socket.gethostname, "Name of this collector; two that run at once need two names"
    )
    collector_metrics_host: str = _setting(value.host, "127.0.0.1", "Address of the collector's /metrics and /health")
    collector_metrics_port: int = _setting(value.port, 9108, "Port of the collector's /metrics and /health")
    spool_directory: Path = _setting(
        value.folder,
        Path("/var/lib/ddms/spool"),
        "Folder that keeps readings while the database is away; each collector has one of its name in it",
    )
    spool_max_bytes: int = _setting(value.positive, 2 * 1024**3, "Largest size of the spool, in bytes")
    site: str | None = _setting(
        value.site, None, "Far site of this collector, whose connections it polls; else those that belong to no site"
    )
    nats_url: str | None = _setting(
        value.nats_url, None, "NATS server, for `ddms ingest`, and for a collector of a site that reaches no database"
    )
    nats_password: str | None = _setting(str, None, "Password for the NATS URL")
    nats_credentials: Path | None = _setting(
        value.folder,
        None,
        "File with the nkey seed for NATS, or with a token and a seed (.creds); instead of a password",
    )
    nats_ca: Path | None = _setting(
        value.optional_file, None, "Certificate, as a PEM file, that vouches for the NATS server"
    )
    ingest_sites: tuple[str, ...] = _setting(
        value.sites,
        (),
        "Sites that `ddms ingest` stores, separated by commas; name@leaf has its stream on its own leaf node",
    )
    ingest_stream_max_bytes: int = _setting(
        value.positive,
        1024**3,
        "Largest size of each site's stream; when it is full, readings stay in the collector's spool",
    )
    ingest_metrics_host: str = _setting(value.host, "127.0.0.1", "Address of the /metrics and /health of `ddms ingest`")
    ingest_metrics_port: int = _setting(value.port, 9110, "Port of the /metrics and /health of `ddms ingest`")
    flush_interval: float = _setting(value.interval, 0.1, "Shortest time between two flushes, in seconds")
    backup_database_url: str | None = _setting(
        value.database_url,
        None,
        "PostgreSQL as a superuser, for backups, verification and restores; only where these are made",
    )
    backup_database_password: str | None = _setting(str, None, "Password for the database URL of backups")
    verify_database_url: str | None = _setting(
        value.database_url,
        None,
        "Another server, as a superuser, where backups are restored to try them; else that of backups",
    )
    verify_database_password: str | None = _setting(str, None, "Password for the URL of that server")
    backup_directory: Path = _setting(value.folder, Path("/var/lib/ddms/backups"), "Folder of the backups")
    export_directory: Path | None = _setting(
        value.folder, None, "Folder of exports that are made in the background; all replicas of the API share it"
    )
    export_max_bytes: int = _setting(value.positive, 10 * 1024**3, "Largest size of that folder, in bytes")
    export_hours: int = _setting(value.positive, 24, "How long a file stays in it, in hours")
    backup_copy: str | None = _setting(
        value.copy, None, "Where each backup is copied to: another folder, or s3://bucket/folder"
    )
    backup_s3_endpoint: str | None = _setting(
        value.http_url, None, "The S3-compatible store of the copies, such as https://minio.example:9000; else Amazon's"
    )
    backup_s3_region: str = _setting(str, "us-east-1", "The region of that store")
    backup_s3_access_key: str | None = _setting(str, None, "The access key for that store")
    backup_s3_secret_key: str | None = _setting(str, None, "The secret key for that store")
    postgres_programs: Path | None = _setting(
        value.folder, None, "Folder of pg_dump and pg_restore; else they are looked for"
    )
    modbus_tls_directory: Path = _setting(
        value.folder, Path("/etc/ddms/modbus"), "Folder of the certificates for devices that are reached by tls://"
    )
    disk_path: Path | None = _setting(
        value.folder, None, "A folder on the disk of the database, as the API sees it: how much is free there is shown"
    )
    certificate_files: tuple[Path, ...] = _setting(
        value.files, (), "Certificates whose expiry the API watches, as PEM files, separated by commas"
    )
    otlp_endpoint: str | None = _setting(
        value.http_url, None, "Where traces go: an OpenTelemetry collector (OTLP over HTTP); needs ddms[otel]"
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
        settings._fit_together()
        return settings

    def _fit_together(self) -> None:
        """Raise `DdmsError` for settings that need others, or shut them out."""
        misfits = (
            (
                self.openid_providers and self.public_url is None,
                "DDMS_PUBLIC_URL",
                "DDMS_OPENID_PROVIDERS needs DDMS_PUBLIC_URL: where providers send people back, such as https://ddms.example",
            ),
            (
                self.nats_url is None and self.ingest_sites,
                "DDMS_NATS_URL",
                "DDMS_INGEST_SITES needs DDMS_NATS_URL: where their readings come",
            ),
            (
                self.pooler_url and self.database_role,
                "DDMS_POOLER_URL",
                "PgBouncer keeps no role apart: let DDMS_POOLER_URL name ddms_app itself, and leave DDMS_DATABASE_ROLE out",
            ),
            (
                self.mqtt_url and self.mqtt_password and not urlsplit(self.mqtt_url).username,
                "DDMS_MQTT_URL",
                "DDMS_MQTT_PASSWORD needs a user: name it in DDMS_MQTT_URL, such as mqtts://ddms@broker.example:8883",
            ),
        )
        for is_misfit, name, sentence in misfits:
            if is_misfit:
                raise DdmsError(Code.SETTINGS, sentence, field=name)

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
        user = quote(unquote(url.username or "ddms_app"), safe="")
        where = url.netloc.rpartition("@")[2]
        return url._replace(netloc=f"{user}:{quote(self.database_password, safe='')}@{where}").geturl()

    def at(self, url: str) -> Self:
        """The settings at another server, with the user, password, database and TLS of ours where its URL names none."""
        ours, theirs = urlsplit(self.dsn()), urlsplit(url)
        who = ours.netloc.rpartition("@")[0]
        if not theirs.username and who:
            theirs = theirs._replace(netloc=f"{who}@{theirs.netloc.rpartition('@')[2]}")
        password = self.database_password if theirs.username and not theirs.password else None
        query = "&".join(word for word in ours.query.split("&") if not word.startswith("target_session_attrs="))
        theirs = theirs._replace(path=theirs.path.rstrip("/") or ours.path, query=theirs.query or query)
        return replace(self, database_url=theirs.geturl(), database_password=password, pooler_url=None)


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
        or (variable.endswith(("_URL", "_URLS")) and "@" in text)
    )
