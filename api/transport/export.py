"""`/export`: history as a file, streamed at the speed of the database and of whoever takes it."""

import asyncio
import logging
import time
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import orjson
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from api.export import jobs
from api.export.choice import ExportChoice, Format
from api.export.links import VALID_SECONDS, make, use
from api.export.plan import plan
from api.export.stream import opened, write
from api.graphql import errors
from api.graphql.context import Context
from api.graphql.messages import LANGUAGE, language_of
from api.ground import audit
from api.ground.actor import Transport
from api.ground.callers import of_cookies
from api.ground.database import HISTORY_AGE, Statements
from api.ground.database_errors import of_database
from api.ground.failures import Place, note
from api.ground.ids import IdKind, from_id, to_id
from api.ground.roles import Role
from api.transport.answer import status_of
from api.transport.gate import Gate
from api.transport.request import ClientLeft, HttpRequest, Refused
from ddms.database import TROUBLE
from ddms.errors import Code, DdmsError
from ddms.languages import Product, language_named
from ddms.settings import Settings

STALLED_SECONDS = 120
"""A client that takes nothing for so long is given up."""

_STATUS = {Code.NOT_FOUND: 404, Code.TIMEOUT: 504}
_NEW_LINK = "1"
_MEDIA = {
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.ARROW: "application/vnd.apache.arrow.stream",
}
_PAGE = Path(__file__).parent.parent / "static" / "export" / "index.html"
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; report-uri errors",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
    "Vary": "Cookie, Accept-Language",
}

logger = logging.getLogger("api.exports")


class Exports:
    """The endpoint: a page for browsers, a file for whoever brings a token or a link."""

    _has_page = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = HttpRequest(scope, receive)
        request.enter(Place.EXPORT)
        if request.method not in {"GET", "HEAD", "POST"}:
            response = Response("exports are served by GET and POST", 405, {"Allow": "GET, HEAD, POST"}, "text/plain")
            await response(scope, receive, send)
        elif request.method == "GET" and self._has_page and _wants_page(request):
            await _speak(request, scope["app"].state.parts)
            await _page(LANGUAGE.get())(scope, receive, send)
        else:
            LANGUAGE.set(language_of(request.header(b"accept-language")))
            await self._serve(request, _Answer(request, send), scope["app"].state.parts.gate)

    async def _serve(self, request: HttpRequest, answer: "_Answer", gate: Gate) -> None:
        try:
            context = await gate.caller(request.address, request.header(b"authorization"), request)
            context.client, context.transport = request.header(b"user-agent"), Transport.EXPORT
            answer.cookies = context.cookies
            with gate.passing(context):
                await self._answered(request, answer, gate, context)
        except (ClientLeft, _GaveUp):
            return
        except Refused as refused:
            await answer.refuse(DdmsError(Code.INVALID, refused.message), refused.status, refused.headers)
        except DdmsError as error:
            await gate.hold(error)
            await answer.refuse(error)
        except Exception as error:  # noqa: BLE001 - the client gets an id or an aborted connection, the log the rest
            await answer.fail(error)

    async def _answered(self, request: HttpRequest, answer: "_Answer", gate: Gate, context: Context) -> None:
        given = await _given(request)
        if given.pop("token") is not None:
            sentence = "an address is kept in logs, so it takes no token: send the header Authorization, or ask for a link by `link=1`"
            raise DdmsError(Code.INVALID, sentence, field="token")
        link, preview = given.pop("link"), given.pop("preview")
        if link and link != _NEW_LINK:
            context.caller, given.pairs = await use(context.everything, link)
            context.serve()
        gate.export(context, preview=bool(preview) or link == _NEW_LINK)
        choice = ExportChoice.of(given.pairs)
        HISTORY_AGE.set(context.most_age(request.most_age))
        if link == _NEW_LINK:
            await answer.json(200, await _link(context, given.pairs))
        elif preview:
            await answer.json(200, await context.database.of_history(partial(_preview, choice)))
        else:
            async with gate.exports.place(context.who):
                await self._export(request, answer, context, choice)

    async def _export(self, request: HttpRequest, answer: "_Answer", context: Context, choice: ExportChoice) -> None:
        began = time.perf_counter()
        replicas = context.database.replicas if context.person is None else None
        places = replicas.places(HISTORY_AGE.get(), context.who) if replicas else [self._settings]
        async with opened(places, context.person) as connection:
            made = await plan(Statements(connection), choice)
            answer.head = _head(made.filename, made.choice.format)
            if request.method == "HEAD":
                await answer.finish()
                return
            async with context.database.transaction() as statements:
                await audit.record(statements, context.actor, "export.history", made.title, after=made.audited)
            rows = await _unless_left(request, write(connection, made, answer.write))
            await answer.finish()
        taken = {"rows": rows, "bytes": answer.bytes, "seconds": round(time.perf_counter() - began, 3)}
        logger.info(
            "exported %s", made.filename, extra=taken | {"caller": context.actor.name, "address": context.address}
        )


class ExportFiles(Exports):
    """`/export/files/ID`: the files of exports that were made in the background, in parts too (`Range`)."""

    _has_page = False

    async def _answered(self, request: HttpRequest, answer: "_Answer", gate: Gate, context: Context) -> None:
        gate.export(context, preview=True)
        number = from_id(IdKind.EXPORT, request.named("id"))
        row = await jobs.read(context, number)
        path = jobs.folder_of(context) / str(number)
        if row["state"] in {"waiting", "running"}:
            raise DdmsError(Code.CONFLICT, "it is not made yet: `exportProgress` tells how far it is", field="id")
        if row["state"] != "done":
            raise DdmsError(Code.NOT_FOUND, "its file is gone, or was never made: ask for it again", field="id")
        if not await asyncio.to_thread(path.exists):
            sentence = "its file lies on another replica: let DDMS_EXPORT_DIRECTORY be a folder that all of them share"
            raise DdmsError(Code.UNAVAILABLE, sentence, field="id")
        if request.method == "GET":
            async with context.everything.transaction() as statements:
                await audit.record(
                    statements,
                    context.actor,
                    "export.fetch",
                    to_id(IdKind.EXPORT, number),
                    after={"file": row["filename"]},
                )
        form = Format(dict(row["parameters"]).get("format", Format.CSV))
        await answer.file(FileResponse(path, headers=_head(row["filename"], form)))


