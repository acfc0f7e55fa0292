"""Payloads: what mutations answer, with the mistakes that their callers can put right."""

import re
from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import cleandoc
from typing import Any

import strawberry

from api.graphql.described import describe_enum, output_type
from api.graphql.messages import told
from ddms.errors import Code, DdmsError, Mistake, Mistakes

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
        "BUSY": "Others are being served: try again after `extensions.retryAfterSeconds`.",
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
    line: int | None = strawberry.field(default=None, description="The line of a file, from 1; null outside files.")
    column: int | None = strawberry.field(
        default=None,
        description="The column in that line, from 1: of CSV the cell, of YAML the character; null outside files.",
    )

    @classmethod
    def of(cls, error: DdmsError) -> "UserError":
        """Tell a caller of GraphQL what went wrong."""
        line, column = (error.line, error.column) if isinstance(error, Mistake) else (None, None)
        return cls(code=error.code, field=camel(error.field), message=told(error.message), line=line, column=column)


def camel(path: str | None) -> str | None:
    """Return a field's path as GraphQL spells it: `points.2.data_type` becomes `points.2.dataType`."""
    return re.sub(r"_([a-z0-9])", lambda m: m[1].upper(), path) if path else path


def snake(name: str) -> str:
    """Return a field's name as files and the database spell it."""
    return re.sub(r"[A-Z]", lambda m: "_" + m[0].lower(), name)


def mutation(function: Callable[..., Awaitable[Any]]) -> Any:
    """Make a method a mutation, described by its docstring; an error of ours becomes the errors of its payload."""
    payload = function.__annotations__["return"]

    @wraps(function)
    async def answered(*arguments: Any, **named: Any) -> Any:
        try:
            return await function(*arguments, **named)
        except DdmsError as error:
            each = error.each if isinstance(error, Mistakes) else [error]
            return payload(errors=[UserError.of(one) for one in each])

    return strawberry.mutation(answered, description=" ".join(cleandoc(function.__doc__ or "").split("\n")))
