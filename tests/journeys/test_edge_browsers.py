"""What the edge shows to browsers in which Grafana does not work, and that nobody else meets it."""

import re

import httpx2
import pytest

from tests.support.browser import browsing, needs_chromium
from tests.support.edge import NGINX, Edge, edge, grafana
from tests.support.ports import free_port

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
HTML = {"Accept": "text/html,application/xhtml+xml"}
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
SAFARI = "Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{} Mobile/15E148 Safari/604.1"
WEBVIEW = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/{}.0.0.0 Mobile Safari/537.36"
SHOWN = "may be too old"


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """An edge behind which nothing is: what is let through meets 503."""
    folder = tmp_path_factory.mktemp("edge")
    with grafana() as pages, edge(folder, api=f"127.0.0.1:{free_port()}", grafana=pages) as running:
        yield running


async def ask(front: Edge, agent: str, path: str = "/grafana/d/x?a=1", **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=front.https, verify=front.trust()) as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.get(path, headers=HTML | {"User-Agent": agent} | named)


@pytest.mark.parametrize(
    ("agent", "mode"),
    [
        ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)", None),
        ("Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko", None),
        (CHROME.format(63), None),
        (CHROME.format(109), "navigate"),
        (FIREFOX.format(114), "navigate"),
        (SAFARI.format("15.6.1"), None),
        (SAFARI.format("16.3"), None),
        (WEBVIEW.format(95), "navigate"),
        ("Mozilla/5.0 (SomeOs) Unheard/1.0", None),
    ],
)
async def test_an_old_browser_is_told_before_grafana_which_ones_work(front: Edge, agent, mode):
    page = await ask(front, agent, **({"Sec_Fetch_Mode": mode} if mode else {}))
    assert page.status_code == 200
    assert SHOWN in page.text
    assert "可能过旧" in page.text
    assert 'href="/edge/on?/grafana/d/x?a=1"' in page.text
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("agent", "mode", "path"),
    [
        (CHROME.format(110), "navigate", "/grafana/"),
        (CHROME.format(241), "navigate", "/grafana/"),
        (FIREFOX.format(115), "navigate", "/grafana/"),
        (SAFARI.format("16.4"), "navigate", "/grafana/"),
        (SAFARI.format("26.0"), "navigate", "/grafana/"),
        (WEBVIEW.format(120), "navigate", "/grafana/"),
        ("curl/8.5.0", None, "/grafana/"),
        ("Mozilla/5.0+(compatible; UptimeRobot/2.0)", None, "/grafana/"),
        (CHROME.format(60), "cors", "/grafana/"),
        (CHROME.format(60), None, "/grafana/api/search"),
        (CHROME.format(60), None, "/grafana/render/d-solo/x"),
        (CHROME.format(60), None, "/graphql"),
        (CHROME.format(60), None, "/sign-in"),
    ],
)
async def test_nobody_else_meets_that_page(front: Edge, agent, mode, path):
    answer = await ask(front, agent, path, **({"Sec_Fetch_Mode": mode} if mode else {}))
    assert answer.status_code == 503
    assert SHOWN not in answer.text


async def test_an_old_browser_without_a_script_goes_on_and_is_not_asked_again(front: Edge):
    agent = CHROME.format(63)
    page = await ask(front, agent, "/grafana/d/x?a=%22%3E1&b='2")
    (on,) = set(re.findall(r'href="(/edge/on\?[^"]*)"', page.text))
    sent = await ask(front, agent, on.replace("&amp;", "&").replace("&#39;", "'"))
    assert sent.headers["Location"] == "/grafana/d/x?a=%22%3E1&b='2"
    cookie = sent.headers["Set-Cookie"].partition(";")[0]
    assert SHOWN not in (await ask(front, agent, Cookie=cookie)).text


