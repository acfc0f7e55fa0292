"""The Python client, against the real API: histories, pages, changes, errors, and live readings over what breaks."""

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import ssl
import subprocess
import sys
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from ddms_client import AsyncClient, Calendar, Client, DdmsError, DeviceState, ManualReading, SeriesList
from ddms_client import _questions as questions
from ddms_client._asking import ask
from ddms_client._version import VERSION

from ddms.settings import Settings
from tests.support.api_server import Api, add, api_fixture, serving, tokens_fixture  # noqa: F401 - fixtures
from tests.support.certificates import write_certificate
from tests.support.flushing import Collector, heard_by
from tests.support.history import keep_for_ever
from tests.support.ports import free_port

pytestmark = pytest.mark.unmeasured  # what they cover of the API others do

ROOT = Path(__file__).parents[2]
README = (ROOT / "clients/python/README.md").read_text()
START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def ddms(api: Api):
    async with AsyncClient(api.url, api.tokens["admin"]) as client:
        yield client


async def store(owner: asyncpg.Connection, point: int, count: int, seconds: int = 60, start: datetime = START) -> None:
    rows = [(start + timedelta(seconds=seconds * n), point, float(n), 0) for n in range(count)]
    await owner.executemany("INSERT INTO readings (time, point_id, value, quality) VALUES ($1, $2, $3, $4)", rows)


async def plant(api: Api, owner: asyncpg.Connection) -> dict:
    device = await add(api, "Pump 1")
    await owner.execute("UPDATE devices SET retention_days = 3650")
    return device | {"flow": f"pt_{device['points']['flow']}", "running": f"pt_{device['points']['running']}"}


