"""The dashboards: their SQL runs as Grafana's role, their JSON is what the code says, and they lead to each other."""

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from grafana import device, group, history
from grafana.__main__ import dashboards
from tests.support.dashboards import FILL, as_grafana_sends

BOARDS: dict[str, Any] = {name: json.loads(text) for name, text in dashboards().items()}


@pytest.fixture
async def filled(owner: asyncpg.Connection) -> asyncpg.Connection:
    await owner.execute(FILL)
    return owner


def asked(board: Any) -> Iterator[tuple[str, str]]:
    """Give each query of a dashboard with what it is for."""
    for panel in board["panels"]:
        yield from (
            (f"{panel['title']}-{each['refId']}", each["rawSql"]) for each in panel["targets"] if "rawSql" in each
        )
    for layer in board.get("annotations", {}).get("list", []):
        yield layer["name"], layer["target"]["rawSql"]
    for variable in board["templating"].get("list", []):
        if variable["type"] == "query":
            yield variable["name"], variable["query"]


def queries() -> Iterator[Any]:
    """Give each dashboard's queries; of one in another language those that differ from the English ones."""
    for board in BOARDS.values():
        known = set()
        if board["uid"].endswith("-zh"):
            known = {sql for _, sql in asked(next(b for b in BOARDS.values() if b["uid"] == board["uid"][:-3]))}
        if found := {name: sql for name, sql in asked(board) if sql not in known}:
            yield pytest.param(found, id=board["uid"])


def query(uid: str, title: str) -> str:
    panels = next(b["panels"] for b in BOARDS.values() if b["uid"] == uid)
    return next(p["targets"][0]["rawSql"] for p in panels if p["title"] == title)


@pytest.mark.parametrize("board", list(queries()))
async def test_every_query_runs_as_grafanas_role_and_finds_something(
    filled: asyncpg.Connection, viewer: asyncpg.Connection, board: dict[str, str]
):
    found = {name: bool(await viewer.fetch(as_grafana_sends(sql))) for name, sql in board.items()}
    assert [name for name, some in found.items() if not some] == []


# They say why they are empty: a panel's own text for that would be a lie when the database gives no answer.
OF_THE_WALL = {
    "ddms-wall": "Gone last",
    "ddms-wall-alarms": "Not acknowledged",
    "ddms-wall-groups": "Groups",
    "ddms-wall-values": "Values",
    "ddms-wall-zh": "最近离线",
    "ddms-wall-alarms-zh": "未确认",
    "ddms-wall-groups-zh": "分组",
    "ddms-wall-values-zh": "数值",
}


@pytest.mark.parametrize("board", list(queries()))
async def test_every_query_runs_before_there_is_anything_and_with_nothing_chosen(
    viewer: asyncpg.Connection, board: dict[str, str]
):
    nothing = {
        "points": [],
        "state": [],
        "devices": [],
        "noun": [],
        "priority": [],
        "event": [],
        "unit": [""],
        "keys": [""],
    }
    nothing |= dict.fromkeys(("device", "group", "point", "alarm", "operators", "compare", "heat"), "") | {
        "search": "'; --"
    }
    always = {
        *(  # which say in a row that there is none
            query(f"{uid}{tongue}", title)
            for uid in ("ddms-device", "ddms-history")
            for tongue, title in (("", "States"), ("-zh", "状态"))
        ),
        *(
            query(f"ddms-storage{tongue}", title) for tongue, title in (("", "The database"), ("-zh", "数据库"))
        ),  # it has a size
        query("ddms-backups", "Newest verified backup"),  # which says that there is none
        query("ddms-backups-zh", "最新已校验的备份"),
        *(query(f"ddms-alarms{tongue}", title) for tongue, title in (("", "Now"), ("-zh", "当前"))),  # all is calm
        *(query(uid, title) for uid, title in OF_THE_WALL.items()),
    }
    for name, sql in board.items():
        rows = await viewer.fetch(as_grafana_sends(sql, **nothing))
        shown = [{column: value for column, value in dict(row).items() if value} for row in rows]
        assert sql in always or all(row.keys() <= {"unit"} for row in shown), name


@pytest.mark.parametrize("board", list(queries()))
async def test_a_foreign_value_in_the_address_fails_no_query(viewer: asyncpg.Connection, board: dict[str, str]):
    foreign: dict[str, Any] = {key: ["'"] for key in ("points", "unit", "devices", "keys", "priority", "event")}
    foreign |= {"points": ["x", "-1"], "device": "Pump's", "search": "%", "group": "O'x", "point": "x'", "alarm": "x", "operators": "x", "compare": "x'", "heat": "x'", "by": "x'", "condition": "'x"}  # fmt: skip
    for sql in board.values():
        await viewer.fetch(as_grafana_sends(sql, **foreign))


