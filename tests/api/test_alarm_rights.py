"""Alarms for people whose rights reach to hall 3 only: those of its devices, and of the connections that these are behind."""

import asyncpg
import pytest

from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event
from tests.support.alarm_room import ACKNOWLEDGE, OUT, RETURN, SHELVE
from tests.support.api_server import add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.halls import Halls, halls_fixture  # noqa: F401 - fixture

LIST = "{ alarms(first: 100) { totalCount nodes { id source deviceName endpoint detail suppressedBy { id } device { name } connection { devices { name } } } } }"
JOURNAL = (
    "{ alarmJournal(first: 100) { totalCount nodes { event deviceName alarm { source } cause { source } note } } }"
)


async def raise_alarm(owner: asyncpg.Connection, where: str, **more) -> str:
    """Raise the alarm that a condition finds; return its id."""
    row = await owner.fetchrow(f"SELECT id, now() AS now FROM alarms WHERE {where}")
    async with owner.transaction():
        await happen(owner, [Happening(alarm_id=row["id"], event=Event.RAISED, time=row["now"], **more)])
    return f"alm_{row['id']}"


@pytest.fixture
async def gateway(halls: Halls, owner: asyncpg.Connection) -> str:
    """A dead gateway behind which halls 3 and 4 have a device each, a dead one of hall 3 alone, and an alarm of the system."""
    shared = {"endpoint": "tcp://10.0.9.9"}
    for name, hall, unit in (("Meter of hall three", halls.third, 1), ("Meter of hall four", halls.fourth, 2)):
        device = await add(halls.api, name, unitId=unit, groups=[hall_name(hall)], **shared)
        await raise_alarm(owner, f"source = 'device' AND device_id = {device['id'][4:]}", detail="no answer")
    await owner.execute(
        "INSERT INTO alarms (source, kind, subject, priority) VALUES ('system', 'collector_silent', 'line 4', 'high')"
    )
    await raise_alarm(owner, "source = 'system'", detail="the collector line 4 is silent")
    await raise_alarm(
        owner, f"source = 'connection' AND connection_id = {halls.third.connection[4:]}", detail="no answer"
    )
    await raise_alarm(
        owner, f"source = 'connection' AND connection_id = {halls.fourth.connection[4:]}", detail="no answer"
    )
    return await raise_alarm(owner, "source = 'connection' AND subject LIKE '%10.0.9.9%'", detail="no answer")


def hall_name(hall) -> str:
    return hall.name.removeprefix("Pump of ")


async def test_of_a_shared_gateway_the_alarm_is_seen_and_nothing_of_others(halls: Halls, gateway):
    page = await halls.api.ask(LIST, "viewer3")
    assert {(one["source"], one["deviceName"]) for one in page["nodes"]} == {
        ("LIMIT", "Pump of hall three"),
        ("DEVICE", "Meter of hall three"),
        ("CONNECTION", None),
    }
    assert page["totalCount"] == len(page["nodes"]) == 4
    assert "four" not in str(page)
    assert (await halls.api.ask(LIST, "viewer"))["totalCount"] == 8


@pytest.mark.parametrize(
    "filters", ["", '(device: "{device}")', '(group: "{group}")', "(events: [RAISED, SUPPRESSED])", '(actor: "x")']
)
async def test_the_journal_has_nothing_of_others(halls: Halls, gateway, filters):
    hall = halls.fourth
    asked = JOURNAL.replace("(first: 100)", filters.replace("{device}", hall.device).replace("{group}", hall.group))
    page = await halls.api.ask(asked, "viewer3")
    assert "four" not in str(page)
    assert "SYSTEM" not in str(page)
    assert page["totalCount"] == len(page["nodes"]) == (5 if "events" in filters or not filters else 0)


async def test_a_limited_admin_changes_own_alarms_and_those_of_a_gateway_that_nobody_shares(
    halls: Halls, owner, gateway
):
    own = await owner.fetchval(
        "SELECT 'alm_' || id FROM alarms WHERE source = 'connection' AND connection_id = $1",
        int(halls.third.connection[4:]),
    )
    done = await halls.api.ask(ACKNOWLEDGE, "admin3", ids=[halls.third.alarm, own], note="on my way")
    assert done["errors"] == []
    assert {one["result"] for one in done["results"]} == {"DONE"}
    entries = await owner.fetch("SELECT actor, note FROM alarm_events WHERE event = 'acknowledged'")
    assert {tuple(row) for row in entries} == {("admin3", "on my way")}
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'alarm.acknowledge'") == 2
    assert (await halls.api.ask(SHELVE, "admin3", ids=[halls.third.alarm], hours=1))["errors"] == []
    assert (await halls.api.ask(OUT, "admin3", devices=[halls.third.device], hours=1))["errors"] == []
    assert (await halls.api.ask(RETURN, "admin3", devices=[halls.third.device]))["errors"] == []


async def test_of_a_shared_gateway_a_limited_admin_changes_nothing_and_hears_why(halls: Halls, owner, gateway):
    before = await owner.fetch("SELECT * FROM alarms ORDER BY id")
    for document, more in ((ACKNOWLEDGE, {}), (SHELVE, {"hours": 1})):
        done = await halls.api.ask(document, "admin3", ids=[gateway, halls.fourth.alarm], **more)
        assert [(one["result"], one["alarm"] is None) for one in done["results"]] == [("SHARED", False), ("GONE", True)]
        assert [(one["code"], one["field"]) for one in done["errors"]] == [
            ("FORBIDDEN", "ids.0"),
            ("NOT_FOUND", "ids.1"),
        ]
    assert await owner.fetch("SELECT * FROM alarms ORDER BY id") == before
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action LIKE 'alarm.%'") == 0


async def test_counts_of_groups_and_devices_are_of_what_is_in_sight(halls: Halls, gateway):
    asked = "{ groups { nodes { name alarmSummary { active worst { deviceName } } } } }"
    (group,) = (await halls.api.ask(asked, "viewer3"))["nodes"]
    assert (group["name"], group["alarmSummary"]["active"]) == ("hall three", 4)


async def test_grafana_shows_limited_people_the_same(halls: Halls, owner, database_url, gateway):
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "limited_grafana"})
    await connection.execute("SET SESSION AUTHORIZATION ddms_grafana_limited")
    person = halls.people["viewer3"]
    seen = {
        view: await connection.fetch(f"/*ddms:person {person}*/SELECT * FROM {view}")
        for view in ("alarms", "alarm_events", "limits")
    }
    await connection.close()
    assert {view: len(rows) for view, rows in seen.items()} == {"alarms": 4, "alarm_events": 5, "limits": 1}
    assert not any("four" in str(row) or row.get("source") == "system" for rows in seen.values() for row in rows)
