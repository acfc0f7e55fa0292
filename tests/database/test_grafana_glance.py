"""What dashboards show at a glance: the point and the line of each device, how devices did, earlier days, axes, hours of days."""

import json
import re
from typing import Any

import asyncpg
import pytest

from grafana.__main__ import dashboards
from tests.support.dashboards import FILL, as_grafana_sends

BOARDS: dict[str, Any] = {name.removesuffix(".json"): json.loads(text) for name, text in dashboards().items()}


@pytest.fixture
async def plant(owner: asyncpg.Connection) -> asyncpg.Connection:
    await owner.execute(FILL)
    return owner


def panel(board: str, title: str) -> Any:
    return next(p for p in BOARDS[board]["panels"] if p["title"] == title)


async def asked(viewer: asyncpg.Connection, board: str, title: str, ref: str = "A", **choices: Any) -> list[Any]:
    sql = next(t["rawSql"] for t in panel(board, title)["targets"] if t["refId"] == ref)
    return await viewer.fetch(as_grafana_sends(sql, **choices))


ROLL_UP = "CALL rebuild_rollups(now() - interval '4 hours', now())"
"""What was stored past the collector has no rollups yet."""
TREND_OF = "SELECT key FROM device_trends WHERE device_id = 1"
NUMBERS = "INSERT INTO points (device_id, key, name, unit, register_table, address, data_type) VALUES "


async def test_a_device_is_shown_by_the_point_that_was_chosen_else_by_that_with_the_worst_limit(plant, viewer):
    assert await viewer.fetchval(TREND_OF) == "flow", "its limit is critical"
    await plant.execute("UPDATE devices SET trend_point = 'ratio'")
    assert await viewer.fetchval(TREND_OF) == "ratio"
    await plant.execute("UPDATE devices SET trend_point = 'gone'; DELETE FROM limits")
    assert await viewer.fetchval(TREND_OF) == "flow"


async def test_neither_a_date_nor_a_counter_nor_what_has_no_unit_stands_for_a_device_when_there_is_better(
    plant, viewer
):
    await plant.execute("DELETE FROM points WHERE device_id = 2")
    await plant.execute(f"{NUMBERS} (2, 'serviced', 'serviced', 'UTC', 'holding', 0, 'unix32')")
    for key, unit in (("steps", ""), ("energy", "kWh"), ("power", "kW")):
        await plant.execute(f"{NUMBERS} (2, '{key}', '{key}', '{unit}', 'holding', 0, 'uint16')")
    assert await viewer.fetchval(TREND_OF.replace("1", "2")) == "power"


async def test_a_row_of_the_fleet_has_the_value_and_the_line_of_its_point(plant, viewer):
    await plant.execute(ROLL_UP)
    (row,) = await asked(viewer, "fleet", "Devices", search="Pump")
    assert (row["point_id"], row["point"], row["shown"]) == (1, "Flow", "21 m³/h")
    line = json.loads(row["line"])["trend"]
    assert len(line) == 30
    assert {value for value in line if value is not None} == {21}
    assert None in line[12:22], "nothing was read for ten minutes, and that is a gap"
    (gone,) = await asked(viewer, "fleet", "Devices", search="Gone")
    assert gone["shown"] == "–"
    (old,) = await asked(viewer, "fleet", "Devices", search="Tank")
    assert re.fullmatch(r"⌛ .* · 1 h", old["shown"]), "how old it is, is said"


@pytest.mark.parametrize(("span", "points"), [("30 min", 30), ("6 h", 30), ("24 h", 24), ("7 d", 28), ("90 d", 30)])
async def test_a_line_has_about_as_many_values_however_long_the_range_is(plant, viewer, span, points):
    sql = "SELECT line FROM sparklines(array[1, 2], date_trunc('day', now()) - $1::text::interval, date_trunc('day', now()))"
    lines = await viewer.fetch(sql, span)
    assert [len(row["line"]) for row in lines] == [points, points]


async def test_a_value_that_a_deadband_keeps_out_is_held_and_an_outage_is_not(plant, viewer):
    await plant.execute(
        """
        DELETE FROM readings; DELETE FROM latest; DELETE FROM rollup_1m; UPDATE points SET deadband = 1, heartbeat_s = 900 WHERE id = 2;
        INSERT INTO readings SELECT now() - interval '50 min', id, 7, 0 FROM points WHERE id IN (1, 2);
        CALL rebuild_rollups(now() - interval '2 hours', now())""".replace("CALL", "--")
    )
    await plant.execute(ROLL_UP)
    sql = "SELECT point_id, line FROM sparklines(array[1, 2], now() - interval '1 hour', now())"
    known = {row["point_id"]: sum(v is not None for v in row["line"]) for row in await viewer.fetch(sql)}
    assert known[1] <= 2
    assert 7 <= known[2] <= 9, "a heartbeat of 15 minutes"


