"""Errors: how they reach a caller, as a user error of a mutation or as an error of GraphQL."""

import logging
import secrets
from typing import Any

from graphql import GraphQLError

from api.graphql.messages import told
from api.graphql.payloads import camel
from api.ground.database_errors import of_database
from api.ground.turns import TryLater
from ddms.errors import Code, DdmsError, Sentence

INTERNAL = "INTERNAL"

logger = logging.getLogger("api.errors")


def formatted(error: GraphQLError) -> dict[str, Any]:
    """Return an error as it stands in a response: a code with each, an id instead of what only we should read."""
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        answer = dict(error.formatted)
        answer["message"] = told(error.message)
        answer["extensions"] = {"code": Code.INVALID.value, **(error.extensions or {})}
        return answer
    expected = original if isinstance(original, DdmsError) else of_database(original)
    message, code, field_ = (
        (expected.message, expected.code.value, camel(expected.field))
        if expected
        else (_reference(original), INTERNAL, None)
    )
    located = {key: value for key, value in error.formatted.items() if key in {"locations", "path"}}
    besides: dict[str, Any] = {"field": field_} if field_ else {}
    if isinstance(expected, TryLater):
        besides["retryAfterSeconds"] = expected.seconds
    return {"message": told(message), **located, "extensions": {"code": code, **besides}}


def _reference(error: BaseException) -> str:
    reference = secrets.token_hex(6)
    logger.error("unexpected error %s", reference, exc_info=error, extra={"reference": reference})
    return Sentence("an unexpected error: the API's log has it under {}", reference)


def refused(error: DdmsError) -> dict[str, Any]:
    """Return an error of ours that happened before any field, as it stands in a response."""
    return formatted(GraphQLError(error.message, original_error=error))


def masked(error: Exception) -> dict[str, Any]:
    """Return an unexpected error as it stands in a response: only its id; the log has the rest."""
    return formatted(GraphQLError("", original_error=error))
