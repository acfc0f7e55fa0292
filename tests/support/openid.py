"""An OpenID Connect provider that does what a test tells it, also what no honest one does; and a browser that signs in by it."""

import asyncio
import contextlib
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import orjson
import uvicorn
from joserfc import jws
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.api_server import Server

CLIENT_ID, SECRET = "ddms", "kept: well+%"
PUBLIC_URL = "https://ddms.example"
KEYS = [RSAKey.generate_key(2048, {"kid": f"key {n}", "use": "sig"}) for n in (1, 2)]
"""What it signs by, and what it changes to."""


@dataclass
class Lying:
    """A provider; a test changes what it is about."""

    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: KEYS[0])
    published: list[RSAKey] = field(default_factory=lambda: [KEYS[0]])
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    """Of the ID token, besides or instead of the right ones; None leaves one out."""
    userinfo: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Response] = field(default_factory=dict)
    """What it answers on a path instead."""
    hangs: set[str] = field(default_factory=set)
    make_token: Any = None
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def signed(self, **claims: Any) -> str:
        """Return an ID token."""
        now = int(time.time())
        right = {"iss": self.issuer, "aud": CLIENT_ID, "sub": "subject 1", "iat": now, "exp": now + 300}
        right |= {"preferred_username": "Ann", "roles": ["people"], "sid": "session 1"}
        told = {name: value for name, value in (right | claims | self.claims).items() if value is not None}
        return (self.make_token or self._token)(told)

    def _token(self, claims: dict[str, Any]) -> str:
        return jws.serialize_compact({"alg": "RS256", "kid": self.key.kid}, json.dumps(claims), self.key)

    def authorized(self, url: str) -> str:
        """Do as if a person signed in on this page; return where the browser is sent back, as path and query."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = f"code{len(self.codes)}"
        self.codes[code] = asked
        back = urlsplit(asked["redirect_uri"])
        return f"{back.path}?code={code}&state={asked['state']}"

    async def serve(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append(path)
        if path in self.hangs:
            await asyncio.sleep(60)
        if path in self.answers:
            return self.answers[path]
        if path == "/token":
            return await self._exchanged(request)
        return JSONResponse(
            {
                "/.well-known/openid-configuration": self._discovery(),
                "/keys": {"keys": [key.as_dict(private=False) for key in self.published]},
                "/userinfo": {"sub": "subject 1"} | self.userinfo,
            }[path]
        )

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/end",
            "id_token_signing_alg_values_supported": ["RS256"],
        } | self.metadata

    async def _exchanged(self, request: Request) -> Response:
        given = dict(parse_qsl((await request.body()).decode()))
        asked = self.codes.pop(given["code"], None)
        if asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        proof = urlsafe_b64encode(sha256(given["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if (proof, given["redirect_uri"]) != (asked["code_challenge"], asked["redirect_uri"]):
            return JSONResponse({"error": "invalid_grant"}, 400)
        token = {"access_token": "access", "token_type": "Bearer", "id_token": self.signed(nonce=asked["nonce"])}
        return JSONResponse(token)


@contextlib.asynccontextmanager
async def lying() -> AsyncIterator[Lying]:
    """Run the provider on a free port."""
    provider = Lying()
    app = Starlette(routes=[Route("/{path:path}", provider.serve, methods=["GET", "POST"])])
    server = Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=0))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    provider.issuer = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield provider
    server.should_exit = True
    await task


class Browser:
    """A browser as far as sign-ins go: it keeps cookies, and follows nothing by itself."""

    def __init__(self, url: str, client: httpx2.AsyncClient) -> None:
        self.url = url
        self.client = client
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.client.cookies.clear()
        answer = await self.client.get(self.url + path, headers=headers | ({"Cookie": cookies} if cookies else {}))
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                del self.cookies[name]
            assert "Secure" in line
            assert "Path=/" in line
            assert "SameSite=Lax" in line
        return answer

    async def post(self, path: str, **form: str) -> httpx2.Response:
        """Send a form of one of our pages."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return await self.client.post(self.url + path, data=form, headers={"Cookie": cookies, "Origin": self.url})

    async def begin(self, provider: str = "lying", go_on: str = "/export") -> str:
        """Press the button; return where the browser is sent."""
        answer = await self.get(f"/openid-{provider}?next={go_on}")
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def sign_in(self, provider: Lying, **headers: str) -> httpx2.Response:
        """Sign in; return the last answer."""
        return await self.get(provider.authorized(await self.begin()), **headers)


def unsigned(claims: dict[str, Any]) -> str:
    """Return a token that nobody signed."""
    parts = (orjson.dumps(part) for part in ({"alg": "none"}, claims))
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
