"""Responses: what an execution gave, as it stands in an answer, and its encoding."""

from typing import Any

import orjson

from api.graphql import errors


def response(result: Any) -> dict[str, Any]:
    """Return a result as it stands in a response."""
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [errors.formatted(error) for error in result.errors]
    return answer


def encode(answer: Any) -> bytes:
    """Encode a response; columns are numpy arrays or ready JSON."""
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