async def test_the_fleet_tells_the_states_apart(filled: asyncpg.Connection, viewer: asyncpg.Connection):
    counts = dict(await viewer.fetchrow(as_grafana_sends(query("ddms-fleet", "Devices by state"))))
    assert counts == {"devices": 5, "online": 1, "error": 0, "offline": 1, "disabled": 1, "unknown": 2, "bad_points": 1}
    offline = await viewer.fetchrow(as_grafana_sends(query("ddms-fleet", "Offline now")))
    assert offline["device"] == "Gone"
    assert 3599 < offline["offline_seconds"] < 3700
    collectors = await viewer.fetch(as_grafana_sends(query("ddms-fleet", "Collectors")))
    assert [(c["collector"], c["state"]) for c in collectors] == [("there", "silent"), ("here", "running")]


async def test_an_operator_sees_how_fast_a_device_answers_and_that_polls_are_skipped(
    filled: asyncpg.Connection, viewer: asyncpg.Connection
):
    connection = await viewer.fetchrow(as_grafana_sends(query("ddms-device", "Connection")))
    assert connection["answer_seconds"] == pytest.approx(0.02)
    assert connection["last_error"].startswith("polls are skipped")
    (row,) = await viewer.fetch(as_grafana_sends(query("ddms-fleet", "Devices"), search="Pump"))
    assert row["last_error"].startswith("polls are skipped")
    await filled.execute("UPDATE device_states SET last_seen = now() - interval '1 hour'")
    assert await viewer.fetchval("SELECT overrun FROM polling WHERE device_id = 1") is None, "nobody polls any more"


async def test_administrators_see_what_will_be_erased_and_what_was(
    filled: asyncpg.Connection, viewer: asyncpg.Connection
):
    (due,) = await viewer.fetch(query("ddms-storage", "Will be erased"))
    assert (due["device"], due["stored"], due["rows"], due["retention_days"]) == ("Pump", "readings", 8640, 90)
    (run,) = await viewer.fetch(query("ddms-storage", "Erased because it was expired"))
    assert (run["rows"], run["bytes"], run["chunks"], run["run_state"]) == (105, 6500, 1, "done")
    assert run["seconds"] == pytest.approx(3)
    (erasure,) = await viewer.fetch(query("ddms-storage", "Erased because it was deleted"))
    assert (erasure["subject"], erasure["progress"]) == ("Old pump", 0.5)


async def test_an_operator_sees_which_job_failed_and_why(filled: asyncpg.Connection, viewer: asyncpg.Connection):
    failed, *others = await viewer.fetch(query("ddms-jobs", "Jobs of DDMS"))
    assert (failed["job"], failed["job_state"], failed["detail"]) == ("retention", "failed", "the disk is on fire")
    never_run, rollups = (next(row for row in others if row["job"] == name) for name in ("backup", "rollups"))
    assert (never_run["schedule"], never_run["job_state"]) == ("0 1 * * * UTC", "waiting")
    assert rollups["schedule"] == "every 20 s"
    (chinese,) = [row for row in await viewer.fetch(query("ddms-jobs-zh", "DDMS 的任务")) if row["job"] == "rollups"]
    assert chinese["schedule"] == "每 20 秒"


async def test_filters_take_a_name_literally(filled: asyncpg.Connection, viewer: asyncpg.Connection):
    sql = query("ddms-fleet", "Devices")
    found = [r["device"] for r in await viewer.fetch(as_grafana_sends(sql, search="O'Brien's"))]
    assert found == ["O'Brien's \"oven\""]
    assert not await viewer.fetch(as_grafana_sends(sql, search="%"))
    assert [r["device"] for r in await viewer.fetch(as_grafana_sends(sql, state=["disabled"]))] == ["Resting"]