class _GaveUp(Exception):  # noqa: N818 - nobody is told: the connection is cut
    """An answer that had begun cannot be finished."""


class _Given:
    """Parameters of a request, of which some are taken out."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs

    def pop(self, name: str) -> str | None:
        found = [value for key, value in self.pairs if key == name]
        self.pairs = [pair for pair in self.pairs if pair[0] != name]
        return found[-1] if found else None


class _Answer:
    """What is sent: nothing before the first bytes are there, so that a failure until then is a proper answer."""

    def __init__(self, request: HttpRequest, send: Send) -> None:
        self._request = request
        self._send = send
        self._begun = False
        self.head: dict[str, str] = {}
        self.cookies: tuple[str, ...] = ()
        self.bytes = 0

    async def write(self, part: bytes | bytearray) -> None:
        """Send a part; returns when the client can take more."""
        await self._sent(part, more=True)
        self.bytes += len(part)

    async def finish(self) -> None:
        await self._sent(b"", more=False)

    async def _sent(self, part: bytes | bytearray, *, more: bool) -> None:
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await self._begin(200, self.head)
                await self._send({"type": "http.response.body", "body": part, "more_body": more})
        except TimeoutError as error:
            logger.warning("the client took nothing for %s s: its export is given up", STALLED_SECONDS)
            raise _GaveUp from error

    async def file(self, response: FileResponse) -> None:
        """Send a file that is there."""
        self._begun = True
        await self._request.answered_by(response, self._send)

    async def json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = orjson.dumps(value)
        kind = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body))}
        await self._begin(status, kind | {"Cache-Control": "no-store"} | (headers or {}))
        await self._send({"type": "http.response.body", "body": body if self._request.method != "HEAD" else b""})

    async def refuse(self, error: DdmsError, status: int = 0, headers: dict[str, str] | None = None) -> None:
        if self._begun:
            note(error.code.value, f"an export broke off after {self.bytes} bytes: {error.message}")
            return  # without its last chunk the client knows that the file is short
        usual, told = status_of(error)
        await self.json(
            status or _STATUS.get(error.code, usual), {"errors": [errors.refused(error)]}, told | (headers or {})
        )

    async def fail(self, error: Exception) -> None:
        if expected := of_database(error):
            await self.refuse(expected)
        elif self._begun:
            note(errors.INTERNAL, f"an export broke off after {self.bytes} bytes", error)
        else:
            await self.json(500, {"errors": [errors.masked(error)]})

    async def _begin(self, status: int, headers: dict[str, str]) -> None:
        if self._begun:
            return
        self._begun = True
        headers = headers | {"X-Request-Id": self._request.id, "X-Content-Type-Options": "nosniff"}
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        encoded += [(b"set-cookie", cookie.encode()) for cookie in self.cookies]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})


async def _link(context: Context, parameters: list[tuple[str, str]]) -> dict[str, Any]:
    secret = await make(context.everything, context.require(Role.VIEWER), parameters)
    return {"url": f"export?link={secret}", "validSeconds": VALID_SECONDS}


def _head(filename: str, form: Format) -> dict[str, str]:
    plain = filename.encode("ascii", "replace").decode().replace("?", "_")
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename)}"
    return {
        "Content-Type": _MEDIA[form],
        "Content-Disposition": disposition,
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx hands on what it gets, and waits when its client does
    }


def _wants_page(request: HttpRequest) -> bool:
    known = request.header(b"authorization") or b"link=" in request.query
    return "text/html" in request.header(b"accept") and not known


async def _speak(request: HttpRequest, parts: Any) -> None:
    """Take the language of the account, where a session is known, else the browser's; the page is there without a database too."""
    LANGUAGE.set(language_of(request.header(b"accept-language")))
    if secret := of_cookies(request.header(b"cookie")):
        with suppress(DdmsError, *TROUBLE):
            await parts.gate.known(parts.context(request.address), secret)


@cache
def _page(code: str) -> Response:
    language = language_named(code)
    template = _PAGE.read_text(encoding="utf-8").replace("{language}", language.tag)
    return HTMLResponse(language.html(Product.PAGES, template), headers=_PAGE_HEADERS)


async def _given(request: HttpRequest) -> _Given:
    text = (await request.form()) if request.method == "POST" else request.query
    try:
        return _Given(parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50_000))
    except ValueError as error:
        raise Refused(400, "parameters are percent-encoded UTF-8") from error


async def _preview(choice: ExportChoice, statements: Statements) -> dict[str, Any]:
    """Return what an export would be; `rows` is counted in the rollups, so a little off at the ends of the range."""
    made = await plan(statements, choice)
    return {
        "filename": made.filename,
        "points": len(made.points),
        "rows": await made.rows(statements),
        "from": made.choice.from_.isoformat(),
        "to": made.choice.to.isoformat(),
        "title": made.title,
    }


async def _unless_left(request: HttpRequest, work: Any) -> int:
    """Do the work; when the client leaves, end it, and with it its statement in the database."""
    doing, leaving = asyncio.create_task(work), asyncio.create_task(request.left())
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientLeft
        rows: int = doing.result()
        return rows
    finally:
        for task in (doing, leaving):
            task.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)
