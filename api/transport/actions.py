"""Buttons of dashboards: `/actions/<name>` does what its mutation does, for whoever is signed in to the page.

A button of Grafana sends a POST with the session's cookie, the header `X-Grafana-Action: 1`, and its choice as query
parameters; it cannot send an X-CSRF-Token. What stands in for that token: the browser's own `Origin`, which no page can
change, and that header, which a page of another site may not send without asking first (docs/dashboards.md).
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from api.execution import observed
from api.execution.documents import BadDocument
from api.execution.response import encode
from api.graphql import errors
from api.graphql.messages import LANGUAGE, language_of
from api.ground import failures
from api.ground.actor import Transport
from api.ground.failures import Place
from api.ground.limits import PARAMETERS
from api.permissions import PERMISSIONS
from api.transport import identity
from api.transport.answer import Answer, send_answer, status_of
from api.transport.gate import Gate
from api.transport.request import JSON, Asked, HttpRequest
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence

ACTIONS: Mapping[str, str] = {
    "runJob": "mutation Button_runJob($name: String!) { runJob(name: $name) { errors { code message field } } }",
    "pauseJob": "mutation Button_pauseJob($name: String!) { pauseJob(name: $name) { errors { code message field } } }",
    "resumeJob": "mutation Button_resumeJob($name: String!) { resumeJob(name: $name) { errors { code message field } } }",
    "createBackup": "mutation Button_createBackup { createBackup(portable: false) { errors { code message field } } }",
    "verifyBackup": "mutation Button_verifyBackup($id: ID!) { verifyBackup(id: $id) { errors { code message field } } }",
    "testDevice": "mutation Button_testDevice($id: ID!) { testDevice(id: $id) { errors { code message field } } }",
    "acknowledgeAlarm": "mutation Button_acknowledgeAlarm($id: ID!) { acknowledgeAlarms(ids: [$id]) { errors { code message field } } }",
    "acknowledgeAlarms": "mutation Button_acknowledgeAlarms($ids: [ID!]!) { acknowledgeAlarms(ids: $ids) { errors { code message field } } }",
    "noteAlarm": "mutation Button_noteAlarm($id: ID!, $note: String!) { noteAlarms(ids: [$id], note: $note) { errors { code message field } } }",
    "shelveAlarm": "mutation Button_shelveAlarm($id: ID!, $hours: Float!, $reason: String!) "
    "{ shelveAlarms(ids: [$id], hours: $hours, reason: $reason) { errors { code message field } } }",
    "unshelveAlarm": "mutation Button_unshelveAlarm($id: ID!) { unshelveAlarms(ids: [$id]) { errors { code message field } } }",
}
"""The buttons that there are, and the mutation of each with what a button sends of it."""

_VARIABLE = re.compile(r"\$(\w+): (\[?\w+)")
_MUTATION = re.compile(r"\{ (\w+)\(")
_NOT_FILLED_IN = re.compile(r"\$(\w+|\{[^}]*\})")


class Parts(identity.Parts, Protocol):
    """The parts of the program that are needed here."""

    gate: Gate


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one press of a button: 200 when it was done; otherwise a status and a sentence, as GraphQL has them."""
    request = HttpRequest(scope, receive)
    request.enter(Place.BUTTON)
    LANGUAGE.set(language_of(request.header(b"accept-language")))
    parts: Parts = scope["app"].state.parts
    try:
        status, body = await _done(Request(scope), scope["path_params"]["name"], parts)
        answer = Answer(status, JSON, body)
    except BadDocument as error:
        answer = Answer(400, JSON, encode({"errors": error.formatted}))
    except DdmsError as error:
        observed.refused(None, None)
        status, headers = status_of(error)
        answer = Answer(status, JSON, encode({"errors": [errors.refused(error)]}), headers)
    except Exception as error:  # noqa: BLE001 - the client gets an id, the log the rest
        answer = Answer(500, JSON, encode({"errors": [errors.masked(error)]}))
    await send_answer(send, request, answer)


async def _done(request: Request, name: str, parts: Parts) -> tuple[int, bytes]:
    _check_whence(request)
    if name not in ACTIONS:
        raise DdmsError(
            Code.NOT_FOUND, Sentence("there is no action {!r}: there are {}", name[:40], ", ".join(ACTIONS))
        )
    context = await identity.signed_in(request, parts)
    context.client, context.transport = request.headers.get("user-agent"), Transport.ACTION
    document = ACTIONS[name]
    if least := PERMISSIONS[f"Mutation.{mutation_of(document)}"]:
        context.require(least)
    asked = Asked(document, _variables(request, document))
    with parts.gate.passing(context):
        operation = await parts.gate.operation(asked, context)
        encoded = await parts.gate.done(operation, context, asked)
    return _status(encoded, mutation_of(document)), encoded


def mutation_of(document: str) -> str:
    """Return the mutation that a button does."""
    found = _MUTATION.search(document)
    assert found  # noqa: S101 - the documents are constants
    return found[1]


def _check_whence(request: Request) -> None:
    """Refuse what no button of ours sends."""
    if request.method != "POST":
        raise DdmsError(Code.INVALID, "an action is done by POST")
    if request.headers.get("x-grafana-action") != "1":
        raise DdmsError(
            Code.FORBIDDEN,
            "this is for buttons of dashboards, which send the header X-Grafana-Action: programs use /graphql",
        )
    identity.require_from_here(request)


def _variables(request: Request, document: str) -> dict[str, str | float | list[str]]:
    """Return what was chosen; raises a sentence for what is missing, twice there, or was left open in the dashboard."""
    try:
        pairs = parse_qsl(request.url.query, keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS)
    except ValueError as error:
        raise DdmsError(Code.INVALID, "the URL's parameters are percent-encoded UTF-8, and few") from error
    given, wanted = dict(pairs), dict(_VARIABLE.findall(document))
    if len(given) < len(pairs) or given.keys() != wanted.keys():
        raise DdmsError(Code.INVALID, Sentence("this action takes these parameters, each once: {}", ", ".join(wanted)))
    for name, value in given.items():
        if not value.strip() or _NOT_FILLED_IN.fullmatch(value.strip()):
            raise DdmsError(
                Code.INVALID, Sentence("{} was left empty: fill it in, then press the button again", name), field=name
            )
    return {name: _read(wanted[name], text, name) for name, text in given.items()}


def _read(kind: str, text: str, name: str) -> str | float | list[str]:
    """Return a parameter as GraphQL wants it; several ids stand in one, with commas."""
    if kind == "Float":
        return inputs.fit(partial(inputs.number, decimal_comma=True), text, name)
    return text.split(",") if kind == "[ID" else text


def _status(encoded: bytes, name: str) -> int:
    """Return the status that tells Grafana whether it was done: it shows nothing else of an answer."""
    answer: dict[str, Any] = orjson.loads(encoded)
    payload = (answer.get("data") or {}).get(name) or {}
    codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
    for error in payload.get("errors", []):
        failures.note(error["code"], f"{name}: {error['message']}")
        codes.append(error["code"])
    if not codes:
        return 200
    return 500 if codes[0] == errors.INTERNAL else status_of(DdmsError(Code(codes[0]), ""))[0]
