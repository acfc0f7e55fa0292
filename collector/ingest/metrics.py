"""The health of `ddms ingest`: how each site does."""

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from collector.ingest.site import Site
from collector.metrics import serve_health
from ddms import VERSION

_COUNTED = {
    "messages": "Messages stored",
    "readings": "Readings in the messages that were stored, good and bad",
    "transactions": "Transactions that stored messages",
    "again": "Messages that came again and were stored already",
    "missing": "Messages that never came: numbers that were left out",
    "set_aside": "Messages set aside, for reasons that are in the table set_aside",
    "foreign": "Things in messages that are not of their site",
    "late": "Messages that had waited in a spool or in the stream",
}


class IngestMetrics(Collector):
    """Turns what is counted into metrics when somebody asks."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._sites = sites

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield InfoMetricFamily("ddms_ingest", "The program's version", value={"version": VERSION})
        counted = {site.name: asdict(site.store.counted) for site in list(self._sites)}
        for name, meaning in _COUNTED.items():
            family = CounterMetricFamily(f"ddms_ingest_{name}", meaning, labels=["site"])
            for of_site, values in counted.items():
                family.add_metric([of_site], values[name])
            yield family
        served = GaugeMetricFamily(
            "ddms_ingest_served", "1 while this program stores the site's messages", labels=["site"]
        )
        pending = GaugeMetricFamily(
            "ddms_ingest_pending_messages", "Messages that wait in the site's stream", labels=["site"]
        )
        lag = GaugeMetricFamily(
            "ddms_ingest_lag_seconds",
            "Age of the oldest message that is not stored, 0 when none waits",
            labels=["site"],
        )
        size = GaugeMetricFamily("ddms_ingest_stream_bytes", "How large the site's stream is", labels=["site"])
        most = GaugeMetricFamily("ddms_ingest_stream_max_bytes", "How large it may become", labels=["site"])
        for site in list(self._sites):
            served.add_metric([site.name], float(site.is_served))
            if site.stream.is_known:  # also while the database is away
                for gauge, value in (
                    (pending, site.stream.pending), (lag, site.stream.lag),
                    (size, site.stream.bytes), (most, site.stream.max_bytes),
                ):  # fmt: skip
                    gauge.add_metric([site.name], value)
        yield from (served, pending, lag, size, most)


def serve(listener: socket.socket, sites: Sequence[Site]) -> WSGIServer:
    """Serve /metrics and /health on a socket that listens, until the returned server is shut down."""
    started = time.monotonic()

    def health() -> dict[str, Any]:
        reasons = [sentence for site in list(sites) for sentence in site.complaints.current.values()]
        return {
            "status": "degraded" if reasons else "ok",
            "reasons": reasons,
            "version": VERSION,
            "sites": {
                site.name: {
                    "served": site.is_served,
                    "pending": site.stream.pending,
                    "lagSeconds": round(site.stream.lag, 1),
                }
                for site in list(sites)
            },
            "uptimeSeconds": round(time.monotonic() - started),
        }

    return serve_health(listener, IngestMetrics(sites), health)
