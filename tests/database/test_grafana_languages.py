"""The Chinese dashboards with data: what the database says in English is Chinese on the screen."""

import json
import re
from typing import Any

import asyncpg
import pytest

from ddms.languages import sentences
from grafana import failures
from grafana.__main__ import BOARDS, dashboards
from grafana.languages import known
from tests.support.dashboards import FILL, as_grafana_sends

JSON: dict[str, Any] = {
    name.removesuffix("-zh.json"): json.loads(text) for name, text in dashboards().items() if name.endswith("-zh.json")
}
# What people wrote and named in the plant of the tests, jobs and actions by their names, units, addresses.
OF_PEOPLE = re.compile(
    r"Pump|Tank|flow|Valve (&lt;|\\?<)stuck(&gt;|\\?>)|Resting|Gone|O'Brien's (\"oven\"|hall)|Flow|Ratio|Running|Mode|AUTO|ann|Old pump|new pump|Empty|here|there"
    r"|the disk is on fire|the bucket is away|ddms-\d|again|\breadings(_1m)?\b|\bbackup\b|dev_1|tcp:\S+|m³/h|\brollups\b|\bretention\b|\baudit\b|DDMS|UTC|`[^`]*`|</?(b|br|a)\b[^>]*>|\[[^]]*\]\([^)]*\)"
    r"|\bDay\b|CONFLICT|it runs already"  # a shift; what a button said to somebody in English
)


@pytest.fixture
async def viewer(owner: asyncpg.Connection, viewer: asyncpg.Connection) -> asyncpg.Connection:
    await owner.execute(FILL)
    await owner.execute(
        "UPDATE device_states SET state = 'error', last_error = 'flow and 2 more: exception 2: the device has no such register' WHERE device_id = 1"
    )
    return viewer


def properties(panel: Any, column: str) -> dict[str, Any]:
    return {
        one["id"]: one.get("value")
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == column
        for one in override["properties"]
    }


def shown(panel: Any, column: str, value: str) -> str:
    """Return what stands in a cell: a word of the column's, where it has one."""
    for mapping in properties(panel, column).get("mappings") or panel["fieldConfig"]["defaults"].get("mappings") or []:
        options = mapping["options"]
        if "pattern" not in options:
            value = options.get(value, {}).get("text", value)
        elif re.search(options["pattern"].strip("/"), value) and "text" in options["result"]:
            value = re.sub(options["pattern"].strip("/"), options["result"]["text"].replace("$", "\\"), value)
    return value


def seen(panel: Any) -> set[str]:
    """Return the columns that are seen: those that have a name, the names of lines, and what a wall shows in big letters."""
    overrides = panel["fieldConfig"]["overrides"]
    big = panel.get("options", {}).get("reduceOptions", {}).get("fields", "")
    return {"point", "text", big.strip("/^$")} | {
        one["matcher"]["options"] for one in overrides if any(each["id"] == "displayName" for each in one["properties"])
    }


async def cells(viewer: asyncpg.Connection, board: Any) -> list[str]:
    """Return each text that a dashboard shows of the database."""
    found = []
    for panel in board["panels"]:
        for sql in (target["rawSql"] for target in panel["targets"] if "rawSql" in target):
            for row in await viewer.fetch(as_grafana_sends(sql)):
                texts = {column: text for column, text in dict(row).items() if isinstance(text, str)}
                found += [shown(panel, column, text) for column, text in texts.items() if column in seen(panel)]
    for layer in board.get("annotations", {}).get("list", []):
        found += [row["text"] for row in await viewer.fetch(as_grafana_sends(layer["target"]["rawSql"]))]
    return found


@pytest.mark.parametrize("name", BOARDS)
async def test_what_a_chinese_dashboard_shows_is_chinese_but_for_what_people_wrote(
    viewer: asyncpg.Connection, name: str
):
    texts = await cells(viewer, JSON[name])
    assert texts or name == "api"
    assert {text for text in texts if re.search("[A-Za-z]{3,}", OF_PEOPLE.sub("", text))} == set()


@pytest.mark.parametrize(
    ("detail", "chinese"),
    [
        ("last heard of at 2026-11-27 01:02:03 UTC", "最近一次信号：2026-11-27 01:02:03 UTC"),
        ("tcp://10.0.0.1:502 is one of 4", "tcp://10.0.0.1:502 等共 4 个"),
        ("0.5 s ahead of the database", "比数据库快 0.5 秒"),
        ("at 2026-11-27 01:02:03 UTC about 5 rows of 2 devices will be erased", "将于 2026-11-27 01:02:03 UTC 清除 2 台设备的约 5 行数据"),
        ("the device did not answer in time", "设备未及时应答"),
        ("room for 3 MB of 4 MB; and more", "room for 3 MB of 4 MB；and more"),
    ],
)  # fmt: skip
async def test_a_detail_of_an_alarm_is_told_whole_or_stays_as_it_is(viewer: asyncpg.Connection, detail, chinese):
    assert await viewer.fetchval(f"SELECT {sentences.detail(known()[1], '$1::text')}", detail) == chinese


async def test_what_is_the_matter_with_a_job_is_said_before_what_the_program_met(viewer: asyncpg.Connection):
    async def told(error: str) -> str:
        return await viewer.fetchval(f"SELECT {sentences.failure(known()[1])} FROM (SELECT $1::text AS error) e", error)

    for error, chinese in (
        ("could not extend file: No space left on device", "磁盘已满："),
        ("canceling statement due to statement timeout", "超时："),
        ("canceling statement due to user request", "已取消："),
        ("[Errno 111] Connect call failed ('10.0.0.1', 5432)", "不存在或无法连接："),
        ("the file holds no secret key of age", "缺少密钥或密码，或不匹配："),
        ("permission denied for table x", "被拒绝，权限不足："),
    ):
        assert await told(error) == chinese + error
    assert await told("the program that ran it ended") == "运行它的程序已结束"
    assert await told("what nobody foresaw") == "what nobody foresaw"
    assert await told(None) is None


async def test_a_button_that_failed_is_called_as_it_is_named_and_says_what_its_person_was_told(
    owner: asyncpg.Connection, viewer
):
    await owner.execute(
        "INSERT INTO errors (time, reference, place, code, message, account) VALUES"
        " (now(), '0123-0001', 'button', 'CONFLICT', 'pauseJob: 任务已暂停', -7), (now(), '0123-0002', 'button', 'INTERNAL', 'KeyError in x.py, f', -7)"
    )
    sql = failures.of_buttons_sql(known()[1]).replace("${__user.login}", "usr_7")
    rows = {row["reference"]: (row["button"], row["message"]) for row in await viewer.fetch(sql)}
    assert rows == {"0123-0001": ("暂停", "任务已暂停"), "0123-0002": (None, "意外错误：DDMS 负责人可按编号查找")}
