"""The pages on which people sign in and out."""

from urllib.parse import urlencode

from starlette.responses import Response

from api.access import sessions
from api.access.sign_in import sign_in
from api.graphql.messages import LANGUAGE, told
from api.ground.failures import note
from api.transport.answer import status_of
from api.transport.pages.html import Html, field, form, html, joined, led_on, page, redirect
from api.transport.pages.html import told as said
from api.transport.pages.texts import text
from api.transport.pages.visit import Page, Visit, must_change
from ddms.errors import Code, DdmsError

_FIELDS = {"name", "password"}


async def _show(visit: Visit) -> Response:
    if must_change(visit):
        return _on(visit, visit.context.cookies)
    if visit.caller:
        return redirect(visit.next, visit.context.cookies)
    done = text("signed_out") if visit.query.get("done") == "out" else None
    chosen = next((one.name for one in visit.context.settings.openid_providers if one.auto_redirect), None)
    if chosen and not visit.query.keys() & {"done", "local"}:
        return redirect(_way_to(visit, chosen), visit.context.cookies)
    return sign_in_page(visit, done=done)


async def _sign_in(visit: Visit) -> Response:
    if visit.is_foreign:  # another site would have the person work under its own account
        return sign_in_page(visit, {None: text("foreign")}, status=403)
    name = visit.form.get("name", "")
    try:
        person = await sign_in(visit.context.everything, visit.actor, name, visit.form.get("password", ""))
        async with visit.context.everything.transaction() as statements:
            begun = await sessions.begin(
                statements, visit.actor, person["id"], agent=visit.agent, instead_of=visit.secret
            )
    except DdmsError as error:
        note(error.code.value, error.message)
        status = status_of(error)[0]
        place = error.field if error.field in _FIELDS else "password" if error.code is Code.UNAUTHENTICATED else None
        return sign_in_page(visit, {place: told(error.message)}, status=status)
    if visit.secret:  # what the browser had until now has ended
        visit.context.callers.forget()
    if person["language"]:
        LANGUAGE.set(person["language"])
    return _on(visit, begun.cookies, must_change=person["must_change_password"])


def _on(visit: Visit, cookies: tuple[str, ...], *, must_change: bool = True) -> Response:
    """Send the person on to where they wanted to go, or to where they choose a password first."""
    return redirect(f"account?{urlencode({'next': visit.next})}" if must_change else visit.next, cookies)


def sign_in_page(
    visit: Visit, errors: dict[str | None, str] | None = None, *, done: str | None = None, status: int = 200
) -> Response:
    """Return the page, with what was done or what was wrong."""
    errors = errors or {}
    name = visit.form.get("name", "")[:200]
    fields = joined(
        [
            field("name", text("name"), autocomplete="username", value=name, errors=errors, first=not errors),
            field("password", text("password"), autocomplete="current-password", type_="password", errors=errors),
        ]
    )
    insecure = visit.secure_address
    body = joined(
        [
            said(text("not_secure", insecure) if insecure else None, wrong=True),
            said(done),
            said(errors.get(None), wrong=True),
            html("<section>{form}</section>", form=form("sign-in", fields, button=text("sign_in"), next=visit.next)),
            _providers(visit),
            _links(),
        ]
    )
    return page(text("sign_in"), body, status=status, cookies=visit.context.cookies)


def _way_to(visit: Visit, provider: str) -> str:
    return f"openid-{provider}?{urlencode({'next': visit.next})}"


def _providers(visit: Visit) -> Html:
    """Return a button for each provider that signs people in."""
    template = '<a class="button" href="{way}">{title}</a>'
    ways = [
        html(template, way=_way_to(visit, one.name), title=text("by_provider", one.title))
        for one in visit.context.settings.openid_providers
    ]
    return html('<section class="row">{ways}</section>', ways=joined(ways)) if ways else Html("")


def _links() -> Html:
    template = '<p class="small">{for_programs} <a href="graphql">{graphql}</a> <a href="export">{export}</a></p>'
    return html(template, **{key: text(key) for key in ("for_programs", "graphql", "export")})


async def _ask(visit: Visit) -> Response:
    return _question(visit) if visit.caller else redirect("sign-in", visit.context.cookies)


async def _sign_out(visit: Visit) -> Response:
    caller = visit.caller
    if caller is None or caller.user_id is None:
        return redirect("sign-in", visit.context.cookies)
    if not visit.is_proven:
        return _question(visit, text("outdated"), status=403)
    async with visit.context.everything.transaction() as statements:
        provider, hint = await sessions.hint_of(statements, caller.token_id)
        await sessions.end(statements, visit.actor, caller.user_id, caller.token_id)
    visit.context.callers.forget()  # others are told by the database, we need not wait for that
    if there := await visit.providers.sign_out_url(provider, hint):
        return led_on(there, sessions.NO_COOKIES)
    return redirect("sign-in?done=out", sessions.NO_COOKIES)


def _question(visit: Visit, error: str | None = None, status: int = 200) -> Response:
    assert visit.caller is not None  # noqa: S101 - who is asked is signed in
    question = html("<p>{question}</p>", question=text("sign_out_question"))
    body = joined(
        [
            said(error, wrong=True),
            html(
                "<section>{form}</section>", form=form("sign-out", question, button=text("sign_out"), csrf=visit.csrf)
            ),
        ]
    )
    return page(text("sign_out"), body, name=visit.caller.name, status=status, cookies=visit.context.cookies)


SIGN_IN = Page(_show, _sign_in)
SIGN_OUT = Page(_ask, _sign_out)
