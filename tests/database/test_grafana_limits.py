"""Limits and alarms on the dashboards of fleet, group, device and history: what a person sees of them, and where."""

import json
import re
from typing import Any

import asyncpg
import pytest

from grafana import standing
from grafana.__main__ import dashboards
from grafana.languages import known

BOARDS: dict[str, Any] = {name.removesuffix(".json"): json.loads(text) for name, text in dashboards().items()}
TRENDS = ("device", "group", "history")
# Points: 1 and 4 are flows, 2 is a level, 3 a switch; 4 is of the second device. Their readings are 20 to 22.
FILL = """
INSERT INTO connections (endpoint) VALUES ('tcp://127.0.0.1:502'), ('tcp://127.0.0.2:502');
INSERT INTO devices (name, connection_id, unit_id) VALUES ('Pump', 1, 1), ('Fan', 1, 2), ('Tank', 2, 1);
INSERT INTO points (device_id, key, name, unit, register_table, address, data_type)
VALUES (1, 'flow', 'Flow', 'm³/h', 'holding', 0, 'float32'), (1, 'level', 'Level', 'm', 'holding', 2, 'float32'),
       (1, 'run', 'Running', '', 'coil', 0, 'bool'), (2, 'flow', 'Flow', 'm³/h', 'holding', 0, 'float32');
INSERT INTO readings SELECT t, p.id, 20 + 2 * random(), 0 FROM points p, generate_series(now() - interval '50 min', now(), '10 s') t;
INSERT INTO readings SELECT now() - interval '51 min', p.id, u.value, 0 FROM points p, (VALUES (20)) u (value);
INSERT INTO readings SELECT now() - interval '52 min', p.id, u.value, 0 FROM points p, (VALUES (22)) u (value);
INSERT INTO groups (name) VALUES ('Hall');
INSERT INTO device_groups VALUES (1, 1), (1, 2);
"""


@pytest.fixture
async def plant(owner: asyncpg.Connection) -> asyncpg.Connection:
    await owner.execute(FILL)
    return owner


async def limit(plant: asyncpg.Connection, point: int, kind: str, threshold: float | None, **more: Any) -> int:
    """Give a point a limit; return the id of its alarm."""
    values = {"point_id": point, "key": kind, "kind": kind, "threshold": threshold, "priority": "high"} | more
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    number = await plant.fetchval(
        f"INSERT INTO limits ({', '.join(values)}) VALUES ({places}) RETURNING id", *values.values()
    )
    return await plant.fetchval("SELECT id FROM alarms WHERE limit_id = $1", number)


async def alarm_of(plant: asyncpg.Connection, source: str, number: int) -> int:
    return await plant.fetchval(f"SELECT id FROM alarms WHERE source = '{source}' AND {source}_id = $1", number)


async def journal(plant: asyncpg.Connection, alarm: int, *events: tuple[str, float]) -> None:
    """Write entries of so many minutes ago."""
    for event, minutes in events:
        await plant.execute(
            "INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, value, threshold)"
            " SELECT now() - $3 * interval '1 min', id, device_id, kind, priority, $2, 'unacknowledged', 26.12345, CASE WHEN kind <> 'bit' THEN 25 END FROM alarms WHERE id = $1",
            alarm, event, minutes,
        )  # fmt: skip


async def stands(plant: asyncpg.Connection, alarm: int, changes: str = "active = true, acknowledged = false") -> None:
    await plant.execute(
        f"UPDATE alarms SET active_since = now() - interval '5 min', threshold = (SELECT threshold FROM limits l WHERE l.id = limit_id), {changes} WHERE id = $1",
        alarm,
    )


def sent(sql: str, **choices: str) -> str:
    """Return SQL as Grafana sends it, for the last hour."""
    chosen = {"device": "1", "group": "1", "points": "1,2,4", "keys": "flow,level", "unit": "m³/h", "state": "online,unknown"}  # fmt: skip
    chosen |= {"search": "", "alarms": "all", "compare": "none"} | choices

    def variable(match: re.Match[str]) -> str:
        value, form = chosen[match["name"] or match["plain"]], match["form"]
        return ",".join(f"'{one}'" for one in value.split(",")) if form == "sqlstring" else value

    sql = sql.replace("${__to}", "3600000").replace("${__from}", "0").replace("$__interval_ms", "5000")
    sql = sql.replace("$__timeFrom()", "(now() - interval '1 hour')").replace("$__timeTo()", "now()")
    return re.sub(r"\$\{(?P<name>\w+):(?P<form>\w+)\}|\$(?P<plain>[a-z]+)\b", variable, sql)


