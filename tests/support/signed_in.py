"""Browsers, as far as HTTP sees them: one that is signed in already, and one that uses the pages without script."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx2
import pytest
from argon2 import PasswordHasher

from api.access import sessions
from api.ground.actor import Actor
from api.ground.database import Statements
from tests.support.api_server import Api

PASSWORD = "correct horse battery"
INSERT_USER = "INSERT INTO users (name, role, password_hash) VALUES ($1, $2, $3) RETURNING id"


@dataclass
class Browser:
    """A signed-in browser."""

    api: Api
    owner: asyncpg.Connection
    client: httpx2.AsyncClient
    user_id: int
    token_id: int
    secret: str

    @classmethod
    async def signed_in(cls, api: Api, owner: asyncpg.Connection, *, name: str, role: str = "admin") -> "Browser":
        """Make a person and a session of theirs."""
        user_id = await owner.fetchval(INSERT_USER, name, role, "no password opens this")
        return await cls.of(api, owner, user_id, name)

    @classmethod
    async def of(cls, api: Api, owner: asyncpg.Connection, user_id: int, name: str = "eve") -> "Browser":
        """Make another session of a person."""
        actor = Actor(name=name, address="127.0.0.1")
        begun = await sessions.begin(Statements(owner), actor, user_id, agent="Mozilla/5.0 (a test)")
        return cls(api, owner, httpx2.AsyncClient(timeout=60), user_id, begun.token_id, begun.secret)

    @property
    def csrf(self) -> str:
        return sessions.csrf_of(self.secret)

    @property
    def headers(self) -> dict[str, str]:
        """What each of its requests brings."""
        cookie = f"{sessions.COOKIE}={self.secret}; {sessions.CSRF_COOKIE}={self.csrf}"
        return {"Cookie": cookie, "X-CSRF-Token": self.csrf}

    async def post(self, query: str, **headers: str | bytes) -> httpx2.Response:
        """Ask as a page of ours does."""
        return await self.client.post(f"{self.api.url}/graphql", json={"query": query}, headers=self.headers | headers)

    async def get(self, query: str, **headers: str) -> httpx2.Response:
        """Ask by an address."""
        sent = {"Cookie": self.headers["Cookie"]} | headers
        return await self.client.get(f"{self.api.url}/graphql", params={"query": query}, headers=sent)


@pytest.fixture(name="browser")
async def browser_fixture(api: Api, owner: asyncpg.Connection) -> AsyncIterator[Browser]:
    """An admin's browser."""
    browser = await Browser.signed_in(api, owner, name="eve")
    yield browser
    await browser.client.aclose()


@dataclass
class WebForms:
    """A browser without script: it opens pages, sends forms, keeps cookies."""

    url: str
    client: httpx2.AsyncClient = field(default_factory=lambda: httpx2.AsyncClient(timeout=60))
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def secret(self) -> str:
        return self.cookies[sessions.COOKIE]

    def another(self) -> "WebForms":
        """Return another browser."""
        return WebForms(self.url)

    async def get(self, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx2.Response:
        return await self._ask("GET", path, headers or {}, **more)

    async def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> httpx2.Response:
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        return await self._ask("POST", path, own | (headers or {}), data=form)

    async def sign_in(self, name: str = "eve", password: str = PASSWORD, **more: Any) -> httpx2.Response:
        return await self.post("/sign-in", name=name, password=password, **more)

    async def csrf(self) -> str:
        """Return what the forms of the account carry."""
        found = re.search('name="csrf" value="([0-9a-f]+)"', (await self.get("/account")).text)
        assert found
        return found[1]

    async def _ask(self, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx2.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Accept": "text/html", **({"Cookie": cookies} if cookies else {}), **headers}
        self.client.cookies.clear()
        answer = await self.client.request(method, self.url + path, headers=sent, **more)
        for cookie in answer.headers.get_list("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            if "Max-Age=0;" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer


@pytest.fixture(name="person")
async def person_fixture(owner: asyncpg.Connection) -> int:
    """Eve, an admin with a password that is cheap to check."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    number: int = await owner.fetchval(INSERT_USER, "eve", "admin", cheap)
    return number


@pytest.fixture(name="forms")
async def forms_fixture(api: Api, person: int) -> AsyncIterator[WebForms]:
    """Eve's browser, before she signs in."""
    assert person
    forms = WebForms(api.url)
    yield forms
    await forms.client.aclose()
