"""History through GraphQL, beside PostGraphile v4 on the same rows.

`DDMS_TEST_DATABASE_URL=… NODE_PATH=… python -m bench.history`: 10 points each 10 s for 90 days (7.8 million readings, with
their rollups), and 1,000 devices × 10 points in `latest`. Each question is asked by one client (median of its time) and
by 16 clients at once (answers a second), of ours and of PostGraphile in turn: once as it comes, a function that returns
rows; once as its expert would write it, a function that returns arrays. `alone` is the statement itself, fetched by
asyncpg: what PostgreSQL takes. `--reuse` takes the database of an earlier run. Without PostGraphile (an npm package found by NODE_PATH) its rows are left out.
"""

import asyncio
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import numpy as np

from api.access.tokens import create, lifetime
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from api.live.latest import READ_LATEST
from api.readings.history import READ_SERIES
from bench.latest import free_port, prepared
from bench.processes import TRUSTING, running
from bench.smallest import POSTGRAPHILE, asked, request_of, wait
from collector.storing.decode import READINGS
from ddms.database import connect
from ddms.settings import Settings
from ddms.storing import COPY_END, COPY_HEAD, rows

DAYS, STEP, POINTS, ROUNDS = 90, 10, 10, 3
PEER = """
CREATE SCHEMA peer;
CREATE VIEW peer.readings AS SELECT time, point_id AS point, value, quality::int FROM public.readings;
CREATE VIEW peer.hours AS SELECT point_id AS point, bucket, sum / nullif(count, 0) AS average, min, max FROM public.readings_1h;
CREATE VIEW peer.latest AS SELECT point_id AS point, time, value, quality::int FROM public.latest;
CREATE FUNCTION peer.day(point int, since timestamptz, until timestamptz) RETURNS SETOF peer.readings LANGUAGE sql STABLE AS
    'SELECT time, point_id, value, quality::int FROM public.readings WHERE point_id = day.point AND time >= since AND time < until ORDER BY time';
CREATE FUNCTION peer.buckets(points int[], since timestamptz, until timestamptz) RETURNS SETOF peer.hours LANGUAGE sql STABLE AS
    'SELECT point_id, bucket, sum / nullif(count, 0), min, max FROM public.readings_1h WHERE point_id = ANY (points) AND bucket >= since AND bucket < until ORDER BY 1, 2';
CREATE TYPE peer.columns AS (times float8[], "values" float8[]);
CREATE FUNCTION peer.day_columns(point int, since timestamptz, until timestamptz) RETURNS peer.columns LANGUAGE sql STABLE AS
    'SELECT array_agg(extract(epoch FROM time)::float8 * 1000 ORDER BY time), array_agg(value ORDER BY time) FROM public.readings WHERE point_id = day_columns.point AND time >= since AND time < until';
"""


async def fill(connection: asyncpg.Connection, end: datetime) -> None:
    """Store DAYS of readings in the first points, day by day, and roll them up."""
    random = np.random.default_rng(20261123)
    points = [row["id"] for row in await connection.fetch("SELECT id FROM points ORDER BY id LIMIT $1", POINTS)]
    await connection.execute("UPDATE points SET interval_s = $1 WHERE id = ANY ($2::int[])", STEP, points)
    await connection.execute("UPDATE devices SET retention_days = 365")
    start = end - timedelta(days=DAYS)
    await connection.execute("UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", start)
    each = 86_400 // STEP
    for day in range(DAYS):
        day_start = int((start + timedelta(days=day)).timestamp() * 1e6)
        readings = np.zeros(each * POINTS, READINGS)
        readings["time"] = np.repeat(day_start + np.arange(each) * STEP * 1_000_000, POINTS)
        readings["point_id"] = np.tile(points, each)
        readings["value"] = np.round(50 + np.cumsum(random.normal(0, 0.1, each * POINTS)), 1)

        async def source(content: bytes = rows(readings)):
            yield COPY_HEAD + content + COPY_END

        await connection.copy_to_table(
            "readings", source=source(), columns=("time", "point_id", "value", "quality"), format="binary"
        )
    await connection.execute("VACUUM ANALYZE readings")
    await connection.execute("CALL refresh_rollups()")
    await connection.execute("VACUUM ANALYZE rollup_1m, rollup_1h, rollup_1d")


@dataclass(frozen=True, kw_only=True)
class Question:
    """The same question to each: our query, PostGraphile's queries by label, and the statement alone."""

    label: str
    ours: str
    peers: dict[str, str]
    statement: str
    arguments: tuple
    goal: str


