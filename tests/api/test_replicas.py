"""History is read from a streaming replica while that is fresh enough; whatever happens to it, callers get their answers."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from api.access.tokens import create, lifetime
from api.ground import replicas as replicas_module
from api.ground.actor import COMMAND_LINE
from api.ground.database import HISTORY_AGE, Database, Statements
from api.ground.metrics import REGISTRY
from api.ground.replicas import Replicas
from api.ground.roles import Role
from api.ground.turns import SERVED
from api.site.watch import Watch
from ddms.cli.doctor_replicas import examine_replicas
from ddms.cli.findings import Finding, Verdict
from ddms.database import Edition, connect
from ddms.errors import DdmsError
from ddms.replicas import ReplicaState
from ddms.settings import Settings
from tests.support.api_server import CREATE, Api, pump, serving
from tests.support.replica import Pair, replicated_fixture  # noqa: F401 - a fixture

SERIES = "query ($p: [ID!], $from: DateTime!) { series(points: $p, from: $from) { columns { time value } } }"
WRITE = "mutation ($readings: [ManualReading!]!) { writeReadings(readings: $readings) { errors { message } written } }"
LIMITED = "INSERT INTO users (name, role, limited) VALUES ('Limited', 'viewer', true) RETURNING id"
DEVICES = "{ devices(first: 50) { nodes { name } } }"
pytestmark = pytest.mark.xdist_group("replicas")


@pytest.fixture(name="settings")
def settings_fixture(replicated: Pair, tmp_path) -> Settings:
    return replicated.settings(tmp_path)


@asynccontextmanager
async def served(pair: Pair, settings: Settings) -> AsyncIterator[Api]:
    """The API with its replica, once that is in use."""
    connection = await connect(Settings(database_url=pair.url(pair.primary)), "tests")
    _, token = await create(
        Statements(connection), COMMAND_LINE, name="the owner's", role=Role.OWNER, lifetime=lifetime(1)
    )
    await connection.close()
    async with serving(settings) as (url, parts), httpx2.AsyncClient(timeout=60) as client:
        api = Api(url=url, client=client, tokens={"owner": token}, parts=parts)
        await stands(api, ReplicaState.FRESH)
        yield api


async def stands(api: Api, state: ReplicaState) -> None:
    """Wait until the API knows how its replica stands."""
    async with asyncio.timeout(60):
        while api.parts.database.replicas.all[0].state is not state:
            await asyncio.sleep(0.05)


def read_from() -> dict[str, float]:
    """Return how often history was read, by place."""
    places = ("replica", "primary", "again")
    return {place: REGISTRY.get_sample_value("ddms_history_reads_total", {"place": place}) or 0.0 for place in places}


async def where(work: Any) -> tuple[str, Any]:
    """Return where one read of history came from, and what it brought."""
    before = read_from()
    found = await work
    (place,) = {place for place, count in read_from().items() if count > before[place]} or {"nowhere"}
    return place, found


async def series(api: Api, point: str, age: str = "") -> list[float]:
    variables = {"p": [point], "from": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    headers = api.headers("owner") | ({"Cache-Control": age} if age else {})
    body = {"query": SERIES, "variables": variables}
    answer = (await api.client.post(f"{api.url}/graphql", json=body, headers=headers)).json()
    assert "errors" not in answer, answer
    values = answer["data"]["series"][0]["columns"]["value"]
    return [value for value in values if value is not None]  # a gap is none of the readings


async def tell(pair: Pair, point: str, value: float, seconds: float = 10) -> None:
    """Store a reading at the primary, as a collector does."""
    sql = "INSERT INTO readings (time, point_id, value, quality) VALUES (now() - make_interval(secs => {}), {}, {}, 0)"
    await pair.execute(pair.primary, sql.format(seconds, point.removeprefix("pt_"), value))


async def add(api: Api, pair: Pair, name: str) -> str:
    """Make a device with a reading; return its point, when the replica is asked again by who made it."""
    payload = await api.ask(CREATE, input=pump(name))
    point: str = payload["device"]["points"][0]["id"]
    await tell(pair, point, 1.0, 600)
    await pair.caught_up()
    async with asyncio.timeout(60):
        while (await where(series(api, point)))[0] != "replica":
            await asyncio.sleep(0.1)
    return point


async def test_history_comes_from_the_replica_and_all_else_from_the_primary(replicated: Pair, settings: Settings):
    async with served(replicated, settings) as api:
        point = await add(api, replicated, "All else")
        assert await where(series(api, point)) == ("replica", [1.0])
        assert (await where(api.ask("{ alarmJournal(first: 1) { totalCount } }")))[0] == "replica"
        assert (await where(api.ask(DEVICES)))[0] == "nowhere"
        assert (await where(series(api, point, "no-cache")))[0] == "primary"
        assert (await where(series(api, point, "private, max-age=0")))[0] == "primary"
        assert (await where(series(api, point, "max-age=60")))[0] == "replica"
        health = (await api.client.get(f"{api.url}/health")).json()
        assert [(one["state"], one["lagSeconds"] < 60) for one in health["replicas"]] == [("fresh", True)]
        variables = {"p": [point], "from": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
        async with api.socket("owner") as socket:
            for number, (age, place) in enumerate(((0, "primary"), (60, "replica"), ("often", "replica"))):
                payload = {"query": SERIES, "variables": variables, "extensions": {"maxAge": age}}
                await socket.send(id=str(number), type="subscribe", payload=payload)
                found, _ = await where(socket.receive())
                assert (found, (await socket.receive())["type"]) == (place, "complete")


async def test_who_writes_reads_it_at_once_though_the_replica_is_late(replicated: Pair, settings: Settings):
    async with served(replicated, settings) as api:
        point = await add(api, replicated, "Written")
        other = replicas_of(api).fresh(60.0, "somebody else")
        async with replicated.paused():
            at = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
            done = await api.ask(WRITE, readings=[{"point": point, "time": at, "value": 1.0}])
            assert done["errors"] == []
            assert await where(series(api, point, "max-age=3600")) == ("primary", [1.0, 1.0])
            assert other is replicas_of(api).fresh(60.0, "somebody else"), "others need not wait for it"


async def test_a_replica_that_lags_is_told_and_the_primary_answers(replicated: Pair, settings: Settings):
    async with served(replicated, replace(settings, replica_lag_seconds=2.5)) as api:
        point = await add(api, replicated, "Late")
        async with replicated.paused():
            await tell(replicated, point, 7.0)
            await stands(api, ReplicaState.LAGGING)
            assert await where(series(api, point)) == ("primary", [1.0, 7.0])
            assert await where(series(api, point, "max-age=3600")) == ("replica", [1.0]), "who asks for less gets it"
            assert "its replay is paused" in api.parts.replicas.all[0].detail
            api.parts.health._started = -inf
            reasons = (await api.client.get(f"{api.url}/health")).json()["reasons"]
            assert any("lags" in reason and "the primary is asked" in reason for reason in reasons)
            api.parts.measure()
            assert (REGISTRY.get_sample_value("ddms_replica_up", {"replica": name(replicated)})) == 0.0
            findings = [finding async for finding in doctor(settings)]
            assert [(f.state, "its replay is paused" in f.text) for f in findings] == [(Verdict.WARN, True)]
        await stands(api, ReplicaState.FRESH)
        assert await where(series(api, point)) == ("replica", [1.0, 7.0])
        assert [(f.state, "has all" in f.text) for f in [f async for f in doctor(settings)]] == [(Verdict.OK, True)]


async def test_a_replica_that_hangs_keeps_nobody_waiting_for_long(replicated: Pair, settings: Settings):
    async with served(replicated, settings) as api:
        point = await add(api, replicated, "Hung")
        with replicated.hung(replicated.replica):
            answers = await asyncio.gather(*(series(api, point) for _ in range(3)))
            await stands(api, ReplicaState.GONE)
            assert (await where(series(api, point)))[0] == "primary"
        assert answers == [[1.0]] * 3
        await stands(api, ReplicaState.FRESH)
        assert (await where(series(api, point)))[0] == "replica"


async def test_a_statement_that_the_replica_cancels_is_asked_of_the_primary(replicated: Pair, settings: Settings):
    await replicated.execute(replicated.replica, "ALTER SYSTEM SET max_standby_streaming_delay = 0")
    await replicated.execute(replicated.replica, "SELECT pg_reload_conf()")
    async with served(replicated, settings) as api:
        HISTORY_AGE.set(60.0)
        SERVED.set("somebody")
        database: Database = api.parts.database

        async def slow(statements: Statements) -> bool:
            slept = "-- ddms:slow history\nSELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN pg_sleep(60) END, (SELECT count(*) FROM points)"
            return await statements.value(slept)

        asked = asyncio.create_task(where(database.of_history(slow)))
        await asyncio.sleep(1)
        await replicated.execute(
            replicated.primary,
            "DO $$ BEGIN LOCK TABLE points IN ACCESS EXCLUSIVE MODE; PERFORM pg_current_xact_id(); END $$",
        )
        assert await asked == ("again", False)
        with pytest.raises(DdmsError, match="cannot be stored"):
            await database.value("-- ddms:wrong history\nSELECT 1 / 0")


async def test_exports_come_from_it_and_limited_people_are_not_sent_there(
    replicated: Pair, settings: Settings, tmp_path
):
    async with served(replicated, replace(settings, export_directory=tmp_path)) as api:
        point = await add(api, replicated, "Exported")
        (person,) = [await replicated.execute(replicated.primary, LIMITED)]
        async with replicated.paused():
            await tell(replicated, point, 5.0)
            start = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
            given = {"point": point, "from": start, "format": "csv"}
            for age, values in (("max-age=600", 1), ("no-cache", 2)):
                headers = api.headers("owner") | {"Cache-Control": age}
                answer = await api.client.post(f"{api.url}/export", data=given, headers=headers)
                assert answer.status_code == 200, answer.text
                assert len(answer.text.splitlines()) == 1 + values, (age, answer.text)
            HISTORY_AGE.set(600.0)
            SERVED.set("somebody")
            seen = "-- ddms:seen history\nSELECT current_user || ' ' || pg_is_in_recovery()"
            assert await api.parts.database.value(seen) == "ddms_app true"
            found = await api.parts.database.of_person(person).value(seen)
            assert found == "ddms_limited false", "what is in their sight now, the primary alone knows"


async def test_what_is_no_replica_is_not_asked(replicated: Pair, settings: Settings, server_url: str):
    urls = (replicated.url(replicated.primary), server_url, "postgresql://127.0.0.1:1/ddms")
    replicas = Replicas(replace(settings, replica_urls=urls), Edition.PLAIN)
    running = asyncio.create_task(replicas.run())
    wanted = [ReplicaState.PRIMARY, ReplicaState.FOREIGN, ReplicaState.GONE]
    async with asyncio.timeout(60):
        while [one.state for one in replicas.all] != wanted:
            await asyncio.sleep(0.05)
    assert replicas.fresh(3600.0) is None
    assert [f.state async for f in doctor(replicas._settings)] == [Verdict.OK, Verdict.BAD, Verdict.WARN]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_writers_beyond_those_who_are_remembered_wait_as_if_they_had_just_written(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(replicas_module, "_WRITERS", 2)
    replicas = Replicas(Settings(replica_urls=("postgresql://db2/ddms",)), Edition.PLAIN)
    (one,) = replicas.all
    one.trouble, one.database, one.as_of = None, object(), time.monotonic()
    assert replicas.fresh(60.0, "a") is one
    for who in "abc":
        replicas.wrote(who)
    assert [replicas.fresh(60.0, who) for who in "abcd"] == [None] * 4
    one.as_of = time.monotonic()
    assert [replicas.fresh(60.0, who) for who in "abcd"] == [one] * 4


async def test_a_replica_that_lags_is_an_alarm_until_it_has_caught_up(database: Database, replicated: Pair):
    settings = Settings(replica_urls=("postgresql://db2.example:5433/ddms",))
    replica = Replicas(settings, Edition.PLAIN).all[0]
    watch = Watch(settings, [replica])
    await watch(database)
    state = "SELECT active FROM alarms WHERE kind = 'replica_lagging' AND subject = 'db2.example:5433'"
    assert await replicated.execute(replicated.primary, state) is None, "an API that has just begun knows nothing yet"
    replica._began -= 3600
    await watch(database)
    waited = "UPDATE alarms SET pending_since = pending_since - interval '1 minute'"
    await replicated.execute(replicated.primary, waited)
    await watch(database)
    assert await replicated.execute(replicated.primary, state)
    replica.as_of, replica.trouble = time.monotonic(), None
    await watch(database)
    assert await replicated.execute(replicated.primary, state) is False


def name(pair: Pair) -> str:
    return urlsplit(pair.replica.url).netloc.rpartition("@")[2]


def replicas_of(api: Api) -> Replicas:
    return api.parts.replicas


async def doctor(settings: Settings) -> AsyncIterator[Finding]:
    """Ask the doctor about replicas alone."""
    connection = await connect(settings, "tests")
    try:
        async for finding in examine_replicas(settings, connection):
            yield finding
    finally:
        await connection.close()