async def test_each_change_of_state_is_kept_once_offline_from_its_first_failure(plant, viewer):
    seen = "SELECT state FROM device_state_changes WHERE device_id = $1 ORDER BY time"
    await plant.execute("UPDATE device_states SET state = 'error' WHERE device_id = 1")
    await plant.execute("UPDATE device_states SET state = 'error', last_seen = now() WHERE device_id = 1")
    await plant.execute("UPDATE devices SET enabled = false WHERE id = 1")
    await plant.execute("UPDATE devices SET enabled = true, name = 'Pumps' WHERE id = 1")
    assert [row["state"] for row in await viewer.fetch(seen, 1)] == ["unknown", "online", "error", "disabled", "error"]
    await plant.execute("""UPDATE device_states SET state = 'unknown' WHERE device_id = 4; DELETE FROM device_state_changes WHERE device_id = 4;
        INSERT INTO device_state_changes VALUES (4, now() - interval '2 h', 'online'); UPDATE device_states SET state = 'offline' WHERE device_id = 4""")
    began = await viewer.fetchval("SELECT now() - max(time) FROM device_state_changes WHERE device_id = 4")
    assert began.total_seconds() == pytest.approx(3600, abs=60)
    await plant.execute("DELETE FROM devices WHERE id = 1")
    assert not await viewer.fetch(seen, 1)


async def test_changes_of_state_are_kept_as_long_as_the_readings_and_the_last_one_before(plant):
    await plant.execute("""
        INSERT INTO device_state_changes SELECT 1, now() - n * interval '1 day', CASE n % 2 WHEN 0 THEN 'online' ELSE 'offline' END FROM generate_series(80, 99) n""")
    await plant.execute("SELECT forget_journals()")
    assert (
        await plant.fetchval("SELECT count(*) FROM device_state_changes WHERE device_id = 1") == 13
    )  # and how it was made, and is now


async def test_a_timeline_shows_who_had_trouble_longest_first_and_how_it_began(plant, viewer):
    await plant.execute("""DELETE FROM device_state_changes; INSERT INTO device_state_changes VALUES (1, now() - interval '2 h', 'online'), (1, now() - interval '1 min', 'error'),
        (4, now() - interval '2 h', 'offline'), (5, now() - interval '30 min', 'online'), (3, now() - interval '1 day', 'disabled')""")
    rows = await asked(viewer, "fleet", "State over time: devices with trouble")
    told: dict[str, list[int]] = {}
    for row in rows:
        told.setdefault(row["point"], []).append(row["state"])
    assert list(told) == ["Gone", "O'Brien's \"oven\"", "Pump"]
    assert told["Gone"] == [3]
    assert told["O'Brien's \"oven\""] == [1, 4], "no collector has reported it since"
    assert told["Pump"] == [1, 2]
    (device,) = await asked(viewer, "device", "State over time", device="4")
    assert device["state"] == 3
    assert {row["device_id"] for row in await asked(viewer, "group", "State over time")} == {"1", "3", "4", "5"}


async def test_limited_people_see_lines_and_states_of_their_groups_only(plant, database_url):
    await plant.execute("""INSERT INTO users (name, role, limited) VALUES ('vera', 'viewer', true); INSERT INTO groups (name) VALUES ('Mine');
        INSERT INTO device_groups SELECT g.id, 2 FROM groups g WHERE g.name = 'Mine'; INSERT INTO user_groups SELECT u.id, g.id FROM users u, groups g WHERE g.name = 'Mine'""")
    vera = await plant.fetchval("SELECT id FROM users WHERE name = 'vera'")
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "limited_grafana"})
    try:
        await connection.execute("SET SESSION AUTHORIZATION ddms_grafana_limited")
        said = f"/*ddms:person {vera}*/ "
        assert {r[0] for r in await connection.fetch(f"{said}SELECT device_id FROM device_trends")} == {2}
        assert not await connection.fetch(f"{said}SELECT * FROM device_state_changes WHERE device_id <> 2")
        points = "array(SELECT generate_series(1, 20))"
        assert await connection.fetch(
            f"{said}SELECT * FROM sparklines({points}, now() - interval '1 hour', now()) WHERE point_id BETWEEN 5 AND 8"
        )
        assert not await connection.fetch(
            f"{said}SELECT * FROM sparklines({points}, now() - interval '1 hour', now()) WHERE point_id NOT BETWEEN 5 AND 8"
        )
        assert await connection.fetchval(f"{said}SELECT site_time_zone()") == "UTC"
    finally:
        await connection.close()


COMPARED = "Trend: ${unit}"


async def test_a_trend_is_compared_with_the_same_time_of_an_earlier_day_named_so(plant, viewer):
    await plant.execute(
        "INSERT INTO readings SELECT time - interval '1 day', point_id, 5, 0 FROM readings WHERE point_id = 1"
    )
    now = {row["point"] for row in await asked(viewer, "history", COMPARED)}
    rows = await asked(viewer, "history", COMPARED, compare="day")
    assert {row["point"] for row in rows} - now == {"Pump · Flow · yesterday"}
    earlier = [row for row in rows if row["point"].endswith("yesterday") and row["value"] is not None]
    assert {row["value"] for row in earlier} == {5}
    begin = await viewer.fetchval("SELECT now() - interval '1 hour'")
    assert all(row["time"] >= begin for row in earlier), "it is drawn over today"
    rows = await asked(viewer, "history-zh", "趋势：${unit:text}", compare="week")
    assert {row["point"] for row in rows if not row["point"].startswith("┄")} == {"Pump · Flow", "Pump · Ratio"}
    names = {row["point"] for row in await asked(viewer, "device-zh", "趋势：${unit:text}", compare="day")}
    assert "Flow · 昨天" in names


