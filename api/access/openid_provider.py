"""An OpenID Connect provider as DDMS asks it: discovery, keys, the exchange of a code, and what it says of a person.

Nothing of a provider is believed before it is checked, and nothing waits for one for long: a provider that is away, slow, or lies
costs those who sign in by it, and nobody else.
"""

import asyncio
import logging
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx2
import orjson
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from api.access.openid_token import ASYMMETRIC, Key, Untrusted, checked, checked_sign_out, keys_of
from ddms.errors import Code, DdmsError, Sentence
from ddms.openid import Provider, is_safe

ANSWER_SECONDS = 5.0
"""How long a provider may take for an answer, with all its bytes."""
ANSWER_BYTES = 256 * 1024
FRESH_SECONDS = 3600.0
"""How long discovery and keys are taken as they were read."""
FAILED_SECONDS = 5.0
"""For so long a provider that failed is not asked again: those who wait are told at once."""
UNKNOWN_KEY_SECONDS = 30.0
"""Keys are read anew for a token of an unknown key, but not oftener than this: whoever sends such tokens asks nothing of others."""
_PLACES = 8

T = TypeVar("T")

logger = logging.getLogger("api.openid")


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """What DDMS needs of a provider's discovery document."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    algorithms: frozenset[str]
    tells_issuer: bool
    """Whether it names itself when it sends somebody back (RFC 9207)."""


class Garbage(Exception):  # noqa: N818 - the provider's, not ours
    """An answer that is none of OpenID Connect."""


class ProviderClient:
    """Asks one provider; remembers its discovery document and its keys."""

    def __init__(self, provider: Provider, redirect_uri: str) -> None:
        self.provider = provider
        self.redirect_uri = redirect_uri
        self._metadata = _Remembered()
        self._keys = _Remembered()
        self._anew_at = -UNKNOWN_KEY_SECONDS
        self._places = asyncio.Semaphore(_PLACES)
        self.trouble = ""
        """What went wrong last, for those who run DDMS."""

    async def metadata(self) -> Metadata:
        """Return the discovery document; raises UNAVAILABLE."""
        found: Metadata = await self._metadata.get(self._discovered)
        return found

    async def keys(self) -> list[Key]:
        """Return the keys by which the provider signs; raises UNAVAILABLE."""
        found: list[Key] = await self._keys.get(self._read_keys)
        return found

    async def authorization_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Return where to send a browser."""
        metadata = await self.metadata()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata.authorization_endpoint, state=state, code_verifier=verifier, nonce=nonce
            )
        return str(url)

    async def code(self, told: Mapping[str, str]) -> str:
        """Return the code that a browser brought back; raises when it brought a refusal, or another provider's (RFC 9207)."""
        issuer = told.get("iss")
        if issuer != self.provider.issuer and (issuer is not None or (await self.metadata()).tells_issuer):
            raise self.refused("iss")
        if error := told.get("error"):
            raise self.refused(error)
        if not (code := told.get("code")):
            raise self.refused("no code")
        return code

    async def claims(self, code: str, *, verifier: str, nonce: str, wanted: set[str]) -> tuple[dict[str, Any], str]:
        """Exchange a code for what the provider says of a person; return it with the ID token.

        Of the claims that are `wanted` those that the ID token lacks are asked of the userinfo endpoint.
        """
        metadata = await self.metadata()
        token = await self._exchanged(metadata, code, verifier)
        id_token, access_token = token.get("id_token"), token.get("access_token")
        if not isinstance(id_token, str):
            raise self.garbage("the token endpoint gave no ID token; is openid among the scopes?")
        claims = await self.verified(id_token, nonce=nonce, access_token=access_token)
        lacks = any(name not in claims and name.partition(".")[0] not in claims for name in wanted)
        if lacks and metadata.userinfo_endpoint and isinstance(access_token, str):
            told = await self._userinfo(metadata.userinfo_endpoint, access_token)
            if told.get("sub") != claims["sub"]:
                raise self.garbage("the userinfo endpoint speaks of somebody else")
            claims = {**told, **claims}
        return claims, id_token

    async def verified(self, token: str, **expected: Any) -> dict[str, Any]:
        """Return the claims of a token that this provider signed for us; keys are read anew for one that does not fit."""
        return await self._with_keys(lambda keys, allowed: checked(token, keys, self.provider, allowed, **expected))

    async def signed_out(self, token: str) -> tuple[str | None, str | None]:
        """Return whom, and which of their sessions there, the provider says it signed out."""
        return await self._with_keys(lambda keys, allowed: checked_sign_out(token, keys, self.provider, allowed))

    async def _with_keys(self, check: Callable[[list[Key], frozenset[str]], T]) -> T:
        algorithms = (await self.metadata()).algorithms
        try:
            return check(await self.keys(), algorithms)
        except Untrusted as error:
            if not error.of_keys or time.monotonic() - self._anew_at < UNKNOWN_KEY_SECONDS:
                raise
        self._anew_at = time.monotonic()
        self._keys.forget()
        return check(await self.keys(), algorithms)

    async def sign_out_url(self, id_token: str, back: str) -> str | None:
        """Return where to send a browser that signs out, or None where the provider has no such place."""
        metadata = await self.metadata()
        if not metadata.end_session_endpoint:
            return None
        joined = "&" if urlsplit(metadata.end_session_endpoint).query else "?"
        query = {"id_token_hint": id_token, "client_id": self.provider.client_id, "post_logout_redirect_uri": back}
        return f"{metadata.end_session_endpoint}{joined}{urlencode(query)}"

    async def _discovered(self) -> Metadata:
        told = await self._json(f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != self.provider.issuer:
            raise self.garbage(f"it calls itself {told.get('issuer')!r:.200}, configured is {self.provider.issuer!r}")
        announced = told.get("id_token_signing_alg_values_supported") or ["RS256"]
        return Metadata(
            authorization_endpoint=self._address(told, "authorization_endpoint", ours=False),
            token_endpoint=self._address(told, "token_endpoint"),
            jwks_uri=self._address(told, "jwks_uri"),
            userinfo_endpoint=self._address(told, "userinfo_endpoint") if told.get("userinfo_endpoint") else None,
            end_session_endpoint=self._address(told, "end_session_endpoint", ours=False)
            if told.get("end_session_endpoint")
            else None,
            algorithms=ASYMMETRIC.intersection(a for a in announced if isinstance(a, str)),
            tells_issuer=told.get("authorization_response_iss_parameter_supported") is True,
        )

    def _address(self, told: Mapping[str, Any], name: str, *, ours: bool = True) -> str:
        """Return an address of the discovery document; where DDMS itself goes, only at the hosts that are configured."""
        url = told.get(name)
        if not isinstance(url, str) or len(url) > 2000 or not is_safe(url):
            raise self.garbage(f"its {name} is no address of https")
        host = urlsplit(url).netloc.lower()
        hosts = {urlsplit(self.provider.issuer).netloc.lower(), *(h.lower() for h in self.provider.hosts)}
        if ours and host not in hosts:
            raise self.garbage(f"its {name} is at another host: if that is right, add {host} to its hosts")
        return url

    async def _read_keys(self) -> Any:
        told = await self._json((await self.metadata()).jwks_uri)
        try:
            return keys_of(told)
        except TypeError as error:
            raise self.garbage(f"its keys: {error}") from error

    async def _exchanged(self, metadata: Metadata, code: str, verifier: str) -> Mapping[str, Any]:
        async with self._asking(), self._client() as client:
            try:
                token = await client.fetch_token(
                    metadata.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
                )
            except AuthlibBaseError as error:
                raise self.refused(str(error.error)) from error
        return dict(token) if isinstance(token, Mapping) else {}

    async def _userinfo(self, url: str, access_token: str) -> dict[str, Any]:
        return await self._json(url, {"Authorization": f"Bearer {access_token}"})

    async def _json(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        async with self._asking(), self._client() as client:
            answer = await client.request("GET", url, withhold_token=True, headers=headers)
            if answer.status_code != 200:
                raise Garbage(f"{url} answers {answer.status_code}")
            told = orjson.loads(answer.content)
        if not isinstance(told, dict):
            raise self.garbage(f"{url} answers no JSON object")
        return told

    def _client(self) -> AsyncOAuth2Client:
        """Return a client of Authlib: it follows nobody elsewhere, and takes no more bytes than it must."""
        provider = self.provider
        client = AsyncOAuth2Client(
            provider.client_id,
            provider.client_secret,
            token_endpoint_auth_method=f"client_secret_{provider.client_auth}" if provider.client_secret else "none",
            scope=" ".join(provider.scopes),
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
            timeout=ANSWER_SECONDS,
            follow_redirects=False,
            verify=self._trust,
            headers={"Accept-Encoding": "identity", "User-Agent": "DDMS"},
            event_hooks={"response": [_bounded]},
        )
        client.register_client_auth_method(("client_secret_basic", _encoded_basic))
        return client

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.provider.ca_file:
            context.load_verify_locations(cafile=self.provider.ca_file)
        return context

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Ask one question: few at a time, all within its time; what goes wrong is a sentence."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._places:
                yield
        except TimeoutError as error:
            raise self.away(f"no answer in {ANSWER_SECONDS:.0f} s") from error
        except httpx2.TransportError as error:
            raise self.away(f"{type(error).__name__}: {error}"[:300]) from error
        except (Garbage, httpx2.HTTPError, httpx2.InvalidURL, ValueError, RecursionError, TypeError) as error:
            raise self.garbage(f"{type(error).__name__}: {error}"[:300]) from error

    def away(self, why: str) -> DdmsError:
        """Return the error for a provider that does not answer, and log why."""
        self.trouble = f"it does not answer: {why}"
        logger.warning("the OpenID provider %s does not answer: %s", self.provider.name, why)
        sentence = Sentence(
            "{} does not answer: try again in a minute, or sign in with a name and a password of DDMS",
            self.provider.title,
        )
        return DdmsError(Code.UNAVAILABLE, sentence)

    def garbage(self, why: str) -> DdmsError:
        """Return the error for an answer that is none of OpenID Connect, and log why."""
        self.trouble = why
        logger.warning("the OpenID provider %s gives no right answer: %s", self.provider.name, why)
        sentence = Sentence(
            "{} gives no right answer, and the log of DDMS says which: a name and a password of DDMS still work",
            self.provider.title,
        )
        return DdmsError(Code.UNAVAILABLE, sentence)

    def refused(self, why: str) -> DdmsError:
        """Return the error for a provider that says no, and log why."""
        logger.warning("the OpenID provider %s refuses the code: %s", self.provider.name, why[:200])
        sentence = Sentence(
            "{} did not confirm the sign-in ({}): begin again, and if it stays so tell the owner of DDMS",
            self.provider.title,
            why[:60] if why.isprintable() else "?",
        )
        return DdmsError(Code.UNAUTHENTICATED, sentence)


class _Remembered:
    """Something that was read from a provider: read by one for all who wait, and kept when it cannot be read again."""

    def __init__(self) -> None:
        self._value: Any = None
        self._error: DdmsError | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    def forget(self) -> None:
        """Ask again at the next time; if that fails, the value stays."""
        self._until = 0.0

    async def get(self, read: Callable[[], Awaitable[Any]]) -> Any:
        """Return the value; raises what its reading raised."""
        async with self._lock:
            if time.monotonic() >= self._until:
                try:
                    self._value, self._error = await read(), None
                    self._until = time.monotonic() + FRESH_SECONDS
                except DdmsError as error:
                    self._error = error
                    self._until = time.monotonic() + FAILED_SECONDS
            if self._value is None and self._error:
                raise DdmsError(self._error.code, self._error.message)
            return self._value


async def _bounded(response: httpx2.Response) -> None:
    """Let an answer be no longer than it may be, and not packed."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Garbage("the answer is compressed, which was not asked for")
    response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    """The bytes of an answer, up to the limit."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > ANSWER_BYTES:
                raise Garbage(f"the answer has more than {ANSWER_BYTES} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def _encoded_basic(client: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
    """Put id and secret into the header as RFC 6749 (2.3.1) says, each encoded as in a form, which Authlib leaves out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return uri, headers, body
