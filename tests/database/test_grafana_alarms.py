"""The dashboards of alarms: what a person reads there, in English and Chinese, and what their buttons and links lead to."""

import json
import re
from typing import Any

import asyncpg
import pytest

from api.transport.actions import ACTIONS
from ddms import system_alarms
from grafana import texts_alarms
from grafana.__main__ import dashboards

BOARDS: dict[str, Any] = {name.removesuffix(".json"): json.loads(text) for name, text in dashboards().items()}
ALARMS = {name: board for name, board in BOARDS.items() if name.startswith("alarm")}
# Points: 1 is a level with a unit, 2 a switch. Alarms: 1 and 2 of devices, 3 of the connection, 4 and 5 of the limits.
FILL = """
INSERT INTO connections (endpoint) VALUES ('tcp://127.0.0.1:502');
INSERT INTO devices (name, connection_id, unit_id) VALUES ('Tank *1*', 1, 1), ('Fan', 1, 2);
INSERT INTO points (device_id, key, name, unit, register_table, address, data_type)
VALUES (1, 'level', 'Level', 'm', 'holding', 0, 'float32'), (2, 'door', 'Door', '', 'coil', 0, 'bool');
INSERT INTO latest VALUES (1, now(), 9.123456, 0, NULL), (2, now(), 0, 0, NULL);
INSERT INTO groups (name) VALUES ('Hall'), ('Empty');
INSERT INTO device_groups VALUES (1, 1);
INSERT INTO limits (point_id, key, kind, threshold, priority, cause, action, consequence, respond_within_s)
VALUES (1, 'high', 'high', 9, 'critical', 'The valve is <open>.', 'Close it.', 'It spills.', 600);
INSERT INTO limits (point_id, key, kind, alarm_values, priority) VALUES (2, 'open', 'value', '{1}', 'low');
"""
RAISE = """
WITH raised AS (
    UPDATE alarms SET active = true, acknowledged = false, active_since = now() - $2 * interval '1 min', value = $3, threshold = $4 WHERE id = $1 RETURNING *
)
INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, value, threshold)
SELECT active_since, id, device_id, kind, priority, 'raised', state, value, threshold FROM raised
"""


@pytest.fixture
async def plant(owner: asyncpg.Connection) -> asyncpg.Connection:
    await owner.execute(FILL)
    return owner


async def alarm_of(plant: asyncpg.Connection, source: str, number: int) -> int:
    return await plant.fetchval(f"SELECT id FROM alarms WHERE source = '{source}' AND {source}_id = $1", number)


async def raise_alarm(plant: asyncpg.Connection, alarm: int, minutes: float = 5, *values: float | None) -> None:
    value, threshold = values or (None, None)
    await plant.execute(RAISE, alarm, minutes, value, threshold)


def sql_of(board: str, place: int, **chosen: str) -> str:
    """Return the query of a panel, filled in as Grafana does."""
    sql = BOARDS[board]["panels"][place]["targets"][0]["rawSql"]
    choices = {"priority": "critical,high,medium,low", "device": "all", "group": "all", "event": ",".join(texts_alarms.EVENTS), "alarm": "all",
               "search": "", "point": "1", "operators": "1"} | chosen  # fmt: skip
    sql = sql.replace("${__to}", "3600000").replace("${__from}", "0").replace("$__interval_ms", "5000")
    sql = sql.replace("$__timeFrom()", "(now() - interval '1 hour')").replace("$__timeTo()", "now()")
    sql = re.sub(
        r"\$\{(\w+):sqlstring\}", lambda match: ",".join(f"'{one}'" for one in choices[match[1]].split(",")), sql
    )
    sql = re.sub(r"\$([a-z]+)\b", lambda match: choices[match[1]], sql)
    assert "$" not in sql
    return sql


NOW, COUNTS, AT_ONCE, STANDING, HIDDEN = range(5)
TREND, JOURNAL = range(2)


