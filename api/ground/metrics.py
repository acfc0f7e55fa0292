"""Metrics of the API: what `/metrics` shows; every label is bounded."""

from functools import lru_cache
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUEST_SECONDS = Histogram(
    "ddms_api_request_duration_seconds",
    "Time to answer a GraphQL query or mutation, by its name (without one: its root field)",
    ["operation", "name"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
COST = Counter(
    "ddms_api_cost_total",
    "Cost of the operations that were executed, by their name",
    ["operation", "name"],
    registry=REGISTRY,
)
FAILED = Counter(
    "ddms_api_failed_operations_total",
    "Operations that were refused or whose answer held errors, by their name; without a readable document: refused",
    ["operation", "name"],
    registry=REGISTRY,
)
SLOW = Counter(
    "ddms_api_slow_operations_total", "Operations that took over a second; each is in the log", registry=REGISTRY
)
UNREAD = Gauge(
    "ddms_api_unread_bytes", "Bytes of large answers that their clients have not read yet", registry=REGISTRY
)
IN_FLIGHT = Gauge("ddms_api_requests_in_flight", "Requests that are being read or executed", registry=REGISTRY)
ERRORS = Counter(
    "ddms_api_errors_total",
    "Errors that callers were told, by where they met them and by their code",
    ["place", "code"],
    registry=REGISTRY,
)
ERRORS_UNLISTED = Counter(
    "ddms_api_errors_unlisted_total",
    "Errors that were counted only, because their caller meets too many to list them all",
    registry=REGISTRY,
)
CLIENT_ERRORS = Counter(
    "ddms_client_errors_total",
    "Errors in browsers that our pages reported, by page and by kind",
    ["page", "kind"],
    registry=REGISTRY,
)
OVER_BUDGET = Counter(
    "ddms_api_over_budget_total", "Requests refused because their caller's budget was used up", registry=REGISTRY
)
BUSY = Counter("ddms_api_busy_total", "Requests refused because their turn did not come", registry=REGISTRY)
STATEMENT_SECONDS = Histogram(
    "ddms_database_query_duration_seconds",
    "Time of a statement in the database, by the name it begins with",
    ["statement"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
CONNECTIONS = Gauge(
    "ddms_database_connections", "Connections of the API's pool, by whether they work", ["state"], registry=REGISTRY
)
WAITING_FOR_CONNECTION = Gauge(
    "ddms_database_waiting", "Operations that wait for a connection of the pool", registry=REGISTRY
)
REPLICA_LAG = Gauge(
    "ddms_replica_lag_seconds", "How old it is what a streaming replica has", ["replica"], registry=REGISTRY
)
REPLICA_UP = Gauge(
    "ddms_replica_up", "Whether history is read from a streaming replica (1) or not (0)", ["replica"], registry=REGISTRY
)
HISTORY_READS = Counter(
    "ddms_history_reads_total",
    "Reads of history where there are replicas: from a replica, the primary, or the primary again after a replica failed",
    ["place"],
    registry=REGISTRY,
)
SOCKETS = Gauge("ddms_active_websockets", "Open websockets", registry=REGISTRY)
EVENT_STREAMS = Gauge("ddms_active_event_streams", "Open streams of server-sent events", registry=REGISTRY)
SUBSCRIPTIONS = Gauge("ddms_active_subscriptions", "Subscriptions that are being served", registry=REGISTRY)
BROADCASTS = Gauge(
    "ddms_active_broadcasts", "Distinct subscriptions: each is executed and encoded once", registry=REGISTRY
)
QUEUED_BYTES = Gauge("ddms_live_queued_bytes", "Bytes that wait for subscribers who read slowly", registry=REGISTRY)
WAITING_SUBSCRIBERS = Gauge(
    "ddms_live_waiting_subscribers", "Subscribers for whom something waits, because they read slowly", registry=REGISTRY
)
DELIVERED = Counter("ddms_live_messages_total", "Messages put into subscribers' queues", registry=REGISTRY)
SKIPPED = Counter(
    "ddms_live_skipped_total", "Times a slow subscriber was skipped forward to a fresh snapshot", registry=REGISTRY
)
LIVE_LAG = Histogram(
    "ddms_live_lag_seconds",
    "From the newest reading of a flush to its delivery to the subscribers' queues",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
    registry=REGISTRY,
)
DEVICES = Gauge("ddms_active_devices", "Devices by state", ["state"], registry=REGISTRY)
ALARMS = Gauge(
    "ddms_alarms",
    "Alarms that are not normal, by priority and by state; one that is hidden counts as shelved, suppressed or out_of_service",
    ["priority", "state"],
    registry=REGISTRY,
)
DATABASE_UP = Gauge("ddms_database_up", "Whether the database answers (1) or not (0)", registry=REGISTRY)
TROUBLES = Gauge("ddms_troubles", "Reasons why the installation is degraded: /health tells them", registry=REGISTRY)
JOB_SECONDS = Histogram(
    "ddms_job_seconds",
    "Time of a run of a scheduled job",
    ["job"],
    buckets=(0.01, 0.1, 1, 10, 60, 600, 3600),
    registry=REGISTRY,
)
JOB_SUCCESS = Gauge(
    "ddms_job_last_success_timestamp_seconds", "When a scheduled job was last done here", ["job"], registry=REGISTRY
)
JOB_FAILURES = Counter("ddms_job_failures_total", "Runs of a scheduled job that failed", ["job"], registry=REGISTRY)
WEBHOOK_DELIVERIES = Counter(
    "ddms_webhook_deliveries_total",
    "What became of messages to webhooks: done, failed (tried again), dead",
    ["outcome"],
    registry=REGISTRY,
)
WEBHOOK_WAITING = Gauge("ddms_webhook_waiting", "Messages that wait for a webhook", ["webhook"], registry=REGISTRY)
WEBHOOK_OLDEST = Gauge(
    "ddms_webhook_oldest_seconds", "How long the oldest of them waits; 0: none does", ["webhook"], registry=REGISTRY
)
WEBHOOK_DEAD = Gauge(
    "ddms_webhook_dead", "Messages to a webhook that were given up in two weeks", ["webhook"], registry=REGISTRY
)
WEBHOOK_FAILING = Gauge(
    "ddms_webhook_failing_seconds", "Since when a webhook takes nothing; 0: it does", ["webhook"], registry=REGISTRY
)
MQTT_PUBLISHED = Gauge(
    "ddms_mqtt_published_readings", "Readings that the MQTT broker took since the first", registry=REGISTRY
)
MQTT_BEHIND = Gauge(
    "ddms_mqtt_behind_seconds", "How old the newest reading is, or may be, that the MQTT broker has", registry=REGISTRY
)
MQTT_FAILING = Gauge(
    "ddms_mqtt_failing_seconds", "Since when the MQTT broker takes nothing; 0: it does", registry=REGISTRY
)
RETENTION_DUE = Gauge(
    "ddms_retention_due_timestamp_seconds",
    "When the next announced retention run will erase something",
    registry=REGISTRY,
)
RETENTION_DUE_ROWS = Gauge("ddms_retention_due_rows", "How many rows it will erase, about", registry=REGISTRY)
RETENTION_ROWS = Counter("ddms_retention_rows_total", "Rows that retention erased", registry=REGISTRY)
RETENTION_BYTES = Counter("ddms_retention_bytes_total", "What they took, in bytes, about", registry=REGISTRY)
BACKUP_AGE = Gauge(
    "ddms_backup_age_seconds", "Age of the newest backup that is there; infinite without one", registry=REGISTRY
)
BACKUP_VERIFIED_AGE = Gauge(
    "ddms_backup_verified_age_seconds",
    "Age of the newest backup that was restored into a scratch database and compared; infinite without one",
    registry=REGISTRY,
)
BACKUP_VERIFIED_WITHIN = Gauge(
    "ddms_backup_verified_within_seconds", "How old that one may be, by the configuration", registry=REGISTRY
)
BACKUP_SIZE = Gauge("ddms_backup_size_bytes", "Size of the newest backup", registry=REGISTRY)
BACKUP_SECONDS = Gauge("ddms_backup_duration_seconds", "Time that the newest backup took", registry=REGISTRY)
VERIFICATION_SECONDS = Gauge(
    "ddms_backup_verification_duration_seconds",
    "Time that the verification of the newest verified backup took",
    registry=REGISTRY,
)
BACKUPS_FAILED = Gauge(
    "ddms_backups_failed_in_a_row", "How often a backup failed since one was last done", registry=REGISTRY
)
BACKUP_PROGRESS = Gauge(
    "ddms_backup_progress",
    "How much of the backup, verification or restore that runs is done, 0 to 1; not there while none runs",
    ["kind"],
    registry=REGISTRY,
)
BACKUPS = Gauge("ddms_backups", "Backups that are there", registry=REGISTRY)
BACKUPS_BYTES = Gauge("ddms_backups_bytes", "Their size together", registry=REGISTRY)
BACKUP_FOLDER_FREE = Gauge(
    "ddms_backup_folder_free_bytes",
    "What is free on the disk of their folder, as who makes them last said",
    registry=REGISTRY,
)
READINGS = Counter("ddms_live_readings_total", "Readings heard from the collectors' stream", registry=REGISTRY)

_MOST_NAMES = 200
_OTHER = "other"


class OperationNames:
    """The names by which operations are counted: those of callers with a token, the first 200; else the root field."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def of(self, name: str | None, field: str, *, known_caller: bool) -> str:
        """Return the label of an operation."""
        if name is None or not known_caller:
            return field
        if name in self._known:
            return name
        if len(self._known) >= _MOST_NAMES:
            return _OTHER
        self._known.add(name)
        return name


NAMES = OperationNames()


class Measures(NamedTuple):
    """What is measured of a kind of operation and a name."""

    seconds: Histogram
    cost: Counter
    errors: Counter


@lru_cache(maxsize=10 * _MOST_NAMES)
def measures(kind: str, name: str) -> Measures:
    """Return what is measured of a kind of operation and a name; finding it by labels takes longer than observing."""
    return Measures(*(metric.labels(kind, name) for metric in (REQUEST_SECONDS, COST, FAILED)))  # type: ignore[arg-type]
