"""The edge before Grafana: who is not signed in gets nowhere, and nobody is believed who they say they are."""

import json
from base64 import urlsafe_b64decode
from dataclasses import replace

import httpx2
import pytest

from api.ground import signing
from tests.support.api_server import Api, api_fixture, serving, tokens_fixture  # noqa: F401 - fixtures
from tests.support.cookies import signed_in
from tests.support.edge import NGINX, Edge, edge, grafana
from tests.support.ports import free_port

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
PAGE = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def settings(settings, tmp_path):
    signing.ensure(tmp_path / "keys")
    return replace(settings, keys_directory=tmp_path / "keys", trusted_proxies=("127.0.0.1",))


@pytest.fixture
async def front(tmp_path, api: Api, settings):
    """An edge before two replicas of the API and a Grafana that tells what it was told."""
    async with serving(settings) as (other, _):
        both = ",".join(url.removeprefix("http://") for url in (api.url, other))
        with grafana() as pages, edge(tmp_path, api=both, grafana=pages) as running:
            yield running


@pytest.fixture
async def client(front: Edge):
    async with httpx2.AsyncClient(base_url=front.https, verify=front.trust()) as client:
        yield client


def claims(answer: httpx2.Response) -> dict:
    body = answer.headers["Told-X-DDMS-Identity"].split(".")[1]
    return json.loads(urlsafe_b64decode(body + "=="))


async def test_grafana_is_told_who_asks_and_nothing_of_their_session(client, owner):
    person = await signed_in(owner, "ann", "admin")
    answers = [await client.get("/grafana/api/x?a=1", headers=person.cookie) for _ in range(4)]
    for answer in answers:  # of both replicas
        assert claims(answer)["sub"] == f"usr_{person.id}"
        assert "Told-Cookie" not in answer.headers
    assert answers[0].text == "/grafana/api/x?a=1 127.0.0.1 https"


