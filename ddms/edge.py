"""The edge's access log as metrics: nginx sends a line for each request to a socket, Prometheus reads what they come to.

`python -m ddms.edge --socket /run/edge/log --host 0.0.0.0`: a service of compose.yaml. nginx waits for nobody here: while nothing
listens, requests go on and are not counted.
"""

import argparse
import logging
import re
import signal
import socket
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

LINE = re.compile(r"edge: (?P<status>[1-5]\d\d) (?P<seconds>\d+\.\d+) (?P<bytes>\d+) (?P<uri>.*)$", re.DOTALL)
"""What the log format `measured` of nginx/nginx.conf writes, after what syslog puts before it."""
PLACES = (
    ("/grafana/public/", "grafana_files"),
    ("/grafana/api/live/", "grafana_live"),
    ("/grafana/api/ds/query", "grafana_query"),
    ("/errors", "errors"),
    ("/grafana", "grafana"),
    ("/graphql", "graphql"),
    ("/graphiql/", "graphiql_files"),
    ("/export", "export"),
    ("/edge/", "edge"),
)
"""What an address begins with, and what it is called; the first that fits."""
LARGEST = 65_536

logger = logging.getLogger("ddms.edge")


class Measures:
    """What the lines come to."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ddms_edge_requests_total",
            "Requests that the edge answered, by place and status; 429 is one refused by its limits",
            ("place", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "ddms_edge_request_duration_seconds",
            "Time from the first byte of a request to the last of its answer, by place; without websockets",
            ("place",),
            buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self.bytes = Counter(
            "ddms_edge_sent_bytes_total", "Bytes sent to clients, by place", ("place",), registry=self.registry
        )
        self.unreadable = Counter(
            "ddms_edge_unreadable_lines_total", "Lines that are not what nginx is told to write", registry=self.registry
        )

    def count(self, line: str) -> None:
        """Take one line of nginx."""
        found = LINE.search(line)
        if not found:
            self.unreadable.inc()
            return
        place = next((name for start, name in PLACES if found["uri"].startswith(start)), "api")
        self.requests.labels(place, found["status"]).inc()
        self.bytes.labels(place).inc(int(found["bytes"]))
        if found["status"] != "101":
            self.seconds.labels(place).observe(float(found["seconds"]))


def listening(path: Path) -> socket.socket:
    """Return the socket to which nginx writes; one that a program before left there goes."""
    path.unlink(missing_ok=True)
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(path))
    path.chmod(0o666)  # nginx is another user
    return receiver


def main() -> None:
    """Count until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m ddms.edge", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--socket", type=Path, required=True, help="where nginx writes to")
    parser.add_argument("--host", default="127.0.0.1", help="address of /metrics")
    parser.add_argument("--port", type=int, default=9109, help="port of /metrics")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    measures = Measures()
    receiver = listening(given.socket)
    start_http_server(given.port, given.host, measures.registry)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logger.info("counts the requests of the edge; /metrics at %s:%d", given.host, given.port)
    while True:
        measures.count(receiver.recv(LARGEST).decode(errors="replace"))


if __name__ == "__main__":
    main()
