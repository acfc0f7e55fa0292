"""Operations as an engineer wants to see them: counted by their name, the slow and the failed ones in the log."""

import logging
from typing import Any

from api.execution.documents import Operation
from api.graphql.context import Context
from api.ground.metrics import NAMES, SLOW, measures

SLOW_SECONDS = 1.0
_REFUSED = ("unknown", "refused")
"""Under what is counted what is no operation: a document that cannot be read, a request without one."""

logger = logging.getLogger("api.requests")


def answered(operation: Operation, context: Context, seconds: float, cost: int, answer: dict[str, Any]) -> None:
    """Count an operation that was executed; `answer` is empty when an earlier one was given again."""
    measured = measures(operation.verb, name_of(operation, context))
    measured.seconds.observe(seconds)
    measured.cost.inc(cost)
    codes: list[str] = []
    if "errors" in answer:
        codes = sorted({error["extensions"]["code"] for error in answer["errors"]})
        measured.errors.inc()
    if seconds > SLOW_SECONDS:
        SLOW.inc()
    if codes or seconds > SLOW_SECONDS:
        _log("failed" if codes else "slow", operation, context, seconds, {"cost": cost, "codes": codes})


def refused(operation: Operation | None, context: Context | None) -> None:
    """Count a request that was not executed; its error is counted by its code elsewhere."""
    kind, name = (operation.verb, name_of(operation, context)) if operation and context else _REFUSED
    measures(kind, name).errors.inc()


def name_of(operation: Operation, context: Context) -> str:
    """Return the bounded name by which an operation is counted."""
    return NAMES.of(operation.name, operation.label, known_caller=context.caller is not None)


def _log(what: str, operation: Operation, context: Context, seconds: float, besides: dict[str, Any]) -> None:
    """Write a line: never the variables nor the text of the document, which may hold secrets."""
    logger.log(
        logging.WARNING if what == "slow" else logging.INFO,
        "%s %s",
        what,
        operation.label,
        extra={
            "operation": operation.name,
            "field": operation.label,
            "document": operation.digest,
            "seconds": round(seconds, 3),
            "caller": context.actor.name,
            "address": context.address,
        }
        | besides,
    )