def test_its_version_and_license_are_those_of_ddms():
    assert (ROOT / "clients/python/LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


@pytest.mark.parametrize(
    "query", ["mutation { x }", "# by hand\nmutation { x }", "fragment F on Y { z } mutation { x }"]
)
def test_a_change_has_a_key_wherever_it_stands(query: str):
    assert "Idempotency-Key" in next(ask(query, {}, 1)).headers
    assert "Idempotency-Key" not in next(ask("{ mutations }", {}, 1)).headers


async def test_all_readings_come_however_many_pages_they_need(api: Api, owner, ddms: AsyncClient):
    device = await plant(api, owner)
    await store(owner, device["points"]["flow"], 25)
    await store(owner, device["points"]["running"], 12, seconds=100)
    asked = {"devices": [device["id"]], "start": START, "end": START + timedelta(hours=1), "raw": True}
    whole, paged = await ddms.series(**asked), await ddms.series(**asked, max_points=7)
    assert paged == whole
    flow, running, mode = (next(one for one in paged if one.key == key) for key in ("flow", "running", "mode"))
    values = [[value for value in one["value"] if value is not None] for one in (flow, running, mode)]
    assert values == [[float(n) for n in range(25)], [float(n) for n in range(12)], []]
    assert flow["value"][:3] == [0.0, None, 1.0]  # a minute without a reading is an outage
    assert flow.gaps[1].start == START + timedelta(seconds=70)
    assert flow.times[2] == START + timedelta(minutes=1)
    assert (flow.name, flow.unit) == ("Pump 1.flow", "m³/h")


async def test_what_was_asked_for_in_two_ways_comes_once(api: Api, owner, ddms: AsyncClient, monkeypatch):
    monkeypatch.setattr(questions, "_POINTS_AT_ONCE", 1)
    device = await plant(api, owner)
    asked = {"points": [device["running"], device["flow"], device["flow"]], "devices": [device["id"]]}
    found = await ddms.series(**asked, start=START, end=START + timedelta(hours=1))
    assert [one.key for one in found] == ["running", "flow", "mode"]


async def test_buckets_have_the_columns_that_are_asked_for(api: Api, owner, ddms: AsyncClient):
    device = await plant(api, owner)
    await store(owner, device["points"]["flow"], 120)
    await keep_for_ever(owner)
    (hours,) = await ddms.series(
        points=[device["flow"]], start=START, end=START + timedelta(hours=2), bucket="PT1H",
        columns=("value", "time_weighted_average", "percentiles", "count"), percentiles=[5, 50],
    )  # fmt: skip
    assert hours.columns.keys() == {"time", "value", "time_weighted_average", "p5", "p50", "count", "quality"}
    assert (hours["value"], hours["count"], hours.bucket) == ([29.5, 89.5], [60, 60], "PT1H")
    (day,) = await ddms.series(
        points=[device["flow"]], start=START, end=START + timedelta(days=1), calendar=Calendar.DAY
    )
    assert (day["min"], day["max"]) == ([0.0], [119.0])


async def frames(api: Api, owner, ddms: AsyncClient) -> SeriesList:
    device = await plant(api, owner)
    await store(owner, device["points"]["flow"], 3, seconds=10)
    await store(owner, device["points"]["running"], 2, seconds=10, start=START + timedelta(seconds=10))
    await owner.execute(
        "INSERT INTO readings VALUES ($1, $2, NULL, 16)", START + timedelta(seconds=30), device["points"]["flow"]
    )
    return await ddms.series(
        points=[device["flow"], device["running"]], start=START, end=START + timedelta(seconds=40), raw=True
    )


async def test_histories_become_frames_of_pandas(api: Api, owner, ddms: AsyncClient):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: its frames are not tried")
    found = await frames(api, owner, ddms)
    long = found.to_pandas()
    assert list(long) == ["device", "point", "point_id", "unit", "time", "value", "text", "quality"]
    assert long[long.point == "flow"].quality.tolist() == [0, 0, 0, 16]
    assert str(long.time.dt.tz) == "UTC"
    wide = found.to_pandas(wide=True, time_zone="Europe/Berlin")
    assert list(wide) == ["Pump 1.flow", "Pump 1.running"]
    assert (wide.index[0].isoformat(), wide.index.name) == ("2026-03-01T01:00:00+01:00", "time")
    assert wide["Pump 1.running"].fillna(-1).tolist() == [-1, 0, 1, -1]
    assert wide["Pump 1.flow"].isna().tolist() == [False, False, False, True]
    assert isinstance(SeriesList().to_pandas(wide=True), pandas.DataFrame)
    assert SeriesList().to_pandas().empty


async def test_histories_become_frames_of_polars(api: Api, owner, ddms: AsyncClient):
    polars = pytest.importorskip("polars", reason="polars is not installed: its frames are not tried")
    found = await frames(api, owner, ddms)
    long = found.to_polars()
    assert long.filter(point="flow")["quality"].to_list() == [0, 0, 0, 16]
    assert long.schema["time"] == polars.Datetime("ms", "UTC")
    wide = found.to_polars(wide=True, time_zone="Europe/Berlin")
    assert wide.columns == ["time", "Pump 1.flow", "Pump 1.running"]
    assert wide["time"][0].isoformat() == "2026-03-01T01:00:00+01:00"
    assert wide["Pump 1.running"].to_list() == [None, 0, 1, None]
    assert SeriesList().to_polars(wide=True).columns == ["time"]
    assert SeriesList().to_polars().is_empty()


async def test_lists_come_page_by_page_as_typed_objects(api: Api, ddms: AsyncClient, monkeypatch):
    monkeypatch.setattr(questions, "_PAGE", 2)
    for number in range(1, 6):
        await add(api, f"Pump {number}", endpoint=f"tcp://10.0.0.{number}")
    devices = [device async for device in ddms.devices(text="pump")]
    assert [device.name for device in devices] == [f"Pump {number}" for number in range(1, 6)]
    assert (devices[0].unit_id, devices[0].status.state) == (1, DeviceState.UNKNOWN)
    points = [point async for point in ddms.points(device=devices[0].id)]
    assert [(point.key, point.latest) for point in points] == [("flow", None), ("running", None), ("mode", None)]

    def waiting() -> list[str]:
        with Client(api.url, api.tokens["viewer"]) as client:
            return [device.name for device in client.devices()]

    assert await asyncio.to_thread(waiting) == [device.name for device in devices]


async def test_the_newest_readings_and_written_ones(api: Api, owner, ddms: AsyncClient, monkeypatch):
    monkeypatch.setattr(questions, "_WRITTEN_AT_ONCE", 2)
    device = await plant(api, owner)
    written = [ManualReading(device["flow"], START + timedelta(hours=n), float(n)) for n in range(3)]
    done = await ddms.write_readings(written)
    assert (done.written, done.unchanged) == (3, 0)
    assert (await ddms.write_readings(written)).unchanged == 3
    with pytest.raises(DdmsError) as refused:
        await ddms.write_readings([*written, ManualReading("pt_999", START, 1.0)])
    assert (refused.value.errors[0].field, refused.value.code) == ("readings.3.point", "NOT_FOUND")
    with pytest.raises(ValueError, match="no time zone"):
        await ddms.write_readings([ManualReading(device["flow"], datetime(2026, 3, 1), 1.0)])  # noqa: DTZ001
    await api.read(owner, {device["points"]["flow"]: 4.5})
    (newest,) = await ddms.latest(points=[device["flow"]])
    assert (newest.key, newest.value, newest.quality) == ("flow", 4.5, 0)


async def test_what_is_wrong_is_one_typed_exception(api: Api, ddms: AsyncClient):
    with pytest.raises(DdmsError) as wrong:
        await ddms.execute("{ device(id: 7) { nothing } }")
    assert wrong.value.code == "INVALID"
    again = 'mutation { createGroup(input: {name: "Hall"}) { errors { code field message } } }'
    assert await ddms.execute(again) == {"createGroup": {"errors": []}}
    with pytest.raises(DdmsError) as taken:
        await ddms.execute(again)
    assert (taken.value.code, taken.value.errors[0].field) == ("ALREADY_EXISTS", "name")
    with pytest.raises(DdmsError) as missing:
        await ddms.acknowledge_alarms(["alm_999"])
    assert missing.value.code == "NOT_FOUND"
    async with AsyncClient(api.url, "ddms_wrong") as stranger:
        with pytest.raises(DdmsError) as unknown:
            await stranger.latest()
        assert unknown.value.code == "UNAUTHENTICATED"
        assert re.fullmatch(r"[0-9a-f]{4}-[0-9a-f]{4}", unknown.value.reference)
        with pytest.raises(DdmsError) as closed:
            await anext(stranger.live(points=["pt_1"]))
        assert closed.value.code == "UNAUTHENTICATED"
    async with AsyncClient(f"{api.url}/elsewhere", "ddms_x") as lost:
        with pytest.raises(DdmsError, match="nothing at this address"):
            await lost.latest()
        with pytest.raises(DdmsError, match=r"40\d"):
            await anext(lost.live(points=["pt_1"]))


async def test_an_address_that_is_none_is_refused_at_once(monkeypatch):
    monkeypatch.delenv("DDMS_URL", raising=False)
    with pytest.raises(ValueError, match="DDMS_URL"):
        Client()
    with pytest.raises(ValueError, match="https://"):
        Client("ddms.example")
    async with AsyncClient(f"http://127.0.0.1:{free_port()}", patience=1) as nobody:
        with pytest.raises(DdmsError, match="cannot be reached"):
            await nobody.latest()
        with pytest.raises(DdmsError, match="cannot be followed"):
            await anext(nobody.live(points=["pt_1"]))


@contextlib.asynccontextmanager
async def answering(*answers: tuple[int, dict[str, str], bytes], tls: ssl.SSLContext | None = None):
    """Serve these answers, then the last one for ever; an empty one breaks off. Give the address and the keys that came."""
    keys, left = [], list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1]))
            keys.append((re.search(r"idempotency-key: (\S+)", head) or [None, None])[1])
            status, headers, body = left.pop(0) if len(left) > 1 else left[0]
            if status:
                lines = {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items()
                said = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in lines), "", ""]
                writer.write("\r\n".join(said).encode() + body)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}", keys


