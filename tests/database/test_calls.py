"""Whom alarms call: the view of Grafana's rules, and every question of theirs as Grafana's role."""

from datetime import timedelta

import asyncpg
import pytest

from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event, Shelf
from ddms.cli.notifying.rules import rules
from ddms.cli.notifying.wishes import Contact, Wishes
from tests.support.alarmed import add_limit

QUESTIONS = {
    f"{language}-{rule['uid']}-{question['refId']}": question["model"]["rawSql"]
    for language in ("en", "zh")
    for rule in rules(
        Wishes(
            language=language,
            time_zone="Asia/Shanghai",
            escalation=Contact(webhook_url="http://x"),
            heartbeat_url="http://x",
        )
    )
    for question in rule["data"]
    if "rawSql" in question["model"]
}


async def alarm_of(owner, source: str = "limit") -> int:
    return await owner.fetchval("SELECT id FROM alarms WHERE source = $1 ORDER BY id DESC LIMIT 1", source)


async def does(owner, alarm: int, event: Event, **more) -> None:
    now = await owner.fetchval("SELECT clock_timestamp()")
    async with owner.transaction():
        await happen(owner, [Happening(alarm_id=alarm, event=event, time=now, **more)])


async def call(owner, alarm: int) -> asyncpg.Record | None:
    return await owner.fetchrow("SELECT * FROM grafana.calls WHERE alarm_id = $1", alarm)


async def texts(owner, alarm: int, language: str = "en") -> asyncpg.Record:
    sql = QUESTIONS[f"{language}-ddms-alarm-B"]
    return await owner.fetchrow(f"SELECT * FROM ({sql}) q WHERE alarm = 'alm_{alarm}'")


@pytest.fixture
async def raised(owner, make_device) -> int:
    """An alarm that calls."""
    device = await make_device()
    await add_limit(owner, device, priority="critical", threshold=8, cause="The valve is shut", respond_within_s=90)
    await owner.execute("UPDATE points SET unit = 'bar', name = 'Pressure'; UPDATE devices SET name = 'Pump 3'")
    alarm = await alarm_of(owner)
    await does(owner, alarm, Event.RAISED, value=9.800000190734863, threshold=8.0, quality=0)
    return alarm


@pytest.mark.parametrize("name", QUESTIONS)
async def test_each_question_of_a_rule_runs_as_grafanas_role(owner, raised, name):
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('here', '0')")
    await owner.execute("SET SESSION AUTHORIZATION ddms_grafana")
    assert await owner.fetch(QUESTIONS[name])


@pytest.mark.parametrize("kind", ["alarm", "escalated"])
async def test_the_labels_of_an_instance_are_among_those_of_its_texts(owner, raised, kind):
    (which,), (says,) = [await owner.fetch(QUESTIONS[f"en-ddms-{kind}-{ref}"]) for ref in "AB"]
    labels = {name: value for name, value in which.items() if name != "value"}
    assert labels.items() <= dict(says.items()).items()
    assert all(isinstance(value, str) for value in labels.values())
    numbers = [name for name, value in says.items() if isinstance(value, int | float)]
    assert numbers == ["text"], "Grafana takes one number a row, all else is labels"


async def test_an_alarm_is_called_by_its_value_with_unit_and_its_limit(owner, raised):
    row = await texts(owner, raised)
    assert row["title"] == "Pump 3: Pressure high 9.8 bar (limit 8 bar)"
    assert (row["why"], row["within"], row["ended"]) == ("The valve is shut", "90 s", "")


async def test_the_same_in_chinese(owner, raised):
    row = await texts(owner, raised, "zh")
    assert (row["title"], row["word"], row["within"]) == ("Pump 3：Pressure 高 9.8 bar (限值 8 bar)", "紧急", "90 秒")


@pytest.mark.parametrize(
    ("language", "title", "note"),
    [
        ("en", "Pump 3 does not answer", "the device did not answer in time"),
        ("zh", "Pump 3 无应答", "设备未及时应答"),
    ],
)
async def test_what_is_said_of_alarms_without_a_limit_is_what_the_programs_say(owner, raised, language, title, note):
    await owner.execute(
        "INSERT INTO alarm_texts (source, kind, language, title, cause, consequence, action) VALUES"
        " ('device', 'offline', 'en', '{} does not answer', 'why', '', 'look'), ('device', 'offline', 'zh', '{} 无应答', 'why', '', 'look')"
    )
    alarm = await alarm_of(owner, "device")
    await does(owner, alarm, Event.RAISED, detail="the device did not answer in time")
    row = await texts(owner, alarm, language)
    assert (row["title"], row["why"], row["action"], row["note"]) == (title, "why", "look", note)