async def test_an_alarm_says_what_is_wrong_how_it_is_now_what_to_do_and_how_much_time_is_left(plant, viewer):
    await raise_alarm(plant, await alarm_of(plant, "limit", 1), 4, 9.5, 9)
    (row,) = await viewer.fetch(sql_of("alarms", STANDING))
    assert row["priority"] == "critical"
    assert row["state"] == "● active\nfor 4 min"
    assert row["told"] == "Tank *1* · Level: 9.5 m, above 9 m (high)"
    assert row["alarm"].split("\n")[0] == r"**Tank \*1\* · Level**", "a name is no Markdown"
    assert row["alarm"].split("\n")[2] == r"now 9\.1235 m"
    told = [re.sub(r"\\|\*\*", "", line) for line in row["todo"].split("\n")]
    assert told[0] == "Do: Close it."
    assert re.fullmatch(r"Within 10 min · left: \d min", told[1])
    assert told[2:] == ["Cause: The valve is <open>.", "Else: It spills."]
    assert (row["acknowledge"], row["id"]) == ("Acknowledge", f"alm_{row['alarm_id']}")


async def test_a_chinese_alarm_is_chinese_but_for_what_people_wrote(plant, viewer):
    await raise_alarm(plant, await alarm_of(plant, "limit", 1), 4, 9.5, 9)
    await raise_alarm(plant, await alarm_of(plant, "limit", 2), 4, 1, None)
    await raise_alarm(plant, await alarm_of(plant, "device", 2))
    rows = await viewer.fetch(sql_of("alarms-zh", STANDING))
    assert [row["told"] for row in rows] == [
        "Tank *1* · Level: 9.5 m，高于 9 m（高限）",
        "Fan: 无应答",
        "Fan · Door: 值为 开",
    ]
    assert rows[0]["state"] == "● 报警中\n已 4 分"


async def test_the_value_of_an_alarm_that_returned_is_the_one_that_raised_it(plant, viewer):
    alarm = await alarm_of(plant, "limit", 1)
    await raise_alarm(plant, alarm, 4, 9.5, 9)
    await plant.execute("UPDATE alarms SET active = false, cleared_at = now(), value = 8 WHERE id = $1", alarm)
    (row,) = await viewer.fetch(sql_of("alarms", STANDING))
    assert "9.5 m, above 9 m" in row["told"]
    assert row["state"] == "↩ returned\n0 s ago"


async def test_an_uncertain_alarm_says_so_and_why_its_value_is_not_known(plant, viewer):
    alarm = await alarm_of(plant, "limit", 1)
    await raise_alarm(plant, alarm, 4, 9.5, 9)
    await plant.execute("UPDATE alarms SET uncertain = true WHERE id = $1", alarm)
    await plant.execute("UPDATE latest SET value = NULL, quality = 16 WHERE point_id = 1")
    (row,) = await viewer.fetch(sql_of("alarms", STANDING))
    assert "? uncertain" in row["state"]
    assert row["alarm"].endswith(r"now not known\: timeout")
    assert (await viewer.fetchrow(sql_of("alarms", COUNTS)))["uncertain"] == 1


async def test_the_worst_comes_first_and_what_is_acknowledged_last_without_a_button_to_acknowledge(plant, viewer):
    first, second, third = [
        await alarm_of(plant, "limit", 1),
        await alarm_of(plant, "limit", 2),
        await alarm_of(plant, "device", 2),
    ]
    for alarm in (first, second, third):
        await raise_alarm(plant, alarm, 5, 1, 1)
    await plant.execute("UPDATE alarms SET acknowledged = true, acknowledged_by = 'ann' WHERE id = $1", first)
    rows = await viewer.fetch(sql_of("alarms", STANDING))
    assert [(row["alarm_id"], row["acknowledge"]) for row in rows] == [
        (third, "Acknowledge"),
        (second, "Acknowledge"),
        (first, "Note"),
    ]
    (at_once,) = await viewer.fetch(sql_of("alarms", AT_ONCE))
    assert (at_once["number"], at_once["ids"]) == (2, f"alm_{third},alm_{second}")
    counts = await viewer.fetchrow(sql_of("alarms", COUNTS))
    assert [counts[name] for name in ("critical", "high", "low", "unacknowledged")] == [1, 1, 1, 2]


