"""The pages in Chromium: with and without script, narrow and wide, to where a person goes after signing in."""

import asyncio

import pytest

from api.ground.metrics import REGISTRY
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.browser import Page, browsing, needs_chromium
from tests.support.signed_in import PASSWORD, person_fixture  # noqa: F401 - fixture

TOO_SMALL = """[...document.querySelectorAll('a, button, select, input:not([type=hidden])')].filter(e => e.offsetParent)
    .filter(e => e.getBoundingClientRect().height < 43.9 || e.getBoundingClientRect().width < 43.9).map(e => e.outerHTML)"""
TOO_WIDE = "Math.max(0, document.documentElement.scrollWidth - innerWidth)"


async def sign_in(page: Page, url: str, next_: str = "/") -> None:
    """Type name and password, and press the button."""
    await page.open(f"{url}/sign-in?next={next_}")
    for name, value in (("name", "eve"), ("password", PASSWORD)):
        await page.run(f"document.querySelector('[name={name}]').focus()")
        await page.call("Input.insertText", text=value)
    await page.click("main button")
    await page.until(f"location.pathname == '{next_.partition('?')[0]}' && document.readyState == 'complete'")


@needs_chromium
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_person_signs_in_looks_around_and_signs_out(api: Api, person: int, tmp_path, host: str, script: bool):
    assert person
    url = api.url.replace("127.0.0.1", host)
    async with browsing(tmp_path) as page:
        await page.call("Emulation.setScriptExecutionDisabled", value=not script)
        await sign_in(page, url)
        assert "eve" in await page.run("document.body.textContent")
        await page.click("a[href=account]")
        await page.until("location.pathname == '/account' && !!document.querySelector('.sessions')")
        assert "Chrome, Linux (this browser)" in await page.run("document.querySelector('.sessions').textContent")
        await page.open(f"{url}/sign-out")
        await page.click("main button")
        await page.until("location.search == '?done=out' && !!document.querySelector('.done')")
        await page.call("Page.navigate", url=f"{url}/account")
        await page.until("location.pathname == '/sign-in' && !!document.querySelector('[name=password]')")


@needs_chromium
async def test_graphiql_and_the_export_need_no_token_of_who_is_signed_in(api: Api, person: int, tmp_path):
    assert person
    await add(api, "Pump 1")
    async with browsing(tmp_path) as page:
        await sign_in(page, api.url, "/graphql")
        await page.until("document.querySelector('[role=status]')?.textContent == 'eve, admin.'")
        assert not await page.run("Boolean(document.querySelector('[name=token]'))")
        await page.click("button[aria-label^=Execute]")
        await page.click("[role=menuitem]")
        await page.until("document.querySelector('.result-window').textContent.includes('Pump 1')")
        await page.open(f"{api.url}/export?device=Pump%201")
        await page.until("document.querySelector('#who')?.textContent == 'eve'")
        await page.until("!document.querySelector('#download').disabled")
        status = "fetch('export', {method: 'POST', headers: proof(), body: parameters()}).then(r => r.status)"
        assert await page.run(status) == 200
        without = "fetch('export', {method: 'POST', body: parameters()}).then(r => r.status)"
        assert await page.run(without) == 403


@needs_chromium
async def test_a_link_to_an_export_keeps_what_the_form_has_no_field_for(api: Api, person: int, tmp_path):
    assert person
    for name in ("Pump 1", "Pump 2"):
        await add(api, name)
    link = (
        "device=Pump%201&device=Pump%202&key=flow&level=1h&from=-1d&percentile=5&percentile=95&times=utc&timezone=UTC"
    )
    async with browsing(tmp_path) as page:
        await sign_in(page, api.url, "/account")
        await page.open(f"{api.url}/export?{link}")
        await page.until("!document.querySelector('#download').disabled")
        asked = dict.fromkeys(await page.run("[...parameters()].map(pair => pair.join('='))"))
        assert asked.keys() >= {
            "device=Pump 1",
            "device=Pump 2",
            "key=flow",
            "percentile=5",
            "percentile=95",
            "times=utc",
        }
        shown = await page.run("document.querySelector('#rest').textContent")
        assert shown == "As the link says: device=Pump 2, key=flow, percentile=5, percentile=95, times=utc"
        assert "2 points" in await page.run("document.querySelector('#preview').textContent")


