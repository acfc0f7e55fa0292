"""What it costs to know who asks, with 10,000 sessions in the table, and how soon an open websocket ends.

`DDMS_TEST_DATABASE_URL=… python -m bench.sessions`. A session's check is measured inside the API (`Callers.find`): as it
is remembered, and as the database is asked. The peer is the look-up of a token of a program, in the same run. The
websockets are 30 of one person, whose role is changed.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable

import asyncpg
from websockets.asyncio.client import connect

from api.access import sessions, tokens
from api.ground.actor import COMMAND_LINE
from api.ground.callers import COOKIE_PREFIX
from api.ground.database import Statements
from api.ground.roles import Role
from bench.collector import fresh_database
from ddms.database import connect as connect_database
from ddms.settings import Settings
from tests.support.api_server import PROTOCOL, serving

SESSIONS, ROUNDS, SOCKETS, CHANGES = 10_000, 2_000, 30, 10
PEOPLE = "INSERT INTO users (name, role, password_hash) SELECT 'person ' || n, 'viewer', 'none' FROM generate_series(1, 1000) n"
FILL = """WITH key AS (
    INSERT INTO api_tokens (name, role, user_id, hash, expires_at)
    SELECT 'session', 'viewer', 1 + n % 1000, sha256(('ddms-session_' || n)::bytea), now() + interval '1 day' FROM generate_series(1, $1::int) n
    RETURNING id)
INSERT INTO sessions (token_id, rights, idle, address, agent) SELECT id, 1, interval '8 hours', '10.0.0.1', 'Mozilla/5.0' FROM key"""


async def timed(work: Callable[[int], Awaitable[object]]) -> str:
    """Return the median and the 99th percentile of many runs, in milliseconds."""
    taken = []
    for round_ in range(ROUNDS):
        began = time.perf_counter()
        await work(round_)
        taken.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(taken):.4f} ms median, {statistics.quantiles(taken, n=100)[98]:.4f} ms 99 %"


async def until_ended(url: str, owner: asyncpg.Connection, secret: str, role: str) -> list[float]:
    """Open websockets of a session, change its person's role; return after how many seconds each was closed."""
    headers = {"Cookie": f"{sessions.COOKIE}={secret}"}
    opened = [
        await connect(url.replace("http", "ws") + "/graphql", subprotocols=[PROTOCOL], additional_headers=headers)
        for _ in range(SOCKETS)
    ]
    for socket in opened:
        await socket.send('{"type":"connection_init"}')
        assert "connection_ack" in str(await socket.recv())
    began = time.perf_counter()
    await owner.execute("UPDATE users SET role = $1 WHERE id = 1", role)

    async def ended(socket: object) -> float:
        await socket.wait_closed()  # type: ignore[attr-defined]
        return time.perf_counter() - began

    return list(await asyncio.gather(*map(ended, opened)))


async def run(server: str) -> None:
    url = await fresh_database(server, "ddms_bench.sessions")
    settings = Settings(database_url=url, database_role="ddms_app", api_port=0)
    owner = await connect_database(settings, "bench")
    await owner.execute("RESET ROLE")
    await owner.execute(PEOPLE)
    await owner.execute(FILL, SESSIONS)
    await owner.execute("ANALYZE")
    statements = Statements(owner)
    _, token = await tokens.create(
        statements, COMMAND_LINE, name="bench", role=Role.VIEWER, lifetime=tokens.lifetime(1)
    )
    async with serving(settings) as (address, parts):
        callers = parts.callers

        async def asked(secret: str) -> None:
            callers.forget()
            await callers.find(secret)

        await callers.find(f"{COOKIE_PREFIX}1")
        print(f"session, remembered      {await timed(lambda _: callers.find(f'{COOKIE_PREFIX}1'))}")
        print(f"session, asked again     {await timed(lambda _: asked(f'{COOKIE_PREFIX}1'))}")
        print(
            f"10,000 sessions, first   {await timed(lambda n: asked(f'{COOKIE_PREFIX}{n + 2}'))}   (each is marked as used)"
        )
        print(f"token, asked again       {await timed(lambda _: asked(token))}")
        seconds = []
        for change in range(CHANGES):
            seconds += await until_ended(address, owner, f"{COOKIE_PREFIX}1000", ("admin", "viewer")[change % 2])
        print(
            f"role changed: {len(seconds)} websockets closed after {statistics.median(seconds):.3f} s median, {max(seconds):.3f} s at most"
        )
    await owner.close()


def main() -> None:
    asyncio.run(run(os.environ["DDMS_TEST_DATABASE_URL"]))


if __name__ == "__main__":
    main()