async def test_what_the_database_says_to_a_panel_begins_with_the_number_of_the_request(client, owner):
    person = await signed_in(owner, "ann", "viewer")
    headers = person.cookie | {"Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    failed = await client.post("/grafana/api/ds/query?fails=1", json={}, headers=headers)
    id_ = failed.headers["X-Request-ID"]
    number = f"{id_[:4]}-{id_[4:8]}"
    assert failed.headers["Grafana-Trace-Id"] == number
    told = [result["error"] for result in failed.json()["results"].values()]
    assert told == [f'[{number}] the database said "error":"no"', f"[{number}] no"]
    went_well = await client.post("/grafana/api/ds/query?fails=0", json={}, headers=headers)
    assert number not in went_well.text
    assert [result["error"] for result in went_well.json()["results"].values()][1] == "no"


async def test_a_person_who_is_not_signed_in_is_led_to_the_page_for_that_and_back(client):
    for headers in (PAGE, PAGE | {"Sec-Fetch-Mode": "navigate"}):
        answer = await client.get("/grafana/d/ddms-fleet?var-a=1&from=now-1h", headers=headers)
        assert answer.status_code == 302
        assert answer.headers["Location"] == "/sign-in?next=%2Fgrafana%2Fd%2Fddms-fleet%3Fvar-a%3D1%26from%3Dnow-1h"


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Mode": "cors"} | PAGE, {"Accept": "application/json"}])
async def test_a_script_that_is_not_signed_in_gets_a_401_in_json(client, headers):
    answer = await client.get("/grafana/api/search", headers=headers)
    assert answer.status_code == 401
    assert "sign-in" in answer.json()["message"]
    posted = await client.post("/grafana/api/ds/query", json={}, headers=PAGE)
    assert posted.status_code == 401


async def test_who_signs_out_is_out_of_grafana_at_the_next_request(client, owner, api: Api):
    person = await signed_in(owner, "ann", "admin")
    assert (await client.get("/grafana/api/x", headers=person.cookie)).status_code == 200
    await owner.execute("UPDATE api_tokens SET revoked_at = now() WHERE id = $1", person.token_id)
    codes = [(await client.get("/grafana/api/x", headers=person.cookie)).status_code for _ in range(20)]
    assert codes[-1] == 401


@pytest.mark.parametrize("name", ["X-DDMS-Identity", "x_ddms_identity", "X-Ddms-Identity"])
async def test_an_identity_that_a_client_brings_is_not_handed_on(client, owner, settings, name):
    forged = signing.Keys(settings.keys_directory).sign({"sub": "usr_1", "role": "Admin"})
    person = await signed_in(owner, "ann", "viewer")
    for path in ("/grafana/api/x", "/grafana/public/x.js"):
        answer = await client.get(path, headers={name: forged, "Authorization": "Bearer glsa_x"} | person.cookie)
        told = {key.lower(): value for key, value in answer.headers.items() if key.lower().startswith("told-")}
        assert forged not in told.values()
        assert not {"told-authorization", "told-cookie", "told-x_ddms_identity"} & told.keys()
    assert (await client.get("/grafana/api/x", headers={name: forged})).status_code == 401


async def test_the_place_where_identities_are_made_cannot_be_reached_from_outside(client, owner):
    person = await signed_in(owner, "ann", "owner")
    for path in (
        "/identity",
        "/auth/grafana",
        "//auth/grafana",
        "/x/../auth/grafana",
        "/%61uth/grafana",
        "/auth%2Fgrafana",
    ):
        request = httpx2.Request("GET", f"{client.base_url}".rstrip("/") + path, headers=person.cookie)
        answer = await client.send(request)
        assert answer.status_code in {404, 400}, path
        assert "X-DDMS-Identity" not in answer.headers


async def test_grafanas_own_refusals_come_through_as_they_are(client, owner):
    person = await signed_in(owner, "ann", "owner")
    answer = await client.get("/grafana/api/refused", headers=person.cookie)
    assert answer.status_code == 401
    assert answer.text.startswith("/grafana/api/refused")


async def test_pages_come_in_the_language_of_the_person_where_they_have_one(client, owner):
    plain, chinese = await signed_in(owner, "ann", "viewer"), await signed_in(owner, "li", "viewer", language="zh")
    assert (await client.get("/grafana/d/x", headers=PAGE | plain.cookie)).text.startswith("/grafana/d/x ")
    page = await client.get("/grafana/d/x?a=1", headers=PAGE | chinese.cookie)
    assert page.text.startswith("/grafana/d/x?a=1&lang=zh-Hans&regionalFormat=zh-CN ")
    assert (await client.get("/grafana/", headers=PAGE | chinese.cookie)).text.startswith(
        "/grafana/?lang=zh-Hans&regionalFormat=zh-CN "
    )
    assert (await client.get("/grafana/api/x", headers=chinese.cookie)).text.startswith("/grafana/api/x ")


async def test_the_first_page_is_the_fleet_in_the_language_of_the_account_else_of_the_browser(client, owner):
    plain, chinese = await signed_in(owner, "ann", "viewer"), await signed_in(owner, "li", "viewer", language="zh")
    english = await signed_in(owner, "bob", "viewer", language="en")
    home, fleet = "/grafana/api/dashboards/home", "/grafana/api/dashboards/uid/ddms-fleet-zh"
    at_home = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
    for person, browser, asked in (
        (plain, {}, home),
        (plain, at_home, fleet),
        (chinese, {}, fleet),
        (english, at_home, home),
    ):
        answer = await client.get(home, headers=browser | person.cookie)
        assert answer.text.startswith(f"{asked} ")
    assert (await client.get("/grafana/api/x", headers=at_home | chinese.cookie)).text.startswith("/grafana/api/x ")


async def test_signing_out_of_grafana_is_signing_out_of_ddms(client):
    assert (await client.get("/grafana/logout")).headers["Location"] == "/sign-out"


async def test_a_change_that_another_site_asks_of_grafana_is_refused(client, owner, front: Edge):
    person = await signed_in(owner, "ann", "owner")
    ours = await client.post("/grafana/api/x", json={}, headers={"Origin": front.https} | person.cookie)
    foreign = await client.post("/grafana/api/x", json={}, headers={"Origin": "https://localhost:1"} | person.cookie)
    assert (ours.status_code, foreign.status_code) == (200, 403)


async def test_a_button_reaches_the_api_and_not_grafana(client, owner, front: Edge):
    person = await signed_in(owner, "ann", "owner")
    headers = {"Origin": front.https, "X-Grafana-Action": "1"} | person.cookie
    answer = await client.post("/grafana/actions/runJob?name=none", content="{}", headers=headers)
    assert answer.status_code == 400
    assert "there is no job 'none'" in answer.text


async def test_while_the_api_is_away_grafana_is_too_and_says_that_it_comes_back(tmp_path):
    with grafana() as pages, edge(tmp_path, api=f"127.0.0.1:{free_port()}", grafana=pages) as running:
        async with httpx2.AsyncClient(base_url=running.https, verify=running.trust()) as client:
            page, script = await client.get("/grafana/", headers=PAGE), await client.get("/grafana/api/search")
    assert (page.status_code, script.status_code) == (503, 503)
    assert "Try again" in page.text
    assert "try again" in script.json()["message"]


async def test_grafana_gets_the_keys_under_the_inner_certificate_and_nothing_else(front: Edge):
    async with httpx2.AsyncClient(base_url=front.inner, verify=front.trust_inner()) as client:
        keys = (await client.get("/.well-known/jwks.json")).json()["keys"]
        assert (await client.get("/graphql")).status_code == 404
    assert [key["alg"] for key in keys] == ["ES256"]
    assert "d" not in keys[0]
