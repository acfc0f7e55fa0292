"""The one gate: whatever the transport, a request passes the same five questions, here and in this order.

Who asks (`caller`); how often (`passing`); what (`operation`, `export`); how dear, and was it seen before (`done`).
A new transport brings a token, an `Asked` and a key, and gets an answer or an error; it decides nothing itself.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol, TypeAlias

from graphql import OperationType

from api.execution import observed
from api.execution.cost import brought
from api.execution.documents import Documents, Operation
from api.execution.response import encode
from api.execution.run import execute
from api.execution.trusted import Trusted
from api.graphql.context import Context
from api.graphql.executor import PlainExecutor
from api.graphql.messages import LANGUAGE
from api.ground.callers import of_header
from api.ground.database import HISTORY_AGE
from api.ground.limits import (
    DEAR,
    DEAR_COST,
    DEAR_EACH,
    EXPORT_COST,
    EXPORTS,
    EXPORTS_EACH,
    HELD,
    HOLD_SECONDS,
    IN_FLIGHT,
    MOST_COST,
    PREVIEW_COST,
    STRANGERS_IN_FLIGHT,
    UNREAD_BYTES,
)
from api.ground.metrics import IN_FLIGHT as RUNNING
from api.ground.metrics import UNREAD
from api.ground.roles import Role
from api.ground.turns import Turns, Who
from api.transport.browser import known_by_cookie
from api.transport.idempotency import claimed, fingerprint, key_of, succeeded
from api.transport.request import Asked, HttpRequest
from ddms.errors import Code, DdmsError, Sentence

_READING = 400
"""What it costs to read a document that was not read lately, besides one for each of its characters."""
_LARGE_BODY, _BYTES = 10_000, 100
"""From which size on a request costs one for each hundred bytes, before it is known what they say."""
_TURN_SECONDS = 10.0
_CONSTANT = b'{"data":%b,"extensions":{"cost":{"requested":%d,"limit":%d,"available":%d,"restoredPerSecond":%d}}}'
"""The answer to a question about the schema alone: what `told_cost` tells, written at once, as it is asked most."""

Waited: TypeAlias = Callable[[Awaitable[dict[str, Any]]], Awaitable[dict[str, Any]]]
"""Waits for an answer as its transport can: one that sees its client leave ends the work."""


class MakesContexts(Protocol):
    """The parts of the program."""

    documents: Documents
    trusted: Trusted

    def context(self, address: str) -> Context:
        """Return what resolvers are given."""


class Gate:
    """What every request passes."""

    def __init__(self, parts: MakesContexts) -> None:
        self._parts = parts
        self._running: dict[Who, int] = {}
        self._unread: dict[Who, int] = {}
        self._held = 0
        self._reading = Turns(1, each=1, waiting=IN_FLIGHT, seconds=_TURN_SECONDS)
        self._dear = Turns(DEAR, each=DEAR_EACH, waiting=IN_FLIGHT, seconds=_TURN_SECONDS)
        self.exports = Turns(EXPORTS, each=EXPORTS_EACH, waiting=EXPORTS_EACH, seconds=_TURN_SECONDS)

    def measure(self) -> None:
        """Tell the metrics how many requests run, and what nobody has read yet."""
        RUNNING.set(sum(self._running.values()))
        UNREAD.set(sum(self._unread.values()))

    async def caller(self, address: str, authorization: str | None, request: HttpRequest | None = None) -> Context:
        """Who: return the context of whoever bears the token in a header Authorization, or a session's cookie, or none."""
        context = self._parts.context(address)
        context.serve()
        if token := of_header(authorization):
            await self.known(context, token)
        elif request and request.header(b"cookie"):
            await known_by_cookie(context, request.method, request.header)
            context.serve()
        return context

    def stranger(self, address: str) -> None:
        """Who: have what fails for whom nobody looked at count as this address's."""
        self._parts.context(address).serve()

    async def known(self, context: Context, token: str) -> None:
        """Who: find the caller of a token; raises UNAUTHENTICATED."""
        context.caller = await context.callers.find(token)
        context.serve()
        if context.caller.language:  # what the person chose counts more than what the client asks for
            LANGUAGE.set(context.caller.language)

    def passing(self, context: Context) -> "_Counted":
        """How often: count a request while it is read and executed; raises RATE_LIMITED when the caller has too many."""
        who = context.who
        most = IN_FLIGHT if context.caller else STRANGERS_IN_FLIGHT
        if self._running.get(who, 0) >= most:
            raise DdmsError(
                Code.RATE_LIMITED,
                Sentence("you have {} requests in flight: wait for answers before you send more", most),
            )
        if self._unread.get(who, 0) >= UNREAD_BYTES:
            raise DdmsError(
                Code.RATE_LIMITED,
                Sentence(
                    "{} MB of answers wait until you read them: read them before you ask for more", UNREAD_BYTES >> 20
                ),
            )
        return _Counted(self._running, who, 1)

    def unread(self, context: Context, size: int) -> "_Counted":
        """How often: count the bytes of a large answer until the client has read them."""
        return _Counted(self._unread, context.who, size)

    async def operation(self, asked: Asked, context: Context) -> Operation:
        """What: return the operation that is meant, of the document that was sent or of a registered one."""
        if asked.variables and asked.is_nested_too_deeply:
            raise DdmsError(Code.INVALID, "the variables are nested too deeply", field="variables")
        text = asked.query
        if asked.document_id is not None or (context.caller and context.caller.trusted_only):
            text = await self._parts.trusted.text(text, asked.document_id, context.caller)
        documents = self._parts.documents
        if known := documents.known(text, asked.operation_name):
            return known
        context.budgets.take(context.who, _READING + 2 * len(text))
        async with self._reading.place(context.who):
            await asyncio.sleep(0)  # others are served between two documents that are read
            return documents.known(text, asked.operation_name) or documents.read(text, asked.operation_name)

    async def hold(self, error: Exception) -> None:
        """How often: keep back the refusal of somebody who asks too often, for a moment in which nothing is done for them."""
        if self._held >= HELD or not isinstance(error, DdmsError) or error.code is not Code.RATE_LIMITED:
            return
        self._held += 1
        try:
            await asyncio.sleep(HOLD_SECONDS)
        finally:
            self._held -= 1

    def export(self, context: Context, *, preview: bool) -> None:
        """What, and how dear: refuse who may not export."""
        caller = context.require(Role.VIEWER)
        if caller.trusted_only:
            sentence = "this token may only send registered documents, and an export is none: ask for another token"
            raise DdmsError(Code.FORBIDDEN, sentence)
        context.budgets.take(context.who, PREVIEW_COST if preview else EXPORT_COST)

    async def done(self, operation: Operation, context: Context, asked: Asked, waited: Waited | None = None) -> bytes:
        """How dear, and seen before: execute a query or mutation, or give its first answer again; return it encoded."""
        began = time.perf_counter()
        answer: dict[str, Any] = {}
        if operation.is_constant and (cost := operation.priced(context)) < DEAR_COST:
            who = context.who
            left = context.budgets.take(who, cost)
            encoded = _CONSTANT % (operation.constant, cost, MOST_COST, left, context.budgets.restored(who))
        else:
            paid = 0
            if asked.variables and operation.kind is OperationType.MUTATION:
                paid = brought(asked.variables)
                context.budgets.take(context.who, paid)
            if paid >= DEAR_COST:
                async with self._dear.place(context.who):
                    executor = await asyncio.to_thread(operation.executor, context, asked.variables)
            else:
                executor = operation.executor(context, asked.variables)
            context.budgets.take(context.who, executor.cost)
            cost = executor.cost = executor.cost + paid
            if cost < DEAR_COST or operation.signs_in:
                encoded, answer = await self._once(operation, context, executor, asked, waited)
            else:
                executor.in_parts = True
                async with self._dear.place(context.who):
                    encoded, answer = await self._once(operation, context, executor, asked, waited)
        observed.answered(operation, context, time.perf_counter() - began, cost, answer)
        return encoded

    async def _once(
        self, operation: Operation, context: Context, executor: PlainExecutor, asked: Asked, waited: Waited | None
    ) -> tuple[bytes, dict[str, Any]]:
        HISTORY_AGE.set(context.most_age(asked.most_age) if operation.kind is OperationType.QUERY else 0.0)
        key = key_of(asked.key) if asked.key and operation.kind is OperationType.MUTATION else None
        if key is None:
            answer = await _run(operation, context, executor, waited)
            return encode(answer), answer
        same = fingerprint(operation.text, operation.name, asked.variables)
        async with claimed(context, key, operation.text, same) as claim:
            if claim.answer is not None:
                return claim.answer, {}
            answer = await _run(operation, context, executor, waited)
            claim.answer, claim.keep = encode(answer), succeeded(answer)
            return claim.answer, answer


async def _run(
    operation: Operation, context: Context, executor: PlainExecutor, waited: Waited | None
) -> dict[str, Any]:
    answer = execute(operation, context, executor)
    if isinstance(answer, dict):
        return answer
    return await (waited(answer) if waited else answer)


class _Counted:
    """Counts while a block runs; a class, because it costs a third of what a generator does."""

    __slots__ = ("_counter", "_many", "_who")

    def __init__(self, counter: dict[Who, int], who: Who, many: int) -> None:
        self._counter, self._who, self._many = counter, who, many

    def __enter__(self) -> None:
        self._counter[self._who] = self._counter.get(self._who, 0) + self._many

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = self._counter[self._who] = self._counter[self._who] - self._many
        if not left:
            del self._counter[self._who]
