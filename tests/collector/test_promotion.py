"""The primary dies and its replica is promoted: everybody finds the new one, and nothing is lost but what it never had."""

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed

from api.access.tokens import create, lifetime
from api.ground import claims
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from api.live import hub
from collector import app as app_module
from collector.app import CollectorProgram
from collector.storing import replay as replay_module
from collector.storing import store as store_module
from ddms import database as database_module
from ddms.database import connect
from ddms.errors import DdmsError
from ddms.settings import Settings
from tests.support.api_server import Api, serving
from tests.support.devices import Counter, scripted
from tests.support.replica import Pair, both_fixture  # noqa: F401 - a fixture
from tests.support.running import background, until

STORED = "SELECT array_agg(value::int ORDER BY time) FROM readings WHERE quality < 16"
DEVICE = """WITH c AS (INSERT INTO connections (endpoint, timeout_ms) VALUES ('tcp://127.0.0.1:{}', 300) RETURNING id),
d AS (INSERT INTO devices (name, connection_id, unit_id) SELECT 'Mixer', id, 1 FROM c RETURNING id)
INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)
SELECT id, 'level', 'Level', 'holding', 0, 'uint16', 1 FROM d RETURNING id"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What takes seconds between machines takes tenths of them here."""
    monkeypatch.setattr(store_module, "RECONNECT_SECONDS", 0.3)
    monkeypatch.setattr(replay_module, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(app_module, "NAME_SECONDS", 0.0)
    monkeypatch.setattr(store_module, "COMMIT_SECONDS", 2.0)
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 1.0)
    monkeypatch.setattr(claims, "RETRY_SECONDS", 0.3)


async def series(api: Api, point: int) -> list[float]:
    query = '{ series(points: ["pt_%d"], from: "2000-01-01T00:00:00Z", raw: true) { columns { value } } }' % point  # noqa: UP031 - braces
    answer = await api.post(query)
    return [value for value in answer["data"]["series"][0]["columns"]["value"] if value] if answer.get("data") else []


@pytest.mark.parametrize("died", ["killed", "hung"])
async def test_a_promoted_replica_is_found_and_nothing_is_lost_that_it_had(died: str, both: Pair, tmp_path):
    urls = (both.url(both.primary), both.url(both.replica))
    settings = both.settings(tmp_path, replica_urls=urls, flush_interval=0.0, collector_name="line 1")
    connection = await connect(settings, "tests")
    _, token = await create(Statements(connection), COMMAND_LINE, name="t", role=Role.OWNER, lifetime=lifetime(1))
    await connection.close()
    device = Counter()
    async with scripted(device) as peer, httpx2.AsyncClient(timeout=60) as client:
        point = await both.execute(both.primary, DEVICE.format(peer.port))
        program = CollectorProgram(settings)
        async with background(program.run()), serving(settings) as (url, parts):
            api = Api(url=url, client=client, tokens={"owner": token}, parts=parts)
            await until(lambda: complete(both, 3))
            before = device.count
            with getattr(both, died)(both.primary):
                await until(lambda: asyncio.sleep(0, program.store.spool.count >= 1))
                had = await both.execute(both.replica, STORED)
                await both.execute(both.replica, "SELECT pg_promote()")
                await until(lambda: asyncio.sleep(0, program.store.connected and not program.store.spool.count))
                live = asyncio.create_task(heard(api, point))
                stored = await until(lambda: complete(both, device.count - 1))
                assert stored == sorted(set(stored)), "nothing is stored twice"
                assert set(had) <= set(stored)
                missing = set(range(1, stored[-1])) - set(stored)
                assert all(had[-1] < value <= before + 1 for value in missing), (missing, had, before)
                await until(lambda: reads(api, point, stored))
                assert await live > before
                await until(
                    lambda: asyncio.sleep(0, [one.state.value for one in parts.replicas.all] == ["gone", "primary"])
                )


async def complete(pair: Pair, least: int) -> list[int] | None:
    stored = await pair.execute(pair.replica, STORED)
    return stored if stored and stored[-1] >= least else None


async def reads(api: Api, point: int, stored: list[int]) -> bool:
    return set(stored) <= {int(value) for value in await series(api, point)}


async def heard(api: Api, point: int) -> float:
    """Return a value that a subscriber is told after all that; a socket that is cut off before comes again."""
    query = 'subscription { readings(points: ["pt_%d"]) { columns { value } } }' % point  # noqa: UP031 - braces
    while True:
        try:
            async with api.socket("owner") as socket:
                await socket.subscribe(query)
                for _ in range(3):
                    event = await socket.event("readings")
                return event["columns"]["value"][0]
        except (AssertionError, OSError, ConnectionClosed):  # the database is away: it said so
            await asyncio.sleep(0.2)


async def test_of_several_hosts_the_one_that_answers_and_fits_is_taken(settings: Settings, monkeypatch):
    monkeypatch.setattr(database_module, "CONNECT_SECONDS", 1.0)
    silent = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    host = urlsplit(settings.database_url).netloc.rpartition("@")[2]
    several = settings.database_url.replace(f"@{host}", f"@127.0.0.1:{port},127.0.0.1:1,{host}")
    settings = replace(settings, database_url=f"{several}?target_session_attrs=read-write")
    connection = await connect(settings, "tests")
    await connection.close()
    assert host in database_module._FOUND.values(), "the one that was found is asked first"
    alone = replace(settings, database_url=several.replace(f",{host}", ""))
    with pytest.raises(DdmsError, match=r"cannot be reached|does not answer"):
        await connect(alone, "tests")
    silent.close()


async def test_no_server_that_takes_writes_is_told(settings: Settings):
    with pytest.raises(DdmsError, match="no server in DDMS_DATABASE_URL"):
        await connect(replace(settings, database_url=f"{settings.database_url}?target_session_attrs=standby"), "tests")