async def test_a_device_that_no_collector_reports_any_more_is_unknown(
    filled: asyncpg.Connection, viewer: asyncpg.Connection
):
    row = await viewer.fetchrow("SELECT state, last_error FROM devices WHERE device_id = 5")
    assert row["state"] == "unknown"
    assert "no collector" in row["last_error"]


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [(230.4567, "float32", "230.46 V"), (0, "float32", "0 V"), (182345.0, "uint32", "182345 V"), (1, "bool", "on"),
     (-0.000123456, "float64", "-0.00012346 V"), (1e300, "float64", None), (None, "float32", None)],
)  # fmt: skip
async def test_a_value_is_shown_with_its_unit_and_without_noise(owner, viewer, value, kind, shown):
    await owner.execute(FILL)
    await owner.execute(
        "UPDATE points SET unit = CASE WHEN $1::text = 'bool' THEN '' ELSE 'V' END, data_type = $1::text,"
        " register_table = CASE WHEN $1::text = 'bool' THEN 'coil' ELSE 'holding' END WHERE id = 1", kind)  # fmt: skip
    await owner.execute("UPDATE latest SET value = $1 WHERE point_id = 1", value)
    found = await viewer.fetchval("SELECT shown FROM latest WHERE point_id = 1")
    assert found == shown or (value == 1e300 and found.startswith("1000000"))


async def test_an_old_reading_does_not_look_good(filled: asyncpg.Connection, viewer: asyncpg.Connection):
    rows = {r["point_id"]: r["quality"] for r in await viewer.fetch("SELECT point_id, quality FROM latest")}
    assert [rows[n] for n in (1, 4, 5, 6, 7, 9)] == ["good", "bad", "stale", "bad", "none", "disabled"]


async def test_outages_are_gaps_in_a_trend(filled: asyncpg.Connection, viewer: asyncpg.Connection):
    sql = "SELECT * FROM trend(array[$1::int], now() - interval '1 hour', now(), $2) ORDER BY time"
    await filled.execute("CALL rebuild_rollups(now() - interval '2 hours', now())")  # it was stored past the collector
    for most, steps in ((1000, False), (30, True)):
        rows = await viewer.fetch(sql, 1, most)
        assert any(r["lowest"] is not None for r in rows) is steps
        gaps = [r for r in rows if r["value"] is None and r["quality_code"] is None]
        assert len(gaps) == 1, "nothing was read for ten minutes"
        assert any(r["quality_code"] == 16 for r in rows)
        assert all(r["value"] in (None, 21.0) for r in rows)
        assert rows[-1]["value"] == 21.0
    assert not [r for r in await viewer.fetch(sql, 2, 1000) if r["value"] is None], "a deadband is no outage"


async def test_a_point_that_is_no_longer_read_ends_in_a_gap(filled: asyncpg.Connection, viewer: asyncpg.Connection):
    await filled.execute("DELETE FROM readings WHERE time > now() - interval '5 min'")
    await filled.execute("DELETE FROM latest")
    rows = await viewer.fetch("SELECT * FROM trend(array[1], now() - interval '1 hour', now(), 1000) ORDER BY time")
    assert rows[-1]["quality_code"] is None
    assert rows[-2]["value"] == 21.0


async def test_a_trend_sends_no_more_than_a_browser_takes(filled: asyncpg.Connection, viewer: asyncpg.Connection):
    await filled.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type)"
        " SELECT 2, 'p' || n, 'P' || n, 'holding', n, 'uint16' FROM generate_series(1, 20) n;"
        "INSERT INTO readings SELECT t, p.id, 1, 0 FROM points p, generate_series(now() - interval '1 hour', now(), '1 s') t"
        " WHERE p.key ~ '^p\\d'"
    )
    rows = await viewer.fetch(
        "SELECT point_id, highest FROM trend(array(SELECT point_id FROM points WHERE key ~ '^p\\d'),"
        " now() - interval '1 hour', now(), 1000000)"
    )
    assert 20 * 1000 < len(rows) <= 40_100
    assert len({r["point_id"] for r in rows}) == 20


async def test_grafanas_role_sees_the_views_and_nothing_else(filled: asyncpg.Connection, viewer: asyncpg.Connection):
    readable = await viewer.fetch("""
        SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
           AND n.nspname !~ '^(pg_toast|timescaledb_|_timescaledb_)'
           AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')""")
    assert {r["nspname"] for r in readable} == {"grafana"}
    chunks = await filled.fetch("SELECT oid::regclass::text AS name FROM pg_class WHERE relname ~ '^_hyper_.*_chunk$'")
    tables = [f"public.{name}" for name in ("readings", "users", "api_tokens", "audit_log")]
    for relation in tables + [chunk["name"] for chunk in chunks]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await viewer.fetch(f"SELECT * FROM {relation}")


