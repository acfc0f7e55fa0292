"""Buttons of dashboards: what a signed-in page may do by them, and what nothing else may."""

import json
import re
from dataclasses import replace

import asyncpg
import httpx2
import pytest

from api.permissions import PERMISSIONS
from api.transport.actions import ACTIONS, mutation_of
from grafana.__main__ import dashboards
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.cookies import Person, signed_in
from tests.support.field import collector_fixture, meter_fixture  # noqa: F401 - fixtures
from tests.support.halls import raised

ORIGIN = "https://ddms.example"
OURS = {"Host": "ddms.example", "Origin": ORIGIN, "X-Forwarded-Proto": "https", "X-Grafana-Action": "1"}


@pytest.fixture
def settings(settings):
    return replace(settings, trusted_proxies=("127.0.0.1",))


@pytest.fixture
async def boss(api: Api, owner: asyncpg.Connection) -> Person:
    return await signed_in(owner, "ann", "owner")


async def press(api: Api, person: Person | None, path: str, **changes: str | None) -> httpx2.Response:
    """Press a button as Grafana does, but for the headers that are changed or, when None, left out."""
    headers = OURS | (person.cookie if person else {}) | {n.replace("_", "-"): v for n, v in changes.items()}
    headers = {name: value for name, value in headers.items() if value is not None}
    return await api.client.post(f"{api.url}/actions/{path}", content=b"{}", headers=headers)


async def audited(owner: asyncpg.Connection) -> list[tuple[str, str, str]]:
    rows = await owner.fetch("SELECT actor, action, subject FROM audit_log WHERE transport = 'action' ORDER BY id")
    return [tuple(row) for row in rows]


async def test_a_button_does_what_the_mutation_does_and_the_audit_says_who_pressed_it(api: Api, owner, boss):
    answer = await press(api, boss, "runJob?name=retention")
    assert (answer.status_code, answer.json()["data"]["runJob"]["errors"]) == (200, [])
    assert await audited(owner) == [("ann", "job.run", "retention")]


async def test_a_device_is_tested_and_its_dashboard_shows_how_it_went(api: Api, owner, collector, meter, boss):
    points = [{"key": "power", "registerTable": "HOLDING", "address": 0, "dataType": "FLOAT32", "byteOrder": "CDAB"}]
    device = await add(api, endpoint=meter, points=points)
    row = await owner.fetchrow("SELECT * FROM grafana.device_tests")
    assert (row["device"], row["outcome"], row["requested_by"]) == ("Pump", None, None)
    answer = await press(api, boss, f"testDevice?id={device['id']}")
    assert answer.status_code == 200, answer.text
    row = await owner.fetchrow("SELECT * FROM grafana.device_tests")
    assert (row["outcome"], row["requested_by"], row["good_points"], row["tested_points"]) == ("good", "ann", 1, 1)
    assert row["seconds"] > 0
    assert ("ann", "device.test", "dev_1") in await audited(owner)


async def test_a_test_that_finds_nothing_says_why_on_the_dashboard(api: Api, owner, collector, meter, boss):
    points = [{"key": "power", "registerTable": "HOLDING", "address": 2, "dataType": "UINT16"},
              {"key": "none", "registerTable": "HOLDING", "address": 0, "dataType": "UINT16", "sentinels": [0]}]  # fmt: skip
    device = await add(api, endpoint=meter, points=points)
    assert (await press(api, boss, f"testDevice?id={device['id']}")).status_code == 200
    row = await owner.fetchrow("SELECT * FROM grafana.device_tests")
    assert (row["outcome"], row["good_points"], row["tested_points"]) == ("partly", 1, 2)
    assert row["explanation"]


async def test_buttons_acknowledge_shelve_and_note_an_alarm_by_its_number_in_the_view(api: Api, owner, boss):
    await raised(owner, (await add(api))["points"]["flow"])
    (number,) = [row["alarm_id"] for row in await owner.fetch("SELECT alarm_id FROM grafana.alarms WHERE calls")]
    pressed = {
        f"acknowledgeAlarm?id=alm_{number}": 200,
        f"noteAlarm?id=alm_{number}&note=I+look": 200,
        f"shelveAlarm?id=alm_{number}&hours=1,5&reason=sensor+is+ordered": 200,
        f"shelveAlarm?id=alm_{number}&hours=99&reason=sensor+is+ordered": 400,
        f"shelveAlarm?id=alm_{number}&hours=soon&reason=sensor+is+ordered": 400,
        f"shelveAlarm?id=alm_{number}&hours=1&reason=$reason": 400,
        f"unshelveAlarm?id=alm_{number}": 200,
        "acknowledgeAlarm?id=alm_99": 400,
    }
    assert {path: (await press(api, boss, path)).status_code for path in pressed} == pressed
    assert await audited(owner) == [
        ("ann", f"alarm.{done}", f"alm_{number}") for done in ("acknowledge", "note", "shelve", "unshelve")
    ]
    person = await signed_in(owner, "bob", "viewer")
    assert (await press(api, person, f"acknowledgeAlarm?id=alm_{number}")).status_code == 403