def panel(board: str, title: str) -> Any:
    return next(p for p in BOARDS[board]["panels"] if p["title"] == title)


def trend(board: str, ref: str = "A") -> str:
    return next(t["rawSql"] for t in panel(board, "Trend: ${unit}")["targets"] if t["refId"] == ref)


async def lines(viewer: asyncpg.Connection, board: str, **choices: str) -> dict[str, float | None]:
    rows = await viewer.fetch(sent(trend(board), **choices))
    found = [row for row in rows if row["number"] == 3]
    assert all(len([row for row in found if row["point"] == name]) == 2 for name in {row["point"] for row in found})
    return {row["point"]: row["value"] for row in found}


async def bars(viewer: asyncpg.Connection, board: str, priority: str, **choices: str) -> list[asyncpg.Record]:
    layer = next(one for one in BOARDS[board]["annotations"]["list"] if one["name"].endswith(priority))
    return await viewer.fetch(sent(layer["target"]["rawSql"], **choices))


async def test_a_limit_near_the_readings_is_a_line_and_a_far_one_only_has_its_name(plant, viewer):
    await limit(plant, 1, "high", 23, priority="critical")
    await limit(plant, 1, "low", -500)
    assert await lines(viewer, "device", points="1") == {
        "┄ High 23 m³/h (critical)": 23,
        "┄ Low -500 m³/h (high, out of view)": None,
    }


async def test_a_line_says_whose_limit_it_is_where_several_points_are_drawn(plant, viewer):
    await limit(plant, 1, "high", 23)
    assert list(await lines(viewer, "history")) == ["┄ Pump · Flow: High 23 m³/h (high)"]
    await limit(plant, 4, "high", 23)
    assert list(await lines(viewer, "history")) == ["┄ High 23 m³/h (high)"], "all of them have it"


async def test_lines_are_not_drawn_where_there_are_too_many_or_the_limit_is_disabled(plant, viewer):
    await limit(plant, 1, "high", 23, enabled=False)
    assert await lines(viewer, "group") == {}
    for kind, threshold in (("low_low", 18), ("low", 19), ("high_high", 24)):
        await limit(plant, 1, kind, threshold)
    assert len(await lines(viewer, "group")) == 3
    await plant.execute("INSERT INTO points (device_id, key, name, unit, register_table, address, data_type) SELECT 1, 'f' || n, 'F', 'm³/h', 'holding', 20 + 2 * n, 'float32' FROM generate_series(1, 9) n")  # fmt: skip
    await plant.execute("INSERT INTO limits (point_id, key, kind, threshold) SELECT id, 'high', 'high', 25 + id FROM points WHERE key ~ '^f[0-9]'")  # fmt: skip
    many = ",".join(str(row[0]) for row in await plant.fetch("SELECT id FROM points"))
    assert await lines(viewer, "history", points=many) == {}


async def test_the_sides_of_limits_are_tinted_in_the_colour_of_their_priority(plant, viewer):
    for kind, threshold, priority in (("low_low", 1, "critical"), ("low", 2, "medium"), ("high", 30, "low")):
        await limit(plant, 1, kind, threshold, priority=priority)
    (row,) = await viewer.fetch(sent(trend("device", "unit"), points="1"))
    assert row["unit"] == "suffix:m³/h"
    assert [(name, value) for name, value in row.items() if value is not None][1:] == [
        ("bottom_critical", float("-inf")), ("low_low_medium", 1), ("normal", 2), ("high_low", 30)
    ]  # fmt: skip


async def test_nothing_is_tinted_where_a_point_has_other_limits(plant, viewer):
    await limit(plant, 1, "high", 30)
    (row,) = await viewer.fetch(sent(trend("history", "unit")))
    assert not [value for name, value in row.items() if name != "unit" and value is not None]
    await limit(plant, 4, "high", 30)
    (row,) = await viewer.fetch(sent(trend("history", "unit")))
    assert (row["bottom"], row["high_high"]) == (float("-inf"), 30)


