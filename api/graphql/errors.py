"""Errors: how they reach a caller, as a user error of a mutation or as an error of GraphQL."""

from typing import Any

from graphql import GraphQLError

from api.graphql.messages import told
from api.graphql.payloads import camel
from api.ground import failures
from api.ground.database_errors import of_database
from api.ground.turns import TryLater
from ddms.errors import Code, DdmsError, Sentence

INTERNAL = "INTERNAL"
_UNTOLD = "the document or its variables are not what the schema takes"
"""What is noted of errors of documents: they quote what the caller sent, which may be a secret."""


def formatted(error: GraphQLError) -> dict[str, Any]:
    """Return an error as it stands in a response: its code and number; of what only we should read, nothing but the number."""
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        answer = dict(error.formatted)
        extensions = {"code": Code.INVALID.value, **(error.extensions or {})}
        answer["message"] = told(error.message)
        answer["extensions"] = extensions | {"reference": failures.note(str(extensions["code"]), _UNTOLD)}
        return answer
    expected = original if isinstance(original, DdmsError) else of_database(original)
    located = {key: value for key, value in error.formatted.items() if key in {"locations", "path"}}
    if expected is None:
        reference = failures.note(INTERNAL, "", original)
        sentence = Sentence(
            "an unexpected error after many others: it was counted, and the API's log has those before it"
        )
        if failures.was_listed():
            sentence = Sentence("an unexpected error: the API's log has it under {}", reference)
        return {"message": told(sentence), **located, "extensions": {"code": INTERNAL, "reference": reference}}
    of_button = failures.PLACE.get() is failures.Place.BUTTON  # whose person reads it on the dashboard
    noted = failures.note(expected.code.value, told(expected.message) if of_button else expected.message)
    extensions = {"code": expected.code.value, "reference": noted}
    if field := camel(expected.field):
        extensions["field"] = field
    if isinstance(expected, TryLater):
        extensions["retryAfterSeconds"] = expected.seconds
    return {"message": told(expected.message), **located, "extensions": extensions}


def refused(error: DdmsError) -> dict[str, Any]:
    """Return an error of ours that happened before any field, as it stands in a response."""
    return formatted(GraphQLError(error.message, original_error=error))


def masked(error: Exception) -> dict[str, Any]:
    """Return an unexpected error as it stands in a response: only its id; the log has the rest."""
    return formatted(GraphQLError("", original_error=error))
