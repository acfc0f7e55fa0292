"""The collector's own health: `/metrics` for Prometheus and `/health`, on a thread of their own."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from collector.connection import ConnectionTask
from collector.store import Store
from ddms import VERSION


class CollectorMetrics(Collector):
    """Turns the counters, which cost nothing to keep, into metrics when somebody asks."""

    def __init__(self, store: Store, tasks: Callable[[], Iterable[ConnectionTask]]) -> None:
        self._store = store
        self._tasks = tasks

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield from self._of_store()
        yield from self._of_connections()

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
            ("ddms_collector_lost_readings", statistics.lost, "Readings lost because the spool was full"),
            ("ddms_collector_refused_readings", statistics.refused, "Readings that the database refused for good"),
        ):
            yield CounterMetricFamily(name, meaning, value=value)
        for name, value, meaning in (
            ("ddms_collector_database_connected", self._store.connected, "1 while readings go to the database"),
            ("ddms_collector_pending_answers", self._store.pending, "Answers that wait for the next flush"),
            ("ddms_collector_last_flush_seconds", statistics.last_flush_seconds, "Duration of the last flush"),
            ("ddms_spool_bytes", spool.bytes, "Size of the spool"),
            ("ddms_spool_limit_bytes", spool.max_bytes, "Largest allowed size of the spool"),
            ("ddms_spool_batches", spool.count, "Batches in the spool"),
            ("ddms_spool_age_seconds", spool.age(), "Age of the oldest batch in the spool"),
        ):
            yield GaugeMetricFamily(name, meaning, value=float(value))

    def _of_connections(self) -> Iterator[Metric]:
        label = ["endpoint"]
        requests = CounterMetricFamily("ddms_connection_requests", "Modbus requests sent", labels=label)
        answering = CounterMetricFamily("ddms_connection_answer_seconds", "Time until right answers", labels=label)
        polls = CounterMetricFamily("ddms_connection_polls", "Polls that were due", labels=label)
        late = CounterMetricFamily("ddms_connection_late_seconds", "Lateness of polls, summed up", labels=label)
        overruns = CounterMetricFamily("ddms_connection_overruns", "Polls that missed a whole interval", labels=label)
        demotions = CounterMetricFamily("ddms_connection_demotions", "Units demoted as offline", labels=label)
        errors = CounterMetricFamily("ddms_connection_errors", "Failed requests by reason", labels=[*label, "reason"])
        for task in self._tasks():
            endpoint, s = str(task.configuration.line.endpoint), task.statistics
            for family, value in (
                (requests, s.requests), (answering, s.answer_seconds), (polls, s.polls),
                (late, s.late_seconds), (overruns, s.overruns), (demotions, s.demotions),
            ):  # fmt: skip
                family.add_metric([endpoint], value)
            for reason, count in list(s.errors.items()):
                errors.add_metric([endpoint, reason.label], count)
        yield from (requests, answering, polls, late, overruns, demotions, errors)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: health checks come every few seconds."""


def serve(
    host: str, port: int, store: Store, tasks: Callable[[], Iterable[ConnectionTask]]
) -> tuple[WSGIServer, threading.Thread]:
    """Serve /metrics and /health until the returned server is shut down."""
    registry = CollectorRegistry()
    registry.register(CollectorMetrics(store, tasks))
    ProcessCollector(registry=registry)
    metrics = make_wsgi_app(registry)
    started = time.monotonic()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start_response)
            return answer
        if environ["PATH_INFO"] != "/health":
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"/metrics and /health are here\n"]
        health = {
            "status": "ok" if store.connected else "spooling",
            "version": VERSION,
            "connections": len(list(tasks())),
            "spoolBytes": store.spool.bytes,
            "uptimeSeconds": round(time.monotonic() - started),
        }
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(health).encode()]

    server = make_server(host, port, app, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    return server, thread