async def test_calm_is_good_news_and_says_for_how_long(plant, viewer):
    assert tuple(await viewer.fetchrow(sql_of("alarms", NOW))) == ("No alarm stands", None)
    alarm = await alarm_of(plant, "limit", 1)
    await raise_alarm(plant, alarm, 90, 9.5, 9)
    assert tuple(await viewer.fetchrow(sql_of("alarms", NOW))) == ("Unacknowledged: 1", "1 h 30 min")
    await plant.execute("UPDATE alarms SET acknowledged = true WHERE id = $1", alarm)
    assert (await viewer.fetchrow(sql_of("alarms", NOW)))["situation"] == "All are acknowledged"
    await plant.execute("UPDATE alarms SET active = false WHERE id = $1", alarm)
    await plant.execute(
        "INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state)"
        " SELECT now() - interval '20 min', id, device_id, kind, priority, 'cleared', state FROM alarms WHERE id = $1", alarm,
    )  # fmt: skip
    assert tuple(await viewer.fetchrow(sql_of("alarms", NOW))) == ("No alarm stands", "20 min")
    assert not await viewer.fetch(sql_of("alarms", STANDING))
    assert not await viewer.fetch(sql_of("alarms", AT_ONCE))


async def test_a_filter_that_finds_nothing_does_not_say_that_all_is_calm(plant, viewer):
    await raise_alarm(plant, await alarm_of(plant, "limit", 1), 5, 9.5, 9)
    for chosen in ({"priority": "low"}, {"device": "2"}, {"group": "2"}):
        assert (await viewer.fetchrow(sql_of("alarms", NOW, **chosen)))["situation"] == "None of these; others: 1"
    counts = await viewer.fetchrow(sql_of("alarms", COUNTS, priority="low"))
    assert counts["critical"] == 1, "whoever looks at the low ones sees that there is a critical one"


async def test_what_is_hidden_stands_in_a_list_of_its_own_with_its_end_and_its_reason(plant, viewer):
    shelved, out, cause, suppressed = [
        await alarm_of(plant, "limit", 1), await alarm_of(plant, "limit", 2), await alarm_of(plant, "connection", 1), await alarm_of(plant, "device", 2)
    ]  # fmt: skip
    for alarm in (shelved, out, cause, suppressed):
        await raise_alarm(plant, alarm, 5, 9.5, 9)
    await plant.execute(
        "UPDATE alarms SET shelved = 'timed', shelved_at = now(), shelved_until = now() + interval '1 h', shelved_by = 'ann', shelved_reason = 'new pump' WHERE id = $1",
        shelved,
    )
    await plant.execute(
        "UPDATE alarms SET out_of_service_at = now(), out_of_service_until = now() + interval '2 h', out_of_service_by = 'bob', out_of_service_reason = 'oil' WHERE id = $1",
        out,
    )
    await plant.execute("UPDATE alarms SET suppressed_by = $1 WHERE id = $2", cause, suppressed)
    rows = await viewer.fetch(sql_of("alarms", HIDDEN))
    told = [(row["how"], row["by_whom"].replace("\\", ""), row["unshelve"]) for row in rows]
    assert told == [
        ("shelved", "ann: new pump", "Unshelve"),
        ("out", "bob: oil", "Note"),
        ("suppressed", "because of tcp://127.0.0.1:502", "Note"),
    ]
    assert all(row["until"] for row in rows[:2])
    assert [row["alarm_id"] for row in await viewer.fetch(sql_of("alarms", STANDING))] == [cause]


