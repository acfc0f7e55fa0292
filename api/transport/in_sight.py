"""Grafana for people whose rights reach to some groups of devices only: what they ask of the database passes here.

Grafana's viewers may send any SQL. Of limited people nginx lets only a list of requests through to Grafana, and brings their
questions to a data source here: they go on to one whose role shows nothing by itself, each text begins with a comment that
names the person, and the views show what is in that person's sight (docs/decisions/0018).
"""

import logging
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol

import httpx2
import orjson
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.graphql import errors
from api.ground.failures import Place, note
from api.ground.limits import BODY_BYTES
from api.ground.roles import Role
from api.transport import identity
from api.transport.answer import status_of
from api.transport.grafana_paths import EMPTY, QUERY
from api.transport.request import enter_by_headers
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

OURS, IN_SIGHT = "ddms", "ddms-limited"
"""The data source of dashboards, and the one that takes its place."""
_TYPE = "grafana-postgresql-datasource"
_KEPT = {"format", "refId", "intervalMs", "maxDataPoints"}
_HEADERS = (
    "host",
    "origin",
    "accept-language",
    "x-grafana-org-id",
    "x-dashboard-uid",
    "x-panel-id",
    "x-panel-plugin-id",
)
_MOST_QUERIES = 50
_SECONDS = 30.0


logger = logging.getLogger("api.transport")


class Parts(identity.Parts, Protocol):
    """The parts of the program that are needed here."""

    grafana: httpx2.AsyncClient | None


def asked_of(body: bytes, person: int) -> dict[str, Any]:
    """Return what Grafana is asked instead: the same of the other data source, each text with the person before it.

    Raises FORBIDDEN for what is no question to our data source, INVALID for what has not the form of one.
    """
    try:
        asked = orjson.loads(body)
        queries = [_query(query, person) for query in asked["queries"][:_MOST_QUERIES]]
        return {"queries": queries} | {name: str(asked[name]) for name in ("from", "to") if name in asked}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DdmsError(Code.INVALID, "this is no question to a data source of Grafana") from error


def _query(query: dict[str, Any], person: int) -> dict[str, Any]:
    source = query["datasource"]
    if (source if isinstance(source, str) else source.get("uid")) != OURS:
        raise DdmsError(
            Code.FORBIDDEN,
            "your rights reach to the devices of your groups only: this data source shows the whole site",
        )
    kept: dict[str, Any] = {
        name: query[name] for name in _KEPT & query.keys() if isinstance(query[name], str | int | float)
    }
    kept["datasource"] = {"type": _TYPE, "uid": IN_SIGHT}
    kept["rawSql"] = f"/*ddms:person {person:d}*/" + str(query["rawSql"])
    return kept


async def query(request: Request) -> Response:
    """Answer POST /grafana/api/ds/query of a limited person."""
    enter_by_headers(Place.GRAFANA, request.headers)
    try:
        answer = await _asked(request, request.app.state.parts)
    except httpx2.HTTPError as error:
        logger.warning("Grafana does not answer: %s", error)
        return _refused(DdmsError(Code.UNAVAILABLE, "Grafana does not answer at the moment: try again"))
    except DdmsError as error:
        return _refused(error)
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        note("PANEL", _said(answer.content))
    kind = {"Content-Type": answer.headers.get("content-type", "application/json"), "Cache-Control": "no-store"}
    return Response(answer.content, answer.status_code, kind)


def _said(content: bytes) -> str:
    """Return what the database said to a panel, as Grafana tells it."""
    with suppress(ValueError, AttributeError, TypeError):
        answer = orjson.loads(content)
        results = (answer.get("results") or {}).values()
        return next((str(one["error"]) for one in results if "error" in one), str(answer.get("message")))
    return "Grafana's answer cannot be read"


async def empty(request: Request) -> Response:
    """Answer that there is nothing, to what limited people's dashboards ask of the whole site."""
    return Response(EMPTY[request.url.path], media_type="application/json")


async def _asked(request: Request, parts: Parts) -> httpx2.Response:
    caller = (await identity.signed_in(request, parts)).require(Role.VIEWER)
    identity.require_from_here(request)
    if not caller.limited or caller.user_id is None or parts.grafana is None:
        sentence = "there is nothing here: Grafana is behind nginx, and DDMS_GRAFANA_URL says where"
        raise DdmsError(Code.NOT_FOUND, sentence)
    asked = asked_of(await _body(request), caller.user_id)
    headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
    headers |= {"Content-Type": "application/json", "X-DDMS-Identity": identity.signed(caller, parts.keys)}
    return await parts.grafana.post(QUERY, content=orjson.dumps(asked), headers=headers)


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES:
            raise DdmsError(Code.INVALID, Sentence("a request has at most {} bytes", BODY_BYTES))
    return body


def _refused(error: DdmsError) -> Response:
    status, headers = status_of(error)
    told = errors.refused(error)
    return JSONResponse({"message": told["message"], "errors": [told]}, status, headers)


def open_grafana(settings: Settings) -> httpx2.AsyncClient | None:
    """Return what talks to Grafana, if the settings say where it is."""
    return httpx2.AsyncClient(base_url=settings.grafana_url, timeout=_SECONDS) if settings.grafana_url else None
