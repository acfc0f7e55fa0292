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
ERRORS = Counter("ddms_api_errors_total", "Errors in GraphQL answers, by their code", ["code"], registry=REGISTRY)
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
RETENTION_DUE = Gauge(
    "ddms_retention_due_timestamp_seconds",
    "When the next announced retention run will erase something",
    registry=REGISTRY,
)
RETENTION_DUE_ROWS = Gauge("ddms_retention_due_rows", "How many rows it will erase, about", registry=REGISTRY)
RETENTION_ROWS = Counter("ddms_retention_rows_total", "Rows that retention erased", registry=REGISTRY)
RETENTION_BYTES = Counter("ddms_retention_bytes_total", "What they took, in bytes, about", registry=REGISTRY)
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