async def test_the_alarm_of_a_connection_is_seen_in_each_group_and_device_behind_it(plant, viewer):
    cause = await alarm_of(plant, "connection", 1)
    await raise_alarm(plant, cause)
    for chosen, seen in (
        ({"group": "1"}, 1),
        ({"group": "2"}, 0),
        ({"device": "2"}, 1),
        ({"priority": "low"}, 0),
        ({}, 1),
    ):
        assert len(await viewer.fetch(sql_of("alarms", STANDING, **chosen))) == seen, chosen


async def test_the_journal_tells_who_when_and_why_and_is_found_by_each_of_these(plant, viewer):
    alarm = await alarm_of(plant, "limit", 1)
    await raise_alarm(plant, alarm, 30, 9.5, 9)
    await plant.execute(
        "INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, actor, note, until, late)"
        " SELECT now() - interval '10 min', id, device_id, kind, priority, 'shelved', state, 'ann', 'new pump', now() + interval '50 min', true FROM alarms WHERE id = $1",
        alarm,
    )
    shelved, raised = await viewer.fetch(sql_of("alarm-history", JOURNAL))
    assert (shelved["event"], shelved["actor"], shelved["note"]) == ("shelved ↻", "ann", "new pump · for 1 h 0 min")
    assert (raised["event"], raised["subject"], raised["value"]) == (
        "raised",
        "Tank *1* · Level · high",
        "9.5 m\nlimit 9 m",
    )
    for chosen, found in (
        ({"search": "NEW p"}, 1),
        ({"search": "tank"}, 2),
        ({"event": "raised"}, 1),
        ({"alarm": str(alarm)}, 2),
        ({"alarm": "99"}, 0),
        ({"device": "2"}, 0),
    ):
        assert len(await viewer.fetch(sql_of("alarm-history", JOURNAL, **chosen))) == found, chosen


async def test_a_limit_that_was_changed_is_drawn_as_it_was_at_each_time(plant, viewer):
    await raise_alarm(plant, await alarm_of(plant, "limit", 1), 30, 9.5, 9)
    await plant.execute("UPDATE limits SET threshold = 12 WHERE id = 1")
    drawn = [row for row in await viewer.fetch(sql_of("alarm-history", TREND)) if row["number"] == 3]
    assert {row["point"] for row in drawn} == {"┄ high (1 critical)"}
    assert [row["value"] for row in drawn] == [9, 9, 12]


async def test_alarms_are_regions_of_the_trend(plant, viewer):
    await raise_alarm(plant, await alarm_of(plant, "limit", 1), 30, 9.5, 9)
    layers = {each["name"]: each["target"]["rawSql"] for each in BOARDS["alarm-history"]["annotations"]["list"]}
    sql = (
        layers["Alarm stood: 1 critical"]
        .replace("$__timeFrom()", "(now() - interval '10 min')")
        .replace("$__timeTo()", "now()")
    )
    (region,) = await viewer.fetch(sql.replace("${point:sqlstring}", "'1'"))
    assert (region["timeEnd"] - region["time"]).total_seconds() == pytest.approx(1800, abs=60), (
        "it began before the range"
    )


async def test_the_measures_are_judged_against_the_benchmarks(plant, viewer):
    alarm = await alarm_of(plant, "limit", 1)
    for second in range(24):  # more than 10 of them in one of the 10 minutes, also where two of those meet
        await raise_alarm(plant, alarm, 5 + second / 60, 9.5, 9)
    told = {row["measure"]: row for row in await viewer.fetch(sql_of("alarm-performance", 0))}
    assert told["In 10 minutes, at most"]["verdict"] == "bad"
    assert told["Alarms that are stale"]["verdict"] == "good"
    assert told["Never acknowledged"]["verdict"] == "told"
    assert not await viewer.fetch(sql_of("alarm-performance", 0, device="2")), "nothing is said of no alarms"