BROKEN = 0, {}, b""
BUSY = 503, {"Retry-After": "0"}, json.dumps({"errors": [{"message": "wait", "extensions": {"code": "BUSY", "retryAfterSeconds": 0}}]}).encode()  # fmt: skip
PROXY = 502, {}, b"<html>Bad gateway</html>"
DONE = 200, {}, b'{"data": {"deleteGroup": {"errors": []}}}'
CHANGE = 'mutation { deleteGroup(id: "grp_1") { errors { message } } }'


async def test_a_change_is_sent_again_with_one_key_after_what_passes():
    async with answering(BROKEN, BUSY, PROXY, DONE) as (url, keys), AsyncClient(url, "ddms_x", patience=60) as client:
        assert await client.execute(CHANGE) == {"deleteGroup": {"errors": []}}
    assert len(keys) == 4
    assert len(set(keys)) == 1
    assert keys[0]


async def test_what_makes_a_secret_has_no_key_and_is_not_sent_twice_when_the_answer_was_lost():
    async with answering(BROKEN) as (url, keys), AsyncClient(url, "ddms_x") as client:
        with pytest.raises(DdmsError, match="cannot be reached"):
            await client.execute('mutation { createToken(name: "x", role: VIEWER, days: 1) { secret } }')
    assert keys == [None]


