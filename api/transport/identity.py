"""Who somebody is, told to Grafana: nginx asks here before it hands on a request, and Grafana checks the signature.

`/auth/grafana` gets the headers of the browser's request. 200 brings the identity in a header; 401 where to sign in;
403 says that the request comes from a page of somebody else. nginx serves it to itself alone.
"""

from typing import Any, Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.graphql import errors
from api.graphql.context import Context
from api.ground.callers import Caller, of_cookies
from api.ground.failures import Place
from api.ground.ids import IdKind, to_id
from api.ground.roles import Role
from api.ground.signing import CACHED_SECONDS, Keys
from api.transport.answer import status_of
from api.transport.gate import Gate
from api.transport.grafana_paths import refuse_closed
from api.transport.request import enter_by_headers
from ddms.errors import Code, DdmsError
from ddms.languages import language_named

ROLES = {Role.OWNER: "Admin", Role.ADMIN: "Editor", Role.VIEWER: "Viewer"}
"""What a role is called in Grafana."""
_SAFE = {"GET", "HEAD", "OPTIONS"}
_LONGEST_ADDRESS = 4_000


class Parts(Protocol):
    """The parts of the program that are needed here."""

    gate: Gate
    keys: Keys

    def context(self, address: str) -> Context:
        """Return the context of a request."""


async def of_grafana(request: Request) -> Response:
    """Tell nginx whether a request may go on to Grafana, and as whose."""
    enter_by_headers(Place.GRAFANA, request.headers)
    parts: Parts = request.app.state.parts
    headers = {"Cache-Control": "no-store"}
    try:
        context = await signed_in(request, parts)
        if _changes(request):
            require_from_here(request)
        caller = context.require(Role.VIEWER)
        if caller.limited:
            refuse_closed(*(request.headers.get(f"x-original-{name}", "") for name in ("method", "uri")))
        headers |= _of_caller(caller, parts.keys)
        return Response(status_code=200, headers=headers)
    except DdmsError as error:
        status, _ = status_of(error)
        if status == 401:
            headers["X-DDMS-Sign-In"] = _sign_in(request.headers.get("x-original-uri", ""))
        if error.code is Code.UNAVAILABLE:  # nginx would take it for a start of ours
            headers["X-DDMS-Away"] = "database"
        return JSONResponse({"errors": [errors.refused(error)]}, status, headers)


async def signed_in(request: Request, parts: Parts) -> Context:
    """Return the context of whoever's session the cookie of a request opens; raises UNAUTHENTICATED."""
    context = parts.context(request.client.host if request.client else "unknown")
    context.serve()
    secret = of_cookies(request.headers.get("cookie"))
    if secret is None:
        raise DdmsError(Code.UNAUTHENTICATED, "you are not signed in: open /sign-in")
    await parts.gate.known(context, secret)
    if context.caller is None or context.caller.user_id is None or context.caller.must_change_password:
        raise DdmsError(Code.UNAUTHENTICATED, "your password must be changed first: open /sign-in")
    return context


def require_from_here(request: Request) -> None:
    """Refuse what another site's page sends; a browser says whose page it is whenever something could change."""
    here = f"{request.url.scheme}://{request.headers.get('host', '')}"
    site = request.headers.get("sec-fetch-site", "same-origin")
    if request.headers.get("origin") != here or site != "same-origin":
        raise DdmsError(Code.FORBIDDEN, "this comes from a page of another site: it is not done")


def _changes(request: Request) -> bool:
    """Whether it could: a websocket begins with a GET, but what it carries is not bound to one origin."""
    method = request.headers.get("x-original-method", "GET")
    return method not in _SAFE or "sec-websocket-key" in request.headers


def signed(caller: Caller, keys: Keys) -> str:
    """Return who a caller is, as Grafana believes it."""
    user = to_id(IdKind.USER, caller.user_id or 0)
    claims = {
        "iss": "ddms",
        "aud": "grafana",
        "sub": user,
        "login": user,
        "email": f"{user}@ddms.invalid",
        "name": caller.name,
        "role": ROLES[caller.role],
    }
    return keys.sign(claims)


def _of_caller(caller: Caller, keys: Keys) -> dict[str, str]:
    headers = {"X-DDMS-Identity": signed(caller, keys)}
    if caller.limited:
        headers["X-DDMS-Limited"] = "1"
    if caller.language:
        headers["X-DDMS-Language"] = language_named(caller.language).grafana
    return headers


def _sign_in(wanted: str) -> str:
    """Return the address of the page for signing in, which leads back to what was wanted of Grafana."""
    is_ours = wanted.startswith("/grafana/") and len(wanted) <= _LONGEST_ADDRESS
    return f"/sign-in?next={quote(wanted.partition('#')[0] if is_ours else '/grafana/', safe='')}"


async def published(request: Request) -> Response:
    """Answer /.well-known/jwks.json: what Grafana checks signatures by (RFC 7517)."""
    keys: Keys = request.app.state.parts.keys
    try:
        answer: dict[str, Any] = keys.published()
    except DdmsError as error:
        status, headers = status_of(error)
        return JSONResponse({"errors": [errors.refused(error)]}, status, headers)
    return JSONResponse(answer, headers={"Cache-Control": f"public, max-age={CACHED_SECONDS}"})
