"""What signing in costs beside its hash: `sign_in` with everything that it counts and writes, and argon2id alone.

`DDMS_TEST_DATABASE_URL=… python -m bench.sign_in`. Both in turn, so that a noisy machine slows both down.
"""

import asyncio
import os
import statistics
import sys
import time

import asyncpg

from api.access import passwords
from api.access.sign_in import sign_in
from api.ground.actor import Actor
from api.ground.database import Database
from bench.collector import fresh_database
from ddms.database import Edition, open_pool
from ddms.errors import DdmsError
from ddms.settings import Settings

ROUNDS = 40
PASSWORD = "four words are better"
PEOPLE = 1_000
FILLED = """
INSERT INTO sign_in_failures (name, address) SELECT 'n' || n, '198.51.100.' || n % 250 FROM generate_series(1, 10000) n;
INSERT INTO sign_in_addresses SELECT u.id, '198.51.100.' || n FROM users u, generate_series(1, 20) n;
ANALYZE
"""


async def timed(action) -> float:
    began = time.perf_counter()
    await action()
    return (time.perf_counter() - began) * 1000


async def measured() -> None:
    url = await fresh_database(os.environ["DDMS_TEST_DATABASE_URL"], "bench_sign_in")
    connection = await asyncpg.connect(url)
    kept = passwords.kept(PASSWORD)
    people = "INSERT INTO users (name, role, password_hash) SELECT 'person ' || n, 'viewer', $1 FROM generate_series(1, $2::int) n"
    await connection.execute(people, kept, PEOPLE)
    await connection.execute(FILLED)
    await connection.close()
    pool = await open_pool(Settings(database_url=url), "bench")
    database = Database(pool, Edition.PLAIN)
    taken: dict[str, list[float]] = {
        "argon2id alone": [],
        "a right password": [],
        "a wrong one": [],
        "nobody's name": [],
    }

    async def tried(number: int, name: str, password: str) -> None:
        try:
            await sign_in(database, Actor(name="bench", address=f"10.0.{number // 4}.1"), name, password)
        except DdmsError:
            assert password != PASSWORD

    for n in range(1, ROUNDS + 1):
        taken["argon2id alone"].append(await timed(lambda: passwords.verified(kept, PASSWORD)))
        taken["a right password"].append(await timed(lambda n=n: tried(n, f"person {n}", PASSWORD)))
        taken["a wrong one"].append(await timed(lambda n=n: tried(n, f"person {n}", "wrong")))
        taken["nobody's name"].append(await timed(lambda n=n: tried(n, f"nobody {n}", "wrong")))
    alone = statistics.median(taken["argon2id alone"])
    print(f"{'signing in, ms':<20} {'median':>8} {'p90':>8} {'of the hash':>12}")
    for what, times in taken.items():
        median, p90 = statistics.median(times), statistics.quantiles(times, n=10)[-1]
        print(f"{what:<20} {median:>8.1f} {p90:>8.1f} {median / alone:>11.2f}×")
    pool.terminate()


def main() -> None:
    asyncio.run(measured())


if __name__ == "__main__":
    sys.exit(main())
