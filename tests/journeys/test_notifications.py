"""Notifications: the real Grafana, provisioned as in production, tells people of alarms by mail and by webhook."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx2
import pytest

from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event
from tests.support import grafana
from tests.support.alarmed import add_limit
from tests.support.grafana import let_in
from tests.support.notified import Notifying, complaints, notifying, receiving
from tests.support.running import database_away, until

pytestmark = [grafana.needs_grafana]
HIGH = {"value": 9.8, "threshold": 8.0, "quality": 0}


def wishes(hook: str) -> dict[str, str]:
    return {"NOTIFY_MAIL_TO": "night@plant.example", "NOTIFY_WEBHOOK_URL": f"{hook}/first"}


@pytest.fixture
async def alarm(owner, make_device) -> int:
    """The alarm of a limit of a pump's pressure."""
    await let_in(owner)
    device = await make_device("Pump 3")
    await add_limit(owner, device, threshold=8, priority="critical", cause="The valve is shut", action="Open it")
    await owner.execute("UPDATE points SET unit = 'bar', name = 'Pressure'")
    return await owner.fetchval("SELECT id FROM alarms WHERE source = 'limit'")


@pytest.fixture
def does(owner) -> Callable[..., Awaitable[None]]:
    """Do something to some alarms, as the collector or a person does."""

    async def do(event: Event, *alarms: int, **more) -> None:
        now = await owner.fetchval("SELECT clock_timestamp()")
        async with owner.transaction():
            await happen(owner, [Happening(alarm_id=one, event=event, time=now, **more) for one in alarms])

    return do


async def subjects(notified: Notifying, count: int) -> list[str]:
    """Wait for so many mails."""

    async def there() -> bool:
        return len(notified.received.mails) >= count

    await until(there, 90)
    return notified.received.subjects()


async def test_a_violation_is_a_mail_and_a_webhook_until_somebody_acknowledges(database_url, alarm, does, tmp_path):
    with notifying(tmp_path, database_url, wishes, repeat="15s") as notified:
        await does(Event.RAISED, alarm, **HIGH)
        assert await subjects(notified, 2) == ["[critical] Pump 3: Pressure high 9.8 bar (limit 8 bar)"] * 2
        mail = notified.received.mails[0]
        for said in (
            "Cause: The valve is shut",
            "What to do: Open it",
            f"/grafana/d/ddms-alarm-history?var-alarm={alarm}&",
        ):
            assert said in mail.text
        (link,) = re.findall(r"http://\S+d/ddms-device\?\S+", mail.text)
        assert f'<a href="{link.replace("&", "&amp;")}"' in mail.html
        await does(Event.ACKNOWLEDGED, alarm, actor="Ann", note="on my way")

        async def said() -> bool:
            return notified.received.subjects()[-1] == "[acknowledged by Ann] Pump 3: Pressure high"

        await until(said, 60)
        assert "on my way" in notified.received.mails[-1].text
        sent = len(notified.received.mails)
        await asyncio.sleep(40)
        assert len(notified.received.mails) == sent, "who acknowledged is left alone"
        assert [post["title"] for post in notified.received.posted("/first")] == notified.received.subjects()
        assert complaints(notified.log) == []


async def test_who_does_not_acknowledge_is_passed_over_and_all_hear_that_it_is_over(
    database_url, owner, alarm, does, tmp_path
):
    def both(hook: str) -> dict[str, str]:
        return wishes(hook) | {"NOTIFY_ESCALATION_WEBHOOK_URL": f"{hook}/boss", "NOTIFY_LANGUAGE": "zh"}

    with notifying(tmp_path, database_url, both) as notified:
        await does(Event.RAISED, alarm, **HIGH)
        assert await subjects(notified, 1) == ["[紧急] Pump 3：Pressure 高 9.8 bar (限值 8 bar)"]
        assert notified.received.posted("/boss") == []
        await owner.execute("UPDATE alarm_events SET recorded_at = recorded_at - $1::interval", timedelta(minutes=16))

        async def escalated(count: int) -> bool:
            return len(notified.received.posted("/boss")) >= count

        await until(lambda: escalated(1), 60)
        assert notified.received.posted("/boss")[0]["title"].startswith("[升级, 紧急] Pump 3：Pressure 高 9.8 bar")
        await does(Event.CLEARED, alarm, value=7.2, threshold=8.0)
        assert (await subjects(notified, 2))[1] == "[已恢复] Pump 3：Pressure 高"
        assert "7.2 bar" in notified.received.mails[1].text
        await until(lambda: escalated(2), 90)
        assert notified.received.posted("/boss")[1]["title"] == "[已恢复] Pump 3：Pressure 高"