@pytest.mark.parametrize("board", TRENDS)
def test_each_tint_is_a_step_of_the_axis_and_the_panel_has_none_of_its_own(board):
    shown = panel(board, "Trend: ${unit}")
    assert shown["fieldConfig"]["defaults"]["thresholds"]["steps"] == [{"color": "transparent", "value": None}]
    assert shown["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"] == {"mode": "area"}
    (config,) = [t for t in shown["transformations"] if t["id"] == "configFromData"]
    columns = [one["fieldName"] for one in config["options"]["mappings"]]
    assert columns[0] == "unit"
    places = [trend(board, "unit").index(f"AS {column},") for column in columns[:-1]]
    assert places == sorted(places), "Grafana takes the steps as the columns stand, and wants them from below"


async def test_an_alarm_is_a_bar_from_raised_to_cleared_also_when_it_began_before_the_range(plant, viewer):
    alarm = await limit(plant, 1, "high", 25, cause="Valve <stuck> & hot")
    await journal(plant, alarm, ("raised", 90), ("cleared", 50), ("raised", 20))
    first, second = await bars(viewer, "device", "high")
    assert [round((row["timeEnd"] - row["time"]).total_seconds() / 60) for row in (first, second)] == [40, 20]
    assert (
        "<b>Flow: High 25 m³/h</b> · high<br>raised at 26.123 m³/h<br>for 00:40:00<br>Valve &lt;stuck&gt; &amp; hot"
        in first["text"]
    )
    assert "still there" in second["text"]
    assert '<a href="/d/ddms-alarm-history?var-device=1&var-point=1&var-alarm=' in first["text"]


async def test_an_alarm_that_stood_all_the_time_is_a_bar_and_one_that_is_over_is_none(plant, viewer):
    stood, over = await limit(plant, 1, "high", 25), await limit(plant, 1, "high_high", 26)
    await journal(plant, stood, ("raised", 90), ("uncertain", 80), ("acknowledged", 70))
    await journal(plant, over, ("raised", 90), ("withdrawn", 80))
    (row,) = await bars(viewer, "history", "high")
    assert "Pump · Flow: High 25" in row["text"]


async def test_an_alarm_that_comes_again_and_again_is_one_bar(plant, viewer):
    alarm = await limit(plant, 1, "high", 25)
    await journal(plant, alarm, *(event for n in range(10) for event in (("raised", 30 - n), ("cleared", 29.5 - n))))
    (row,) = await bars(viewer, "device", "high")
    assert "10 times" in row["text"]
    assert round((row["timeEnd"] - row["time"]).total_seconds() / 60, 1) == 9.5


async def test_an_alarm_too_short_to_have_a_width_is_a_point(plant, viewer):
    await journal(plant, await limit(plant, 1, "high", 25), ("raised", 20), ("cleared", 19.8))
    (row,) = await bars(viewer, "device", "high")
    assert row["timeEnd"] is None
    assert "for 00:00:12" in row["text"]


async def test_of_many_alarms_the_longest_are_shown(plant, viewer):
    for n in range(60):
        alarm = await limit(plant, 1, "bit", None, key=f"bit_{n}", bit=n % 50)
        await journal(plant, alarm, ("raised", 50), ("cleared", 49 - n / 2))
    rows = await bars(viewer, "device", "high")
    assert len(rows) == 50
    assert min((row["timeEnd"] - row["time"]).total_seconds() / 60 for row in rows) == pytest.approx(6, abs=0.1)


async def test_alarms_are_in_the_trend_of_their_unit_and_those_of_the_device_in_all(plant, viewer):
    for alarm in (await limit(plant, 1, "high", 25), await limit(plant, 3, "bit", None, bit=0), await alarm_of(plant, "device", 1)):  # fmt: skip
        await journal(plant, alarm, ("raised", 20))
    where = {re.split(r"</?b>", row["text"])[1]: row["prevState"] for row in await bars(viewer, "device", "high")}
    assert where == {"Flow: High 25 m³/h": "m%C2%B3%2Fh", "Running: Bit bit": "*", "Pump does not answer": "*"}
    for board in TRENDS:
        (own,) = [t for t in panel(board, "Trend: ${unit}")["transformations"] if t.get("topic") == "annotations"]
        values = [one["config"]["options"]["value"] for one in own["options"]["filters"]]
        assert values == ["${unit:percentencode}", "*"]


