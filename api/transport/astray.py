"""Requests that come to no page and no service of ours, and what nobody caught: the person gets a page, a program JSON."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.graphql import errors
from api.graphql.messages import LANGUAGE, language_of
from api.ground.failures import Place
from api.transport.gate import Gate
from api.transport.pages.html import problem
from api.transport.request import enter_by_headers
from ddms.errors import Code, DdmsError

_SENTENCES = {
    HTTPStatus.NOT_FOUND: DdmsError(Code.NOT_FOUND, "there is nothing at this address"),
    HTTPStatus.METHOD_NOT_ALLOWED: DdmsError(Code.INVALID, "this address does not take requests of this method"),
}


async def _astray(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is asked for
    sentence = _SENTENCES.get(HTTPStatus(error.status_code), DdmsError(Code.INVALID, "this request cannot be answered"))
    _enter(request)
    response = _told(request, errors.refused(sentence), error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _uncaught(request: Request, error: Exception) -> Response:
    _enter(request)
    return _told(request, errors.masked(error), HTTPStatus.INTERNAL_SERVER_ERROR)


def _enter(request: Request) -> None:
    enter_by_headers(Place.PAGE, request.headers)
    gate: Gate = request.app.state.parts.gate
    gate.stranger(request.client.host if request.client else "unknown")
    LANGUAGE.set(language_of(request.headers.get("accept-language", "")))


def _told(request: Request, told: Mapping[str, object], status: int) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return problem(str(told["message"]), status)
    return Response(orjson.dumps({"errors": [told]}), status, {"Cache-Control": "no-store"}, "application/json")


ASTRAY: Mapping[int | type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: _astray,
    Exception: _uncaught,
}
"""What answers in their place."""
