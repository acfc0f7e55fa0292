"""GraphQL over HTTP, after https://graphql.github.io/graphql-over-http/draft/."""

import asyncio
from collections.abc import Awaitable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

from graphql import OperationType
from starlette.types import Receive, Scope, Send

from api.execution import observed
from api.execution.documents import BadDocument, Operation
from api.execution.response import encode
from api.graphql import errors
from api.graphql.messages import LANGUAGE, language_of
from api.ground import spans
from api.ground.failures import PLACE, Place
from api.transport.answer import LARGE_BYTES, Answer, send_answer, status_of
from api.transport.gate import Gate
from api.transport.request import EVENT_STREAM, GRAPHQL_JSON, JSON, ClientLeft, HttpRequest, Refused, accepted
from api.transport.server_sent_events import EventStream, EventStreams
from ddms import tracing
from ddms.errors import Code, DdmsError

_WATCH_AFTER = 0.5
_ELSEWHERE = "subscriptions are served over a websocket, by graphql-transport-ws, and with `Accept: text/event-stream`"


class Parts(Protocol):
    """The parts of the program that are needed here."""

    gate: Gate
    streams: EventStreams


async def serve(scope: Scope, receive: Receive, send: Send, parts: Parts) -> None:
    """Answer one request."""
    request = HttpRequest(scope, receive)
    request.enter(Place.GRAPHQL)
    LANGUAGE.set(language_of(request.header(b"accept-language")))
    try:
        media = accepted(request.header(b"accept"))
    except Refused as refused:
        parts.gate.stranger(request.address)
        await send_answer(send, request, _refusal(JSON, refused.status, _invalid(refused), refused.headers))
        return
    if tracing.TRACER is None:
        await _serve(request, media, send, parts)
    else:
        with _traced(request):
            await _serve(request, media, send, parts)


async def _serve(request: HttpRequest, media: str, send: Send, parts: Parts) -> None:
    try:
        answer = await (_stream(request, send, parts) if media == EVENT_STREAM else _answer(request, media, parts.gate))
    except ClientLeft:
        return
    if answer and answer.context and len(answer.body) >= LARGE_BYTES:
        with parts.gate.unread(answer.context, len(answer.body)):
            await send_answer(send, request, answer)
    elif answer:
        await send_answer(send, request, answer)


def _traced(request: HttpRequest) -> AbstractContextManager[None]:
    return spans.request(
        request.method,
        address=request.address,
        request_id=request.id,
        traceparent=request.header(b"traceparent"),
    )


async def _answer(request: HttpRequest, media: str, gate: Gate) -> Answer:
    operation = context = None
    try:
        context = await gate.caller(request.address, request.header(b"authorization"), request)
        context.client = request.header(b"user-agent")
        with gate.passing(context):
            asked = await request.asked()
            operation = await gate.operation(asked, context)
            _refuse_wrong_way(request, operation)
            if operation.kind is OperationType.SUBSCRIPTION:
                raise Refused(400, _ELSEWHERE)  # noqa: TRY301
            encoded = await gate.done(operation, context, asked, partial(_until_client_leaves, request))
        return Answer(200, media, encoded, context=context)
    except ClientLeft:
        raise
    except Exception as error:  # noqa: BLE001 - each has its answer
        observed.refused(operation, context)
        await gate.hold(error)
        return _told(media, error, 400 if media == GRAPHQL_JSON else 200)._replace(context=context)


async def _stream(request: HttpRequest, send: Send, parts: Parts) -> Answer | None:
    """Answer with a stream of events; return what went wrong before the first one."""
    stream = operation = context = None
    gate = parts.gate
    PLACE.set(Place.EVENTS)
    try:
        context = await gate.caller(request.address, request.header(b"authorization"), request)
        context.client = request.header(b"user-agent")
        with gate.passing(context):
            asked = await request.asked()
            operation = await gate.operation(asked, context)
            _refuse_wrong_way(request, operation)
            stream = EventStream(request, send, context)
            if operation.kind is not OperationType.SUBSCRIPTION:
                done, unread = partial(gate.done, operation, context, asked), partial(gate.unread, context)
                await parts.streams.serve(stream, partial(stream.answer, done, unread))
        if operation.kind is OperationType.SUBSCRIPTION:
            await parts.streams.serve(stream, partial(stream.follow, operation, asked.variables))
    except ClientLeft:
        raise
    except Exception as error:
        if stream and stream.began:
            raise
        observed.refused(operation, context)
        await gate.hold(error)
        return _told(JSON, error, 400)._replace(context=context)
    return None


def _told(media: str, error: Exception, bad_document: int) -> Answer:
    """Return the answer that tells an error."""
    match error:
        case BadDocument():
            return _problem(media, bad_document, error.formatted, besides=error.extensions)
        case Refused():
            return _refusal(media, error.status, _invalid(error), error.headers)
        case DdmsError():
            status, headers = status_of(error)
            return _refusal(media, status, error, headers)
        case _:  # the client gets an id, the log the rest
            return _problem(media, 500, [errors.masked(error)])


def _refuse_wrong_way(request: HttpRequest, operation: Operation) -> None:
    if request.method == "GET" and operation.kind is OperationType.MUTATION:
        raise Refused(405, "GET is for queries: send a mutation by POST", {"Allow": "POST"})


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
