"""What the pages show of providers: a button for each, the way there at once where that is wanted, the way out again."""

import re
from dataclasses import replace
from html import unescape

import httpx2
import pytest

from api.access.openid_provider import ProviderClient
from ddms.cli.doctor_openid import examine_providers
from ddms.cli.findings import Verdict
from ddms.openid import Provider
from ddms.settings import Settings
from tests.support.api_server import Api, api_fixture, serving, tokens_fixture  # noqa: F401 - fixtures
from tests.support.openid import CLIENT_ID, PUBLIC_URL, SECRET, Browser, Lying, lying


@pytest.fixture
async def provider():
    async with lying() as provider:
        yield provider


@pytest.fixture
def settings(settings: Settings, provider: Lying) -> Settings:
    company = Provider(
        name="lying", title="Company <account>", issuer=provider.issuer, client_id=CLIENT_ID, client_secret=SECRET, default_role="viewer",
    )  # fmt: skip
    other = replace(company, name="other", title="Other", issuer="http://127.0.0.1:1")
    return replace(settings, public_url=PUBLIC_URL, openid_providers=(company, other))


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api.url, api.client)


async def signed_out(browser: Browser) -> str:
    """Sign out by the button; return where the browser is led."""
    page = await browser.get("/sign-out")
    (csrf,) = re.findall(r'name="csrf" value="([^"]+)"', page.text)
    answer = await browser.post("/sign-out", csrf=csrf)
    if answer.status_code == 303:
        return answer.headers["location"]
    (address,) = re.findall(r"content=\"0;url=([^\"]+)\"", answer.text)
    return unescape(address)


async def test_the_page_has_a_button_for_each_provider_and_asks_none_of_them(browser, provider):
    page = (await browser.get("/sign-in?next=/export")).text
    assert 'href="openid-lying?next=%2Fexport"' in page
    assert "Sign in by Company &lt;account&gt;" in page
    assert 'href="openid-other?next=%2Fexport"' in page
    assert provider.asked == []


async def test_what_went_wrong_stands_on_the_sign_in_page_with_its_form(browser):
    page = await browser.get("/openid-other")
    assert page.status_code == 503
    assert "Other does not answer" in page.text
    assert 'name="password"' in page.text


async def test_the_page_leads_straight_to_a_provider_where_that_is_wanted(settings: Settings, provider: Lying):
    one, other = settings.openid_providers
    straight = replace(settings, openid_providers=(replace(one, auto_redirect=True), other))
    async with serving(straight) as (url, _), httpx2.AsyncClient() as client:
        browser = Browser(url, client)
        there = await browser.get("/sign-in?next=/export")
        local, done = await browser.get("/sign-in?local"), await browser.get("/sign-in?done=out")
    assert there.headers["location"] == "openid-lying?next=%2Fexport"
    assert 'name="password"' in local.text
    assert 'name="password"' in done.text


async def test_signing_out_signs_out_at_the_provider_too(owner, browser, provider):
    await browser.sign_in(provider)
    address = await signed_out(browser)
    assert address.startswith(f"{provider.issuer}/end?id_token_hint=")
    assert "post_logout_redirect_uri=https%3A%2F%2Fddms.example%2Fsign-in%3Fdone%3Dout" in address
    assert await owner.fetchval("SELECT count(*) FROM valid_tokens WHERE is_session") == 0


async def test_without_a_place_for_that_signing_out_is_only_here(browser, provider):
    provider.metadata = {"end_session_endpoint": None}
    await browser.sign_in(provider)
    assert await signed_out(browser) == "sign-in?done=out"


async def test_who_signs_in_by_a_provider_who_is_away_later_can_sign_out(api, browser, provider):
    await browser.sign_in(provider)
    clients = api.parts.openid.clients
    away = replace(clients["lying"].provider, issuer="http://127.0.0.1:1")
    clients["lying"] = ProviderClient(away, clients["lying"].redirect_uri)
    assert await signed_out(browser) == "sign-in?done=out"


async def test_the_doctor_says_of_each_provider_how_it_is(settings: Settings):
    well, away = await examine_providers(settings)
    assert (well.state, away.state) == (Verdict.OK, Verdict.BAD)
    assert "registered there must be https://ddms.example/openid-lying" in well.text
    assert "does not answer" in away.text


async def test_the_doctor_names_what_a_provider_does_wrong(settings: Settings, provider: Lying):
    provider.metadata = {"token_endpoint": "https://keys.example/token"}
    wrong, _ = await examine_providers(settings)
    assert wrong.state is Verdict.BAD
    assert "add keys.example to its hosts" in wrong.text
