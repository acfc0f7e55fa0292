"""Errors: how they reach a caller, as a user error of a mutation or as an error of GraphQL."""

import logging
import re
import secrets
from typing import Any

import strawberry
from graphql import GraphQLError

from api.graphql.described import describe_enum, output_type
from api.graphql.messages import told
from api.ground.database_errors import of_database
from ddms.errors import Code, DdmsError, Sentence

INTERNAL = "INTERNAL"

logger = logging.getLogger("api.errors")

describe_enum(
    Code,
    name="ErrorCode",
    description="What kind of mistake it was. Stable: programs may act on it. `extensions.code` of GraphQL's errors has the same words, and `INTERNAL` for our own mistakes.",
    values={
        "INVALID": "An input does not fit; `field` names it and the message says what fits.",
        "NOT_FOUND": "Nothing has this id, or it was deleted.",
        "ALREADY_EXISTS": "Something of this name exists: choose another one.",
        "CONFLICT": "Somebody else changed it meanwhile: read it again and repeat the change.",
        "UNAUTHENTICATED": "No token, or one that is wrong, expired or revoked.",
        "FORBIDDEN": "The token's role may not do this.",
        "RATE_LIMITED": "Too many attempts: wait as long as the message says.",
        "TIMEOUT": "It took too long and was given up.",
        "UNAVAILABLE": "The database or a collector cannot be reached at the moment: try again.",
        "SETTINGS": "The server's settings are wrong.",
        "SCHEMA_VERSION": "The database's schema does not belong to this version of DDMS.",
    },
)


@output_type
class UserError:
    """A mistake in the input of a mutation, which the caller can put right."""

    code: Code = strawberry.field(description="What kind of mistake it was.")
    message: str = strawberry.field(description="What to do, in a sentence.")
    field: str | None = strawberry.field(
        default=None,
        description="The input that was wrong, as the caller named it: `endpoint`, `points.2.address`; null when it was none of them.",
    )

    @classmethod
    def of(cls, error: DdmsError) -> "UserError":
        """Tell a caller of GraphQL what went wrong."""
        return cls(code=error.code, field=camel(error.field), message=told(error.message))


def camel(path: str | None) -> str | None:
    """Return a field's path as GraphQL spells it: `points.2.data_type` becomes `points.2.dataType`."""
    return re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), path) if path else path


def snake(name: str) -> str:
    """Return a field's name as files and the database spell it."""
    return re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), name)


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
    return {"message": told(message), **located, "extensions": {"code": code, **({"field": field_} if field_ else {})}}


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
