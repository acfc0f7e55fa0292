"""Sign-ins by a provider: what a right one gives, and what a lying, slow or absent one cannot do."""

import asyncio
import time
from dataclasses import replace

import asyncpg
import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.access import openid_provider
from ddms.openid import Provider, RoleRule
from ddms.settings import Settings
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.openid import CLIENT_ID, KEYS, PUBLIC_URL, SECRET, Browser, Lying, lying, unsigned

DISCOVERY = "/.well-known/openid-configuration"
ME = "{ me { name role } }"


@pytest.fixture
async def provider():
    async with lying() as provider:
        yield provider


@pytest.fixture
def settings(settings: Settings, provider: Lying) -> Settings:
    one = Provider(
        name="lying", title="Company account", issuer=provider.issuer, client_id=CLIENT_ID, client_secret=SECRET,
        roles=RoleRule(claim="roles", owner=("chiefs",), admin=("technicians",), viewer=("people",)),
    )  # fmt: skip
    return replace(settings, public_url=PUBLIC_URL, openid_providers=(one,))


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api.url, api.client)


async def people(owner: asyncpg.Connection) -> list[tuple]:
    return [tuple(row) for row in await owner.fetch("SELECT name, role, provider, subject FROM users ORDER BY id")]


async def nobody_came_in(owner: asyncpg.Connection, browser: Browser) -> bool:
    return not await people(owner) and "__Host-ddms_session" not in browser.cookies


async def test_whoever_the_provider_vouches_for_has_an_account_and_a_session(owner, browser, provider):
    answer = await browser.sign_in(provider)
    assert answer.status_code == 200
    assert 'content="0;url=/export"' in answer.text
    assert await people(owner) == [("Ann", "viewer", "lying", "subject 1")]
    assert browser.cookies["__Host-ddms_session"].startswith("ddms-session_")


async def test_two_tabs_of_a_browser_sign_in_at_once(browser, provider):
    first, second = await browser.begin(), await browser.begin()
    answers = [await browser.get(provider.authorized(url)) for url in (first, second)]
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_another_browser_cannot_finish_a_sign_in(owner, api, browser, provider):
    back = provider.authorized(await browser.begin())
    other = Browser(api.url, api.client)
    answer = await other.get(back)
    assert answer.status_code == 401
    assert await nobody_came_in(owner, other)


async def test_an_answer_of_the_provider_serves_once(browser, provider):
    back = provider.authorized(await browser.begin())
    assert (await browser.get(back)).status_code == 200
    assert (await browser.get(back)).status_code == 401


async def test_a_sign_in_that_took_too_long_begins_again(owner, browser, provider):
    back = provider.authorized(await browser.begin())
    await owner.execute("UPDATE openid_sign_ins SET begun_at = now() - interval '11 minutes'")
    answer = await browser.get(back)
    assert answer.status_code == 401
    assert "begin again" in answer.text


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1", "/a%0d%0ab"]
)
async def test_a_browser_is_led_on_within_ddms_only(browser, provider, elsewhere):
    answer = await browser.get(provider.authorized(await browser.begin(go_on=elsewhere)))
    assert 'content="0;url=/"' in answer.text


@pytest.mark.parametrize(
    ("claims", "because"),
    [
        ({"iss": "https://evil.example"}, "of another issuer"),
        ({"aud": "another"}, "for another program"),
        ({"aud": [CLIENT_ID, "another"]}, "for another program"),
        ({"aud": [CLIENT_ID, "another"], "azp": "another"}, "for another program"),
        ({"azp": "another"}, "for another program"),
        ({"aud": None}, "for another program"),
        ({"exp": 1_700_000_000}, "has expired"),
        ({"exp": None}, "has expired"),
        ({"exp": float(2**62)}, None),
        ({"iat": 4_000_000_000, "exp": 4_100_000_000}, "not valid yet"),
        ({"nonce": "another"}, "another sign-in"),
        ({"nonce": None}, "another sign-in"),
        ({"sub": None}, "names nobody"),
        ({"sub": ""}, "names nobody"),
        ({"sub": 17}, "names nobody"),
        ({"sub": "x" * 256}, "names nobody"),
        ({"at_hash": "another"}, "what came with it"),
    ],
)
async def test_a_token_that_is_not_ours_signs_nobody_in(owner, browser, provider, claims, because):
    provider.claims = claims
    answer = await browser.sign_in(provider)
    if because is None:
        assert answer.status_code == 200
        return
    assert answer.status_code == 401
    assert because in answer.text
    assert await nobody_came_in(owner, browser)


OTHER = RSAKey.generate_key(2048, {"kid": "key 1"})


