"""GraphQL over HTTP, after https://graphql.github.io/graphql-over-http/draft/."""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api import errors
from api.context import Context
from api.execution import BadDocument, Documents, Operation, encode, execute
from api.limits import BODY_BYTES
from api.metrics import ERRORS, REQUEST_SECONDS
from api.tokens import of_header
from ddms.errors import Code, DdmsError

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
SLOW_SECONDS = 1.0
_WATCH_AFTER = 0.5

logger = logging.getLogger("api.requests")


class Refused(Exception):  # noqa: N818 - the request is, not an error of ours
    """A request that is not GraphQL over HTTP."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


class Asked(NamedTuple):
    """What a request asks for."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


@dataclass(frozen=True, slots=True)
class _Media:
    """The media type of the answer; the older one has 200 for all that was understood as a request."""

    type: str

    def status(self, answer: dict[str, Any]) -> int:
        return 400 if self.type == GRAPHQL_JSON and "data" not in answer else 200


async def serve(request: Request, documents: Documents) -> Response:
    """Answer one request."""
    began = time.perf_counter()
    media = accepted(request)
    try:
        context = request.app.state.context(request)
        if token := of_header(request.headers.get("authorization")):
            context.caller = await context.tokens.find(token)
        asked = _get(request) if request.method == "GET" else await _post(request)
        operation = documents.operation(asked.query, asked.operation_name)
        if request.method == "GET" and operation.kind is not OperationType.QUERY:
            raise Refused(405, "GET is for queries: send a mutation by POST", {"Allow": "POST"})  # noqa: TRY301
        if operation.kind is OperationType.SUBSCRIPTION:
            raise Refused(400, "subscriptions are served over a websocket, by graphql-transport-ws")  # noqa: TRY301
        answer = await _until_client_leaves(request, execute(operation, context, asked.variables))
        _observe(operation, context, answer, time.perf_counter() - began)
        return Response(encode(answer), media.status(answer), media_type=media.type)
    except BadDocument as bad:
        answer = {"errors": bad.formatted}
        _count(answer)
        return Response(encode(answer), media.status(answer), media_type=media.type)
    except Refused as refused:
        return _refusal(media, refused.status, DdmsError(Code.INVALID, str(refused)), refused.headers)
    except DdmsError as error:
        status, headers = (
            (401, {"WWW-Authenticate": "Bearer"}) if error.code is Code.UNAUTHENTICATED else (503, {"Retry-After": "5"})
        )
        return _refusal(media, status, error, headers)
    except ClientDisconnect:
        return Response(status_code=499)
    except Exception as error:  # noqa: BLE001 - the client gets an id, the log the rest
        answer = {"errors": [errors.masked(error)]}
        _count(answer)
        return Response(encode(answer), 500, media_type=media.type)


def accepted(request: Request) -> _Media:
    """Choose the media type of the answer by the header Accept; one that names neither gets the older one."""
    ranges = {part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",")}
    return _Media(GRAPHQL_JSON if GRAPHQL_JSON in ranges else JSON)


def _refusal(media: _Media, status: int, error: DdmsError, headers: dict[str, str]) -> Response:
    answer = {"errors": [errors.refused(error)]}
    _count(answer)
    return Response(encode(answer), status, headers, media.type)


def _get(request: Request) -> Asked:
    asked: dict[str, Any] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if name in asked:
            asked[name] = _json(asked[name].encode("utf-8", "surrogatepass"), f"the parameter {name}")
    return _checked(asked)


async def _post(request: Request) -> Asked:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != JSON:
        raise Refused(415, "send JSON: `Content-Type: application/json`", {"Accept": JSON})
    charset = parameters.partition("charset=")[2].strip(' "').lower()
    if charset not in {"", "utf-8", "utf8"}:
        raise Refused(415, "send JSON in UTF-8")
    return _checked(_json(await _body(request), "the body"))


async def _body(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > BODY_BYTES:
        raise Refused(413, f"a request has at most {BODY_BYTES} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise Refused(413, f"a request has at most {BODY_BYTES} bytes")
    return bytes(body)


def _json(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"{what} is not JSON: {error}") from error


def _checked(asked: Any) -> Asked:
    if not isinstance(asked, dict):
        raise Refused(400, "a request is one JSON object with `query`; several at once are not served")
    query, name, variables = asked.get("query"), asked.get("operationName"), asked.get("variables")
    if not isinstance(query, str) or not query:
        raise Refused(400, "`query` is missing: it holds the GraphQL document, a string")
    if not isinstance(name, str | None):
        raise Refused(400, "`operationName` is a string")
    if not isinstance(variables, dict | None):
        raise Refused(400, "`variables` is an object")
    if not isinstance(asked.get("extensions"), dict | None):
        raise Refused(400, "`extensions` is an object")
    return Asked(query, variables, name or None)


async def _until_client_leaves(request: Request, work: Any) -> dict[str, Any]:
    """Do the work; when it takes long, watch whether anybody still waits for it, and end its statement if not."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this is a coroutine
    left: list[bool] = []

    async def watch() -> None:
        await asyncio.sleep(_WATCH_AFTER)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left.append(True)
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        answer: dict[str, Any] = await work
    except asyncio.CancelledError:
        if not left:
            raise
        task.uncancel()
        raise ClientDisconnect from None
    else:
        return answer
    finally:
        watcher.cancel()


def _count(answer: dict[str, Any]) -> None:
    for error in answer.get("errors", ()):
        ERRORS.labels(error["extensions"]["code"]).inc()


def _observe(operation: Operation, context: Context, answer: dict[str, Any], seconds: float) -> None:
    REQUEST_SECONDS.labels(operation.kind.value, operation.label).observe(seconds)
    if seconds < SLOW_SECONDS and "errors" not in answer:
        return
    _count(answer)
    codes = sorted({error["extensions"]["code"] for error in answer.get("errors", ())})
    logger.info(
        "%s %s",
        "failed" if codes else "slow",
        operation.label,
        extra={
            "operation": operation.name,
            "field": operation.label,
            "seconds": round(seconds, 3),
            "codes": codes,
            "caller": context.actor,
            "address": context.address,
        },
    )