async def test_patience_ends():
    body = BUSY[2].replace(b'"retryAfterSeconds": 0', b'"retryAfterSeconds": 90')
    async with answering((503, {"Retry-After": "90"}, body)) as (url, keys), AsyncClient(url) as client:
        with pytest.raises(DdmsError) as busy:
            await client.latest()
    assert (busy.value.code, busy.value.errors[0].retry_after, len(keys)) == ("BUSY", 90, 1)


async def test_a_certificate_of_ones_own_is_trusted_when_it_is_given(tmp_path: Path):
    write_certificate(tmp_path / "own.pem", days=1, address="127.0.0.1")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "own.pem")
    async with answering(DONE, tls=tls) as (url, keys):
        async with AsyncClient(url, "ddms_x", ca=tmp_path / "own.pem") as client:
            assert await client.execute(CHANGE) == {"deleteGroup": {"errors": []}}
        async with AsyncClient(url, "ddms_x") as stranger:
            with pytest.raises(DdmsError, match="`ca`") as untrusted:
                await stranger.execute(CHANGE)
            with pytest.raises(DdmsError, match="`ca`"):
                await anext(stranger.live(points=["pt_1"]))
    assert (untrusted.value.code, len(keys)) == ("UNTRUSTED", 1)


class Following:
    """Follows a device in the background, and keeps what comes."""

    def __init__(self, ddms: AsyncClient, device: dict) -> None:
        self.ddms, self.device = ddms, device
        self.got: list[float] = []
        self.gaps: list[str] = []
        self.kinds: list[str] = []

    async def __aenter__(self):
        self.task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, *_: object):
        await self.ddms.aclose()
        async with asyncio.timeout(60):
            await asyncio.gather(self.task, return_exceptions=True)

    async def run(self) -> None:
        async for event in self.ddms.live(devices=[self.device["id"]]):
            self.kinds.append(event.kind.value)
            self.gaps += [gap.reason for gap in event.gaps]
            self.got += [one.value for one in event.readings]

    async def until(self, value: float) -> None:
        async with asyncio.timeout(60):
            while value not in self.got:
                assert not self.task.done(), self.task
                await asyncio.sleep(0.01)

    def kill(self) -> None:
        """Break the connection without a word."""
        (follower,) = self.ddms._following
        follower._socket.transport.abort()


