"""Browsers: a request that brings the cookie of a session, and whether one of our own pages made it.

A browser sends a cookie whoever's page makes it do so. SameSite=Lax keeps other sites from most; what is asked here
keeps them from the rest, and from a neighbour of the same site: a change needs a token that only our pages can read.
"""

import hmac
from collections.abc import Callable, Collection
from typing import TypeAlias

from strawberry.http.websocket_origin import is_same_origin, normalize_origin

from api.access import sessions
from api.graphql.context import Context
from api.graphql.messages import LANGUAGE
from api.ground.callers import of_cookies
from ddms.errors import Code, DdmsError

CSRF_HEADER = b"x-csrf-token"
Header: TypeAlias = Callable[[bytes], str]
"""Returns a header of the request, or an empty text."""


async def known_by_cookie(context: Context, method: str, header: Header) -> None:
    """Who: find the caller of a session's cookie, if there is one; raises UNAUTHENTICATED or FORBIDDEN."""
    secret = of_cookies(header(b"cookie"))
    if secret is None:
        return
    if is_foreign(header, context.settings.allowed_origins):
        raise DdmsError(Code.FORBIDDEN, "another site's page made this request: open the pages of DDMS itself")
    if method == "POST" and not is_proven(secret, header(CSRF_HEADER)):
        sentence = "a signed-in browser sends the header X-CSRF-Token with the value of the cookie __Host-ddms_csrf: reload the page"
        raise DdmsError(Code.FORBIDDEN, sentence)
    await known_by_secret(context, secret)


async def known_by_secret(context: Context, secret: str) -> str:
    """Who: find the caller of a session's secret; return the secret that the browser has from now on.

    When what the person may do has changed, that is a new one, which the answer has to bring: `Context.cookies`.
    """
    context.caller = caller = await context.callers.find(secret)
    if caller.language:  # what the person chose counts more than what the browser asks for
        LANGUAGE.set(caller.language)
    if not caller.is_outdated:
        return secret
    async with context.everything.transaction() as statements:
        begun = await sessions.renew(statements, context.actor, caller.token_id)
    context.callers.forget()  # others are told by the database, we need not wait for that
    if begun is None:
        return secret
    context.cookies = begun.cookies
    context.caller = await context.callers.find(begun.secret)
    return begun.secret


def is_proven(secret: str, token: str) -> bool:
    """Whether the request shows what only our own pages can know of this session."""
    return hmac.compare_digest(sessions.csrf_of(secret).encode(), token.encode("utf-8", "replace"))


def is_foreign(header: Header, allowed: Collection[str] = ()) -> bool:
    """Whether the page that made the request is none of ours, as far as its browser says."""
    site, origin = header(b"sec-fetch-site"), header(b"origin")
    if origin and origin_fits(origin, header(b"host"), allowed):
        return False
    return bool(origin) or site in {"cross-site", "same-site"}


def origin_fits(origin: str, host: str, allowed: Collection[str]) -> bool:
    """Whether a page of this origin is ours, or one that the settings name."""
    return is_same_origin(origin, host) or normalize_origin(origin) in allowed
