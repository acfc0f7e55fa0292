"""The collector's own health: `/metrics` for Prometheus and `/health`, on a thread of their own."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from socketserver import ThreadingMixIn
from typing import Any, TypeVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from collector.polling.poller import ConnectionTask
from collector.polling.units import Reopening, Statistics
from collector.storing.store import Store
from ddms import VERSION

LOOK_SECONDS = 0.1
MOST_CONNECTIONS, MOST_DEVICES = 200, 300
OTHER = "other"

K = TypeVar("K", bound=Hashable)

# What each connection and each device counts: name, field of `Statistics`, meaning.
_COUNTED = (
    ("requests", "requests", "Modbus requests sent"),
    ("readings", "readings", "Readings that right answers brought"),
    ("answers", "answers", "Right answers"),
    ("answer_seconds", "answer_seconds", "Time until right answers, summed up"),
    ("polls", "polls", "Polls that were due"),
    ("late_seconds", "late_seconds", "Lateness with which polls began, summed up"),
    ("overruns", "overruns", "Turns that polls missed because the line was busy"),
    ("demotions", "demotions", "Times that a unit was demoted as offline"),
)


class Bounded:
    """Bounds the values of a label: who comes first has one of his own, the rest shares `other`, which never falls."""

    def __init__(self, most: int, other: Hashable) -> None:
        self._most = most
        self._other = other
        self._named: set[Hashable] = set()
        self._folded: dict[Hashable, Statistics] = {}

    def __call__(self, counted: Mapping[K, Statistics]) -> dict[Any, Statistics]:
        """Return the counters of each label value."""
        self._named &= counted.keys()  # who is gone makes room for who comes
        for key, statistics in counted.items():
            if key not in self._named:
                if key not in self._folded and len(self._named) < self._most:
                    self._named.add(key)
                else:
                    self._folded[key] = statistics
        labelled: dict[Any, Statistics] = {key: counted[key] for key in counted if key in self._named}
        return labelled | ({self._other: Statistics.sum(self._folded.values())} if self._folded else {})


class CollectorMetrics(Collector):
    """Turns the counters, which cost nothing to keep, into metrics when somebody asks."""

    def __init__(self, store: Store, tasks: Callable[[], Iterable[ConnectionTask]]) -> None:
        self._store = store
        self._tasks = tasks
        self._connections = Bounded(MOST_CONNECTIONS, (OTHER,))
        self._devices = Bounded(MOST_DEVICES, (OTHER, OTHER))

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        who = {"collector": self._store.name, "version": VERSION}
        yield InfoMetricFamily("ddms_collector", "The collector's name and version", value=who)
        yield from self._of_store()
        tasks = {str(task.configuration.line.endpoint): task for task in self._tasks()}
        connections = {(endpoint,): task.statistics for endpoint, task in tasks.items()}
        yield from _families("ddms_connection", ["endpoint"], self._connections(connections))
        units = {(endpoint, unit.config.name): unit for endpoint, task in tasks.items() for unit in task.units}
        devices = self._devices({key: unit.statistics for key, unit in units.items()})
        yield from _families("ddms_device", ["endpoint", "device"], devices)
        states = GaugeMetricFamily(
            "ddms_collector_devices", "Devices that this collector polls, by state", labels=["state"]
        )
        for state, count in sorted(Counter(unit.state for unit in units.values()).items()):
            states.add_metric([state], count)
        yield states

    def _of_store(self) -> Iterator[Metric]:
        statistics, spool = self._store.statistics, self._store.spool
        for name, value, meaning in (
            ("ddms_collector_readings", statistics.readings, "Readings taken, good and bad"),
            ("ddms_collector_bad_readings", statistics.bad, "Readings of bad quality"),
            ("ddms_collector_stored_readings", statistics.stored, "Readings kept after deadband"),
            ("ddms_collector_flushes", statistics.flushes, "Flushes to the database or the spool"),
            ("ddms_collector_flush_seconds", statistics.flush_seconds, "Time spent in flushes"),
            ("ddms_collector_spooled_readings", statistics.spooled, "Readings written to the spool"),
            (
                "ddms_collector_replayed_readings",
                statistics.replayed,
                "Readings brought from the spool to the database",
            ),
            (
                "ddms_collector_lost_readings",
                statistics.lost,
                "Readings lost: the spool was full, or batches of it are gone",
            ),
            ("ddms_collector_refused_readings", statistics.refused, "Readings that the database refused for good"),
        ):
            yield CounterMetricFamily(name, meaning, value=value)
        for name, value, meaning in (
            ("ddms_collector_troubles", len(self._store.troubles()), "Reasons why it is degraded: /health tells them"),
            ("ddms_collector_database_connected", self._store.connected, "1 while readings go to the database"),
            ("ddms_collector_pending_answers", self._store.pending, "Answers that wait for the next flush"),
            ("ddms_collector_last_flush_seconds", statistics.last_flush_seconds, "Duration of the last flush"),
            ("ddms_spool_bytes", spool.bytes, "Size of the spool"),
            ("ddms_spool_limit_bytes", spool.max_bytes, "Largest allowed size of the spool"),
            ("ddms_spool_batches", spool.count, "Batches in the spool"),
            ("ddms_spool_age_seconds", spool.age(), "Age of the oldest batch in the spool"),
        ):
            yield GaugeMetricFamily(name, meaning, value=float(value))


def _families(prefix: str, labels: list[str], counted: Mapping[tuple[str, ...], Statistics]) -> Iterator[Metric]:
    for name, attribute, meaning in _COUNTED:
        family = CounterMetricFamily(f"{prefix}_{name}", meaning, labels=labels)
        for key, statistics in counted.items():
            family.add_metric(key, getattr(statistics, attribute))
        yield family
    errors = CounterMetricFamily(f"{prefix}_errors", "Failed requests by reason", labels=[*labels, "reason"])
    for key, statistics in counted.items():
        for reason, count in list(statistics.errors.items()):
            errors.add_metric((*key, reason.label), count)
    yield errors
    if prefix != "ddms_connection":
        return
    opened = CounterMetricFamily(f"{prefix}_connects", "Times that the connection was opened", labels=labels)
    reopened = CounterMetricFamily(
        f"{prefix}_reopens",
        "Times that it was closed because nothing, or nothing right, was answered, by reason",
        labels=[*labels, "reason"],
    )
    for key, statistics in counted.items():
        opened.add_metric(key, statistics.connects)
        for why in Reopening:
            reopened.add_metric((*key, why.value), statistics.reopens[why])
    yield opened
    yield reopened


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a request, so that a connection that says nothing holds up no health check."""

    daemon_threads = True

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(("", 0), _Quiet, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_address = listener.getsockname()[:2]
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: health checks come every few seconds."""


def _health(store: Store, tasks: Iterable[ConnectionTask], started: float) -> dict[str, Any]:
    """Say whether the collector does what it should, and if not, why."""
    tasks = list(tasks)
    states = [unit.state for task in tasks for unit in task.units]
    reasons, uptime = store.troubles(), round(time.monotonic() - started)
    return {
        "status": "degraded" if reasons else "ok",
        "reasons": reasons,
        "version": VERSION,
        "database": "ok" if store.connected else "away",
        "devices": {"online": states.count("online"), "total": len(states)},
        "connections": len(tasks),
        "spoolBytes": store.spool.bytes,
        "spoolAgeSeconds": round(store.spool.age()),
        "uptime": uptime,
        "uptimeSeconds": uptime,
    }


def serve(listener: socket.socket, store: Store, tasks: Callable[[], Iterable[ConnectionTask]]) -> WSGIServer:
    """Serve /metrics and /health of the collector on a socket that listens, until the returned server is shut down."""
    started = time.monotonic()
    return serve_health(listener, CollectorMetrics(store, tasks), lambda: _health(store, tasks(), started))


def serve_health(listener: socket.socket, collector: Collector, health: Callable[[], dict[str, Any]]) -> WSGIServer:
    """Serve /metrics and /health on a socket that listens, until the returned server is shut down."""
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    metrics = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        if environ["PATH_INFO"] != "/health":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/metrics and /health are here\n"]
        # 200 also when it is degraded: nothing is won by a restart, and what waits in memory would be lost.
        start_response("200 OK", [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
        return [json.dumps(health()).encode()]

    server = _Server(listener)
    server.set_app(app)
    # A program that ends waits until the server looks whether it is to end: half a second, by itself.
    threading.Thread(target=server.serve_forever, args=[LOOK_SECONDS], name="metrics", daemon=True).start()
    return server
