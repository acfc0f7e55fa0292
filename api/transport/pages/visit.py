"""A visit: one request for a page, who comes, and what the page's form says."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol, TypeAlias
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.access.openid import Providers
from api.access.sessions import NO_COOKIES, csrf_of
from api.graphql import errors
from api.graphql.context import Context
from api.graphql.messages import LANGUAGE, language_of, told
from api.ground.actor import Actor, Transport
from api.ground.callers import Caller, of_cookies
from api.ground.failures import Place, is_noted, note
from api.transport.answer import status_of
from api.transport.browser import is_foreign, is_proven, known_by_secret
from api.transport.gate import Gate
from api.transport.pages.html import problem, redirect
from api.transport.request import ClientLeft, HttpRequest, Refused
from ddms.errors import Code, DdmsError

_FIELDS, _FORM_BYTES = 50, 65_536
_LONGEST_ADDRESS = 4_000
_LOOPS = {"/sign-in", "/sign-out"}


class Parts(Protocol):
    """The parts of the program that are needed here."""

    gate: Gate
    openid: Providers

    def context(self, address: str) -> Context:
        """Return what resolvers are given."""


@dataclass(kw_only=True, slots=True)
class Visit:
    """One request for a page."""

    request: HttpRequest
    context: Context
    secret: str | None
    query: dict[str, str]
    form: dict[str, str]
    scheme: str
    providers: Providers
    csrf: str | None = None
    """What the page's forms carry; None when nobody is signed in."""

    @property
    def caller(self) -> Caller | None:
        """Who is signed in."""
        return self.context.caller

    @property
    def actor(self) -> Actor:
        """Who it is for the audit log."""
        return self.context.actor

    @property
    def agent(self) -> str:
        """What the browser calls itself."""
        return self.request.header(b"user-agent")

    @property
    def next(self) -> str:
        """Where the person wanted to go: a path of ours, else the start."""
        return path_of_ours(self.form.get("next") or self.query.get("next") or "")

    @property
    def is_foreign(self) -> bool:
        """Whether another site's page sent this."""
        return is_foreign(self.request.header)

    @property
    def is_proven(self) -> bool:
        """Whether the form is one that this session was given, and has sent from our own page."""
        return bool(self.secret) and not self.is_foreign and is_proven(self.secret or "", self.form.get("csrf", ""))

    @property
    def secure_address(self) -> str | None:
        """Return the host to open by https, when this page came in a way in which browsers keep no session."""
        host = self.request.header(b"host")
        name = host_name(host)
        is_local = name == "localhost" or name.endswith(".localhost") or name == "::1" or name.startswith("127.")
        # Browsers send the header where they trust the way, whatever stands between them and us.
        trusted = self.scheme == "https" or is_local or self.request.header(b"sec-fetch-site")
        return None if trusted else host


Answers: TypeAlias = Callable[[Visit], Awaitable[Response]]


class Page:
    """One page, as Starlette routes to it: how it answers GET, and a form that comes by POST."""

    def __init__(self, get: Answers, post: Answers | None = None) -> None:
        self._answers: Mapping[str, Answers] = {"GET": get, "HEAD": get} | ({"POST": post} if post else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = HttpRequest(scope, receive)
        request.enter(Place.PAGE)
        LANGUAGE.set(language_of(request.header(b"accept-language")))
        answers = self._answers.get(request.method)
        if answers is None:
            allowed = {"Allow": ", ".join(self._answers)}
            await Response("this page is opened by GET", 405, allowed, "text/plain")(scope, receive, send)
            return
        try:
            visit = await _visited(request, scope)
            with scope["app"].state.parts.gate.passing(visit.context):
                response = await answers(visit)
            if response.status_code >= HTTPStatus.BAD_REQUEST and not is_noted():
                note(f"HTTP_{response.status_code}", f"a form of the page {request.path} was refused")
        except ClientLeft:
            return
        except Refused as refused:
            note(Code.INVALID.value, refused.message)
            response = problem(told(refused.message), refused.status)
        except DdmsError as error:
            note(error.code.value, error.message)
            response = problem(told(error.message), status_of(error)[0])
        except Exception as error:  # noqa: BLE001 - the person gets an id, the log the rest
            response = problem(errors.masked(error)["message"], 500)
        response.headers["X-Request-Id"] = request.id
        await response(scope, receive, send)


async def _visited(request: HttpRequest, scope: Scope) -> Visit:
    parts: Parts = scope["app"].state.parts
    context = parts.context(request.address)
    context.client, context.transport = request.header(b"user-agent"), Transport.PAGE
    context.serve()
    secret = of_cookies(request.header(b"cookie"))
    form = await _form(request) if request.method == "POST" else {}
    visit = Visit(
        request=request,
        context=context,
        secret=secret,
        query=_pairs(request.query),
        form=form,
        scheme=scope.get("scheme", "http"),
        providers=parts.openid,
    )
    if secret:
        try:
            visit.csrf = csrf_of(await known_by_secret(context, secret))
        except DdmsError as error:
            if error.code is not Code.UNAUTHENTICATED:
                raise
            context.cookies = NO_COOKIES  # an old cookie is of no use
    context.serve()
    return visit


async def _form(request: HttpRequest) -> dict[str, str]:
    body = await request.form()
    if len(body) > _FORM_BYTES:
        raise Refused(413, "this form is too large")
    return _pairs(body)


def _pairs(text_: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(text_.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError as error:
        raise Refused(400, "this form has too many fields") from error


def host_name(host: str) -> str:
    """Return the name in a header Host, or an empty text when it holds none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def path_of_ours(address: str) -> str:
    """Return an address if it is a path on this very host, which no browser can read as another one; else the start."""
    ours = (
        address.startswith("/")
        and not address.startswith("//")
        and "\\" not in address
        and address.isprintable()
        and len(address) <= _LONGEST_ADDRESS
        and urlsplit(address).path.rstrip("/") not in _LOOPS
    )
    return quote(address, safe="/?#[]@!$&'()*+,;=%:~-._") if ours else "/"


def signed_out(visit: Visit) -> Response:
    """Send somebody who is not signed in to where that is done, and back."""
    here = visit.request.path + (f"?{visit.request.query.decode('latin-1')}" if visit.request.query else "")
    return redirect(f"sign-in?next={quote(path_of_ours(here), safe='')}", visit.context.cookies)


def must_change(visit: Visit) -> bool:
    """Whether the person has to choose a password before anything else."""
    return bool(visit.caller and visit.caller.must_change_password)
