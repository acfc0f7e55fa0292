"""GraphQL over websockets: graphql-transport-ws, its fan-out, and the end of a socket whose token ends.

Protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from typing import Any, Protocol, cast

import orjson
from graphql import OperationType
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation as Running
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)
from strawberry.types.unset import UNSET, UnsetType

from api.execution import observed
from api.execution.documents import BadDocument
from api.execution.follow import follow
from api.execution.response import encode
from api.graphql import errors
from api.graphql.context import Context
from api.graphql.messages import LANGUAGE, language_of, told
from api.ground.actor import Transport
from api.ground.callers import Callers, of_cookies, of_header
from api.ground.database import Database
from api.ground.failures import Place, note
from api.ground.limits import INIT_SECONDS, LIVE_CONNECTIONS, SUBSCRIPTIONS_PER_SOCKET
from api.ground.metrics import SOCKETS
from api.ground.sight import read_sights
from api.live.broadcast import Result
from api.transport.browser import origin_fits
from api.transport.gate import Gate
from api.transport.request import Asked, enter, enter_by_headers
from api.transport.uvicorn_websocket import EXTENSION, WebSocketProtocol, text_frame
from ddms.errors import Code, DdmsError, Sentence
from ddms.logs import REQUEST_ID

_UNAUTHORIZED = 4401
_FORBIDDEN = 4403
_TRY_AGAIN_LATER = 1013
_SWEEP_SECONDS = 60.0
_REASON_BYTES = 123
"""What a close frame has room for (RFC 6455, 5.5)."""
_STRINGS = {"subscribe": ("id",), "complete": ("id",)}


def malformed(message: object) -> str | None:
    """Return what is wrong with the form of a client's message, or None."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return "a message is an object with a type"
    kind, payload = message["type"], message.get("payload")
    if kind in _STRINGS and not (isinstance(message.get("id"), str) and message["id"]):
        return f"{kind} needs an id, a string"
    if payload is not None and not isinstance(payload, dict):
        return "a payload is an object"
    if kind != "subscribe":
        return None
    if payload is None or not isinstance(payload.get("query", payload.get("documentId")), str):
        return "the payload of subscribe has a query, a string"
    if not isinstance(payload.get("documentId"), str | None):
        return "documentId is a string"
    if not isinstance(payload.get("variables"), dict | None):
        return "variables are an object"
    if not isinstance(payload.get("extensions"), dict | None):
        return "extensions are an object"
    return None if isinstance(payload.get("operationName"), str | None) else "operationName is a string"


def asked_of(payload: Any) -> Asked:
    """Return what the payload of a `subscribe` asks for."""
    extensions = payload.get("extensions") or {}
    key, age = extensions.get("idempotencyKey"), extensions.get("maxAge")
    return Asked(
        payload.get("query") or "",
        payload.get("variables"),
        payload.get("operationName") or None,
        payload.get("documentId"),
        key if isinstance(key, str) else "",
        float(age) if isinstance(age, int | float) and age >= 0 else None,
    )


class Next:
    """The frame of a `next` message; clients number their operations alike, so most of these frames are the same."""

    def __init__(self, operation_id: str) -> None:
        self._head = b'{"id":%b,"type":"next","payload":' % orjson.dumps(operation_id)

    def __call__(self, result: Result) -> bytes:
        """Return the frame."""
        return text_frame(b"%b%b}" % (self._head, result.payload))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Next) and other._head == self._head

    def __hash__(self) -> int:
        return hash(self._head)


