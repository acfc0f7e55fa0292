"""Who resumes a subscription gets every reading that was missed, or is told which ones not."""

import asyncio
import time
from datetime import UTC, datetime

import asyncpg
import httpx2
import pytest

from api.live import broadcast, resume
from api.live.resume import Heard, ResumeToken, Span, joined
from api.subscriptions import readings as readings_source
from ddms.settings import Settings
from tests.support.api_server import Api, add, api_fixture, serving, tokens_fixture  # noqa: F401 - fixtures
from tests.support.flushing import Collector, heard_by

FOLLOW = """subscription ($devices: [ID!], $resumeFrom: String) { readings(devices: $devices, resumeFrom: $resumeFrom) {
  kind reason resumeToken gaps { from to reason } columns { pointId time value text } } }"""
SLOWLY = """subscription ($devices: [ID!]) { readings(devices: $devices, minimumInterval: 0.5) {
  kind columns { pointId value } } }"""


async def follow(api: Api, device, token: str | None = None, count: int = 1) -> list[dict]:
    """Subscribe, and return the first events."""
    async with api.socket() as socket:
        await socket.subscribe(FOLLOW, devices=[device["id"]], resumeFrom=token)
        return [await socket.event("readings") for _ in range(count)]


async def test_what_was_missed_comes_first_and_then_the_snapshot(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow, running = device["points"]["flow"], device["points"]["running"]
    collector = await Collector.started(owner)
    await collector.flush((flow, 1.0))
    await heard_by(api, collector)
    (first,) = await follow(api, device)
    assert (first["kind"], first["gaps"], first["columns"]["value"]) == ("SNAPSHOT", [], [1.0])
    await collector.flush((flow, 2.0), (running, 1.0))
    await collector.flush((flow, 3.0))
    await heard_by(api, collector)
    resumed, snapshot = await follow(api, device, first["resumeToken"], count=2)
    assert (resumed["kind"], resumed["gaps"]) == ("RESUMED", [])
    assert resumed["columns"]["value"] == [2.0, 1.0, 3.0]
    assert snapshot["kind"] == "SNAPSHOT"
    nothing, _ = await follow(api, device, snapshot["resumeToken"], count=2)
    assert (nothing["kind"], nothing["columns"]["value"]) == ("RESUMED", [])


async def test_no_reading_is_missed_while_flushes_go_on_and_connections_break(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow = device["points"]["flow"]
    collectors = [await Collector.started(owner, name) for name in ("line 1", "line 2")]
    sent, got = set(), set()
    token = None

    async def flushes():
        for value in range(1, 121):
            await collectors[value % 2].flush((flow, float(value)))
            sent.add(float(value))
            await asyncio.sleep(0.005)

    working = asyncio.create_task(flushes())
    while len(got) < 120:
        async with asyncio.timeout(60), api.socket() as socket:
            await socket.subscribe(FOLLOW, devices=[device["id"]], resumeFrom=token)
            for _ in range(4):
                event = await socket.event("readings")
                token = event["resumeToken"]
                assert event["gaps"] == []
                got |= set(event["columns"]["value"])
                if len(got) == 120:
                    break
    await working
    assert got == sent


async def test_a_token_survives_a_restart_of_the_api(api: Api, owner: asyncpg.Connection, settings: Settings):
    device = await add(api)
    flow = device["points"]["flow"]
    collector = await Collector.started(owner)
    await collector.flush((flow, 1.0))
    await heard_by(api, collector)
    (first,) = await follow(api, device)
    await collector.flush((flow, 2.0))
    async with serving(settings) as (url, parts), httpx2.AsyncClient() as client:
        other = Api(url=url, client=client, tokens=api.tokens, parts=parts)
        await collector.flush((flow, 3.0))
        await heard_by(other, collector)
        resumed, _ = await follow(other, device, first["resumeToken"], count=2)
        assert resumed["columns"]["value"] == [2.0, 3.0]


async def test_what_is_stored_late_is_told_to_followers_and_given_to_who_resumes(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow = device["points"]["flow"]
    collector = await Collector.started(owner)
    await collector.flush((flow, 1.0))
    await heard_by(api, collector)
    hour_ago = time.time() - 3600
    async with api.socket() as socket:
        await socket.subscribe(FOLLOW, devices=[device["id"]])
        first = await socket.event("readings")
        await collector.replay((flow, 0.25), (flow, 0.5), at=hour_ago)
        late = await socket.event("readings")
        (gap,) = late["gaps"]
        assert (late["kind"], late["columns"]["value"], gap["reason"]) == ("LATE", [], "STORED_LATE")
        assert abs(datetime.fromisoformat(gap["from"]).timestamp() - hour_ago) < 0.001
    resumed, _ = await follow(api, device, first["resumeToken"], count=2)
    assert resumed["columns"]["value"] == [0.25, 0.5]
    resumed, _ = await follow(api, device, late["resumeToken"], count=2)
    assert resumed["columns"]["value"] == []


async def test_every_text_that_was_missed_is_given(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    mode = device["points"]["mode"]
    collector = await Collector.started(owner)
    await collector.flush((device["points"]["flow"], 1.0))
    await heard_by(api, collector)
    (first,) = await follow(api, device)
    await collector.flush(texts=[(mode, "off"), (mode, "auto")])
    await heard_by(api, collector)
    *resumed, _ = await follow(api, device, first["resumeToken"], count=4)
    assert [event["columns"]["text"] for event in resumed] == [[], ["off"], ["auto"]]


async def test_who_breaks_off_while_resuming_goes_on_without_a_gap(api: Api, owner: asyncpg.Connection, monkeypatch):
    monkeypatch.setattr(readings_source, "EVENT_READINGS", 2)
    device = await add(api)
    flow, mode = device["points"]["flow"], device["points"]["mode"]
    collector = await Collector.started(owner)
    await collector.flush((flow, 0.0))
    await heard_by(api, collector)
    (first,) = await follow(api, device)
    await collector.flush(*((flow, float(value)) for value in range(1, 6)), texts=[(mode, "off"), (mode, "auto")])
    await heard_by(api, collector)
    told = await follow(api, device, first["resumeToken"], count=6)
    assert [event["columns"]["value"] for event in told[:3]] == [[1.0, 2.0], [3.0, 4.0], [5.0]]
    assert [event["columns"]["text"] for event in told[3:5]] == [["off"], ["auto"]]
    assert [event["resumeToken"] == first["resumeToken"] for event in told] == [True] * 4 + [False] * 2
    nothing, _ = await follow(api, device, told[4]["resumeToken"], count=2)
    assert (nothing["kind"], nothing["columns"]["value"]) == ("RESUMED", [])


async def test_what_arrives_while_the_past_is_read_is_not_in_the_token_of_the_past(api: Api, owner, monkeypatch):
    device = await add(api)
    flow = device["points"]["flow"]
    collector = await Collector.started(owner)
    await collector.flush((flow, 1.0))
    await heard_by(api, collector)
    (first,) = await follow(api, device)
    await collector.flush((flow, 2.0))
    await heard_by(api, collector)
    missed = readings_source.missed

    async def slowly(*arguments):
        found = await missed(*arguments)
        await collector.flush((flow, 3.0))
        await heard_by(api, collector)
        return found

    monkeypatch.setattr(readings_source, "missed", slowly)
    (resumed,) = await follow(api, device, first["resumeToken"])
    monkeypatch.undo()
    assert resumed["columns"]["value"] == [2.0]
    again, _ = await follow(api, device, resumed["resumeToken"], count=2)
    assert again["columns"]["value"] == [3.0]


async def test_what_cannot_be_given_is_told(api: Api, owner: asyncpg.Connection, monkeypatch):
    device = await add(api)
    flow = device["points"]["flow"]
    collector = await Collector.started(owner)
    await collector.flush((flow, 1.0))
    await heard_by(api, collector)
    (first,) = await follow(api, device)
    at = time.time()
    await collector.flush(*((flow, float(value)) for value in range(10)), at=at)
    await heard_by(api, collector)
    monkeypatch.setattr(resume, "MOST_READINGS", 4)
    resumed, _ = await follow(api, device, first["resumeToken"], count=2)
    (gap,) = resumed["gaps"]
    assert (resumed["columns"]["value"], gap["reason"]) == ([0.0, 1.0, 2.0, 3.0], "TOO_MANY")
    assert abs(datetime.fromisoformat(gap["from"]).timestamp() - (at + 0.004)) < 0.0015
    monkeypatch.undo()
    await owner.execute("DELETE FROM flushes WHERE sequence = 1")
    await collector.flush((flow, 99.0))
    await owner.execute("DELETE FROM flushes WHERE sequence = 2")
    await heard_by(api, collector)
    resumed, _ = await follow(api, device, first["resumeToken"], count=2)
    (gap,) = resumed["gaps"]
    assert (resumed["columns"]["value"], gap["reason"]) == ([99.0], "TOO_OLD")


@pytest.mark.parametrize(
    "token", ["x", "=", "\u0000", "bnVsbA", "WzEsMSx7fV0x", "W10", "WzEsMSxbXV0", "WzEsMWU0MDAse31d", "WzIsMSx7fV0"]
)
async def test_what_is_no_token_is_refused(api: Api, token):
    device = await add(api)
    async with api.socket() as socket:
        for id_ in ("first", "second"):
            await socket.subscribe(FOLLOW, id_, devices=[device["id"]], resumeFrom=token)
            message = await socket.receive()
            assert message["type"] == "error"
            told = message["payload"][0]["extensions"]
            assert (told["code"], told["field"]) == ("INVALID", "resumeFrom")


async def test_events_of_an_interval_are_one_with_the_newest_values(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow, running = device["points"]["flow"], device["points"]["running"]
    collector = await Collector.started(owner)
    async with api.socket() as socket:
        await socket.subscribe(SLOWLY, devices=[device["id"]])
        assert (await socket.event("readings"))["kind"] == "SNAPSHOT"
        began = time.monotonic()
        for value in range(1, 41):
            await collector.flush((flow, float(value)))
        await collector.flush((running, 1.0))
        events = []
        while not events or f"pt_{running}" not in events[-1]["columns"]["pointId"]:
            events.append(await socket.event("readings"))
        values = {
            point: value
            for event in events
            for point, value in zip(event["columns"]["pointId"], event["columns"]["value"], strict=True)
        }
        assert values == {f"pt_{flow}": 40.0, f"pt_{running}": 1.0}
        assert len(events) <= 2 + (time.monotonic() - began) / 0.5
    assert await api.ask("{ __typename }") == "Query"


async def test_an_interval_has_limits(api: Api):
    device = await add(api)
    async with api.socket() as socket:
        for number, seconds in enumerate(("-1", "3601", "1e300")):
            await socket.subscribe(SLOWLY.replace("0.5", seconds), str(number), devices=[device["id"]])
            assert (await socket.receive())["payload"][0]["extensions"]["field"] == "minimumInterval"


def test_a_token_is_read_as_it_was_written():
    token = ResumeToken(milliseconds=1_700_000_000_000, heard={"line 1": Heard(5, 2), "管线": Heard(2**62, 0)})
    assert ResumeToken.of(str(token)) == token


def test_spans_that_overlap_are_one():
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 8)]
    spans = [Span(moments[4], moments[5]), Span(moments[0], moments[2]), Span(moments[1], moments[3])]
    assert joined(spans) == [Span(moments[0], moments[3]), Span(moments[4], moments[5])]


async def test_a_queue_that_overflows_while_the_past_is_read_is_told(api: Api, owner, monkeypatch):
    monkeypatch.setattr(broadcast, "QUEUE_MESSAGES", 2)
    device = await add(api)
    flow = device["points"]["flow"]
    collector = await Collector.started(owner)
    await collector.flush((flow, 1.0))
    await heard_by(api, collector)
    (first,) = await follow(api, device)
    released = asyncio.Event()
    read = resume.missed

    async def slowly(*arguments):
        await released.wait()
        return await read(*arguments)

    monkeypatch.setattr("api.subscriptions.readings.missed", slowly)
    async with api.socket() as socket:
        await socket.subscribe(FOLLOW, devices=[device["id"]], resumeFrom=first["resumeToken"])
        async with asyncio.timeout(60):
            while not api.parts.hub.broadcasts._running:
                await asyncio.sleep(0.01)
        for value in range(2, 8):
            await collector.flush((flow, float(value)))
        await heard_by(api, collector)
        released.set()
        assert (await socket.event("readings"))["kind"] == "RESUMED"
        event = await socket.event("readings")
        assert (event["reason"], event["columns"]["value"]) == ("TOO_SLOW", [7.0])