@pytest.mark.parametrize(
    "to", ["https://elsewhere.example/", "//elsewhere.example", "/sign-out", "/grafana/x%0d%0aA:b", ""]
)
async def test_the_way_on_leads_nowhere_but_to_grafana(front: Edge, to):
    assert (await ask(front, CHROME.format(63), f"/edge/on?{to}")).headers["Location"].startswith("/grafana/")
    assert "elsewhere" not in (await ask(front, CHROME.format(63), f"/edge/on?{to}")).headers["Location"]


@needs_chromium
async def test_the_page_names_what_is_missing_and_lets_a_browser_go_on_that_only_calls_itself_old(
    front: Edge, tmp_path
):
    async with browsing(tmp_path, "--ignore-certificate-errors", f"--user-agent={CHROME.format(90)}") as page:
        old = await page.call("Page.addScriptToEvaluateOnNewDocument", source="delete Array.prototype.toSorted")
        await page.call("Page.enable")
        await page.call("Page.navigate", url=f"{front.https}/grafana/d/x?a=1")
        await page.sees("Missing here:")
        await page.sees("此浏览器缺少：")
        shown = await page.run("document.body.innerText")
        assert shown.count("Array.prototype.toSorted") == 2
        assert "structuredClone" not in shown
        assert "keeps no cookies" not in shown
        await page.call("Page.removeScriptToEvaluateOnNewDocument", identifier=old["identifier"])
        await page.call("Page.navigate", url=f"{front.https}/grafana/d/x?a=2")
        await page.sees("DDMS is starting")
        assert await page.run("location.pathname + location.search") == "/grafana/d/x?a=2"


@needs_chromium
async def test_a_browser_that_keeps_no_cookies_is_told_so_and_not_led_in_a_circle(front: Edge, tmp_path):
    async with browsing(tmp_path, "--ignore-certificate-errors", f"--user-agent={CHROME.format(90)}") as page:
        await page.call("Page.enable")
        none = "Object.defineProperty(Document.prototype, 'cookie', {get() { return '' }, set() {}})"
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=none)
        await page.call("Page.navigate", url=f"{front.https}/grafana/")
        await page.sees("keeps no cookies")


@needs_chromium
async def test_without_scripts_the_page_says_that_grafana_needs_them(front: Edge, tmp_path):
    async with browsing(tmp_path, "--ignore-certificate-errors", f"--user-agent={CHROME.format(90)}") as page:
        await page.call("Emulation.setScriptExecutionDisabled", value=True)
        await page.call("Page.navigate", url=f"{front.https}/grafana/")
        await page.sees("allow scripts for this address")


@pytest.mark.parametrize(
    ("accepted", "tags"), [("zh-CN,zh;q=0.9", ["zh-Hans", "en"]), ("en", ["en", "zh-Hans"]), ("", ["en", "zh-Hans"])]
)
async def test_a_page_of_the_edge_begins_in_the_language_of_the_browser(front: Edge, accepted: str, tags: list[str]):
    page = await ask(front, CHROME.format(130), "/sign-in", Accept_Language=accepted)
    assert (page.status_code, re.findall('<section lang="([^"]*)"', page.text)) == (503, tags)
    assert f'<html lang="{tags[0]}">' in page.text


async def test_a_wall_is_framed_by_this_host_alone_and_is_there_while_all_else_is_away(front: Edge):
    page = await ask(front, CHROME.format(130), "/wall", Sec_Fetch_Mode="navigate")
    assert page.status_code == 200
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"
    assert (await ask(front, CHROME.format(130), "/grafana/public/x.js")).headers["X-Frame-Options"] == "SAMEORIGIN"


@needs_chromium
@pytest.mark.parametrize(("tongue", "said"), [("en-US", "DDMS is starting"), ("zh-CN", "DDMS 正在启动")])
async def test_a_wall_that_shows_what_was_says_so_and_why(front: Edge, tmp_path, tongue: str, said: str):
    async with browsing(tmp_path, "--ignore-certificate-errors", f"--accept-lang={tongue}") as page:
        await page.open(f"{front.https}/wall")
        await page.sees(said)
        assert await page.run("document.body.classList.contains('stale')")
