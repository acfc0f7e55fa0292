"""Running an operation: a query or mutation to its response, a subscription to the source of its events."""

import asyncio
from collections.abc import Awaitable
from inspect import isawaitable
from typing import Any

from graphql import (
    ExecutionResult,
    Executor,
    create_source_event_stream,
)

from api.execution.cost import told_cost
from api.execution.documents import BadDocument, Operation
from api.execution.response import response
from api.graphql import errors
from api.graphql.context import Context
from api.graphql.executor import PlainExecutor
from api.ground import spans
from api.ground.limits import DEADLINE_SECONDS
from api.live.broadcast import Source
from ddms import tracing
from ddms.errors import Code, DdmsError, Sentence


def execute(
    operation: Operation, context: Context, executor: PlainExecutor
) -> Awaitable[dict[str, Any]] | dict[str, Any]:
    """Run a query or mutation; return the response, `data` and perhaps `errors`, at once or later."""
    return _executed(executor, context) if tracing.TRACER is None else _traced(operation, context, executor)


async def _traced(operation: Operation, context: Context, executor: PlainExecutor) -> dict[str, Any]:
    with spans.execution(
        operation.verb,
        operation.label,
        operation.name,
        document=operation.digest,
        cost=executor.cost,
        caller=context.actor.name,
    ) as span:
        answer = _executed(executor, context)
        answer = answer if isinstance(answer, dict) else await answer
        spans.finished(span, answer)
        return answer


def _executed(executor: PlainExecutor, context: Context) -> Awaitable[dict[str, Any]] | dict[str, Any]:
    result = executor.execute_operation()
    if isawaitable(result):
        return _finished(result, executor.cost, context)
    return response(result) | {"extensions": told_cost(executor.cost, context)}


async def _finished(work: Awaitable[Any], cost: int, context: Context) -> dict[str, Any]:
    """Return the response of an execution that waits for something, or that it took too long."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            answer = response(await work)
    except TimeoutError:
        late = DdmsError(
            Code.TIMEOUT, Sentence("the operation was ended after {:.0f} s: ask for less", DEADLINE_SECONDS)
        )
        answer = {"data": None, "errors": [errors.refused(late)]}
    return answer | {"extensions": told_cost(cost, context)}


async def source(executor: Executor[Any]) -> Source:
    """Run a subscription's resolver; return where its events come from."""
    stream = create_source_event_stream(executor)
    if isawaitable(stream):
        stream = await stream
    if isinstance(stream, ExecutionResult):
        raise BadDocument(list(stream.errors or []))
    assert isinstance(stream, Source)  # noqa: S101 - what our resolvers return
    return stream
