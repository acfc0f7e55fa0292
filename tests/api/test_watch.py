"""What owners decide and monitors see of the alarms: priorities, collectors that are taken out, counts, outages."""

from datetime import UTC, datetime, timedelta

from api.site.watch import Watch
from collector.polling.units import DeviceCondition
from collector.storing.flush import store_states
from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

PRIORITIES = """mutation ($device: AlarmPriority, $connection: AlarmPriority) {
  updateConfiguration(changes: {deviceAlarmPriority: $device, connectionAlarmPriority: $connection}) {
    errors { code field } configuration { deviceAlarmPriority connectionAlarmPriority } } }"""
REMOVE = "mutation ($name: String!) { removeCollector(name: $name) { errors { code field message } collector } }"
SHOWN = """{ alarms { nodes { kind subject detail cause consequence action valueNow { value } threshold outage { failures seconds } } } }"""
OF_SOURCE = "SELECT DISTINCT priority FROM alarms WHERE source = $1"


async def test_the_owner_says_how_much_devices_and_connections_matter_also_of_alarms_that_are_there(api: Api, owner):
    await add(api, "Pump 1")
    assert [await owner.fetchval(OF_SOURCE, source) for source in ("device", "connection")] == ["high", "critical"]
    answer = await api.ask(PRIORITIES, device="LOW", connection="HIGH")
    assert answer["configuration"] == {"deviceAlarmPriority": "LOW", "connectionAlarmPriority": "HIGH"}
    await add(api, "Pump 2", endpoint="tcp://10.0.0.9")
    assert [await owner.fetchval(OF_SOURCE, source) for source in ("device", "connection")] == ["low", "high"]
    entry = await owner.fetchrow("SELECT before, after FROM audit_log WHERE action = 'configuration.update'")
    assert entry["before"] == {"device_alarm_priority": "high", "connection_alarm_priority": "critical"}


async def heard(owner, ago: int) -> None:
    await owner.execute(
        "INSERT INTO collectors (name, version, seen_at) VALUES ('line 1', '0', now() - make_interval(secs => $1))", float(ago)
    )  # fmt: skip


async def test_a_collector_that_is_dead_is_taken_out_and_one_that_runs_is_not(api: Api, owner):
    await heard(owner, 0)
    (error,) = (await api.ask(REMOVE, name="line 1"))["errors"]
    assert (error["code"], error["message"]) == ("CONFLICT", "the collector line 1 runs: stop it first")
    await owner.execute("UPDATE collectors SET seen_at = now() - interval '1 hour'")
    assert await api.ask(REMOVE, name="line 1") == {"errors": [], "collector": "line 1"}
    (error,) = (await api.ask(REMOVE, name="line 1"))["errors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", "name")


async def raised(owner, *devices: int) -> None:
    rows = await owner.fetch("SELECT id FROM alarms WHERE source = 'device' AND device_id = any($1::int[])", devices)
    async with owner.transaction():
        await happen(owner, [Happening(alarm_id=row["id"], event=Event.RAISED, time=datetime.now(UTC)) for row in rows])


async def test_metrics_count_the_alarms_by_priority_and_state(api: Api, owner):
    for number in (1, 2, 3):
        await add(api, f"Pump {number}", endpoint=f"tcp://10.0.0.{number}")
    await raised(owner, 1, 2, 3)
    await owner.execute(
        "UPDATE alarms SET shelved = 'timed', shelved_at = now(), shelved_until = now() + interval '1 hour', shelved_by = 'ann',"
        " shelved_reason = 'known' WHERE device_id = 3"
    )
    api.parts.health._metrics = (float("-inf"), b"")
    text = (await api.client.get(f"{api.url}/metrics")).text
    assert 'ddms_alarms{priority="high",state="unacknowledged"} 2.0' in text
    assert 'ddms_alarms{priority="high",state="shelved"} 1.0' in text
    assert 'ddms_alarms{priority="critical",state="returned"} 0.0' in text


async def outage(owner):
    return await owner.fetchrow(
        "SELECT title, failures, first_failure, last_failure, offline_seconds, cause <> '' AS explained FROM grafana.alarms WHERE source = 'device'"
    )


async def test_an_outage_has_its_first_and_last_failure_number_and_duration_also_when_it_is_over(api: Api, owner):
    await add(api, "Pump 1")
    await Watch(api.parts.settings)(api.parts.database)
    first = datetime.now(UTC) - timedelta(minutes=10)
    for failures in (3, 4, 5):
        await store_states(owner, [DeviceCondition(1, "offline", failures, first, "no answer")])
    await raised(owner, 1)
    during = await outage(owner)
    assert (during["title"], during["failures"], during["first_failure"], during["explained"]) == (
        "Pump 1 does not answer",
        5,
        first,
        True,
    )
    assert during["last_failure"] > first
    assert during["offline_seconds"] >= 600
    await store_states(owner, [DeviceCondition(1, "online", 0, None, None)])
    async with owner.transaction():
        number = await owner.fetchval("SELECT id FROM alarms WHERE source = 'device'")
        await happen(owner, [Happening(alarm_id=number, event=Event.CLEARED, time=first + timedelta(minutes=12))])
    (alarm,) = (await api.ask(SHOWN))["nodes"]
    assert (alarm["outage"]["failures"], alarm["outage"]["seconds"]) == (5, 720.0)
    assert alarm["cause"].startswith("The device is off")
    after = await outage(owner)
    assert (after["failures"], after["first_failure"], after["offline_seconds"]) == (5, first, 720)


async def test_an_alarm_of_the_system_says_what_it_is_now_and_what_to_do_in_the_language_of_the_caller(api: Api, owner):
    work = Watch(api.parts.settings)
    for room in (100, 40):
        await owner.execute("DELETE FROM collectors")
        await owner.execute(
            "INSERT INTO collectors (name, version, spool_max_bytes, spool_room_bytes) VALUES ('line 1', '0', 1000, $1)",
            room,
        )
        await work(api.parts.database)
    (alarm,) = (await api.ask(SHOWN))["nodes"]
    assert alarm["detail"].startswith("the spool of the collector line 1 fills: room for")
    assert (alarm["kind"], alarm["subject"], alarm["valueNow"], alarm["threshold"], alarm["outage"]) == (
        "spool_filling", "line 1", {"value": 96.0}, 80, None
    )  # fmt: skip
    answer = await api.client.post(
        f"{api.url}/graphql", json={"query": SHOWN}, headers=api.headers("viewer") | {"Accept-Language": "zh"}
    )
    (alarm,) = answer.json()["data"]["alarms"]["nodes"]
    assert alarm["consequence"] == "若缓存已满而数据库不可用，读数将丢失。"
    assert alarm["detail"].startswith("采集器 line 1 的缓存即将占满: ")
    row = await owner.fetchrow("SELECT value, value_now FROM grafana.alarms")
    assert (row["value"], row["value_now"]) == (90.0, 96.0)