async def test_alarms_are_shown_by_priority_or_not_at_all(plant, viewer):
    await journal(plant, await limit(plant, 1, "high", 25), ("raised", 20))
    await journal(plant, await limit(plant, 1, "low", 5, priority="low"), ("raised", 20))
    shown = {
        choice: [
            priority for priority in ("high", "low") if await bars(viewer, "group", f": {priority}", alarms=choice)
        ]
        for choice in ("all", "urgent", "none")
    }
    assert shown == {"all": ["high", "low"], "urgent": ["high"], "none": []}


@pytest.mark.parametrize("board", TRENDS)
def test_alarms_are_on_the_trends_only_the_worst_on_top(board):
    *layers, notes = BOARDS[board]["annotations"]["list"]
    assert notes["name"] == "Annotations"
    assert [layer["name"].split(": ")[1] for layer in layers] == ["low", "medium", "high", "critical"]
    number = panel(board, "Trend: ${unit}")["id"]
    assert all(layer["filter"] == {"exclude": False, "ids": [number]} for layer in layers)


async def devices(viewer: asyncpg.Connection, board: str = "fleet") -> list[tuple[str, str | None]]:
    (target,) = panel(board, "Devices")["targets"]
    return [(row["device"], row["alarm"]) for row in await viewer.fetch(sent(target["rawSql"]))]


async def test_each_device_shows_its_worst_alarm_and_the_worst_is_first(plant, viewer):
    assert await devices(viewer) == [("Fan", None), ("Pump", None), ("Tank", None)]
    await stands(plant, await limit(plant, 1, "high", 25, priority="low"))
    await stands(plant, await limit(plant, 2, "high", 25, priority="medium"))
    await stands(plant, await alarm_of(plant, "device", 3))
    assert await devices(viewer) == [("Tank", "high · 1"), ("Pump", "medium · 2"), ("Fan", None)]
    assert await devices(viewer, "group") == [("Pump", "medium · 2"), ("Fan", None)]


async def test_what_is_acknowledged_or_gone_is_told_apart(plant, viewer):
    gone, known = await limit(plant, 1, "high", 25, priority="critical"), await limit(plant, 2, "high", 25)
    await stands(plant, gone, "active = false, acknowledged = false")
    assert ("Pump", "↩ critical · 1") in await devices(viewer)
    await stands(plant, known, "active = true, acknowledged = true")
    assert ("Pump", "✓ high · 1") in await devices(viewer), "what is there is worse than what is gone"


async def test_the_alarm_of_a_dead_gateway_is_on_each_device_behind_it(plant, viewer):
    gateway = await alarm_of(plant, "connection", 1)
    await stands(plant, gateway)
    await stands(plant, await alarm_of(plant, "device", 1), f"active = true, acknowledged = false, suppressed_by = {gateway}")  # fmt: skip
    assert await devices(viewer) == [("Fan", "critical · 1"), ("Pump", "critical · 1"), ("Tank", None)]
    counts = dict(await viewer.fetchrow(sent(standing.counts_sql())))
    assert {name: count for name, count in counts.items() if count} == {"critical": 1}
    (target,) = panel("group", "Alarms")["targets"]
    assert (await viewer.fetchrow(sent(target["rawSql"])))["critical"] == 1


OUT = "out_of_service_at = now(), out_of_service_until = now() + interval '1 h', out_of_service_by = 'ann', out_of_service_reason = 'oil'"
SHELVED = "shelved = 'timed', shelved_at = now(), shelved_until = now() + interval '1 h', shelved_by = 'ann', shelved_reason = 'known'"


async def test_a_device_in_maintenance_says_so_and_counts_no_alarm(plant, viewer):
    await stands(plant, await alarm_of(plant, "device", 2), f"active = true, acknowledged = false, {OUT}")
    await stands(plant, await limit(plant, 1, "high", 25), f"active = true, acknowledged = false, {SHELVED}")
    assert await devices(viewer) == [("Fan", "maintenance"), ("Pump", "hidden · 1"), ("Tank", None)]
    counts = dict(await viewer.fetchrow(sent(standing.counts_sql())))
    assert {name: count for name, count in counts.items() if count} == {"shelved": 1, "in_maintenance": 1}
    header = panel("device", "${device:text}")["targets"][0]["rawSql"]
    assert (await viewer.fetchrow(sent(header, device="2")))["out_of_service_until"] is not None