async def test_a_thousand_alarms_in_ten_seconds_are_at_most_ten_mails_that_can_be_read(
    database_url, owner, make_device, does, tmp_path
):
    await let_in(owner)
    for number in range(100):
        await make_device(f"Pump {number}", port=number + 1)
    await owner.execute(
        "INSERT INTO limits (point_id, key, kind, threshold, bit, priority)"
        " SELECT p.id, 'bit_' || n, 'bit', NULL, n, (ARRAY['critical', 'high', 'medium', 'low'])[1 + p.id % 4]"
        " FROM points p, generate_series(0, 9) n"
    )
    alarms = [row["id"] for row in await owner.fetch("SELECT id FROM alarms WHERE source = 'limit' ORDER BY id")]
    with notifying(tmp_path, database_url, wishes) as notified:
        for second in range(10):
            await does(Event.RAISED, *alarms[second::10], value=1.0)
            await asyncio.sleep(1)

        def alone() -> set[str]:
            """Return the critical and high alarms that were not told as a flood."""
            labels = [alert["labels"] for post in notified.received.posted("/first") for alert in post["alerts"]]
            return {
                one["alarm"] for one in labels if one["cause"] != "flood" and one["priority"] in {"critical", "high"}
            }

        async def all_of_them() -> tuple[str, int] | None:
            """Return the text and the number of the mail in which all are that were not told alone: none is lost."""
            for mail in notified.received.mails:
                told = re.match(r"\[flood\] (\d+) alarms: \d+ critical, \d+ high$", mail.subject)
                if told and int(told[1]) + len(alone()) == 500:
                    return mail.text, int(told[1])
            return None

        text, count = await until(all_of_them, 150)
        assert len(notified.received.mails) <= 10
        listed = re.findall(r"^\[(\w+)\] Pump", text, re.MULTILINE)
        assert listed == ["critical"] * 20
        assert f"and {count - 20} more" in text


async def test_ten_devices_behind_a_dead_gateway_are_one_mail_and_so_is_a_database_that_is_away(
    database_url, owner, make_device, does, tmp_path
):
    await let_in(owner)
    await make_device("Meter 0")
    await owner.execute(
        "INSERT INTO devices (name, connection_id, unit_id)"
        " SELECT 'Meter ' || n, connection_id, n + 1 FROM devices, generate_series(1, 9) n"
    )
    dead = [row["id"] for row in await owner.fetch("SELECT id FROM alarms WHERE source IN ('device', 'connection')")]
    with notifying(tmp_path, database_url, wishes) as notified:
        await does(Event.RAISED, *dead, detail="no answer")
        assert await subjects(notified, 1) == ["[critical] tcp://127.0.0.1:1: nothing behind it answers"]
        async with database_away(owner, database_url):
            away = "[critical] Grafana cannot ask the database for alarms"
            assert (await subjects(notified, 2))[1:] == [away]
            await asyncio.sleep(30)
        back = "[recovered] Grafana cannot ask the database for alarms"
        assert (await subjects(notified, 3))[1:] == [away, back], "nothing is told as over that is not"
        await does(Event.CLEARED, *dead)
        assert (await subjects(notified, 4))[3] == "[cleared] tcp://127.0.0.1:1: nothing behind it answers"


async def test_what_is_not_wanted_any_more_is_gone_after_a_restart_and_nothing_complains(database_url, owner, tmp_path):
    await let_in(owner)
    ways = {
        "TEAMS_URL": "http://127.0.0.1:1/",
        "SLACK_URL": "http://127.0.0.1:1/",
        "TELEGRAM_TOKEN": "1:2",
        "TELEGRAM_CHAT": "3",
        "PAGERDUTY_KEY": "pa$$HOME",
    }

    def everything(hook: str) -> dict[str, str]:
        more = {f"NOTIFY_{prefix}{name}": value for prefix in ("", "ESCALATION_") for name, value in ways.items()}
        return wishes(hook) | more | {"NOTIFY_QUIET": "22:00-06:00; Sat-Sun", "NOTIFY_HEARTBEAT_URL": f"{hook}/beat"}

    with receiving() as began:
        for wanted, types in (
            (everything, ["email", "webhook", "teams", "slack", "telegram", "pagerduty"]),
            (wishes, ["email", "webhook"]),
            (lambda _: {}, []),
        ):
            with notifying(tmp_path, database_url, wanted, began=began) as notified:
                admin = httpx2.BasicAuth("admin", grafana.PASSWORD)
                async with httpx2.AsyncClient(base_url=f"{notified.grafana}/grafana/api/v1", auth=admin) as client:
                    points = (await client.get("/provisioning/contact-points")).json()
                    times = (await client.get("/provisioning/mute-timings")).json()
                    rules = (await client.get("/provisioning/alert-rules")).json()
                assert sorted(one["type"] for one in points if one["name"] == "DDMS") == sorted(types)
                assert bool([one for one in times if one["name"] == "DDMS quiet times"]) == (wanted is everything)
                assert {"ddms-alarm", "ddms-database"} <= {rule["uid"] for rule in rules}
                assert ("ddms-escalated" in {rule["uid"] for rule in rules}) == (wanted is everything)
                assert complaints(notified.log) == []
                assert json.dumps(points).count("pa$HOME") == 0