async def test_a_button_acknowledges_all_that_are_seen_also_when_somebody_was_faster_with_one(api: Api, owner, boss):
    device = await add(api)
    await raised(owner, device["points"]["flow"])
    await raised(owner, device["points"]["running"])
    seen = [f"alm_{row['alarm_id']}" for row in await owner.fetch("SELECT alarm_id FROM grafana.alarms WHERE calls")]
    assert len(seen) == 2
    assert (await press(api, boss, f"acknowledgeAlarm?id={seen[0]}")).status_code == 200
    assert (await press(api, boss, f"acknowledgeAlarms?ids={','.join(seen)}")).status_code == 200
    assert not await owner.fetchval("SELECT count(*) FROM grafana.alarms WHERE calls")
    assert (await press(api, boss, "acknowledgeAlarms?ids=")).status_code == 400
    assert (await press(api, boss, "acknowledgeAlarms?ids=alm_99,grp_1")).status_code == 400


async def test_a_button_that_could_do_nothing_says_so_by_its_status(api: Api, owner, boss):
    device = await add(api)
    refused = {
        f"testDevice?id={device['id']}": 503,  # no collector
        "testDevice?id=dev_99": 400,
        "testDevice?id=grp_1": 400,
        "runJob?name=none": 400,
        "deleteDevice?id=dev_1": 400,
        "runJob": 400,
        "runJob?name=a&name=b": 400,
        "runJob?name=retention&more=1": 400,
        "runJob?name=%FF": 400,
        "runJob?name=" + "x" * 9_000: 400,
    }
    for path, status in refused.items():
        answer = await press(api, boss, path)
        error = (answer.json().get("errors") or next(iter(answer.json()["data"].values()))["errors"])[0]
        assert (answer.status_code, bool(error["message"])) == (status, True), path
    assert [line for line in await audited(owner) if line[1] == "job.run"] == []


@pytest.mark.parametrize("value", ["$job", "${job}", "", "%20", "$name"])
async def test_a_field_that_was_left_empty_in_the_dashboard_is_not_taken_for_a_name(api: Api, boss, value):
    answer = await press(api, boss, f"runJob?name={value}")
    assert answer.status_code == 400
    assert "fill it in" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Origin": None}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://ddms.example"}, 403),
        ({"Origin": "https://ddms.example:444"}, 403),
        ({"Origin": "https://ddms.example.evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"X_Grafana_Action": None}, 403),
        ({"X_Grafana_Action": "0"}, 403),
        ({"Cookie": None}, 401),
        ({"Cookie": "__Host-ddms_session=ddms-session_made-up"}, 401),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
    ],
)
async def test_only_a_page_of_ours_with_a_session_presses_buttons(api: Api, owner, boss, changes, status):
    answer = await press(api, boss, "runJob?name=retention", **changes)
    assert answer.status_code == status
    assert len(await audited(owner)) == (status == 200)
    assert status == 200 or answer.json()["errors"][0]["message"]


async def test_a_token_presses_no_buttons(api: Api, owner):
    answer = await press(api, None, "runJob?name=retention", Authorization=f"Bearer {api.tokens['owner']}")
    as_cookie = await press(api, None, "runJob?name=retention", Cookie=f"__Host-ddms_session={api.tokens['owner']}")
    assert (answer.status_code, as_cookie.status_code) == (401, 401)
    assert await audited(owner) == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_an_action_is_done_by_post_alone(api: Api, owner, boss, method):
    answer = await api.client.request(method, f"{api.url}/actions/runJob?name=retention", headers=OURS | boss.cookie)
    assert answer.status_code == 400
    assert await audited(owner) == []


@pytest.mark.parametrize("role", ["viewer", "admin"])
async def test_the_table_of_rights_holds_for_buttons_too(api: Api, owner, role):
    person = await signed_in(owner, "bob", role)
    answer = await press(api, person, "runJob?name=retention")
    assert answer.status_code == 403
    assert "needs the role owner" in answer.json()["errors"][0]["message"]
    device = await press(api, person, "testDevice?id=dev_99")
    assert device.status_code == (403 if role == "viewer" else 400)
    assert await audited(owner) == []


async def test_a_person_who_presses_without_end_is_stopped_like_any_caller(api: Api, owner, boss):
    api.ruin(-boss.id)
    answer = await press(api, boss, "runJob?name=retention")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_sentences_come_in_the_language_of_the_person(api: Api, owner):
    person = await signed_in(owner, "li", "owner", language="zh")
    answer = await press(api, person, "runJob?name=none")
    assert "没有" in next(iter(answer.json()["data"].values()))["errors"][0]["message"]


def test_each_button_is_a_mutation_of_the_table_of_rights():
    for name, document in ACTIONS.items():
        assert PERMISSIONS[f"Mutation.{mutation_of(document)}"], "nobody presses a button without a session"
        assert re.search(rf" Button_{name}\b", document)


def test_each_button_of_a_dashboard_sends_what_its_action_takes():
    properties = [
        one
        for board in map(json.loads, dashboards().values())
        for panel in board["panels"]
        for column in panel.get("fieldConfig", {}).get("overrides", [])
        for one in column["properties"]
    ]
    pressed = {}
    for button in (each for one in properties if one["id"] == "actions" for each in one["value"]):
        assert button["fetch"]["method"] == "POST"
        pressed[button["fetch"]["url"]] = [name for name, _ in button["fetch"]["queryParams"]]
    taken = {f"/actions/{name}": re.findall(r"\$(\w+):", document) for name, document in ACTIONS.items()}
    assert pressed.keys() <= taken.keys()
    assert pressed == {name: taken[name] for name in pressed}