@pytest.mark.parametrize(
    "statement",
    ["UPDATE grafana.devices SET state = 'online'", "DELETE FROM public.readings", "CREATE TABLE t (n int)",
     "CREATE TEMPORARY TABLE t (n int)", "CREATE SCHEMA s", "COPY grafana.devices TO PROGRAM 'true'", "SET ROLE ddms_app",
     "INSERT INTO public.latest VALUES (1, now(), 1, 0)"],
)  # fmt: skip
async def test_grafanas_role_cannot_write_even_if_it_lifts_its_own_settings(viewer: asyncpg.Connection, statement: str):
    await viewer.execute("SET default_transaction_read_only = off")
    with pytest.raises(asyncpg.PostgresError) as error:
        await viewer.execute(statement)
    assert error.value.sqlstate in ("42501", "55000")


async def test_grafanas_role_writes_nothing_and_has_a_statement_timeout(viewer: asyncpg.Connection):
    assert await viewer.fetchval("SHOW statement_timeout") == "15s"
    assert await viewer.fetchval("SHOW default_transaction_read_only") == "on"
    assert await viewer.fetchval("SHOW search_path") == "grafana"


async def test_points_of_one_name_are_told_apart_since_grafana_shows_each_text_once(filled, viewer):
    await filled.execute("UPDATE points SET name = 'Flow' WHERE key = 'ratio'")
    for sql, before in ((device.POINT_CHOICES, ""), (history.POINTS, "Pump · "), (group.KEYS, "")):
        choices = await viewer.fetch(as_grafana_sends(sql, devices=["1"]))
        assert [choice["__text"] for choice in choices] == [f"{before}Flow · flow", f"{before}Flow · ratio"], sql


async def test_a_group_shows_its_members_and_their_values_side_by_side(
    filled: asyncpg.Connection, viewer: asyncpg.Connection
):
    counts = dict(await viewer.fetchrow(as_grafana_sends(query("ddms-group", "${group:text}"))))
    assert counts == {"devices": 5, "online": 1, "error": 0, "offline": 1, "disabled": 1, "unknown": 2, "bad_points": 1}
    members = await viewer.fetch(as_grafana_sends(query("ddms-group", "Devices")))
    assert [(m["device"], m["state"]) for m in members][:2] == [("Pump", "online"), ("Gone", "offline")], (
        "the worst alarm first"
    )
    assert not await viewer.fetch(as_grafana_sends(query("ddms-group", "Devices"), group="2"))
    values = await viewer.fetch(as_grafana_sends(query("ddms-group", "Values now")))
    shown = {(v["device"], v["point"]): v["shown"] for v in values}
    assert shown["Pump", "Flow"] == "21 m³/h"
    assert shown["Pump", "Mode"] == "✗ timeout"
    assert list(dict.fromkeys(v["point"] for v in values)) == ["Flow", "Ratio", "Running", "Mode"]


async def test_a_line_of_history_says_of_which_device_and_how_long_its_steps_are(
    filled: asyncpg.Connection, viewer: asyncpg.Connection
):
    sql = query("ddms-history", "Trend: ${unit}")
    rows = await viewer.fetch(as_grafana_sends(sql))
    assert {r["point"] for r in rows if r["number"] < 3} == {"Pump · Flow", "Pump · Ratio"}
    assert [r for r in rows if r["value"] is None], "the outage is a gap"
    coarse = await viewer.fetch(as_grafana_sends(sql.replace("$__interval_ms", "120000")))
    assert {r["point"] for r in coarse} >= {"Pump · Flow ⌀ 5 min", "Pump · Flow ⌀ 5 min ↓", "Pump · Flow ⌀ 5 min ↑"}
    shown = await viewer.fetch(as_grafana_sends(query("ddms-history", "In this range")))
    assert [(r["point"], r["lowest"], r["highest"]) for r in shown] == [("Flow", 21, 21), ("Ratio", 22, 22)]


async def test_a_point_without_a_line_says_why_and_how_old_its_newest_reading_is(
    filled: asyncpg.Connection, viewer: asyncpg.Connection
):
    sql = query("ddms-history", "Trend: ${unit}")
    rows = await viewer.fetch(as_grafana_sends(sql, points=["1", "5", "6", "9"]))
    assert [(row["point"], row["value"]) for row in rows if row["point"].startswith("∅")] == [
        ("∅ Resting · Flow: not read yet", None),
        ("∅ Tank · Flow: no reading in this time range, the newest is 1 h old", None),
        ("∅ Tank · Ratio: only bad readings in this time range", None),
    ]
    assert {row["point"] for row in rows if row["value"] is not None and row["number"] < 3} == {"Pump · Flow"}
    chinese = await viewer.fetch(as_grafana_sends(query("ddms-history-zh", "趋势：${unit:text}"), points=["5"]))
    assert [row["point"] for row in chinese] == ["∅ Tank · Flow：该时段没有读数，最新读数在 1 小时 前"]
