"""GraphQL over HTTP, after https://graphql.github.io/graphql-over-http/draft/."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Protocol

from graphql import OperationType
from starlette.types import Receive, Scope, Send

from api.execution import observed
from api.execution.documents import BadDocument, Documents, Operation
from api.execution.response import encode
from api.execution.run import execute
from api.execution.trusted import Trusted
from api.graphql import errors
from api.graphql.context import Context
from api.graphql.messages import LANGUAGE, language_of
from api.ground import tracing
from api.ground.callers import of_header
from api.transport.answer import LARGE_BYTES, Answer, send_answer
from api.transport.idempotency import claimed, fingerprint, key_of, succeeded
from api.transport.in_flight import InFlight
from api.transport.request import EVENT_STREAM, GRAPHQL_JSON, JSON, Asked, ClientLeft, HttpRequest, Refused, accepted
from api.transport.server_sent_events import EventStream, EventStreams
from ddms.errors import Code, DdmsError
from ddms.logs import REQUEST_ID

_WATCH_AFTER = 0.5
_ELSEWHERE = "subscriptions are served over a websocket, by graphql-transport-ws, and with `Accept: text/event-stream`"


class MakesContexts(Protocol):
    """The parts of the program."""

    in_flight: InFlight
    streams: EventStreams
    trusted: Trusted

    def context(self, address: str) -> Context:
        """Return what resolvers are given."""


async def serve(scope: Scope, receive: Receive, send: Send, documents: Documents, parts: MakesContexts) -> None:
    """Answer one request."""
    request = HttpRequest(scope, receive)
    REQUEST_ID.set(request.id)
    LANGUAGE.set(language_of(request.header(b"accept-language")))
    try:
        media = accepted(request.header(b"accept"))
    except Refused as refused:
        await send_answer(send, request, _refusal(JSON, refused.status, _invalid(refused), refused.headers))
        return
    with nullcontext() if tracing.TRACER is None else _traced(request), suppress(ClientLeft):
        answer = await (
            _stream(request, send, documents, parts)
            if media == EVENT_STREAM
            else _answer(request, media, documents, parts)
        )
        if answer and answer.context and len(answer.body) >= LARGE_BYTES:
            with parts.in_flight.unread(answer.context, len(answer.body)):
                await send_answer(send, request, answer)
        elif answer:
            await send_answer(send, request, answer)


def _traced(request: HttpRequest) -> AbstractContextManager[None]:
    return tracing.request(
        request.method,
        address=request.address,
        request_id=request.id,
        traceparent=request.header(b"traceparent"),
    )


async def _answer(request: HttpRequest, media: str, documents: Documents, parts: MakesContexts) -> Answer:
    began = time.perf_counter()
    operation = context = None
    answer: dict[str, Any] = {}
    try:
        context = await _context(request, parts)
        asked = await request.asked()
        operation = documents.operation(await _document(asked, context, parts), asked.operation_name)
        _refuse_wrong_way(request, operation)
        if operation.kind is OperationType.SUBSCRIPTION:
            raise Refused(400, _ELSEWHERE)  # noqa: TRY301
        if operation.constant is not None:
            encoded = operation.constant
        else:
            with parts.in_flight.of(context):
                encoded, answer = await _done(request, operation, context, asked.variables)
        observed.answered(operation, context, time.perf_counter() - began, answer)
        return Answer(200, media, encoded, context=context)
    except ClientLeft:
        raise
    except Exception as error:  # noqa: BLE001 - each has its answer
        observed.refused(operation, context)
        return _told(media, error, 400 if media == GRAPHQL_JSON else 200)


async def _stream(request: HttpRequest, send: Send, documents: Documents, parts: MakesContexts) -> Answer | None:
    """Answer with a stream of events; return what went wrong before the first one."""
    stream = operation = context = None
    try:
        context = await _context(request, parts)
        asked = await request.asked()
        operation = documents.operation(await _document(asked, context, parts), asked.operation_name)
        _refuse_wrong_way(request, operation)
        stream = EventStream(request, send, context)
        await parts.streams.serve(stream, operation, asked.variables)
    except ClientLeft:
        raise
    except Exception as error:
        if stream and stream.began:
            raise
        observed.refused(operation, context)
        return _told(JSON, error, 400)
    return None


async def _context(request: HttpRequest, parts: MakesContexts) -> Context:
    context = parts.context(request.address)
    if token := of_header(request.header(b"authorization")):
        context.caller = await context.callers.find(token)
    return context


def _told(media: str, error: Exception, bad_document: int) -> Answer:
    """Return the answer that tells an error."""
    match error:
        case BadDocument():
            return _problem(media, bad_document, error.formatted, besides=error.extensions)
        case Refused():
            return _refusal(media, error.status, _invalid(error), error.headers)
        case DdmsError():
            status, headers = _STATUS.get(error.code, (503, {"Retry-After": "5"}))
            return _refusal(media, status, error, headers)
        case _:  # the client gets an id, the log the rest
            return _problem(media, 500, [errors.masked(error)])


_STATUS: dict[Code, tuple[int, dict[str, str]]] = {
    Code.UNAUTHENTICATED: (401, {"WWW-Authenticate": "Bearer"}),
    Code.INVALID: (400, {}),
    Code.NOT_FOUND: (400, {}),
    Code.FORBIDDEN: (403, {}),
    Code.CONFLICT: (409, {}),
    Code.RATE_LIMITED: (429, {"Retry-After": "1"}),
}


async def _document(asked: Asked, context: Context, parts: MakesContexts) -> str:
    """Return the document that is meant: the one that was sent, or the registered one."""
    if asked.document_id is None and not (context.caller and context.caller.trusted_only):
        return asked.query
    return await parts.trusted.text(asked.query, asked.document_id, context.caller)


def _refuse_wrong_way(request: HttpRequest, operation: Operation) -> None:
    if request.method == "GET" and operation.kind is OperationType.MUTATION:
        raise Refused(405, "GET is for queries: send a mutation by POST", {"Allow": "POST"})


async def _done(
    request: HttpRequest, operation: Operation, context: Context, variables: dict[str, Any] | None
) -> tuple[bytes, dict[str, Any]]:
    """Execute, or give the answer again that a mutation got before; return it encoded and as it is."""
    key = key_of(request.header(b"idempotency-key")) if operation.kind is OperationType.MUTATION else None
    if key is None:
        answer = await _run(request, operation, context, variables)
        return encode(answer), answer
    same = fingerprint(operation.text, operation.name, variables)
    async with claimed(context, key, operation.text, same) as claim:
        if claim.answer is not None:
            return claim.answer, {}
        answer = await _run(request, operation, context, variables)
        claim.answer, claim.keep = encode(answer), succeeded(answer)
        return claim.answer, answer


async def _run(
    request: HttpRequest, operation: Operation, context: Context, variables: dict[str, Any] | None
) -> dict[str, Any]:
    answer = execute(operation, context, variables)
    return answer if isinstance(answer, dict) else await _until_client_leaves(request, answer)


def _invalid(refused: Refused) -> DdmsError:
    return DdmsError(Code.INVALID, refused.message)


def _refusal(media: str, status: int, error: DdmsError, headers: dict[str, str]) -> Answer:
    return _problem(media, status, [errors.refused(error)], headers)


def _problem(
    media: str,
    status: int,
    problems: list[dict[str, Any]],
    headers: dict[str, str] | None = None,
    besides: dict[str, Any] | None = None,
) -> Answer:
    answer: dict[str, Any] = {"errors": problems} | (besides or {})
    observed.count_errors(problems)
    return Answer(status, media, encode(answer), headers or {})


async def _until_client_leaves(request: HttpRequest, work: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """Do the work; when it takes long, watch whether anybody still waits for it, and end its statement if not."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - this is a coroutine
    left: list[bool] = []

    async def watch() -> None:
        await request.left()
        left.append(True)
        task.cancel()

    watchers: list[asyncio.Task[None]] = []
    begin = asyncio.get_running_loop().call_later(_WATCH_AFTER, lambda: watchers.append(asyncio.create_task(watch())))
    try:
        return await work
    except asyncio.CancelledError:
        if not left:
            raise
        task.uncancel()
        raise ClientLeft from None
    finally:
        begin.cancel()
        for watcher in watchers:
            watcher.cancel()