def questions(end: datetime, points: list[int]) -> list[Question]:
    """Return what is asked."""
    day, quarter, buckets = (end - timedelta(**span) for span in ({"days": 1}, {"days": DAYS}, {"hours": 500}))
    ids = ", ".join(f'\\"pt_{number}\\"' for number in points)

    def ours(wanted: str, since: datetime, more: str, columns: str) -> str:
        span = f'from: \\"{since.isoformat()}\\", to: \\"{end.isoformat()}\\"'
        return f"{{ series(points: [{wanted}], {span}{more}) {{ columns {{ {columns} }} }} }}"

    def theirs(function: str, wanted: str, since: datetime, fields: str) -> str:
        return f'{{ {function}({wanted}, since: \\"{since.isoformat()}\\", until: \\"{end.isoformat()}\\") {{ {fields} }} }}'

    extremes = ["average", "lowest", "highest"]
    return [
        Question(
            label="24 h of one point, 8,640 values",
            ours=ours(f'\\"pt_{points[0]}\\"', day, "", "time value"),
            peers={
                "rows": theirs("day", f"point: {points[0]}", day, "nodes { time value }"),
                "expert": theirs("dayColumns", f"point: {points[0]}", day, "times values"),
            },
            statement=READ_SERIES,
            arguments=([points[0]], day, end, 10_000, None, "UTC", ["average"]),
            goal="6 × rows, 2.3 × expert, < 50 ms",
        ),
        Question(
            label="10 points × 500 hours",
            ours=ours(ids, buckets, ', bucket: \\"PT1H\\"', "time value min max"),
            peers={"rows": theirs("buckets", f"points: {points}", buckets, "nodes { point bucket average min max }")},
            statement=READ_SERIES,
            arguments=(points, buckets, end, 10_000, "PT1H", "UTC", extremes),
            goal="10 × rows",
        ),
        Question(
            label="10 points × 90 days, at most 1,000 buckets",
            ours=ours(ids, quarter, ", maxPoints: 1000", "time value min max"),
            peers={},
            statement=READ_SERIES,
            arguments=(points, quarter, end, 1000, None, "UTC", extremes),
            goal="< 100 ms, goal 20 ms",
        ),
        Question(
            label="latest of 1,000 devices × 10 points",
            ours="{ latest { columns { pointId time value quality } } }",
            peers={"rows": "{ allLatests { nodes { point time value quality } } }"},
            statement=READ_LATEST,
            arguments=(None, None),
            goal="20 × rows, < 50 ms",
        ),
    ]


async def median_ms(action: Callable, count: int = 40) -> float:
    """Return the median time of an action in milliseconds, the first five left out."""
    taken = []
    for _ in range(count + 5):
        began = time.perf_counter()
        await action()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken[5:])


async def one_client(port: int, query: str, secret: str) -> float:
    """Return the median time of one question after the other over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)

    async def ask() -> None:
        writer.write(request_of(query, secret))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
        assert b'"errors"' not in body[:200], body[:500]

    try:
        return await median_ms(ask)
    finally:
        writer.close()


async def alone(url: str, question: Question) -> float:
    """Return the median time of the statement itself."""
    connection = await asyncpg.connect(url, server_settings={"intervalstyle": "iso_8601"})
    try:
        return await median_ms(lambda: connection.fetch(question.statement, *question.arguments))
    finally:
        await connection.close()


async def reused(server: str, name: str) -> tuple[str, str]:
    """Return the URL of the database that an earlier run left behind, and a new token."""
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    connection = await connect(Settings(database_url=url), "bench")
    _, secret = await create(Statements(connection), COMMAND_LINE, name="bench", role=Role.VIEWER, lifetime=lifetime(1))
    await connection.close()
    return url, secret


async def prepare(server: str) -> tuple[str, str, datetime, list[int]]:
    """Return the URL of a filled database, a viewer's token, the end of the readings, and the points."""
    name = "ddms_bench_history"
    reuse = "--reuse" in sys.argv
    url, secret = await reused(server, name) if reuse else await prepared(server, name)
    connection = await asyncpg.connect(url)
    if not reuse:
        await fill(connection, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
        await connection.execute(PEER)
    end = await connection.fetchval(
        "SELECT date_bin('1 hour', max(time) + interval '1 hour', '2000-01-01Z') FROM readings"
    )
    points = [row["id"] for row in await connection.fetch("SELECT id FROM points ORDER BY id LIMIT $1", POINTS)]
    await connection.close()
    return url, secret, end, points


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    began = time.perf_counter()
    url, secret, end, points = asyncio.run(prepare(server))
    print(f"filled and rolled up in {time.perf_counter() - began:.0f} s", flush=True)
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    ours, theirs = free_port(), free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(ours), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    node = shutil.which("node")
    packages = [Path(folder) / "postgraphile" for folder in os.environ.get("NODE_PATH", "").split(":") if folder]
    has_peer = bool(node) and any(folder.is_dir() for folder in packages)
    command = [node or "", "-e", POSTGRAPHILE, url, str(theirs)] if has_peer else ["sleep", "3600"]
    print(f"\nHistory, {ROUNDS} rounds, medians; `alone` is PostgreSQL's own time for our statement")
    print("| | one client ms | requests/s of 16 clients | ours is | × alone | goal |\n|---|---|---|---|---|---|")
    with (
        running(sys.executable, "-m", "ddms", "api", env=environment),
        running(*command, env={"NODE_ENV": "production"}),
    ):
        wait(ours, "{ __typename }", secret)
        if has_peer:
            wait(theirs, "{ __typename }", "")
        for question in questions(end, points):
            ask(question, url, secret, ours, theirs if has_peer else None)


def ask(question: Question, url: str, secret: str, ours: int, theirs: int | None) -> None:
    """Ask one question of all, print its rows."""
    candidates = [("DDMS", ours, question.ours, secret)]
    if theirs is not None:
        candidates += [(f"PostGraphile, {label}", theirs, query, "") for label, query in question.peers.items()]
    times: dict[str, list[float]] = {label: [] for label, *_ in candidates}
    answers: dict[str, list[float]] = {label: [] for label, *_ in candidates}
    bare = []
    for _ in range(ROUNDS):
        bare.append(asyncio.run(alone(url, question)))
        for label, port, query, token in candidates:
            times[label].append(asyncio.run(one_client(port, query, token)))
            answers[label].append(asked(port, query, token))
    own, base = statistics.median(answers["DDMS"]), statistics.median(bare)
    print(f"| **{question.label}** | {base:.1f} alone | | | | {question.goal} |")
    for label, taken in times.items():
        milliseconds, rate = statistics.median(taken), statistics.median(answers[label])
        ratio = "" if label == "DDMS" else f"{own / rate:.1f} ×"
        more = f"{milliseconds / base:.2f}" if label == "DDMS" else ""
        print(f"| {label} | {milliseconds:.1f} | {rate:.1f} | {ratio} | {more} | |", flush=True)


if __name__ == "__main__":
    main()
