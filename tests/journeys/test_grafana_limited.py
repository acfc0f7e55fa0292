"""Grafana for people of one hall: the real one, behind the real edge; the other hall is in nothing that they can ask."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import httpx2
import pytest

from api.ground import signing
from tests.support import grafana
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.browser import browsing, needs_chromium
from tests.support.cookies import Person, signed_in
from tests.support.edge import NGINX, Edge, edge
from tests.support.halls import Halls, halls_fixture  # noqa: F401 - fixture
from tests.support.ports import free_port

pytestmark = [
    grafana.needs_grafana,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
BOARDS = sorted((grafana.ROOT / "grafana/dashboards").glob("*.json"))


@dataclass
class Site:
    """What runs, and a viewer of hall 3 who is signed in."""

    halls: Halls
    front: Edge
    client: httpx2.AsyncClient
    person: Person

    async def post(self, path: str, body: Any, person: Person | None = None, **headers: str) -> httpx2.Response:
        sent = (person or self.person).cookie | {"Origin": self.front.https, "Sec-Fetch-Site": "same-origin"} | headers
        return await self.client.post(f"/grafana{path}", json=body, headers=sent)

    async def sql(self, sql: str, person: Person | None = None, **query: Any) -> httpx2.Response:
        asked = {"refId": "A", "datasource": {"uid": "ddms", "type": "x"}, "format": "table", "rawSql": sql} | query
        return await self.post("/api/ds/query", {"queries": [asked], "from": "now-1h", "to": "now"}, person)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def settings(settings, tmp_path, port):
    signing.ensure(tmp_path / "keys")
    return replace(
        settings,
        keys_directory=tmp_path / "keys",
        trusted_proxies=("127.0.0.1",),
        grafana_url=f"http://127.0.0.1:{port}",
    )


@pytest.fixture
async def site(tmp_path, halls: Halls, settings, owner: asyncpg.Connection, port) -> AsyncIterator[Site]:
    await grafana.let_in(owner)
    person = await signed_in(owner, "vera", "viewer", limited=True)
    await owner.execute("INSERT INTO user_groups VALUES ($1, $2)", person.id, int(halls.third.group[4:]))
    other = await signed_in(owner, "olga", "owner")
    here = f"127.0.0.1:{port}"
    with edge(
        tmp_path, api=halls.api.url.removeprefix("http://"), grafana=here, API_REQUESTS_PER_MINUTE="6000"
    ) as front:
        started = grafana.running(tmp_path, front, port, settings.database_url)
        await asyncio.to_thread(started.__enter__)
        try:
            async with httpx2.AsyncClient(base_url=front.https, verify=front.trust(), timeout=60) as client:
                async with asyncio.timeout(
                    60
                ):  # it answers before it has read all its dashboards, and keeps what a person may
                    while any([await missing(client, other, board.stem) for board in BOARDS]):
                        await asyncio.sleep(0.2)
                yield Site(halls, front, client, person)
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)


async def missing(client: httpx2.AsyncClient, person: Person, board: str) -> bool:
    answer = await client.get(f"/grafana/api/dashboards/uid/ddms-{board}", headers=person.cookie)
    return answer.status_code != 200


def questions(halls: Halls) -> Iterator[tuple[str, str]]:
    """Give each SQL of the dashboards, its variables filled with what is of both halls."""
    both = (halls.third, halls.fourth)
    devices, groups = ([getattr(hall, kind)[4:] for hall in both] for kind in ("device", "group"))
    points = [str(point) for hall in both for point in hall.points.values()]
    chosen = {
        "points": points,
        "devices": devices,
        "device": devices[1:],
        "group": groups[1:],
        "state": ["online", "unknown"],
    }
    chosen |= {
        "unit": ["m³/h", "Flow"],
        "compare": ["day"],
        "heat": points[:1],
        "keys": ["flow", "mode"],
        "search": [""],
        "interval_ms": ["5000"],
    }

    def filled(match: re.Match[str]) -> str:
        name, form = match[1] or match[3], match[2]
        values = chosen.get(name.strip("_"), ["1"])
        return ",".join(f"'{value}'" if form == "sqlstring" else value for value in values)

    for board in BOARDS:
        for sql in sorted(set(texts(json.loads(board.read_text())))):
            yield (
                f"{board.stem}: {sql[:60]}",
                re.sub(
                    r"\$\{(\w+)(?::(\w+))?\}|\$(?!__time)(\w+)",
                    filled,
                    sql.replace("${__from}", "0").replace("${__to}", "3600000"),
                ),
            )


def texts(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("rawSql"), str):
            yield part["rawSql"]
        if part.get("type") == "query" and isinstance(part.get("query"), str):
            yield part["query"]
        for inner in part.values():
            yield from texts(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from texts(inner)


async def test_each_question_of_each_dashboard_shows_hall_3_and_nothing_of_hall_4(site: Site, owner):
    free = await signed_in(owner, "all", "viewer")
    others, shown = 0, 0
    for name, sql in questions(site.halls):
        answer = await site.sql(sql)
        assert answer.status_code == 200, (name, answer.text[:300])
        values = json.dumps([frame["data"] for frame in answer.json()["results"]["A"]["frames"]])
        assert "four" not in values, (name, values)
        assert "10.0.4.1" not in values, (name, values)
        shown += "three" in values
        others += "four" in (await site.sql(sql, free)).text
    assert shown > 5
    assert others > 5, "who has no limits sees both"


SEEN = "SELECT device FROM devices ORDER BY 1"
TRICKS = {
    "another person's comment": "/*ddms:person 999*/ " + SEEN,
    "a comment that ends": "*/ " + SEEN,
    "a second statement": "SELECT 1; /*ddms:person 999*/" + SEEN,
    "a prepared statement": "PREPARE mine AS SELECT device FROM devices; EXECUTE mine",
    "a cursor": "BEGIN; DECLARE c CURSOR FOR SELECT device FROM devices; FETCH ALL FROM c; COMMIT",
    "the setting": "SET ddms.person = '999'; SELECT device FROM devices",
    "an error that tells": "SELECT device::int FROM devices",
    "a function that tells": "SELECT device FROM devices WHERE (device || '')::int > 0",
    "the other schema": "SELECT device FROM grafana.devices",
    "the tables": "SELECT name FROM public.devices",
    "the other search path": "SET search_path = grafana, public; SELECT device FROM devices",
    "the other role": "SET ROLE ddms_grafana; SELECT device FROM grafana.devices",
    "what is counted": "EXPLAIN (ANALYZE, VERBOSE) SELECT device FROM devices",
    "what others ask": "SELECT query FROM pg_stat_activity",
    "statistics": "SELECT most_common_vals::text FROM pg_stats",
    "readings by their number": "SELECT value FROM readings WHERE value = 4",
    "the newest by their number": "SELECT value FROM latest WHERE value = 4",
    "trends by their number": "SELECT value FROM trend(ARRAY(SELECT generate_series(1, 50)), now() - interval '1 hour', now(), 100) WHERE value = 4",
    "groups": "SELECT group_name, devices FROM groups",
    "erasures": "SELECT subject FROM erasures",
}


async def test_no_sql_of_a_limited_person_shows_the_other_hall(site: Site, owner):
    await owner.execute(
        "INSERT INTO erasures (subject, points, requested_by) VALUES ('Pump of hall four', '{1}', 'ann')"
    )
    await owner.execute("ANALYZE")
    for name, sql in TRICKS.items():
        told = (await site.sql(sql)).text
        assert "hall four" not in told, (name, told)
        assert "[4]" not in told, (name, told)
    assert "hall three" in (await site.sql(SEEN)).text, "the session is still good for others"


async def test_the_other_data_source_shows_nothing_to_who_asks_it_directly(site: Site, owner):
    free = await signed_in(owner, "all", "viewer")
    told = await site.sql(f"/*x*/{SEEN}", free, datasource={"uid": "ddms-limited", "type": "x"})
    assert told.status_code == 200
    assert "hall" not in json.dumps([frame["data"] for frame in told.json()["results"]["A"]["frames"]])


@pytest.mark.parametrize("source", ["prometheus", "ddms-limited", "__expr__", "-- Mixed --", "", None, "DDMS"])
async def test_other_data_sources_and_forms_are_refused_by_a_sentence(site: Site, source):
    answer = await site.sql(SEEN, datasource={"uid": source})
    assert answer.status_code == 403
    assert "rights reach to the devices of your groups" in answer.json()["message"]
    for body in ({}, [], {"queries": [{"rawSql": SEEN}]}, {"queries": ["x"]}, {"queries": [{"datasource": 1}]}):
        assert (await site.post("/api/ds/query", body)).status_code in {400, 403}, body


CLOSED = [
    "/api/datasources", "/api/datasources/uid/ddms", "/api/datasources/proxy/uid/prometheus/api/v1/query?query=up",
    "/api/datasources/uid/prometheus/resources/api/v1/labels", "/api/alerts", "/api/annotations/tags",
    "/api/ruler/grafana/api/v1/rules", "/api/snapshots/x", "/api/live/ws", "/api/org/users", "/api/users/lookup", "/api/admin/settings",
    "/api/dashboards/uid/ddms-fleet/public-dashboards", "/api/public/dashboards/x", "/explore", "/alerting/list", "/api/ds/%71uery",
    "/api/search/../datasources", "//api/datasources", "/api/library-elements", "/api/query-history", "/apis/query.grafana.app/v0alpha1/x",
]  # fmt: skip


async def test_what_else_there_is_in_grafana_is_closed_to_limited_people(site: Site):
    for path in CLOSED:
        answer = await site.client.get(f"/grafana{path}", headers=site.person.cookie)
        assert answer.status_code in {403, 400, 404}, (path, answer.status_code, answer.text[:200])
        assert "hall four" not in answer.text
    for path in (
        "/api/tsdb/query",
        "/api/annotations",
        "/api/snapshots",
        "/apis/query.grafana.app/v0alpha1/namespaces/default/query",
        "/api/ds/query/",
        "/api/ds/query?x=1",
    ):
        body = {"queries": [{"refId": "A", "datasource": {"uid": "ddms"}, "rawSql": SEEN, "format": "table"}]}
        answer = await site.post(path, body)
        assert "hall four" not in answer.text, path


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/d/ddms-fleet",
        "/api/search?query=",
        "/api/dashboards/uid/ddms-device",
        "/api/user",
        "/api/frontend/settings",
    ],
)
async def test_dashboards_are_open_to_limited_people(site: Site, path):
    answer = await site.client.get(f"/grafana{path}", headers=site.person.cookie, follow_redirects=True)
    assert answer.status_code == 200, answer.text[:300]


@needs_chromium
async def test_a_browser_shows_each_dashboard_with_hall_3_and_without_hall_4(site: Site, tmp_path):
    hall = site.halls.third
    shown = {
        "ddms-fleet": "Pump of hall",
        f"ddms-group?var-group={hall.group[4:]}": "Pump of hall",
        f"ddms-device?var-device={hall.device[4:]}": "flow",
        f"ddms-history?var-devices={hall.device[4:]}": "Pump of hall",
        f"ddms-device-zh?var-device={hall.device[4:]}": "flow",
    }
    async with browsing(tmp_path / "browser", "--ignore-certificate-errors", "--window-size=1280,1400") as page:
        name, _, value = site.person.cookie["Cookie"].partition("=")
        cookie = {"name": name, "value": value, "url": site.front.https, "path": "/", "secure": True, "httpOnly": True}
        await page.call("Network.setCookie", **cookie, sameSite="Lax")
        for board, text in shown.items():
            await page.call("Page.navigate", url=f"{site.front.https}/grafana/d/{board}")
            await page.until(f"document.body && document.body.innerText.includes({json.dumps(text)})")
            body = await page.run("document.body.innerText")
            assert "four" not in body, board
            assert "Forbidden" not in body, board


async def test_a_group_that_is_taken_away_is_out_of_grafana_at_the_next_question(site: Site, owner):
    assert "hall three" in (await site.sql(SEEN)).text
    await owner.execute("DELETE FROM user_groups")
    assert "hall three" not in (await site.sql(SEEN)).text