class Socket(BaseGraphQLTransportWSHandler[Context, None]):
    """One client's websocket."""

    view: "Sockets"
    _expiry: asyncio.Task[None] | None = None

    @cached_property
    def _numbers(self) -> Iterator[int]:
        """Numbers of its operations: each has its own id in the log."""
        return count(1)

    @cached_property
    def asked(self) -> dict[str, Asked]:
        """What the operations that are about to begin ask for, by their ids."""
        return {}

    async def handle_message(self, message: Message) -> None:
        """Refuse what has not the protocol's form, then do what it says."""
        if problem := malformed(message):
            await self.handle_invalid_message(problem)
        else:
            if message["type"] == "subscribe":
                self.asked[message["id"]] = asked_of(message["payload"])
                message["payload"].setdefault("query", "")
            await super().handle_message(message)

    async def handle(self) -> None:
        """Serve the socket until it ends."""
        SOCKETS.inc()
        self.view.open.add(self)
        self.connection_init_wait_timeout = timedelta(seconds=INIT_SECONDS)
        try:
            await super().handle()
        finally:
            if self._expiry:
                self._expiry.cancel()
            self.view.open.discard(self)
            SOCKETS.dec()

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Find the caller; the socket ends when the token does."""
        try:
            await super().handle_connection_init({**message, "payload": message.get("payload") or {}})
        except DdmsError as refused:
            away = refused.code in {Code.UNAVAILABLE, Code.TIMEOUT, Code.BUSY}
            number = note(refused.code.value, refused.message)
            reason = _shortened(told(refused.message), f" ({number})")
            await self.websocket.close(_TRY_AGAIN_LATER if away else _FORBIDDEN, reason)
        if self.connection_acknowledged and self.context.caller and not self._expiry:
            if sum(other.context.who == self.context.who for other in self.view.open) > LIVE_CONNECTIONS:
                await self.websocket.close(_TRY_AGAIN_LATER, f"more than {LIVE_CONNECTIONS} websockets of one caller")
                return
            self._expiry = asyncio.create_task(self._end_at(self.context.caller.expires_at))

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begin an operation, unless there are too many."""
        if len(self.operations) < SUBSCRIPTIONS_PER_SOCKET or not self.connection_acknowledged:
            await super().handle_subscribe(message)
            return
        self.asked.pop(message["id"], None)
        sentence = Sentence(
            "a websocket carries at most {} operations at once: complete some of them, or open another one",
            SUBSCRIPTIONS_PER_SOCKET,
        )
        problem = errors.refused(DdmsError(Code.RATE_LIMITED, sentence))
        await self.send_message(cast("Any", {"id": message["id"], "type": "error", "payload": [problem]}))

    async def _end_at(self, moment: datetime) -> None:
        await asyncio.sleep((moment - datetime.now(UTC)).total_seconds())
        await self.end("the token expired")

    async def end(self, reason: str) -> None:
        """Close the socket because its token is no longer valid."""
        await self._close(_UNAUTHORIZED, reason)

    async def come_back(self, reason: str) -> None:
        """Close the socket with a code after which clients connect again."""
        await self._close(_TRY_AGAIN_LATER, reason)

    async def _close(self, code: int, reason: str) -> None:
        for operation in list(self.operations):
            await self.cleanup_operation(operation)
        with suppress(RuntimeError, WebSocketDisconnect):
            await self.websocket.close(code, reason)

    async def run_operation(self, operation: Running[Context, None]) -> None:
        """Serve one operation; a subscription joins all who ask the same."""
        enter(Place.WEBSOCKET, f"{REQUEST_ID.get()}.{next(self._numbers)}", "")
        try:
            await self._serve(operation)
        except BadDocument as bad:
            await self._refuse(operation, bad.formatted)
        except DdmsError as error:
            await self.view.gate.hold(error)
            await self._refuse(operation, [errors.refused(error)])
        except (WebSocketDisconnect, RuntimeError) as error:
            if not isinstance(error, WebSocketDisconnect):
                await self.handle_task_exception(error)
        except Exception as error:  # noqa: BLE001 - the client gets an id, the log the rest
            await self._refuse(operation, [errors.masked(error)])
        finally:
            if self.operations.get(operation.id) is operation:
                del self.operations[operation.id]

    async def _serve(self, running: Running[Context, None]) -> None:
        gate, context, asked = self.view.gate, self.context, self.asked.pop(running.id)
        if context.caller and context.caller.is_session:
            await context.callers.used(context.caller)
        with gate.passing(context):
            operation = await gate.operation(asked, context)
            if operation.kind is not OperationType.SUBSCRIPTION:
                encoded = await gate.done(operation, context, asked)
                with gate.unread(context, len(encoded)):
                    await self._protocol.push_when_writable(Next(running.id)(Result(encoded)))
                await running.send_operation_message({"id": running.id, "type": "complete"})
                return
        await follow(operation, context, asked.variables, Next(running.id), self._protocol)

    @property
    def _protocol(self) -> WebSocketProtocol:
        protocol: WebSocketProtocol = self._scope["extensions"][EXTENSION]
        return protocol

    @property
    def _scope(self) -> Scope:
        scope: Scope = cast("Any", self.websocket).ws.scope
        return scope

    async def _refuse(self, operation: Running[Context, None], problems: list[dict[str, Any]]) -> None:
        observed.refused(None, None)
        with suppress(WebSocketDisconnect, RuntimeError):
            await operation.send_operation_message(
                cast("Any", {"id": operation.id, "type": "error", "payload": problems})
            )


