"""A request of GraphQL over HTTP: what it asks for, and what is no such request."""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from api.ground.failures import PLACE, Place
from api.ground.limits import BODY_BYTES, BODY_SECONDS, PARAMETERS
from ddms.errors import Sentence
from ddms.logs import REFERENCE, REQUEST_ID

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"

WHOLE = "ddms.whole"
"""The key in the scope by which the server says that all of the body is here, so that nothing need be waited for."""
_MOST_NESTED = 50
"""So deep are variables at most; no input of the schema is deeper than a few."""
_REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
_REFERENCE = re.compile(r"[0-9a-f]{4}-[0-9a-f]{4}", re.ASCII)
_TAKES_GZIP = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+\s*)?(?:,|$)", re.IGNORECASE)
_RUN, _NUMBER = secrets.token_hex(4), count(1)


class Refused(Exception):  # noqa: N818 - the request is, not an error of ours
    """A request that is not GraphQL over HTTP."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.headers = headers or {}


class ClientLeft(Exception):  # noqa: N818 - nobody is there to be told of an error
    """The client closed its connection before it was answered."""


_MAX_AGE = re.compile(r'(?i)(?:^|[\s,])max-age\s*=\s*"?([0-9]{1,9})')
_NOT_CACHED = re.compile(r"(?i)(?:^|[\s,])no-(?:cache|store)(?:$|[\s,=])")


class Asked(NamedTuple):
    """What a request asks for."""

    query: str
    """Empty when the document is called by its id."""
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    document_id: str | None = None
    key: str = ""
    """What marks a change that may be sent twice."""
    most_age: float | None = None
    """How old history may be that is read, in seconds; 0: as it is now."""

    @property
    def is_nested_too_deeply(self) -> bool:
        """Whether the variables are so deep that to go through them would end in an error."""
        level: list[Any] = [self.variables or {}]
        for _ in range(_MOST_NESTED):
            inner = (one for each in level for one in (each.values() if isinstance(each, dict) else each))
            level = [one for one in inner if isinstance(one, dict | list)]
            if not level:
                return False
        return True


class HttpRequest:
    """One request, as ASGI brings it."""

    __slots__ = ("_headers", "_receive", "_scope", "id", "method")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self.method: str = scope["method"]
        given: list[tuple[bytes, bytes]] = scope["headers"]
        self._headers = dict(given)
        if len(self._headers) < len(given):
            self._headers = _joined(given)
        self.id = request_id(self.header(b"x-request-id"))

    def header(self, name: bytes) -> str:
        """Return a header, or an empty text; several of one name are one list (RFC 9110, 5.3; RFC 9113, 8.2.3)."""
        value = self._headers.get(name)
        return value.decode("latin-1") if value else ""

    def enter(self, place: Place) -> None:
        """Have all that is logged and told from here on carry the ids of this request."""
        enter(place, self.id, self.header(b"x-ddms-reference"))

    @property
    def address(self) -> str:
        """Where the client is."""
        client = self._scope.get("client")
        return client[0] if client else "unknown"

    @property
    def takes_gzip(self) -> bool:
        """Whether the answer may be compressed."""
        accepted = self._headers.get(b"accept-encoding")
        return bool(accepted and _TAKES_GZIP.search(accepted.decode("latin-1")))

    def named(self, parameter: str) -> str:
        """Return a part of the path, by its name in the route."""
        text: str = self._scope["path_params"][parameter]
        return text

    async def answered_by(self, response: ASGIApp, send: Send) -> None:
        """Let a response of Starlette's be the answer."""
        await response(self._scope, self._receive, send)

    async def asked(self) -> Asked:
        """Read what is asked for; raises `Refused`."""
        if self.method == "GET":
            return _of_query(self._scope["query_string"])._replace(most_age=self.most_age)
        asked = await self._of_body()
        key, age = self._headers.get(b"idempotency-key"), self.most_age
        if key is None and age is None:
            return asked
        return asked._replace(key=key.decode("latin-1") if key else "", most_age=age)

    @property
    def most_age(self) -> float | None:
        """How old an answer may be, in seconds, by Cache-Control (RFC 9111, 5.2.1); None when nothing is said."""
        said = self.header(b"cache-control")
        if not said:
            return None
        age = _MAX_AGE.search(said)
        return 0.0 if _NOT_CACHED.search(said) else float(age[1]) if age else None

    def has_query(self) -> bool:
        """Whether the URL holds a document."""
        return b"query=" in self._scope["query_string"] or b"documentId=" in self._scope["query_string"]

    @property
    def path(self) -> str:
        """The path of the URL."""
        path: str = self._scope["path"]
        return path

    @property
    def query(self) -> bytes:
        """What stands behind the question mark of the URL."""
        query: bytes = self._scope["query_string"]
        return query

    async def form(self) -> bytes:
        """Read a body that a page's form sent; raises `Refused`."""
        if self.header(b"content-type").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            raise Refused(415, "send a form: `Content-Type: application/x-www-form-urlencoded`")
        return await self._body()

    async def left(self) -> None:
        """Wait until the client is gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _of_body(self) -> Asked:
        _require_json(self.header(b"content-type"), self.header(b"content-encoding"))
        return _checked(_json(await self._body(), "the body"))

    async def _body(self) -> bytes:
        if WHOLE in self._scope:
            return await self._received()
        length = self.header(b"content-length")
        if length.isdecimal() and int(length) > BODY_BYTES:
            raise _too_large()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._received()
        except TimeoutError as error:
            raise Refused(408, "the body did not come in time", {"Connection": "close"}) from error

    async def _received(self) -> bytes:
        body = b""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            part: bytes = message.get("body", b"")
            body += part
            if len(body) > BODY_BYTES:
                raise _too_large()
            if not message.get("more_body"):
                return body


def enter(place: Place, id_: str, reference: str) -> None:
    """Have all that is logged and told from here on carry these ids; `reference` is what the edge gave, if there is one."""
    REQUEST_ID.set(id_)
    REFERENCE.set(reference if _REFERENCE.fullmatch(reference) else None)
    PLACE.set(place)


def enter_by_headers(place: Place, headers: Mapping[str, str]) -> None:
    """Do the same with the ids in a request's headers."""
    enter(place, request_id(headers.get("x-request-id", "")), headers.get("x-ddms-reference", ""))