@pytest.mark.parametrize(
    ("event", "more", "ended"),
    [
        (Event.CLEARED, {"value": 7.2, "threshold": 8.0}, "cleared"),
        (Event.ACKNOWLEDGED, {"actor": "Ann", "note": "on my way"}, "acknowledged by Ann"),
        (Event.SUPPRESSED, {}, "explained by Pump 3"),
    ],
)
async def test_an_alarm_that_calls_no_more_says_why(owner, raised, event, more, ended):
    if event is Event.SUPPRESSED:
        more = {"cause": await alarm_of(owner, "device")}
    await does(owner, raised, event, **more)
    assert (await call(owner, raised))["calls"] is False
    row = await texts(owner, raised)
    assert (row["ended"], row["title"]) == (ended, "Pump 3: Pressure high")


async def test_a_shelf_says_until_when(owner, raised):
    until = await owner.fetchval("SELECT now() + interval '1 hour'")
    await does(owner, raised, Event.SHELVED, actor="Ann", note="known", until=until, shelf=Shelf.TIMED)
    local = await owner.fetchval("SELECT to_char($1 AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI')", until)
    assert (await texts(owner, raised))["ended"] == f"shelved by Ann until {local}"


async def test_an_alarm_back_from_its_shelf_calls_since_then(owner, raised):
    earlier = await owner.fetchval("SELECT now() - interval '1 hour'")
    await owner.execute("UPDATE alarm_events SET recorded_at = recorded_at - interval '2 hours'")
    await does(owner, raised, Event.SHELVED, actor="Ann", note="known", until=earlier, shelf=Shelf.TIMED)
    row = await call(owner, raised)
    assert row["calls"]
    assert row["called_since"] == earlier


async def test_what_is_over_is_forgotten_after_a_quarter_of_an_hour(owner, raised):
    await does(owner, raised, Event.CLEARED, value=7.0, threshold=8.0)
    assert await call(owner, raised)
    await owner.execute("UPDATE alarms SET changed_at = now() - interval '16 minutes'")
    assert await call(owner, raised) is None


async def test_a_limit_that_is_removed_ends_its_alarm(owner, raised):
    await owner.execute("DELETE FROM limits")
    row = await texts(owner, raised)
    assert (row["ended"], row["title"]) == ("withdrawn", "Pump 3: Pressure high")


async def test_alarms_of_different_devices_are_bundled_by_device_until_they_are_a_flood(owner, make_device):
    for number in range(8):
        device = await make_device(name=f"Pump {number}", port=number + 1)
        for threshold, kind in ((80, "high"), (90, "high_high")):
            await add_limit(owner, device, kind=kind, threshold=threshold, priority="high")
    alarms = await owner.fetch("SELECT id, device_id FROM alarms WHERE source = 'limit' ORDER BY id")
    for alarm in alarms:
        await does(owner, alarm["id"], Event.RAISED, value=99.0, threshold=80.0)
    bundles = {row["alarm_id"]: row["bundle"] for row in await owner.fetch("SELECT * FROM grafana.calls")}
    kinds = [bundles[alarm["id"]] == "flood" for alarm in alarms]
    assert kinds == [False] * 6 + [True] * 10, "three devices alone; before the fourth six others were raised"
    assert {bundles[a["id"]] for a in alarms[:2]} == {f"dev_{alarms[0]['device_id']}"}


async def test_low_alarms_make_no_flood_and_are_in_none(owner, make_device):
    for number in range(8):
        await add_limit(owner, await make_device(name=f"Pump {number}", port=number + 1), priority="low")
    for alarm in await owner.fetch("SELECT id FROM alarms WHERE source = 'limit' ORDER BY id"):
        await does(owner, alarm["id"], Event.RAISED, value=99.0, threshold=80.0)
    assert not await owner.fetchval("SELECT count(*) FROM grafana.calls WHERE bundle = 'flood'")


async def test_an_escalation_calls_when_nobody_acknowledged_in_time(owner, raised):
    sql = QUESTIONS["en-ddms-escalated-A"]
    assert [row["value"] for row in await owner.fetch(sql)] == [0]
    await owner.execute("UPDATE alarm_events SET recorded_at = recorded_at - $1::interval", timedelta(minutes=16))
    assert [row["value"] for row in await owner.fetch(sql)] == [1]
    await does(owner, raised, Event.ACKNOWLEDGED, actor="Ann")
    assert [row["value"] for row in await owner.fetch(sql)] == [0]


async def test_what_stands_still_is_told_once_by_whom_knows_it(owner):
    sql = QUESTIONS["en-ddms-standstill-A"]
    await owner.execute("INSERT INTO collectors (name, version, seen_at) VALUES ('here', '0', now())")
    assert await owner.fetchval(sql) == 0
    await owner.execute("UPDATE collectors SET seen_at = now() - interval '3 minutes'")
    assert await owner.fetchval(sql) == 1
    await owner.execute("INSERT INTO alarms (source, kind, subject, priority, active) VALUES ('system', 'collector_silent', 'here', 'high', true)")  # fmt: skip
    assert await owner.fetchval(sql) == 0
