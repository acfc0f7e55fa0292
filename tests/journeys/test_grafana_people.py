"""One sign-in for Grafana: the real one, with the settings of compose.yaml, behind the real edge and two replicas."""

import asyncio
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.ground import signing
from tests.support import grafana
from tests.support.api_server import add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.browser import browsing, needs_chromium
from tests.support.cookies import Person, signed_in
from tests.support.edge import NGINX, Edge
from tests.support.field import collector_fixture, meter_fixture  # noqa: F401 - fixtures
from tests.support.site import KEY_CACHE, Site, provisioning_fixture, settings_fixture, site_fixture  # noqa: F401 - fixtures

pytestmark = [
    grafana.needs_grafana,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
DASHBOARDS = grafana.ROOT / "grafana/dashboards"


async def test_people_are_in_grafana_who_they_are_in_ddms_and_nobody_is_its_administrator(site: Site, owner):
    for role, called in (("owner", "Admin"), ("admin", "Editor"), ("viewer", "Viewer")):
        person = await signed_in(owner, f"the {role} 李", role)
        user = (await site.get(person, "/api/user")).json()
        assert (user["login"], user["name"], user["isGrafanaAdmin"]) == (f"usr_{person.id}", person.name, False)
        assert await site.role(person) == called
    everybody = (await site.get(await signed_in(owner, "ann", "owner"), "/api/org/users")).json()
    assert {user["login"] for user in everybody} == {"usr_1", "usr_2", "usr_3", "usr_4", "admin"}


async def test_what_a_person_may_changes_in_grafana_at_the_next_request(site: Site, owner):
    person = await signed_in(owner, "ann", "viewer")
    assert await site.role(person) == "Viewer"
    await owner.execute("UPDATE users SET role = 'admin' WHERE id = $1", person.id)
    assert await became(site, person, "Editor")
    await owner.execute("UPDATE users SET role = 'viewer' WHERE id = $1", person.id)
    assert await became(site, person, "Viewer")
    await owner.execute("DELETE FROM users WHERE id = $1", person.id)
    assert await became(site, person, "401")


async def became(site: Site, person: Person, role: str) -> bool:
    """Ask until it is so on both replicas: they hear of it from the database within milliseconds, one after the other."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if all([await site.role(person) == role for _ in range(5)]):
            return True
    return False


async def test_grafana_believes_no_identity_but_the_apis(site: Site, owner):
    person = await signed_in(owner, "ann", "viewer")
    now, user = int(time.time()), f"usr_{person.id}"
    claims = {
        "iss": "ddms",
        "aud": "grafana",
        "sub": user,
        "login": user,
        "name": "ann",
        "email": f"{user}@x",
        "role": "Admin",
    }
    times = {"iat": now, "exp": now + 60}
    (real,) = signing.read(site.keys)
    head = {"alg": "ES256", "kid": real.id}
    assert await site.straight(jwt.encode(head, claims | times, real.pair)) == 200, "the others fail for what they are"

    def plain(part: dict) -> str:
        return urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

    public = json.dumps(real.published()).encode()
    refused = {
        "another key": jwt.encode(head, claims | times, ECKey.generate_key("P-256")),
        "an unknown key": jwt.encode(head | {"kid": "other"}, claims | times, ECKey.generate_key("P-256")),
        "expired": jwt.encode(head, claims | {"iat": now - 300, "exp": now - 120}, real.pair),
        "for somebody else": jwt.encode(head, claims | times | {"aud": "other"}, real.pair),
        "by somebody else": jwt.encode(head, claims | times | {"iss": "other"}, real.pair),
        "of nobody": jwt.encode(head, {k: v for k, v in (claims | times).items() if k != "sub"}, real.pair),
        "alg none": f"{plain({'alg': 'none', 'kid': real.id})}.{plain(claims | times)}.",
        "no signature": f"{plain(head)}.{plain(claims | times)}.",
        "the public key as a secret": jwt.encode(
            {"alg": "HS256", "kid": real.id}, claims | times, OctKey.import_key(public)
        ),
        "no token": "x",
    }
    assert {why: await site.straight(token) for why, token in refused.items()} == dict.fromkeys(refused, 401)
    without_role = jwt.encode(head, {k: v for k, v in (claims | times).items() if k != "role"}, real.pair)
    assert await site.straight(without_role) in {401, 403}


async def test_there_is_no_other_way_in(site: Site):
    for headers in ({"Authorization": "Basic YWRtaW46YWRtaW4="}, {"X-WEBAUTH-USER": "admin"}, {}):
        assert (await site.client.get(f"{site.own}/grafana/api/user", headers=headers)).status_code == 401
    for password in ("admin", grafana.PASSWORD):  # of Grafana's own first admin, whom nobody is
        login = await site.client.post(f"{site.own}/grafana/login", json={"user": "admin", "password": password})
        basic = await site.client.get(f"{site.own}/grafana/api/user", auth=("admin", password))
        assert login.status_code in {400, 401, 403}
        assert "grafana_session" not in login.cookies
        assert basic.status_code == 401


async def test_an_identity_that_a_client_brings_to_the_edge_is_not_believed(site: Site, owner):
    viewer, boss = await signed_in(owner, "ann", "viewer"), await signed_in(owner, "bob", "owner")
    of_boss = (await site.client.get(f"{site.api.url}/auth/grafana", headers=boss.cookie)).headers["X-DDMS-Identity"]
    assert await site.straight(of_boss) == 200
    answer = await site.client.get("/grafana/api/user", headers=viewer.cookie | {"X-DDMS-Identity": of_boss})
    assert answer.json()["name"] == "ann"
    assert (await site.client.get("/grafana/api/user", headers={"X-DDMS-Identity": of_boss})).status_code == 401


async def test_keys_are_rotated_while_people_are_in_and_nobody_notices(site: Site, owner, monkeypatch):
    monkeypatch.setattr(signing, "LEAD_SECONDS", 2 * KEY_CACHE + 1)
    person = await signed_in(owner, "ann", "viewer")
    new = signing.rotate(site.keys)
    codes, used = [], set()
    while new.id not in used:
        codes.append((await site.get(person, "/api/user")).status_code)
        told = await site.client.get(f"{site.api.url}/auth/grafana", headers=person.cookie)
        used.add(json.loads(urlsafe_b64decode(told.headers["X-DDMS-Identity"].split(".")[0] + "=="))["kid"])
        await asyncio.sleep(0.1)
    codes += [(await site.get(person, "/api/user")).status_code for _ in range(10)]
    assert set(codes) == {200}
    assert len(used) == 2


async def test_a_key_that_was_stolen_is_worth_nothing_after_a_rotation_at_once(site: Site, owner):
    person = await signed_in(owner, "ann", "viewer")
    assert (await site.get(person, "/api/user")).status_code == 200
    stolen = signing.Keys(site.keys)
    token = stolen.sign(
        {"iss": "ddms", "aud": "grafana", "sub": "usr_1", "login": "usr_1", "email": "a@b", "role": "Admin"}
    )
    assert await site.straight(token) == 200
    signing.rotate(site.keys, at_once=True)
    await asyncio.sleep(KEY_CACHE + 1.5)
    assert await site.straight(token) == 401
    assert (await site.get(person, "/api/user")).status_code == 200


async def test_grafanas_websocket_passes_for_a_page_of_ours_alone(site: Site, owner):
    person = await signed_in(owner, "ann", "viewer")
    url = site.front.https.replace("https", "wss") + "/grafana/api/live/ws"
    async with connect(url, ssl=site.front.trust(), origin=site.front.https, additional_headers=person.cookie) as live:
        await live.send('{"id":1,"connect":{}}')
        assert "connect" in str(await live.recv())
    for origin, headers, status in (("https://evil.example", person.cookie, 403), (site.front.https, {}, 401)):
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, ssl=site.front.trust(), origin=origin, additional_headers=headers)
        assert refused.value.response.status_code == status


RULE = """
apiVersion: 1
groups:
  - orgId: 1
    name: test
    folder: DDMS
    interval: 10s
    rules:
      - uid: some
        title: Some device
        condition: B
        for: 0s
        data:
          - refId: A
            relativeTimeRange: {from: 600, to: 0}
            datasourceUid: ddms
            model: {refId: A, rawSql: "SELECT count(*)::float8 AS value FROM devices", rawQuery: true, format: table}
          - refId: B
            datasourceUid: __expr__
            model: {refId: B, type: threshold, expression: A, conditions: [{evaluator: {type: gt, params: [-1]}}]}
"""


@pytest.fixture
def rule(provisioning: Path) -> None:
    (provisioning / "alerting/rule.yaml").write_text(RULE)


async def test_provisioned_dashboards_data_and_alert_rules_work_without_anybody_signed_in(rule, site: Site, owner):
    person = await signed_in(owner, "ann", "owner")
    assert (await site.get(person, "/api/datasources/uid/ddms/health")).json()["status"] == "OK"
    async with asyncio.timeout(90):
        while len((await site.get(person, "/api/search?type=dash-db")).json()) < len(list(DASHBOARDS.glob("*.json"))):
            await asyncio.sleep(0.5)
        while not (
            groups := (await site.get(person, "/api/prometheus/grafana/api/v1/rules")).json()["data"]["groups"]
        ) or (groups[0]["rules"][0]["state"] != "firing"):
            await asyncio.sleep(0.5)


@needs_chromium
async def test_an_admin_presses_a_button_and_sees_what_it_did(site: Site, owner, collector, meter, tmp_path):
    points = [{"key": "power", "registerTable": "HOLDING", "address": 0, "dataType": "FLOAT32", "byteOrder": "CDAB"}]
    await add(site.api, endpoint=meter, points=points)
    viewer, admin = await signed_in(owner, "vera", "viewer"), await signed_in(owner, "adam", "admin")
    board = f"{site.front.https}/grafana/d/ddms-device?var-device=1"
    async with browsing(tmp_path / "browser", "--ignore-certificate-errors", "--window-size=1280,1400") as page:
        await page.call("Page.navigate", url=board)
        await page.until("location.pathname == '/sign-in'")
        assert (await page.run("location.search")).startswith("?next=%2Fgrafana%2Fd%2Fddms-device")

        await enter(page, viewer, site.front)
        await page.call("Page.navigate", url=board)
        await page.sees("Latest readings")
        await page.sees("power")
        assert not await page.run("document.body.innerText.includes('Test now')"), "viewers change nothing"

        await enter(page, admin, site.front)
        await page.call("Page.navigate", url=board)
        await page.click_text("button", "Test now")
        await page.click_text("[role=dialog] button", "Confirm")
        await page.sees("adam")
        assert await owner.fetchval("SELECT outcome FROM grafana.device_tests") == "good"
        pressed = await owner.fetchrow("SELECT actor, subject FROM audit_log WHERE action = 'device.test'")
        assert tuple(pressed) == ("adam", "dev_1")

        await owner.execute("UPDATE api_tokens SET revoked_at = now() WHERE id = $1", admin.token_id)
        await page.until("location.pathname == '/sign-in'")  # at the dashboard's next refresh


@needs_chromium
async def test_a_chinese_person_begins_in_chinese_and_the_other_language_is_a_click_away(site: Site, owner, tmp_path):
    await owner.execute(
        "INSERT INTO collectors (name, version, seen_at) VALUES ('here', '0.1.0', now() - interval '3 hours')"
    )
    person = await signed_in(owner, "li", "viewer", language="zh")
    async with browsing(tmp_path / "browser", "--ignore-certificate-errors", "--window-size=1400,1400") as page:
        await enter(page, person, site.front)
        await page.call("Page.navigate", url=f"{site.front.https}/grafana/")
        await page.sees("设备状态")
        await page.sees("3 小时前")  # Grafana's own words are Chinese too
        # Again, if need be: while it writes the choices into the address Grafana takes back whoever has gone.
        there = "location.pathname == '/grafana/d/ddms-fleet/fleet'"
        english = "[...document.querySelectorAll('a')].find(each => each.innerText.trim() == 'English')"
        await page.until(f"{there} || ({english}?.click(), false)")
        await page.sees("Devices by state")


async def enter(page, person: Person, front: Edge) -> None:
    """Give a browser the cookie of a session."""
    name, _, value = person.cookie["Cookie"].partition("=")
    cookie = {"name": name, "value": value, "url": front.https, "path": "/", "secure": True, "httpOnly": True}
    await page.call("Network.setCookie", **cookie, sameSite="Lax")
