"""`/openid-<provider>`: the way to a provider and back, and what a provider tells about those who signed out there.

One address for all three, so that one address is registered at the provider: without a state it begins a sign-in, with one it
ends it, and a form that comes by POST is the provider's word that somebody signed out.
"""

import logging
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie

from starlette.responses import Response

from api.access import openid, sessions
from api.access.openid import Identity
from api.access.openid_provider import ProviderClient
from api.graphql.messages import told
from api.ground.failures import note
from api.transport.answer import status_of
from api.transport.pages.html import led_on, redirect
from api.transport.pages.sign_in import sign_in_page
from api.transport.pages.visit import Page, Visit
from ddms.errors import Code, DdmsError

COOKIE = "__Host-ddms_openid"
"""The cookie of a browser whose person is at a provider."""
_PREFIX = "/openid-"

logger = logging.getLogger("api.openid")


async def _show(visit: Visit) -> Response:
    try:
        client = visit.providers.client(visit.request.path.removeprefix(_PREFIX))
        if "state" not in visit.query:
            return await _begin(visit, client)
        return await _come_back(visit, client)
    except DdmsError as error:
        note(error.code.value, error.message)
        status = 404 if error.code is Code.NOT_FOUND else status_of(error)[0]
        return sign_in_page(visit, {None: told(error.message)}, status=status)


async def _begin(visit: Visit, client: ProviderClient) -> Response:
    """Send a browser to the provider."""
    begun = await openid.begin(
        visit.context.everything, client, address=visit.context.address, browser=_browser(visit), go_on=visit.next
    )
    cookie = f"{COOKIE}={begun.browser}; Max-Age={openid.MINUTES * 60}; Path=/; HttpOnly; Secure; SameSite=Lax"
    return redirect(begun.url, (cookie,))


async def _come_back(visit: Visit, client: ProviderClient) -> Response:
    """Receive a browser from the provider; begin the session of its person."""
    database, browser, state = visit.context.everything, _browser(visit), visit.query["state"]
    go_on = await openid.taken(database, client, browser=browser, state=state)
    code = await client.code(visit.query)
    who, id_token = await openid.identity(client, code=code, browser=browser, state=state)
    try:
        begun = await _begun(visit, client, who, id_token)
    except DdmsError as error:
        if error.code is Code.FORBIDDEN:
            async with database.transaction() as statements:
                await openid.refuse(statements, client, who, visit.context.actor, error)
        raise
    finally:
        visit.context.callers.forget()  # others are told by the database, we need not wait for that
    return led_on(go_on, begun.cookies)


async def _begun(visit: Visit, client: ProviderClient, who: Identity, id_token: str) -> sessions.Begun:
    """Begin the session of whom the provider vouches for."""
    came = visit.context.actor
    async with visit.context.everything.transaction() as statements:
        return await sessions.begin(
            statements,
            replace(came, name=who.name),
            await openid.admit(statements, client, who, came),
            agent=visit.agent,
            provider=client.provider.name,
            provider_hint=id_token,
            instead_of=visit.secret,
        )


async def _signed_out(visit: Visit) -> Response:
    """End the sessions of somebody who signed out at the provider (OpenID Connect Back-Channel Logout 1.0)."""
    try:
        client = visit.providers.client(visit.request.path.removeprefix(_PREFIX))
        subject, sid = await client.signed_out(visit.form.get("logout_token", ""))
        async with visit.context.everything.transaction() as statements:
            ended = await openid.end_signed_out(statements, client, subject, sid)
    except DdmsError as error:
        note(error.code.value, error.message)
        logger.warning("a provider's word that somebody signed out is not taken: %s", error)
        return Response('{"error":"invalid_request"}', 400, {"Cache-Control": "no-store"}, "application/json")
    visit.context.callers.forget()
    logger.info("the provider %s signed somebody out: %d sessions ended", client.provider.name, ended)
    return Response(None, 200, {"Cache-Control": "no-store"})


def _browser(visit: Visit) -> str:
    """Return the secret of the browser's cookie, or an empty text."""
    try:
        cookies = SimpleCookie(visit.request.header(b"cookie"))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


OPENID = Page(_show, _signed_out)