async def test_live_readings_come_once_and_without_a_gap_over_restarts(api: Api, owner, settings: Settings):
    device = await plant(api, owner)
    flow, port = device["points"]["flow"], free_port()
    collector = await Collector.started(owner)
    await collector.flush((flow, 0.0))
    async with Following(AsyncClient(f"http://127.0.0.1:{port}", api.tokens["viewer"]), device) as following:
        async with serving(settings, port=port):
            await following.until(0.0)
            await collector.flush((flow, 1.0))
            await following.until(1.0)
        await collector.flush((flow, 2.0))
        await collector.flush((flow, 3.0))
        async with serving(settings, port=port):
            await following.until(3.0)
            await collector.flush((flow, 4.0))
            await following.until(4.0)
        assert not following.task.done()
    assert (following.got, following.gaps) == ([0.0, 1.0, 2.0, 3.0, 4.0], [])
    assert following.task.exception() is None  # it ended as the client was closed


async def test_no_reading_is_lost_or_doubled_while_connections_break(api: Api, owner, ddms: AsyncClient):
    device = await plant(api, owner)
    collector = await Collector.started(owner)
    await collector.flush((device["points"]["flow"], 0.0))
    await heard_by(api, collector)
    async with Following(ddms, device) as following:
        await following.until(0.0)
        for value in range(1, 61):
            await collector.flush((device["points"]["flow"], float(value)))
            if value % 20 == 0:
                following.kill()
        await following.until(60.0)
    assert following.got == [float(value) for value in range(61)]
    assert following.gaps == []


async def test_what_the_api_missed_itself_is_asked_for_again(api: Api, owner, ddms: AsyncClient):
    device = await plant(api, owner)
    collector = await Collector.started(owner)
    await collector.flush((device["points"]["flow"], 0.0))
    await heard_by(api, collector)
    async with Following(ddms, device) as following:
        await following.until(0.0)
        async with owner.transaction():  # unheard: the stream is cut as the readings are told
            await collector.flush((device["points"]["flow"], 1.0))
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ddms-api-live' AND datname = current_database()"
            )
        await collector.flush((device["points"]["flow"], 2.0))
        await following.until(2.0)
    assert following.got == [0.0, 1.0, 2.0]


async def test_readings_that_were_stored_late_are_told_as_a_gap(api: Api, owner, ddms: AsyncClient):
    device = await plant(api, owner)
    collector = await Collector.started(owner)
    await collector.flush((device["points"]["flow"], 0.0))
    await heard_by(api, collector)
    async with Following(ddms, device) as following:
        await following.until(0.0)
        await collector.replay((device["points"]["flow"], 0.5), at=time.time() - 3600)
        await collector.flush((device["points"]["flow"], 1.0))
        await following.until(1.0)
    assert (following.kinds, following.gaps) == (["SNAPSHOT", "LATE", "CHANGES"], ["STORED_LATE"])


async def test_a_token_that_is_revoked_ends_what_is_followed(api: Api, owner, ddms: AsyncClient):
    device = await plant(api, owner)
    await api.read(owner, {device["points"]["flow"]: 1.0})
    async with Following(ddms, device) as following:
        await following.until(1.0)
        number = await owner.fetchval("SELECT id FROM api_tokens WHERE name LIKE '%admin%'")
        await api.ask(f'mutation {{ revokeToken(id: "tok_{number}") {{ errors {{ code }} }} }}')
        with pytest.raises(DdmsError) as ended:
            await asyncio.wait_for(following.task, 60)
    assert ended.value.code == "UNAUTHENTICATED"


def examples() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(examples())))
async def test_each_example_of_the_readme_runs_as_pasted(api: Api, owner, number: int, tmp_path: Path):
    code = examples()[number]
    if missing := [name for name in ("pandas", "polars") if name in code and importlib.util.find_spec(name) is None]:
        pytest.skip(f"{missing[0]} is not installed")
    device = await plant(api, owner)
    await store(owner, device["points"]["flow"], 5, start=datetime.now(UTC) - timedelta(minutes=5))
    await api.read(owner, {device["points"]["flow"]: 4.5})
    environment = os.environ | {
        "DDMS_URL": api.url,
        "DDMS_TOKEN": api.tokens["admin"],
        "PYTHONPATH": os.pathsep.join([f"{ROOT}/clients/python", *sys.path]),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(60):
        said, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert "Pump 1" in said.decode() or "4.5" in said.decode()
