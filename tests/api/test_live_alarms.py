"""Live alarms: a snapshot of those that are shown, then what happens to them; nothing is lost over a break."""

import asyncio
import contextlib
import json

import asyncpg
import pytest

from ddms.alarms import Event
from tests.support.alarm_events import alarm_of, happens
from tests.support.api_server import Api, Socket, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.halls import halls_fixture  # noqa: F401 - a fixture

ALARMS = """subscription ($priorities: [AlarmPriority!], $sources: [AlarmSource!], $group: ID, $devices: [ID!], $first: Int, $resume: String) {
  alarms(priorities: $priorities, sources: $sources, group: $group, devices: $devices, first: $first, resumeFrom: $resume) {
    kind reason resumeToken complete shown alarms { id state priority deviceName detail }
    transitions { id event state alarmId actor alarm { id state deviceName acknowledgedBy } } } }"""


def told(event) -> list[tuple[str, str]]:
    return [(one["event"], one["alarm"]["deviceName"]) for one in event["transitions"]]


def shown(event) -> list[str]:
    return [one["deviceName"] for one in event["alarms"]]


async def alarm(owner: asyncpg.Connection, api: Api, name: str) -> int:
    device = await add(api, name, endpoint=f"tcp://127.0.0.1:{1000 + len(name)}")
    return await alarm_of(owner, device["id"])


async def started(socket: Socket, **variables):
    await socket.subscribe(ALARMS, **{"first": 500} | variables)
    return await socket.event("alarms")


async def heard(api: Api, count: int) -> None:
    """Wait until the API knows of so many shown alarms."""
    async with asyncio.timeout(30):
        while len(api.parts.alarms.shown) != count:
            await asyncio.sleep(0.01)


async def test_a_subscriber_gets_what_is_shown_and_then_what_happens(api: Api, owner: asyncpg.Connection):
    pump, mixer = await alarm(owner, api, "Pump"), await alarm(owner, api, "Mixer")
    await happens(owner, pump)
    await heard(api, 1)
    async with api.socket() as socket:
        assert shown(await started(socket)) == ["Pump"]
        await happens(owner, mixer)
        change = await socket.event("alarms")
        assert (change["kind"], change["shown"], change["alarms"]) == ("CHANGES", None, [])
        assert told(change) == [("RAISED", "Mixer")]
        await happens(owner, pump, event=Event.ACKNOWLEDGED, actor="ann")
        (one,) = (await socket.event("alarms"))["transitions"]
        assert (one["event"], one["state"], one["actor"]) == ("ACKNOWLEDGED", "ACKNOWLEDGED", "ann")
        after = {"id": f"alm_{pump}", "state": "ACKNOWLEDGED", "deviceName": "Pump", "acknowledgedBy": "ann"}
        assert one["alarm"] == after


async def test_a_snapshot_has_the_worst_first_and_says_how_many_there_are(api: Api, owner: asyncpg.Connection):
    numbers = [await alarm(owner, api, name) for name in ("Pump", "Mixer", "Boiler")]
    await owner.execute("UPDATE alarms SET priority = 'critical' WHERE id = $1", numbers[1])
    await happens(owner, *numbers)
    await heard(api, 3)
    async with api.socket() as socket:
        event = await started(socket, first=1)
        assert (event["kind"], event["reason"], event["shown"], shown(event)) == ("SNAPSHOT", "STARTED", 3, ["Mixer"])
        assert event["alarms"][0]["detail"] == "Mixer does not answer"


async def test_what_is_normal_again_is_told_and_not_shown(api: Api, owner: asyncpg.Connection):
    pump = await alarm(owner, api, "Pump")
    await happens(owner, pump)
    await happens(owner, pump, event=Event.ACKNOWLEDGED)
    await heard(api, 1)
    async with api.socket() as socket:
        assert shown(await started(socket)) == ["Pump"]
        await happens(owner, pump, event=Event.CLEARED)
        assert told(await socket.event("alarms")) == [("CLEARED", "Pump")]
    await heard(api, 0)


async def test_only_what_was_chosen_is_told(api: Api, owner: asyncpg.Connection):
    device = await add(api, "Pump")
    pump, mixer = await alarm_of(owner, device["id"]), await alarm(owner, api, "Mixer")
    await owner.execute("UPDATE alarms SET priority = 'low' WHERE id = $1", mixer)
    async with api.socket() as socket:
        for number, variables in enumerate(
            ({"priorities": ["HIGH"]}, {"devices": [device["id"]]}, {"sources": ["CONNECTION"]})
        ):
            await socket.subscribe(ALARMS, str(number), first=500, **variables)
            await socket.event("alarms")
        await happens(owner, mixer)
        await happens(owner, pump)
        messages = [await socket.receive() for _ in range(2)]
        assert sorted(message["id"] for message in messages) == ["0", "1"]
        assert all(told(message["payload"]["data"]["alarms"]) == [("RAISED", "Pump")] for message in messages)