@pytest.mark.parametrize(
    "make",
    [
        unsigned,
        lambda claims: jwt.encode({"alg": "HS256", "kid": "key 1"}, claims, OctKey.import_key(KEYS[0].as_pem(private=False).decode())),
        lambda claims: jwt.encode({"alg": "RS256", "kid": "key 1"}, claims, OTHER),
        lambda claims: jwt.encode({"alg": "RS256", "jwk": OTHER.as_dict(private=False)}, claims, OTHER),
        lambda claims: jwt.encode({"alg": "RS512", "kid": "key 1"}, claims, KEYS[0], algorithms=["RS512"]),
        lambda _: "a.b.c",
        lambda _: "",
        lambda _: "é" * 1000,
        lambda _: 17,
    ],
    ids=["unsigned", "by the public key", "by another key", "by the key it brings", "algorithm not announced", "garbage", "empty", "no ASCII", "a number"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_a_token_that_the_provider_did_not_sign_signs_nobody_in(owner, browser, provider, make):
    provider.make_token = make
    answer = await browser.sign_in(provider)
    assert answer.status_code in {401, 503}
    assert "Company account" in answer.text
    assert await nobody_came_in(owner, browser)


async def test_clocks_may_be_half_a_minute_apart(browser, provider):
    now = int(time.time())
    provider.claims = {"iat": now + 30, "nbf": now + 30, "exp": now + 90}
    assert (await browser.sign_in(provider)).status_code == 200


async def test_keys_that_were_rotated_are_read_anew(browser, provider):
    assert (await browser.sign_in(provider)).status_code == 200
    provider.key, provider.published = KEYS[1], [KEYS[1]]
    assert (await browser.sign_in(provider)).status_code == 200
    assert provider.asked.count("/keys") == 2


async def test_tokens_of_unknown_keys_make_ddms_read_keys_once_only(browser, provider):
    provider.key = KEYS[1]
    for _ in range(4):
        assert (await browser.sign_in(provider)).status_code == 401
    assert provider.asked.count("/keys") == 2


AWAY = "does not answer"
WRONG = "gives no right answer"
LARGE = Response(b" " * 10_000_000, media_type="application/json")


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>", media_type="text/html"),
        Response("[" * 100_000),
        JSONResponse([]),
        JSONResponse({}),
        JSONResponse({"error": "no"}, 500),
        LARGE,
        RedirectResponse("http://127.0.0.1:1/"),
        Response(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["a page", "100,000 brackets", "a list", "empty", "an error", "10 MB", "a redirect", "compressed"],
)
@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys"])
async def test_garbage_of_the_provider_is_a_sentence(owner, browser, provider, path, answer):
    if path != DISCOVERY:
        back = provider.authorized(await browser.begin())
    provider.answers[path] = answer
    told = await browser.get("/openid-lying" if path == DISCOVERY else back)
    assert told.status_code in {401, 503}, told.text
    assert "Company account" in told.text
    assert await nobody_came_in(owner, browser)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "https://evil.example/token"},
        {"jwks_uri": "http://169.254.169.254/latest"},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": "http://127.0.0.1:1\\@evil.example/"},
        {"token_endpoint": "http://user@127.0.0.1:1/"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"jwks_uri": 5},
    ],
)
async def test_a_discovery_document_leads_ddms_nowhere_else(browser, provider, metadata):
    provider.metadata = metadata
    told = await browser.get("/openid-lying")
    assert told.status_code == 503
    assert WRONG in told.text


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(openid_provider, "ANSWER_SECONDS", 0.3)


@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys"])
async def test_a_provider_that_hangs_is_given_up_and_others_do_not_wait(impatient, api, browser, provider, path):
    back = provider.authorized(await browser.begin()) if path != DISCOVERY else "/openid-lying"
    provider.hangs.add(path)
    waiting = asyncio.create_task(browser.get(back))
    while path not in provider.asked:
        await asyncio.sleep(0.001)
    asked = await api.client.post(f"{api.url}/graphql", json={"query": "{ __typename }"})
    assert not waiting.done()
    assert asked.json()["data"] == {"__typename": "Query"}
    told = await waiting
    assert told.status_code == 503
    assert AWAY in told.text


async def test_a_provider_that_is_away_is_a_sentence_in_the_browsers_language(api, browser, provider, settings):
    client = api.parts.openid.clients["lying"]
    client.provider = replace(client.provider, issuer="http://127.0.0.1:1")
    english = await browser.get("/openid-lying")
    chinese = await browser.get("/openid-lying", **{"Accept-Language": "zh-CN"})
    assert (english.status_code, chinese.status_code) == (503, 503)
    assert AWAY in english.text
    assert "没有回应" in chinese.text


async def test_a_provider_that_fails_is_not_asked_by_everybody_again(browser, provider):
    provider.answers[DISCOVERY] = Response("no", 500)
    for _ in range(5):
        await browser.get("/openid-lying")
    assert provider.asked.count(DISCOVERY) == 1


async def test_what_was_read_of_a_provider_serves_while_it_is_away(monkeypatch, browser, provider):
    monkeypatch.setattr(openid_provider, "FRESH_SECONDS", 0.0)
    assert (await browser.sign_in(provider)).status_code == 200
    provider.answers[DISCOVERY] = provider.answers["/keys"] = Response("no", 500)
    assert (await browser.sign_in(provider)).status_code == 200


@pytest.mark.parametrize("error", ["access_denied", "login_required", "<script>", "\n"])
async def test_a_refusal_of_the_provider_is_a_sentence(browser, provider, error):
    state = httpx2.URL(await browser.begin()).params["state"]
    told = await browser.get("/openid-lying?" + str(httpx2.QueryParams(state=state, error=error)))
    assert told.status_code == 401
    assert "did not confirm the sign-in" in told.text
    assert "<script>" not in told.text


async def test_an_answer_in_the_name_of_another_issuer_is_refused(browser, provider):
    back = provider.authorized(await browser.begin())
    assert (await browser.get(f"{back}&iss=https://evil.example")).status_code == 401


async def test_an_issuer_that_names_itself_always_must_do_so(browser, provider):
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    assert (await browser.sign_in(provider)).status_code == 401


async def test_many_sign_ins_of_one_address_that_nobody_finishes_are_refused(owner, browser, provider):
    await browser.begin()
    await owner.execute(
        "INSERT INTO openid_sign_ins SELECT sha256(n::text::bytea), browser, provider, address, go_on"
        " FROM openid_sign_ins, generate_series(1, 99) n"
    )
    assert (await browser.get("/openid-lying")).status_code == 429


async def test_an_unknown_provider_is_a_sentence(browser):
    told = await browser.get("/openid-other")
    assert told.status_code == 404
    assert "not configured here" in told.text