class Sockets(GraphQL[Context, None]):
    """Strawberry's view, for websockets only; HTTP has its own."""

    graphql_transport_ws_handler_class = Socket

    gate: Gate
    """Set at the start of the program."""

    def __init__(self, schema: Any, allowed_origins: tuple[str, ...]) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=INIT_SECONDS),
            allowed_origins=allowed_origins,
        )
        self._origins = allowed_origins
        self.open: set[Socket] = set()

    def decode_json(self, data: str | bytes) -> object:
        """Decode a message."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        """Encode a message, as text: browsers' clients refuse binary frames."""
        return encode(data).decode()

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """Return the context of a socket; its caller is found by connection_init."""
        enter_by_headers(Place.WEBSOCKET, request.headers)
        client = request.client
        context = await self.gate.caller(client.host if client else "unknown", None)
        context.authorization = request.headers.get("authorization")
        context.client, context.transport = request.headers.get("user-agent"), Transport.WEBSOCKET
        context.cookie = self._cookie(request)
        LANGUAGE.set(language_of(request.headers.get("accept-language", "")))
        return context

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """Find the caller by the token in connection_init's payload, or in the handshake's header; raises `DdmsError`."""
        parameters = context.connection_params or {}
        if isinstance(language := _named(parameters, "accept-language"), str):
            LANGUAGE.set(language_of(language))
        token = _token(parameters) or of_header(context.authorization) or context.cookie
        if not token:
            raise DdmsError(
                Code.UNAUTHENTICATED,
                "sign in, or send a token in the payload of connection_init, as `token` or `Authorization`",
            )
        await self.gate.known(context, token)
        return cast("UnsetType", UNSET)

    def _cookie(self, request: Request | WebSocket) -> str | None:
        """Return the secret of a session, unless a page that is none of ours opened the websocket."""
        origin, host = request.headers.get("origin"), request.headers.get("host", "")
        ours = origin is None or origin_fits(origin, host, self._origins)
        return of_cookies(request.headers.get("cookie")) if ours else None


def _shortened(reason: str, end: str) -> str:
    """Return a reason for which a close frame has room, with its end whole."""
    return reason.encode()[: _REASON_BYTES - len(end.encode())].decode(errors="ignore") + end


class Live(Protocol):
    """A connection that lasts, and its caller."""

    context: Context

    async def end(self, reason: str, /) -> None:
        """End it."""

    async def come_back(self, reason: str, /) -> None:
        """End it such that the client connects again."""


async def end_out_of_sight(database: Database, connections: Iterable[Live]) -> None:
    """End the connections of limited people who follow what was in their sight, and that is another one now."""
    watching = [one for one in connections if one.context.person is not None and one.context.sights]
    people = {one.context.person for one in watching if one.context.person is not None}
    now = await read_sights(database, people) if people else {}
    for connection in watching:
        if connection.context.person is not None and connection.context.sights != {now[connection.context.person]}:
            await connection.come_back("other devices are in your sight now: connect again")


async def end_invalid(known: Callers, connections: Iterable[Live]) -> float:
    """End the connections whose tokens or sessions have ended, or open something else now; return when to look again."""
    callers = {connection: connection.context.caller for connection in connections if connection.context.caller}
    if not callers:
        return _SWEEP_SECONDS
    valid = await known.valid(caller for caller in callers.values() if caller)
    for connection, caller in callers.items():
        if caller and caller.limited and caller.token_id not in valid:
            await connection.come_back("your rights have changed: connect again")
        elif caller and caller.token_id not in valid:
            await connection.end(
                "the session has ended, or your rights have changed" if caller.is_session else "the token was revoked"
            )
    soonest = min(valid.values(), default=datetime.max.replace(tzinfo=UTC)) - datetime.now(UTC)
    return min(_SWEEP_SECONDS, max(0.1, soonest.total_seconds()))


def _named(parameters: Mapping[str, object], name: str) -> object:
    return {key.lower(): value for key, value in parameters.items()}.get(name)


def _token(parameters: Mapping[str, object]) -> str | None:
    if isinstance(plain := _named(parameters, "token"), str):
        return of_header(f"Bearer {plain}") if plain else None
    header = _named(parameters, "authorization")
    return of_header(header) if isinstance(header, str) else None