def test_both_languages_have_the_same_panels_and_other_words():
    for name in ("alarms", "alarm-history", "alarm-performance"):
        english, chinese = ALARMS[name], ALARMS[f"{name}-zh"]
        assert [p["gridPos"] for p in english["panels"]] == [p["gridPos"] for p in chinese["panels"]]
        for one, other in zip(english["panels"], chinese["panels"], strict=True):
            assert one["description"] != other["description"]
            assert re.search(r"[\u4e00-\u9fff]", other["description"])
        assert [v["name"] for v in english["templating"]["list"]] == [v["name"] for v in chinese["templating"]["list"]]
        assert english["title"] != chinese["title"]


def test_each_alarm_of_the_system_has_its_words():
    assert system_alarms.KINDS.keys() <= texts_alarms.KINDS.keys()


async def test_an_alarm_of_the_system_stands_in_the_same_list_with_its_advice_in_both_languages(plant, viewer):
    await plant.execute(
        "INSERT INTO alarms (source, kind, subject, priority) VALUES ('system', 'collector_silent', 'here', 'critical')"
    )
    for language, cause in (("en", "It was stopped."), ("zh", "它被停止。")):
        await plant.execute(
            "INSERT INTO alarm_texts VALUES ('system', 'collector_silent', $1, 't', $2, 'c', 'a') ON CONFLICT DO NOTHING",
            language,
            cause,
        )
    await raise_alarm(plant, await plant.fetchval("SELECT id FROM alarms WHERE source = 'system'"))
    for board, told, cause in (
        ("alarms", "DDMS · here: the collector is silent", "en"), ("alarms-zh", "DDMS · here: 采集器无声息", "zh")
    ):  # fmt: skip
        (row,) = await viewer.fetch(sql_of(board, STANDING))
        assert row["told"] == told
        written = await plant.fetchval(
            "SELECT cause FROM alarm_texts WHERE kind = 'collector_silent' AND language = $1", cause
        )
        assert written in row["todo"].replace("\\", "")


def test_buttons_press_what_there_is_with_all_that_it_takes():
    pressed = set()
    for board in ALARMS.values():
        actions = [
            a
            for p in board["panels"]
            for o in p["fieldConfig"]["overrides"]
            for prop in o["properties"]
            if prop["id"] == "actions"
            for a in prop["value"]
        ]
        for action in actions:
            name = action["fetch"]["url"].removeprefix("/actions/")
            taken = dict(action["fetch"]["queryParams"])
            assert taken.keys() == set(re.findall(r"\$(\w+):", ACTIONS[name])), name
            asked = {each["key"] for each in action.get("variables", [])}
            assert {f"${key}" for key in asked} == {value for value in taken.values() if not value.startswith("${")}
            assert action["confirmation"]
            pressed.add(name)
    assert pressed == {"acknowledgeAlarm", "acknowledgeAlarms", "noteAlarm", "shelveAlarm", "unshelveAlarm"}


def test_links_of_a_row_lead_to_its_time():
    for name, board in ALARMS.items():
        urls = [u for u in re.findall(r'"url": "(/d/[^"]+)"', json.dumps(board["panels"])) if "__data" in u]
        assert urls or name.startswith("alarms")
        assert all("&from=" in u or "?from=" in u or u.endswith("${__url_time_range}") for u in urls)


def test_each_dashboard_leads_to_the_other_ones_of_alarms_with_the_same_filters():
    for name, board in ALARMS.items():
        tongue = "-zh" if name.endswith("-zh") else ""
        led = {link["url"]: link["includeVars"] for link in board["links"]}
        others = {f"/d/ddms-{each}{tongue}" for each in ("alarms", "alarm-history", "alarm-performance")}
        assert {url for url in led if url.endswith(tongue)} >= others - {f"/d/ddms-{name}"}
        assert all(led[url] for url in others & led.keys())