async def test_the_same_time_yesterday_is_told_by_the_sites_clock(plant, viewer):
    await plant.execute("UPDATE configuration SET time_zone = 'Europe/Berlin'")
    sql = next(t["rawSql"] for t in panel("history", COMPARED)["targets"] if t["refId"] == "A")
    moved = sql[sql.index("trend(array(SELECT point_id FROM (") :]
    begin = moved[moved.index("IN ('day', 'week')), ") + len("IN ('day', 'week')), ") :].partition(", (($__timeTo")[0]
    begin = begin.replace("$compare", "day").replace("$__timeFrom()", "'2026-03-29T12:00+02:00'")
    assert (await viewer.fetchval(f"SELECT {begin}")).isoformat() == "2026-03-28T11:00:00+00:00"


@pytest.mark.parametrize("board", ["device", "group", "history"])
async def test_what_cannot_be_compared_shares_no_axis(plant, viewer, board):
    await plant.execute(
        NUMBERS
        + "(1, 'steps', 'Steps', '', 'holding', 8, 'uint16'), (1, 'cos', 'Power factor', '', 'holding', 9, 'float32')"
    )
    sql = next(v["query"] for v in BOARDS[board]["templating"]["list"] if v["name"] == "unit")
    points = [
        str(row[0]) for row in await viewer.fetch("SELECT point_id FROM points WHERE device_id = 1 AND kind = 'number'")
    ]
    axes = await viewer.fetch(as_grafana_sends(sql, points=points, keys=["flow", "ratio", "steps", "cos", "run"]))
    shown = {row["__value"] for row in axes}
    assert shown >= {"m³/h", "Ratio", "Steps", "Power factor"}
    assert "Running" not in shown, "switches have a panel of their own"


async def test_counts_have_no_decimals_and_percentages_go_from_0_to_100(plant, viewer):
    await plant.execute(
        NUMBERS
        + "(1, 'steps', 'Steps', '', 'holding', 8, 'uint16'), (1, 'open', 'Opening', '%', 'holding', 9, 'float32'), (1, 'thd', 'Distortion', '%', 'holding', 9, 'float32')"
    )
    await plant.execute(
        "INSERT INTO readings SELECT now() - interval '5 min', id, CASE key WHEN 'open' THEN 60 ELSE 3 END, 0 FROM points WHERE key IN ('open', 'thd')"
    )
    await plant.execute(ROLL_UP)

    async def axis(key: str, unit: str) -> Any:
        point = await viewer.fetchval("SELECT point_id::text FROM points WHERE key = $1 AND device_id = 1", key)
        (row,) = await asked(viewer, "history", COMPARED, "unit", points=[point], unit=[unit])
        return row["unit"], row["decimals"], row["min"], row["max"]

    assert await axis("steps", "Steps") == ("none", 0, None, None)
    assert await axis("open", "%") == ("suffix:%", None, 0, 100)
    assert await axis("thd", "%") == ("suffix:%", None, 0, None), "which nobody would see move between 0 and 100"
    assert await axis("flow", "m³/h") == ("suffix:m³/h", None, None, None)


async def test_a_heat_map_has_the_hours_of_days_by_the_sites_clock(plant, viewer):
    await plant.execute("UPDATE configuration SET time_zone = 'Asia/Shanghai'; DELETE FROM readings")
    await plant.execute(
        "INSERT INTO readings SELECT date_trunc('hour', now()) - interval '2 hours' + n * interval '10 min', 1, n, 0 FROM generate_series(0, 5) n"
    )
    await plant.execute(ROLL_UP)
    sql = next(t["rawSql"] for t in panel("history", "By hour and day: ${heat:text}")["targets"] if t["refId"] == "A")
    rows = await viewer.fetch(as_grafana_sends(sql.replace("$__timeFrom()", "(now() - interval '3 days')")))
    hour = await viewer.fetchval("SELECT to_char((now() - interval '2 hours') AT TIME ZONE 'Asia/Shanghai', 'HH24:00')")
    found = [
        (row["time"], name, value)
        for row in rows
        for name, value in row.items()
        if name != "time" and value is not None
    ]
    assert [(name, value) for _, name, value in found] == [(hour, 2.5)]
    assert len(rows) in {4, 5}, "each day has a column, also one without readings"
    ends = await viewer.fetchval(
        "SELECT (date_trunc('day', (now() - interval '2 hours') AT TIME ZONE 'Asia/Shanghai') + interval '1 day') AT TIME ZONE 'Asia/Shanghai'"
    )
    assert found[0][0] == ends