async def test_a_device_lists_what_is_not_normal_and_what_to_do(plant, viewer):
    await stands(plant, await limit(plant, 1, "high", 25, cause="Valve stuck", action="Close it"))
    await stands(plant, await limit(plant, 2, "low", 5, priority="critical"), f"active = true, acknowledged = false, {SHELVED}")  # fmt: skip
    rows = await viewer.fetch(sent(standing.sql_of_device(known()[0])))
    assert [(row["priority"], row["alarm_state"], row["what"], row["advice"]) for row in rows] == [
        ("high", "unacknowledged", "Flow: High 25 m³/h", "Valve stuck → Close it"),
        ("critical", "shelved", "Level: Low 5 m", None),
    ]


async def test_a_group_shows_the_worst_alarm_of_its_members(plant, viewer):
    await stands(plant, await limit(plant, 1, "high", 25))
    await stands(plant, await limit(plant, 4, "high", 25, priority="low"))
    (target,) = panel("fleet", "Groups")["targets"]
    (row,) = await viewer.fetch(target["rawSql"])
    assert row["worst_alarm"] == "high · 2"


async def test_limited_people_see_bars_and_worst_alarms_of_their_groups_only(plant, database_url):
    await plant.execute("INSERT INTO users (name, role, limited) VALUES ('vera', 'viewer', true); INSERT INTO groups (name) VALUES ('Fans')")  # fmt: skip
    await plant.execute("UPDATE device_groups SET group_id = 2 WHERE device_id = 2; INSERT INTO user_groups VALUES (1, 2)")  # fmt: skip
    for point in (1, 4):
        alarm = await limit(plant, point, "high", 25)
        await journal(plant, alarm, ("raised", 20))
        await stands(plant, alarm)
    await stands(plant, await alarm_of(plant, "connection", 1))
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "limited_grafana"})
    await connection.execute("SET SESSION AUTHORIZATION ddms_grafana_limited")
    try:
        sql = "SELECT device FROM alarm_spans('{1,2,3,4}', now() - interval '1 hour', now(), 'high')"
        assert [row[0] for row in await connection.fetch(f"/*ddms:person 1*/{sql}")] == ["Fan"]
        assert not await connection.fetch(sql)
        await plant.execute(
            "INSERT INTO annotations (starts_at, text, group_id, created_by) VALUES (now(), 'mine', 2, 'ann'), (now(), 'theirs', 1, 'ann')"
        )
        sql = "SELECT text FROM annotations('{1,2,3,4}', now() - interval '1 hour', now() + interval '1 hour')"
        assert [row[0] for row in await connection.fetch(f"/*ddms:person 1*/{sql}")] == ["mine"]
        assert not await connection.fetch(sql)
        rows = await connection.fetch("/*ddms:person 1*/SELECT device_id, priority FROM device_alarms")
        assert [tuple(row) for row in rows] == [(2, "critical")]
    finally:
        await connection.close()


async def test_trends_show_what_people_wrote_down_of_what_they_draw(plant, viewer):
    await plant.execute("""INSERT INTO annotations (starts_at, ends_at, text, device_id, point_id, group_id, created_by) VALUES
        (now() - interval '9 min', NULL, E'a <b>\nc', 1, 1, NULL, 'ann'), (now() - interval '8 min', now(), 'device', 1, NULL, NULL, 'ann'),
        (now() - interval '7 min', NULL, 'group', NULL, NULL, 1, 'ann'), (now() - interval '6 min', NULL, 'site', NULL, NULL, NULL, 'ann'),
        (now() - interval '5 min', NULL, 'other', 3, NULL, NULL, 'ann'), (now() - interval '2 h', NULL, 'before', 1, NULL, NULL, 'ann')""")
    device = await bars(viewer, "device", "Annotations")
    assert device[0]["text"] == "<b>a &lt;b&gt;<br>c</b><br>Pump · Flow · written by ann"
    assert [(row["prevState"], row["timeEnd"] is None) for row in device] == [
        ("m%C2%B3%2Fh", True), ("*", False), ("*", True), ("*", True),
    ]  # fmt: skip
    assert await bars(viewer, "group", "Annotations") == device
    assert len(await bars(viewer, "history", "Annotations", points="4")) == 2, "of the group and the site"
