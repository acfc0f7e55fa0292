"""What a scrape of the API's /metrics takes with 1,000 devices of 10 points: counted anew, and from its memory of 10 s.

`DDMS_TEST_DATABASE_URL=… python -m bench.scrape`. The promise is 100 ms; the peer is `/health` of the same API. What one of a collector
takes is in docs/collector.md.
"""

import asyncio
import os
import statistics
import sys
import time

import httpx2

from bench.collector import ENDPOINTS, UNITS
from bench.latest import free_port, prepared, until_ready
from bench.processes import running

SCRAPES = 5
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
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"}
    with running(sys.executable, "-m", "ddms", "api", env=environment):
        asyncio.run(until_ready(address))
        results = {
            "counted anew": scraped(address, pause=REMEMBERED),
            "from memory": scraped(address, times=100),
            "`/health`": scraped(address, times=50, path="/health"),
        }
    print(f"\n{ENDPOINTS * UNITS} devices\n| | median ms | slowest ms | kB |\n|---|---|---|---|")
    for label, (taken, size) in results.items():
        print(f"| {label} | {statistics.median(taken):.1f} | {taken[-1]:.1f} | {size / 1000:.0f} |")


if __name__ == "__main__":
    main()