def request_id(given: str) -> str:
    """Return the id that the client gave its request, when it can stand in a log, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else f"{_RUN}-{next(_NUMBER)}"


@lru_cache(maxsize=256)
def accepted(header: str) -> str:
    """Choose the media type of the answer by the header Accept; raises `Refused` when it names none that is served.

    Without the header, and by a wildcard, it is `application/json`, which every client understands.
    """
    if not header.strip():
        return JSON
    weights: dict[str, float] = {}
    for part in header.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        weights[media] = _number(quality)
    wildcard = max(weights.get("*/*", 0.0), weights.get("application/*", 0.0))
    choices = [
        (weights.get(GRAPHQL_JSON, 0.0), GRAPHQL_JSON),
        (weights.get(EVENT_STREAM, 0.0), EVENT_STREAM),
        (weights.get(JSON, wildcard), JSON),
    ]
    weight, media = max(choices, key=lambda choice: choice[0])
    if weight <= 0:
        raise Refused(406, Sentence("this endpoint answers with {}, {} or {}", GRAPHQL_JSON, JSON, EVENT_STREAM))
    return media


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _joined(given: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, value in given:
        between = b"; " if name == b"cookie" else b", "
        headers[name] = headers[name] + between + value if name in headers else value
    return headers


@lru_cache(maxsize=64)
def _content(kind: str) -> Callable[[], Refused] | None:
    media, _, parameters = kind.partition(";")
    if media.strip().lower() != JSON:
        return lambda: Refused(415, "send JSON: `Content-Type: application/json`", {"Accept": JSON})
    charset = parameters.lower().partition("charset=")[2].strip(' "')
    return None if charset in {"", "utf-8", "utf8"} else lambda: Refused(415, "send JSON in UTF-8")


def _require_json(kind: str, encoding: str) -> None:
    if problem := _content(kind):
        raise problem()
    if encoding and encoding.strip().lower() not in {"", "identity"}:
        raise Refused(415, "send the body as it is, without a Content-Encoding", {"Accept-Encoding": "identity"})


def _too_large() -> Refused:
    return Refused(413, Sentence("a request has at most {} bytes", BODY_BYTES), {"Connection": "close"})


def _of_query(query: bytes) -> Asked:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS)
    except ValueError as error:
        raise Refused(400, "the URL's parameters are percent-encoded UTF-8, and few") from error
    asked: dict[str, Any] = {name: value for name, value in pairs if value}
    for name in ("variables", "extensions"):
        if name in asked:
            asked[name] = _json(asked[name].encode(), f"the parameter {name}")
    return _checked(asked)


def _json(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refused(400, Sentence("{} is not JSON: {}", what, error)) from error


def _checked(asked: Any) -> Asked:
    if isinstance(asked, list):
        raise Refused(400, "several requests at once are not served: send each by itself, a JSON object with `query`")
    if not isinstance(asked, dict):
        raise Refused(400, "a request is one JSON object with `query`")
    query = asked.get("query") or ""
    if len(asked) == 1 and query and isinstance(query, str):
        return Asked(query)
    name, variables, extensions = asked.get("operationName"), asked.get("variables"), asked.get("extensions")
    if not isinstance(extensions, dict | None):
        raise Refused(400, "`extensions` is an object")
    if not isinstance(document_id := _document_id(asked), str | None):
        raise Refused(400, "`documentId` is a string")
    if not isinstance(query, str) or not (query or document_id):
        raise Refused(400, "`query` is missing: it holds the GraphQL document, a string")
    if not isinstance(name, str | None):
        raise Refused(400, "`operationName` is a string")
    if not isinstance(variables, dict | None):
        raise Refused(400, "`variables` is an object")
    return Asked(query, variables, name or None, document_id)


def _document_id(asked: dict[str, Any]) -> str | None:
    """Return the document's id in a request, as the appendix has it or as Apollo's clients do."""
    persisted = (asked.get("extensions") or {}).get("persistedQuery")
    if asked.get("documentId") is not None or not isinstance(persisted, dict):
        return asked.get("documentId")
    return persisted.get("sha256Hash")
