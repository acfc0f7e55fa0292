"""Following a subscription, over whatever transport: who asks in the same words is served by one broadcast."""

from collections.abc import Hashable
from typing import Any

import orjson

from api.execution.documents import Operation
from api.execution.observed import name_of
from api.execution.response import encode, response
from api.execution.run import source
from api.graphql.context import Context
from api.graphql.executor import PlainExecutor
from api.graphql.messages import LANGUAGE
from api.ground.metrics import measures
from api.ground.sight import Sight
from api.live.broadcast import Broadcast, Envelope, Result, Sink

OWN = ("exportProgress",)
"""Root fields that show to each caller what is that caller's: nobody shares them."""


async def follow(
    operation: Operation,
    context: Context,
    variables: dict[str, Any] | None,
    envelope: Envelope,
    sink: Sink,
    *,
    resume_from: str | None = None,
) -> None:
    """Send a subscription's events to a client until cancelled.

    `resume_from` is what the transport says of it, when the document has no argument of that name. Raises `BadDocument`
    and `DdmsError` when there is nothing to follow.
    """
    executor = operation.executor(context, variables)
    token, variable = executor.root_argument("resumeFrom")
    others = {name: value for name, value in (variables or {}).items() if name != variable}
    key = _key(operation, context, others, await context.sight())
    running = context.hub.broadcasts.find(key)
    cost = 1 if running and running.has_snapshot() else executor.cost
    context.budgets.take(context.who, cost)
    measures(operation.verb, name_of(operation, context)).cost.inc(cost)
    with context.budgets.following(context.who, key, executor.cost):
        broadcast = await _broadcast(operation, context, executor, key)
        subscriber = broadcast.join(envelope, sink)
        try:
            await subscriber.run(token or resume_from)
        finally:
            subscriber.leave()


def _key(operation: Operation, context: Context, variables: dict[str, Any], sight: Sight | None) -> Hashable:
    """Return what makes two subscriptions the same; nobody shares one with a limited person, whose sight may change."""
    words = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
    role = context.caller and context.caller.role
    own = context.who if any(name in operation.text for name in OWN) else None
    return operation.text, operation.name, words, role, own, context.person, sight, LANGUAGE.get()


async def _broadcast(operation: Operation, context: Context, executor: PlainExecutor, key: Hashable) -> Broadcast:
    broadcasts = context.hub.broadcasts
    if running := broadcasts.find(key):
        return running

    def encoded(event: object) -> Result:
        done: Any = executor.build_per_event_executor(event).execute_operation(False)
        return Result(encode(response(done)), getattr(event, "resume_token", None))

    return broadcasts.start(key, await source(executor), encoded)
