"""What dashboards take over 1,000 devices and 90 days: the SQL of each panel, fifty operators, and the first view.

`python -m bench.dashboards [--grafana HOME]`, over the database of `bench.look`. Each panel's SQL is what Grafana sends, with what
is chosen by `bench.look`, by Grafana's role: over the dashboard's own range, and over 90 days where that is another question.
Fifty operators ask all of a dashboard's questions each 10 s, over the two sessions that Grafana's data source has, while the
plant is stored; what that costs is the processor time of these sessions. The first view is a cold browser's, through nginx.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

from bench.processes import cpu_seconds
from grafana.__main__ import dashboards
from tests.support.dashboards import as_grafana_sends
from tests.support.database import find_server

if TYPE_CHECKING:
    from bench.look_site import Site

TIMES, QUARTER, GOAL_MS = 5, 90 * 24, 200
OPERATORS, EVERY, LASTING, SESSIONS = 50, 10.0, 60.0, 2
SHARES = {"fleet": 20, "alarms": 15, "device": 15}
FIRST_VIEWS = 5
RANGES = {"m": 1 / 60, "h": 1, "d": 24}
CHOSEN: dict[str, str | list[str]] = {
    "device": "13", "devices": ["1", "13"], "group": "1", "keys": ["flow", "pressure", "bearing"], "point": "121", "unit": ["m³/h"],
    "noun": ["device", "point", "limit", "group", "alarm"], "event": ["raised", "cleared", "acknowledged"], "points": [str(n) for n in (*range(1, 8), *range(121, 128))],
}  # fmt: skip

ON: dict[str, dict[str, str | list[str]]] = {
    "alarms": {"device": "all", "group": "all"}, "alarm-history": {"group": "all", "alarm": "all"}, "alarm-performance": {"device": "all", "group": "all"},
    "device": {"points": [str(n) for n in range(121, 131)]},
    "consumption": {"devices": [str(n) for n in range(3, 64, 4)], "unit": ["kWh"], "points": [str(10 * n - 2) for n in range(3, 64, 4)]},
}  # fmt: skip
"""What is chosen on a dashboard in another way."""


class Question(NamedTuple):
    """A panel's question, with what is chosen, over so many hours."""

    board: str
    panel: str
    hours: int
    sql: str


def questions(name: str, board: dict[str, Any], hours: int | None = None) -> Iterator[Question]:
    """Give what a dashboard asks the database for; over its own range when none is named."""
    own = re.fullmatch(r"now-(\d+)(\w)", board["time"]["from"])
    span = hours or max(1, int(int(own[1]) * RANGES[own[2]]) if own else 24)
    sources = [(panel["title"], target) for panel in board["panels"] for target in panel["targets"]]
    sources += [(layer["name"], layer["target"]) for layer in board.get("annotations", {}).get("list", [])]
    for title, target in sources:
        if sql := target.get("rawSql"):
            chosen = CHOSEN | (ON.get(name) or {})
            if hours is None or "$__timeFrom" in sql:
                yield Question(name, title, span, as_grafana_sends(sql, hours=span, **chosen))


async def as_grafana(url: str) -> asyncpg.Connection:
    """Return a session with the rights and the settings of Grafana's."""
    connection = await asyncpg.connect(url, statement_cache_size=0)
    found = await connection.fetch(
        "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = current_database() AND setrole = 'ddms_grafana'::regrole"
    )
    for (setting,) in found:
        name, _, value = setting.partition("=")
        await connection.execute(f"SET {name} = '{value}'")
    await connection.execute("SET SESSION AUTHORIZATION ddms_grafana")
    return connection


async def timed(connection: asyncpg.Connection, sql: str) -> tuple[float, float]:
    """Return the median time of a question in milliseconds, and the median of the session's processor time."""
    pid, taken, worked = connection.get_server_pid(), [], []
    for _ in range(TIMES):
        began, before = time.perf_counter(), cpu_seconds(pid)
        await connection.fetch(sql)
        taken.append((time.perf_counter() - began) * 1e3)
        worked.append((cpu_seconds(pid) - before) * 1e3)
    return statistics.median(taken), statistics.fmean(worked)


async def panels(url: str, boards: dict[str, Any]) -> None:
    """Print the slowest questions, over each dashboard's own range and over 90 days."""
    connection = await as_grafana(url)
    found = []
    for name, board in boards.items():
        for one in (*questions(name, board), *questions(name, board, QUARTER)):
            try:
                found.append((*await timed(connection, one.sql), one))
            except asyncpg.PostgresError as error:
                print(f"FAILS {one.board}, {one.panel}, {one.hours} h: {error}")
    found.sort(key=lambda each: -each[0])
    within = sum(median < GOAL_MS for median, _, _ in found)
    print(f"\n{len(found)} questions, {within} of them under {GOAL_MS} ms (medians of {TIMES}); the slowest:")
    print("| dashboard | panel | range | ms | processor ms |\n|---|---|---|---|---|")
    for median, worked, one in found[:20]:
        print(f"| {one.board} | {one.panel} | {one.hours} h | {median:.0f} | {worked:.0f} |")
    for name in boards:
        mine = [(median, worked) for median, worked, one in found if one.board == name and one.hours != QUARTER]
        print(f"{name}: {len(mine)} questions, {sum(m for m, _ in mine):.0f} ms together, {sum(w for _, w in mine):.0f} ms of processor", flush=True)  # fmt: skip
    await connection.close()


class Asked(NamedTuple):
    """How long an operator waited for a dashboard's answers, in seconds."""

    board: str
    seconds: float