@needs_chromium
async def test_a_subscription_of_a_signed_in_page_needs_no_token(api: Api, person: int, tmp_path):
    assert person
    listen = """new Promise(done => { const s = new WebSocket(new URL('graphql', location).href.replace('http', 'ws'), 'graphql-transport-ws');
        s.onopen = () => s.send('{"type":"connection_init"}'); s.onmessage = m => done(JSON.parse(m.data).type); s.onclose = c => done(c.reason) })"""
    async with browsing(tmp_path) as page:
        await sign_in(page, api.url, "/graphql")
        assert await page.run(listen) == "connection_ack"


@needs_chromium
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_fingers_hit_everything_and_nothing_is_cut_off_from_320_to_1920_px(
    api: Api, person: int, owner, tmp_path, language
):
    await owner.execute("UPDATE users SET language = $2 WHERE id = $1", person, language)
    async with browsing(tmp_path) as page:
        await page.call("Network.enable")
        await page.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        for path in ("/sign-in", "/nowhere", "/", "/account", "/export?device=Pump", "/sign-out"):
            if path == "/":
                await sign_in(page, api.url)
            for width in (320, 768, 1920):
                metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
                await page.call("Emulation.setDeviceMetricsOverride", **metrics)
                await page.open(f"{api.url}{path}")
                assert await page.run("document.querySelectorAll('a, button').length") > 1
                assert await page.run(TOO_SMALL) == [], (path, width)
                assert await page.run(TOO_WIDE) == 0, (path, width)


@needs_chromium
async def test_signing_in_from_the_export_leads_back_to_what_was_chosen(api: Api, person: int, tmp_path):
    assert person
    async with browsing(tmp_path) as page:
        await page.open(f"{api.url}/export?device=Pump%201&from=-1h")
        await page.click("#sign-in a")
        await page.until("location.pathname == '/sign-in' && !!document.querySelector('[name=password]')")
        for name, value in (("name", "eve"), ("password", PASSWORD)):
            await page.run(f"document.querySelector('[name={name}]').focus()")
            await page.call("Input.insertText", text=value)
        await page.click("main button")
        await page.until("location.pathname == '/export' && document.querySelector('#who')?.textContent == 'eve'")
        assert await page.run("location.search") == "?device=Pump%201&from=-1h"


COUNTED = "ddms_client_errors_total"
NUMBER = "document.querySelector('#ddms-failed')?.textContent.match(/[0-9a-f]{4}-[0-9a-f]{4}/)?.[0]"


@needs_chromium
async def test_a_script_that_fails_is_reported_and_its_person_sees_the_number(api: Api, owner, tmp_path):
    async with browsing(tmp_path) as page:
        for path, name in (("/export", "export"), ("/graphql", "graphiql")):
            await page.open(f"{api.url}{path}")
            await page.run("setTimeout(() => nothing.there())")
            number = await page.until(NUMBER)
            await api.parts.failures.keep()
            told = await owner.fetchval("SELECT message FROM errors WHERE reference = $1", number)
            assert told.startswith(f"script in {name}: Uncaught ReferenceError: nothing is not defined"), told
        assert not await page.run("document.querySelector('#ddms-failed').scrollWidth > innerWidth")


@needs_chromium
async def test_what_a_pages_policy_forbids_is_reported_by_the_browser(api: Api, tmp_path):
    labels = {"page": "sign-in", "kind": "policy"}
    before = REGISTRY.get_sample_value(COUNTED, labels) or 0
    async with browsing(tmp_path) as page:
        await page.open(f"{api.url}/sign-in")
        await page.run("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:1/spy.png?secret'}))")
        async with asyncio.timeout(60):
            while (REGISTRY.get_sample_value(COUNTED, labels) or 0) == before:
                await asyncio.sleep(0.05)