async def test_what_was_missed_comes_first_then_the_snapshot(api: Api, owner: asyncpg.Connection):
    pump, mixer = await alarm(owner, api, "Pump"), await alarm(owner, api, "Mixer")
    async with api.socket() as socket:
        token = (await started(socket))["resumeToken"]
    await happens(owner, pump)
    await happens(owner, pump, event=Event.CLEARED)
    await happens(owner, mixer)
    await heard(api, 2)
    async with api.socket() as socket:
        missed = await started(socket, resume=token)
        assert (missed["kind"], missed["complete"]) == ("RESUMED", True)
        assert told(missed) == [("RAISED", "Pump"), ("CLEARED", "Pump"), ("RAISED", "Mixer")]
        assert sorted(shown(await socket.event("alarms"))) == ["Mixer", "Pump"]
        assert missed["resumeToken"] != token


async def test_a_transaction_that_commits_late_is_not_missed(api: Api, owner: asyncpg.Connection, database_url: str):
    """Its entries have lower ids than some that were told long before."""
    pump, mixer = await alarm(owner, api, "Pump"), await alarm(owner, api, "Mixer")
    other = await asyncpg.connect(database_url)
    async with api.socket() as socket:
        await started(socket)
        slow = other.transaction()
        await slow.start()
        await happens(other, pump)
        await happens(owner, mixer)
        event = await socket.event("alarms")
        assert told(event) == [("RAISED", "Mixer")]
        token = event["resumeToken"]
    await slow.commit()
    await other.close()
    await heard(api, 2)
    async with api.socket() as socket:
        assert ("RAISED", "Pump") in told(await started(socket, resume=token))


async def test_more_than_is_read_at_once_is_read_in_turns(api: Api, owner: asyncpg.Connection, monkeypatch):
    """Also while a transaction that is not over keeps the position back."""
    monkeypatch.setattr("api.alarms.feed.MOST_EVENTS", 3)
    numbers = [await alarm(owner, api, "P" * (n + 1)) for n in range(10)]
    holder = await asyncpg.connect(api.parts.settings.database_url)
    async with api.socket() as socket, holder.transaction():
        await holder.execute("INSERT INTO groups (name) VALUES ('not committed')")
        await started(socket)
        for event in (Event.RAISED, Event.CLEARED):
            await happens(owner, *numbers, event=event)
        ids: list[str] = []
        while len(set(ids)) < 20:
            ids += [one["id"] for one in (await socket.event("alarms"))["transitions"]]
        assert len(ids) == 20
    await holder.close()


async def test_nothing_is_missed_while_alarms_come_and_connections_break(api: Api, owner: asyncpg.Connection):
    numbers = [await alarm(owner, api, "P" * (n + 1)) for n in range(4)]
    async with api.socket() as socket:
        token = (await started(socket))["resumeToken"]

    async def storm() -> None:
        for turn in range(60):
            await happens(owner, numbers[turn % 4], event=Event.CLEARED if turn // 4 % 2 else Event.RAISED)

    ids: set[str] = set()
    running = asyncio.create_task(storm())
    async with asyncio.timeout(60):
        while len(ids) < 60:
            async with api.socket() as socket:
                await socket.subscribe(ALARMS, first=500, resume=token)
                with contextlib.suppress(TimeoutError):
                    for _ in range(5):
                        event = await socket.event("alarms", timeout=0.5)
                        ids |= {one["id"] for one in event["transitions"]}
                        token = event["resumeToken"]
    await running
    assert len(ids) == 60


async def test_a_lost_connection_to_the_database_loses_nothing(api: Api, owner: asyncpg.Connection):
    pump = await alarm(owner, api, "Pump")
    async with api.socket() as socket:
        await started(socket)
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%api-live%' AND datname = current_database()"
        )
        await happens(owner, pump)
        events = [await socket.event("alarms") for _ in range(2)]
        assert {event["kind"] for event in events} == {"SNAPSHOT", "CHANGES"}
        assert [told(event) for event in events if event["transitions"]] == [[("RAISED", "Pump")]]


async def test_a_changed_priority_brings_a_snapshot(api: Api, owner: asyncpg.Connection):
    device = await add(api, "Pump")
    await happens(owner, await alarm_of(owner, device["id"]))
    await heard(api, 1)
    async with api.socket() as socket:
        await started(socket)
        await owner.execute("UPDATE devices SET name = 'Old pump' WHERE id = $1", int(device["id"][4:]))
        event = await socket.event("alarms")
        assert (event["kind"], event["reason"], shown(event)) == ("SNAPSHOT", "CONFIGURATION", ["Old pump"])


