"""`POST /errors`: what failed in a browser, told by our pages' script, or by the browser itself when a page broke its policy.

It changes nothing but counters, the log and the list of failures, whose bounds hold here too (`api.ground.failures`), and
takes a report from no other site's page. What a page says of itself is believed as little as anything that a browser sends.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.graphql import errors
from api.graphql.context import Context
from api.ground.callers import of_cookies
from api.ground.failures import Place, note
from api.ground.metrics import CLIENT_ERRORS
from api.transport.answer import status_of
from api.transport.browser import is_foreign
from api.transport.gate import Gate
from api.transport.request import Refused, enter_by_headers
from ddms.errors import Code, DdmsError
from ddms.languages import Product, languages

CODE = "BROWSER"
"""The code under which failures in browsers are noted."""
REPORT_BYTES = 8_192
_REPORTS = 5
"""So many of one report are taken."""
_PAGES = {
    "/": "start",
    "/sign-in": "sign-in",
    "/sign-out": "sign-out",
    "/account": "account",
    "/export": "export",
    "/graphql": "graphiql",
}
_KINDS = {"script", "promise", "file"}
_OURS, _POLICY = {"application/json"}, {"application/csp-report", "application/reports+json"}
_WORDS = re.compile(r"[^\w .,:;/()'\"=<>@!?+*-]")


_SCRIPT = Path(__file__).parent.parent / "static" / "pages" / "errors.js"
ON_FAILURE = (
    "Something on this page failed. Load it again; if that does not help, tell whoever runs DDMS this number:",
    "(DDMS does not answer)",
)
"""What that script says."""


class Parts(Protocol):
    """The parts of the program that are needed here."""

    gate: Gate

    def context(self, address: str) -> Context:
        """Return the context of a request."""


def script_of_pages(_request: Request) -> Response:
    """Return the script that our pages tell failures by, with what it says in every language."""
    says = {code: [each.text(Product.PAGES, text) for text in ON_FAILURE] for code, each in languages().items()}
    script = _SCRIPT.read_text(encoding="utf-8").replace("'SAYS'", json.dumps(says))
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "public, max-age=86400"})


class Report(NamedTuple):
    """One failure in a browser; `page` and `kind` are some of ours, whatever was sent."""

    page: str
    kind: str
    what: str


async def reported(request: Request) -> Response:
    """Take a report, and answer with the number by which the person can name it."""
    enter_by_headers(Place.BROWSER, request.headers)
    try:
        _check_whence(request)
        await _known(request, request.app.state.parts)
        reports = reports_of(request.headers.get("content-type", ""), await _body(request))
    except Refused as refused:
        return _refused(DdmsError(Code.INVALID, refused.message), refused.status)
    except DdmsError as error:
        return _refused(error, status_of(error)[0])
    number = ""
    for report in reports:
        CLIENT_ERRORS.labels(report.page, report.kind).inc()
        number = note(CODE, f"{report.kind} in {report.page}: {report.what}")
    return Response(orjson.dumps({"reference": number}), 200, {"Cache-Control": "no-store"}, "application/json")


def _check_whence(request: Request) -> None:
    if is_foreign(lambda name: request.headers.get(name.decode(), "")):
        raise DdmsError(Code.FORBIDDEN, "another site's page made this request: open the pages of DDMS itself")


async def _known(request: Request, parts: Parts) -> None:
    """Find out whose browser it is, to count it as theirs; somebody who is not signed in may report too."""
    context = parts.context(request.client.host if request.client else "unknown")
    context.client = request.headers.get("user-agent")
    context.serve()
    if secret := of_cookies(request.headers.get("cookie")):
        with suppress(DdmsError):
            await parts.gate.known(context, secret)
            context.serve()


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > REPORT_BYTES:
            raise Refused(413, "a report is shorter than this")
    return body


def reports_of(kind: str, body: bytes) -> list[Report]:
    """Return what a body reports; raises `Refused` for what is no report."""
    media = kind.partition(";")[0].strip().lower()
    if media not in _OURS | _POLICY:
        raise Refused(415, "send a report as JSON")
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, "a report is JSON") from error
    found = list(_of_policy(sent)) if media in _POLICY else [_of_script(sent)] if isinstance(sent, dict) else []
    if not found:
        raise Refused(400, "this is no report of a failure")
    return found[:_REPORTS]


def _of_script(sent: dict[str, Any]) -> Report:
    kind = sent.get("kind") if sent.get("kind") in _KINDS else "script"
    where = f"{_path(sent.get('source'))}:{_number(sent.get('line'))}:{_number(sent.get('column'))}"
    return Report(_page(sent.get("page")), str(kind), f"{_words(sent.get('message'))} ({where})")


def _of_policy(sent: Any) -> Iterator[Report]:
    for one in sent if isinstance(sent, list) else [sent]:
        if not isinstance(one, dict):
            continue
        inner = one.get("csp-report") if "csp-report" in one else one.get("body")
        if isinstance(inner, dict):
            rule = (
                inner.get("effective-directive") or inner.get("effectiveDirective") or inner.get("violated-directive")
            )
            blocked = inner.get("blocked-uri") or inner.get("blockedURL")
            page = inner.get("document-uri") or inner.get("documentURL") or one.get("url")
            yield Report(_page(page), "policy", f"{_words(rule)} forbids {_words(_without_query(blocked))}")


def _page(address: object) -> str:
    path = _path(address)
    return "grafana" if path.startswith("/grafana/") else _PAGES.get(path, "other")


def _path(address: object) -> str:
    """Return the path of an address: what stands behind its `?` may be a secret."""
    try:
        return _words(urlsplit(address).path) if isinstance(address, str) else "?"
    except ValueError:
        return "?"


def _without_query(address: object) -> object:
    return re.split("[?#]", address)[0] if isinstance(address, str) else None


def _number(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 10_000_000 else 0


def _words(text: object) -> str:
    """Return what a browser says as a part of a sentence: short, of letters that lead nowhere."""
    return _WORDS.sub("?", text[:200]) if isinstance(text, str) else "?"


def _refused(error: DdmsError, status: int) -> Response:
    told = errors.refused(error)
    return Response(orjson.dumps({"errors": [told]}), status, {"Cache-Control": "no-store"}, "application/json")