async def operators(url: str, boards: dict[str, Any]) -> None:
    """Print what fifty of them cost."""
    sessions: asyncio.Queue[asyncpg.Connection] = asyncio.Queue()
    opened = [await as_grafana(url) for _ in range(SESSIONS)]
    for connection in opened:
        sessions.put_nowait(connection)
    waited: list[Asked] = []

    async def ask(sql: str) -> None:
        connection = await sessions.get()
        try:
            await connection.fetch(sql)
        finally:
            sessions.put_nowait(connection)

    async def operate(place: int, name: str) -> None:
        mine = [one.sql for one in questions(name, boards[name])]
        await asyncio.sleep(place * EVERY / OPERATORS)
        until = time.monotonic() + LASTING
        while (began := time.monotonic()) < until:
            await asyncio.gather(*map(ask, mine))
            waited.append(Asked(name, time.monotonic() - began))
            await asyncio.sleep(max(0.0, began + EVERY - time.monotonic()))

    people = [name for name, share in SHARES.items() for _ in range(share)]
    pids = [connection.get_server_pid() for connection in opened]
    before, began = [cpu_seconds(pid) for pid in pids], time.monotonic()
    await asyncio.gather(*(operate(n, name) for n, name in enumerate(people)))
    cost = sum(cpu_seconds(pid) - first for pid, first in zip(pids, before, strict=True))
    lasted = time.monotonic() - began
    for connection in opened:
        await connection.close()
    each = cost / len(waited)
    print(
        f"\n{OPERATORS} operators, each {EVERY:.0f} s for {lasted:.0f} s: {cost / lasted:.2f} of a core, {len(waited)} views of {each * 1e3:.0f} ms of processor,"
    )
    print(f"which is {each * OPERATORS / EVERY:.2f} of a core when none has to wait for a busy machine")
    for name in SHARES:
        mine = sorted(one.seconds for one in waited if one.board == name)
        print(f"  {name}: {len(mine)} views, all answers after {statistics.median(mine):.2f} s (median), {mine[int(len(mine) * 0.95)]:.2f} s (95 %)")  # fmt: skip


async def opened(running: "Site", folder: Path, path: str) -> float:
    """Return after how many seconds a page of Grafana's own is painted in a cold browser."""
    from bench.look_pages import painted, prepare  # noqa: PLC0415
    from tests.support.browser import browsing  # noqa: PLC0415

    async with browsing(folder, "--ignore-certificate-errors", "--window-size=1400,900") as page:
        await prepare(page)
        await page.enter(running.cookies["en"], running.base)
        await page.call("Page.navigate", url=f"{running.base}{path}")
        return float((await painted(page, 0))["changed"]) / 1000


async def first_views(url: str, scratch: Path, board: dict[str, Any]) -> None:
    """Print how long a cold browser takes until the fleet is painted."""
    from bench.look_pages import Look, look, prepare  # noqa: PLC0415
    from bench.look_site import site  # noqa: PLC0415
    from tests.support.browser import browsing  # noqa: PLC0415

    async with site(url, scratch) as running:
        plain = [await opened(running, scratch / f"plain-{number}", "/dashboards") for number in range(FIRST_VIEWS)]
        print(f"\na cold browser opens Grafana's own list of dashboards, for comparison: {statistics.median(plain):.2f} s", flush=True)  # fmt: skip
        print("\nfirst view of the fleet, a cold browser each time, seconds until the last panel was painted:")
        for label, height in (("what a screen of 1,400 × 900 shows", 900), ("the whole page", None)):
            taken = []
            for number in range(FIRST_VIEWS + 1):
                folder = scratch / f"browser-{height}-{number}"
                async with browsing(folder, "--ignore-certificate-errors", "--hide-scrollbars") as page:
                    await prepare(page)
                    await page.enter(running.cookies["en"], running.base)
                    seen = await look(page, running.base, Look(board=board, width=1400), None, height=height)
                    taken.append(seen.seconds)
            print(f"  {label}: {statistics.median(taken[1:]):.2f} ({min(taken[1:]):.2f}–{max(taken[1:]):.2f}; the server's own first {taken[0]:.2f})", flush=True)  # fmt: skip


async def measure(server: str, asked: argparse.Namespace, scratch: Path) -> None:
    from bench import look_plant, look_site  # noqa: PLC0415

    url = await look_site.filled(server, asked.devices, asked.days)
    boards = {name.removesuffix(".json"): json.loads(text) for name, text in dashboards().items() if "-zh" not in name}
    async with look_plant.polled(url, asked.devices, asked.days):
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        if "panels" in asked.what:
            await panels(url, boards)
        if "operators" in asked.what:
            await operators(url, boards)
        if "first" in asked.what:
            if absent := look_site.missing():
                print(f"no first view: here is no {', no '.join(absent)}")
            else:
                await first_views(url, scratch, boards["fleet"])
        print(f"load {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dashboards", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--grafana", type=Path, help="home folder of a Grafana; also DDMS_TEST_GRAFANA")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("what", nargs="*", default=["panels", "operators", "first"], help="%(default)s")
    asked = parser.parse_args(sys.argv[1:])
    if asked.grafana:
        os.environ["DDMS_TEST_GRAFANA"] = str(asked.grafana)
    os.environ.setdefault("DDMS_TEST_DURABLE", "1")
    server, _ = find_server()
    try:
        with tempfile.TemporaryDirectory(prefix="ddms-dashboards-") as scratch:
            asyncio.run(measure(server.url, asked, Path(scratch)))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
