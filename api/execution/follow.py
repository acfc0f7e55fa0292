"""Following a subscription, over whatever transport: who asks in the same words is served by one broadcast."""

from typing import Any

import orjson

from api.execution.documents import Operation
from api.execution.observed import name_of
from api.execution.response import encode, response
from api.execution.run import source
from api.graphql.context import Context
from api.graphql.executor import PlainExecutor
from api.ground.metrics import measures
from api.live.broadcast import Broadcast, Envelope, Result, Sink


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
    measures(operation.verb, name_of(operation, context)).cost.inc(executor.cost)
    token, variable = executor.root_argument("resumeFrom")
    others = {name: value for name, value in (variables or {}).items() if name != variable}
    broadcast = await _broadcast(operation, context, executor, others)
    subscriber = broadcast.join(envelope, sink)
    try:
        await subscriber.run(token or resume_from)
    finally:
        subscriber.leave()


async def _broadcast(
    operation: Operation, context: Context, executor: PlainExecutor, variables: dict[str, Any]
) -> Broadcast:
    broadcasts = context.hub.broadcasts
    words = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
    key = (operation.text, operation.name, words, context.caller and context.caller.role)
    if running := broadcasts.find(key):
        return running

    def encoded(event: object) -> Result:
        done: Any = executor.build_per_event_executor(event).execute_operation(False)
        return Result(encode(response(done)), getattr(event, "resume_token", None))

    return broadcasts.start(key, await source(executor), encoded)