async def test_a_limited_person_hears_of_the_own_devices_and_their_connections(halls, owner: asyncpg.Connection):
    api = halls.api
    mine, others = (int(hall.alarm[4:]) for hall in (halls.third, halls.fourth))
    line = await alarm_of(owner, halls.third.device, "connection")
    await heard(api, 2)
    async with api.socket("viewer3") as socket:
        token = (first := await started(socket))["resumeToken"]
        assert (first["shown"], shown(first)) == (1, ["Pump of hall three"])
        await happens(owner, others, event=Event.CLEARED)
        await happens(owner, mine, event=Event.ACKNOWLEDGED)
        assert told(await socket.event("alarms")) == [("ACKNOWLEDGED", "Pump of hall three")]
        await happens(owner, line)
        assert ("RAISED", None) in told(await socket.event("alarms"))
    async with api.socket("viewer3") as socket:
        missed = await started(socket, resume=token)
        # What was shown may come twice: a transaction elsewhere on the server, older than it, was not over.
        after = [one for one in told(missed) if one != ("RAISED", "Pump of hall three")]
        assert after == [("ACKNOWLEDGED", "Pump of hall three"), ("RAISED", None)]


async def test_it_ends_when_other_devices_come_in_sight(halls, owner: asyncpg.Connection):
    async with halls.api.socket("viewer3") as socket:
        await started(socket)
        fourth = int(halls.fourth.group[4:])
        await owner.execute("INSERT INTO user_groups VALUES ($1, $2)", halls.people["viewer3"], fourth)
        await owner.execute("SELECT pg_notify(channel('ddms_sights'), '')")
        assert await socket.closed() == 1013


async def test_of_a_group_are_the_alarms_of_its_devices(halls, owner: asyncpg.Connection):
    mine, others = (int(hall.alarm[4:]) for hall in (halls.third, halls.fourth))
    await heard(halls.api, 2)
    async with halls.api.socket() as socket:
        assert shown(await started(socket, group=halls.third.group)) == ["Pump of hall three"]
        await happens(owner, others, mine, event=Event.CLEARED)
        assert told(await socket.event("alarms")) == [("CLEARED", "Pump of hall three")]


async def test_who_speaks_chinese_shares_no_broadcast_with_others(api: Api, owner: asyncpg.Connection):
    await happens(owner, await alarm(owner, api, "Pump"))
    await heard(api, 1)
    said = []
    for language in ("en", "zh"):
        async with api.client.stream(
            "POST", f"{api.url}/graphql", json={"query": ALARMS},
            headers=api.headers("viewer") | {"Accept": "text/event-stream", "Accept-Language": language},
        ) as stream:  # fmt: skip
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    said.append(json.loads(line[5:])["data"]["alarms"]["alarms"][0]["detail"])
                    break
    assert said[0] == "Pump does not answer"
    assert said[1] != said[0]


@pytest.mark.parametrize("token", ["x", "WzEsMTcsMTdd", "W10"])
async def test_what_is_no_token_is_refused(api: Api, token):
    async with api.socket() as socket:
        await socket.subscribe(ALARMS, first=1, resume=token)
        message = await socket.receive()
        assert (message["type"], message["payload"][0]["extensions"]["field"]) == ("error", "resumeFrom")


@pytest.mark.parametrize("variables", [{"first": 2001}, {"first": -1}, {"group": "grp_99"}, {"devices": ["dev_99"]}])
async def test_what_cannot_be_followed_is_refused(api: Api, variables):
    async with api.socket() as socket:
        await socket.subscribe(ALARMS, **{"first": 1} | variables)
        assert (await socket.receive())["type"] == "error"


async def test_a_flood_reaches_every_subscriber_whole(api: Api, owner: asyncpg.Connection):
    """A thousand entries of the journal, a hundred subscribers of ten kinds."""
    numbers = [await alarm(owner, api, "P" * (n + 1)) for n in range(10)]
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(api.socket()) for _ in range(100)]
        for place, socket in enumerate(sockets):
            await started(socket, first=100 + place % 10)
        for turn in range(100):
            await happens(owner, *numbers, event=Event.CLEARED if turn % 2 else Event.RAISED)

        async def all_of(socket: Socket) -> int:
            ids: set[str] = set()
            while len(ids) < 1000:
                ids |= {one["id"] for one in (await socket.event("alarms"))["transitions"]}
            return len(ids)

        assert await asyncio.gather(*map(all_of, sockets)) == [1000] * 100


async def test_a_stream_of_events_goes_on_from_its_last_id(api: Api, owner: asyncpg.Connection):
    pump = await alarm(owner, api, "Pump")

    async def first_event(**headers: str) -> tuple[str, dict]:
        asked = api.headers("viewer") | {"Accept": "text/event-stream"} | headers
        async with api.client.stream("POST", f"{api.url}/graphql", json={"query": ALARMS}, headers=asked) as stream:
            number = ""
            async for line in stream.aiter_lines():
                number = line[3:].strip() if line.startswith("id:") else number
                if line.startswith("data:") and number:
                    return number, json.loads(line[5:])["data"]["alarms"]
        raise AssertionError

    last, event = await first_event()
    assert event["kind"] == "SNAPSHOT"
    await happens(owner, pump)
    _, event = await first_event(**{"Last-Event-ID": last})
    assert (event["kind"], told(event)) == ("RESUMED", [("RAISED", "Pump")])
