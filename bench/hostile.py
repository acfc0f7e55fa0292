"""How fast a document that is meant to hurt is refused.

`DDMS_TEST_DATABASE_URL=… python -m bench.hostile`: each of the tests' hostile documents 30 times over one connection, each
time with another comment, so that none is known from the time before. The promise is 50 ms.
"""

import asyncio
import os
import statistics
import sys
import time

import httpx2

from bench.latest import free_port, prepared
from bench.processes import TRUSTING, running
from bench.smallest import wait
from tests.support.hostile import HOSTILE

TIMES = 30


def refusals(client: httpx2.Client, document: str) -> list[float]:
    """Return how long each refusal took, in milliseconds."""
    taken = []
    for number in range(TIMES):
        began = time.perf_counter()
        answer = client.post("/graphql", json={"query": f"{document} # {number}"}).json()
        taken.append((time.perf_counter() - began) * 1000)
        assert "data" not in answer, answer
    return sorted(taken)


def main() -> None:
    url, secret = asyncio.run(prepared(os.environ["DDMS_TEST_DATABASE_URL"], "ddms_bench"))
    port = free_port()
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    headers = {"Authorization": f"Bearer {secret}"}
    with (
        running(sys.executable, "-m", "ddms", "api", env=environment),
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20) as client,
    ):
        wait(port, "{ __typename }", secret)
        print(
            f"\nHostile documents, refused {TIMES} times each\n| | bytes | median ms | longest ms |\n|---|---|---|---|"
        )
        for label, document in HOSTILE.items():
            taken = refusals(client, document)
            print(f"| {label} | {len(document):,} | {statistics.median(taken):.1f} | {taken[-1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
