"""What another site's page can make a signed-in browser do: nothing."""

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.api_server import PROTOCOL, Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.signed_in import Browser, browser_fixture  # noqa: F401 - fixture

ME = "{ me { name } }"
CHANGE = 'mutation { createGroup(input: {name: "Hall 3"}) { errors { code } } }'
FOREIGN = "https://evil.example"


async def test_a_browser_that_shows_the_token_of_its_session_is_served(browser: Browser):
    assert (await browser.post(ME)).json()["data"] == {"me": {"name": "eve"}}


@pytest.mark.parametrize("token", ["", "0" * 64, "é", "x" * 20_000])
async def test_without_the_sessions_own_token_nothing_is_changed(api: Api, browser: Browser, token: str):
    answer = await browser.post(CHANGE, **{"X-CSRF-Token": token.encode("latin-1")})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    assert "X-CSRF-Token" in answer.json()["errors"][0]["message"]
    assert (await api.ask("{ groups { totalCount } }"))["totalCount"] == 0


async def test_the_token_of_another_session_proves_nothing(browser: Browser, api: Api):
    other = await Browser.signed_in(api, browser.owner, name="adam")
    assert (await browser.post(CHANGE, **{"X-CSRF-Token": other.csrf})).status_code == 403
    await other.client.aclose()


async def test_a_foreign_page_is_refused_even_with_the_token(browser: Browser):
    assert (await browser.post(CHANGE, Origin=FOREIGN)).status_code == 403
    assert (await browser.post(CHANGE, **{"Sec-Fetch-Site": "same-site"})).status_code == 403


async def test_our_own_page_is_known_by_its_origin(api: Api, browser: Browser):
    own = {"Origin": api.url, "Sec-Fetch-Site": "same-origin"}
    assert "data" in (await browser.post(ME, **own)).json()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_query_by_get_is_answered_to_our_own_pages_only(browser: Browser, site: str):
    assert (await browser.get(ME)).status_code == 200
    assert (await browser.get(ME, **{"Sec-Fetch-Site": "none"})).status_code == 200
    assert (await browser.get(ME, **{"Sec-Fetch-Site": site})).status_code == 403


async def test_an_export_and_a_stream_of_events_need_the_token_too(api: Api, browser: Browser):
    bare = browser.headers | {"X-CSRF-Token": ""}
    export = await browser.client.post(f"{api.url}/export", data={"preview": "1", "group": "x"}, headers=bare)
    stream = await browser.client.post(
        f"{api.url}/graphql", json={"query": ME}, headers=bare | {"Accept": "text/event-stream"}
    )
    assert (export.status_code, stream.status_code) == (403, 403)


async def test_a_token_needs_no_proof_and_wins_over_a_cookie(api: Api, browser: Browser):
    headers = {"Cookie": browser.headers["Cookie"], "Origin": FOREIGN} | api.headers("viewer")
    answer = await browser.client.post(f"{api.url}/graphql", json={"query": ME}, headers=headers)
    assert answer.json()["data"] == {"me": {"name": "the viewer's"}}


async def test_the_secret_of_a_cookie_is_no_token(api: Api, browser: Browser):
    headers = {"Authorization": f"Bearer {browser.secret}"}
    answer = await browser.client.post(f"{api.url}/graphql", json={"query": ME}, headers=headers)
    assert answer.status_code == 401


async def test_a_websocket_of_our_own_page_needs_no_token(api: Api, browser: Browser):
    async with api.raw_socket(additional_headers={"Cookie": browser.headers["Cookie"]}, origin=api.url) as socket:
        await socket.send(type="connection_init")
        assert (await socket.receive())["type"] == "connection_ack"
        await socket.subscribe(ME)
        assert await socket.event("me") == {"name": "eve"}


async def test_a_websocket_of_another_page_is_refused(api: Api, browser: Browser):
    with pytest.raises(InvalidStatus, match="403"):
        async with api.raw_socket(additional_headers={"Cookie": browser.headers["Cookie"]}, origin=FOREIGN):
            pass
