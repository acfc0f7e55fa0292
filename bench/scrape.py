"""What a scrape of /metrics takes with 1,000 devices: of the API, anew and from its memory of 10 s, and of the collector.

`DDMS_TEST_DATABASE_URL=… python -m bench.scrape`. 50 endpoints × 20 units × 10 registers are polled meanwhile. The promise is
100 ms; the peer is the smallest answer of the same API, `/health`.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from bench.collector import ENDPOINTS, PORT, UNITS
from bench.latest import free_port, prepared, until_ready
from bench.processes import plant, running

SCRAPES = 8
REMEMBERED = 10.2  # seconds; after that the API counts anew


def scraped(
    address: str, *, pause: float = 0.0, times: int = SCRAPES, path: str = "/metrics"
) -> tuple[list[float], int]:
    """Return the sorted milliseconds of scrapes with a pause before each, and the bytes of the last."""
    taken, size = [], 0
    with httpx2.Client() as client:
        client.get(address + path)
        for _ in range(times):
            time.sleep(pause)
            began = time.perf_counter()
            answer = client.get(address + path)
            taken.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, answer
            size = len(answer.content)
    return sorted(taken), size


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    url, _ = asyncio.run(prepared(server, "ddms_bench_scrape"))
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    ports = free_port(), free_port()
    api, collector = (f"http://127.0.0.1:{port}" for port in ports)
    with tempfile.TemporaryDirectory() as folder, plant(PORT, ENDPOINTS):
        shared = {"DDMS_DATABASE_URL": url, "DDMS_LOG_LEVEL": "warning"}
        of_api = shared | {"DDMS_API_PORT": str(ports[0])}
        of_collector = shared | {"DDMS_COLLECTOR_METRICS_PORT": str(ports[1]), "DDMS_SPOOL_DIRECTORY": folder}
        logs = Path(folder)
        with (
            running(sys.executable, "-m", "ddms", "api", env=of_api, log=logs / "api.log"),
            running(sys.executable, "-m", "ddms", "collector", env=of_collector, log=logs / "collector.log"),
        ):
            asyncio.run(until_ready(api))
            asyncio.run(until_ready(collector))
            time.sleep(REMEMBERED)  # every device has been polled, and has series of its own
            results = {
                "API, counted anew": scraped(api, pause=REMEMBERED),
                "API, from memory": scraped(api, times=100),
                "collector": scraped(collector, times=50),
                "API, `/health`": scraped(api, times=50, path="/health"),
            }
    print(f"\n{ENDPOINTS * UNITS} devices\n| | median ms | slowest ms | kB |\n|---|---|---|---|")
    for label, (taken, size) in results.items():
        print(f"| {label} | {statistics.median(taken):.1f} | {taken[-1]:.1f} | {size / 1000:.0f} |")


if __name__ == "__main__":
    main()
