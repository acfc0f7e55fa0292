"""A certified OpenID Connect provider that we did not write (oidc-provider of npm): sign-in, roles, rotated keys, sign-out."""

import asyncio
import contextlib
import re
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

import asyncpg
import httpx2
import pytest

from ddms.openid import GroupRule, Provider, RoleRule
from tests.support.api_server import serving
from tests.support.node import CLIENTS, ENVIRONMENT, needs_node_clients
from tests.support.openid import Browser
from tests.support.ports import free_port

pytestmark = [needs_node_clients]
FORM = re.compile(r'<form[^>]* action="([^"]+)"')
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass
class House:
    """DDMS, its provider, and a browser."""

    parts: Any
    browser: Browser
    pages: httpx2.AsyncClient
    """The browser as the provider's pages see it."""
    command: tuple[str, ...]
    process: asyncio.subprocess.Process

    async def typed(self, answer: httpx2.Response, **given: str) -> httpx2.Response:
        """Fill in the form of a page of the provider."""
        action = unescape(FORM.search(answer.text)[1])
        return await self.followed(
            await self.pages.post(answer.url.join(action), data=dict(HIDDEN.findall(answer.text)) | given)
        )

    async def followed(self, answer: httpx2.Response) -> httpx2.Response:
        """Go where the provider leads, as long as that is at the provider."""
        while answer.is_redirect and not str(answer.headers["location"]).startswith(self.browser.url):
            answer = await self.pages.get(answer.url.join(answer.headers["location"]))
        return answer

    async def sign_in(self, name: str) -> httpx2.Response:
        """Sign in as somebody who has not signed in there before."""
        self.pages.cookies.clear()
        page = await self.followed(await self.pages.get(await self.browser.begin("company")))
        consent = await self.typed(page, login=name, password="any")
        back = await self.typed(consent)
        return await self.browser.get(back.headers["location"].removeprefix(self.browser.url))

    async def restarted(self, kid: str) -> None:
        """Start the provider anew, with another key."""
        self.process.kill()
        await self.process.wait()
        self.process = await started(*self.command, kid)


async def started(*arguments: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        "node", CLIENTS / "openid.mjs", *arguments, stdout=subprocess.PIPE, stderr=None, env=ENVIRONMENT
    )
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"ready\n"
    return process


@contextlib.asynccontextmanager
async def provided(port: str, url: str, parts: Any) -> AsyncIterator[House]:
    process = await started(port, url, "first")
    async with httpx2.AsyncClient(timeout=60) as client, httpx2.AsyncClient(timeout=60) as pages:
        house = House(parts, Browser(url, client), pages, (port, url), process)
        try:
            yield house
        finally:
            house.process.kill()
            await house.process.wait()


@pytest.fixture
async def house(settings) -> AsyncIterator[House]:
    port, ours = str(free_port()), free_port()
    company = Provider(
        name="company", title="Company account", issuer=f"http://127.0.0.1:{port}", client_id="ddms", client_secret="kept: well+%",
        scopes=("openid", "profile", "groups"), roles=RoleRule(claim="groups", admin=("technicians",), viewer=("visitors",)),
        groups=GroupRule(claim="groups", devices={"hall-3": ("Hall 3",)}, everything=("visitors",)),
    )  # fmt: skip
    settings = replace(settings, public_url=f"http://127.0.0.1:{ours}", openid_providers=(company,))
    async with serving(settings, port=ours) as (url, parts), provided(port, url, parts) as house:
        yield house


async def people(owner: asyncpg.Connection) -> list[tuple]:
    return [tuple(row) for row in await owner.fetch("SELECT name, role, limited FROM users ORDER BY id")]


async def test_people_sign_in_with_the_roles_that_the_provider_gives_them(owner, house: House):
    answers = [await house.sign_in(name) for name in ("ann", "bob", "eve")]
    assert [answer.status_code for answer in answers] == [200, 200, 403]
    assert await people(owner) == [("ann", "admin", True), ("bob", "viewer", False)]


async def test_the_provider_may_change_its_keys(owner, house: House):
    assert (await house.sign_in("ann")).status_code == 200
    await house.restarted("second")
    assert (await house.sign_in("ann")).status_code == 200
    assert len(await people(owner)) == 1


async def test_signing_out_at_the_provider_ends_the_session_here(owner, house: House):
    await house.sign_in("ann")
    row = await owner.fetchrow("SELECT provider, provider_hint FROM sessions")
    page = await house.pages.get(await house.parts.openid.sign_out_url(row["provider"], row["provider_hint"]))
    back = await house.typed(page, logout="yes")
    assert back.headers["location"].startswith(f"{house.browser.url}/sign-in?done=out")
    assert await owner.fetchval("SELECT count(*) FROM valid_tokens WHERE is_session") == 0


async def test_who_gives_up_at_the_provider_is_told_so(owner, house: House):
    page = await house.followed(await house.pages.get(await house.browser.begin("company")))
    given_up = unescape(re.search(r'href="([^"]+/abort)"', page.text)[1])
    back = await house.followed(await house.pages.get(page.url.join(given_up)))
    told = await house.browser.get(back.headers["location"].removeprefix(house.browser.url))
    assert told.status_code == 401
    assert "access_denied" in told.text
