"""The page of the own account: password, language, where one is signed in."""

from starlette.responses import Response

from api.access import accounts, sessions
from api.access.session_list import Session, of_person
from api.graphql.messages import told
from api.ground.callers import Caller
from api.ground.database import Row
from api.ground.failures import note
from api.ground.ids import IdKind, from_id
from api.transport.answer import status_of
from api.transport.pages.html import Html, field, form, html, joined, page, redirect, whose
from api.transport.pages.html import told as said
from api.transport.pages.texts import text
from api.transport.pages.visit import Page, Visit, signed_out
from ddms.errors import DdmsError
from ddms.languages import languages

DONE = {"password": "password_changed", "language": "language_saved", "ended": "ended"}
_PASSWORDS = {"old", "new"}


async def _show(visit: Visit) -> Response:
    done = DONE.get(visit.query.get("done", ""))
    return await _account(visit, done=text(done) if done else None)


async def _change(visit: Visit) -> Response:
    caller = visit.caller
    if caller is None or caller.user_id is None:
        return signed_out(visit)
    if not visit.is_proven:
        return await _account(visit, {None: text("outdated")}, status=403)
    try:
        match visit.form.get("do"):
            case "password":
                return await _change_password(visit, caller)
            case "language":
                return await _change_language(visit, caller.user_id)
            case "end":
                return await _end(visit, caller, caller.user_id)
            case "end_others" | "end_all" as do:
                return await _end_all(visit, caller, caller.user_id, keep=do == "end_others")
            case _:
                return await _account(visit)
    except DdmsError as error:
        note(error.code.value, error.message)
        field_ = error.field if error.field in _PASSWORDS else None
        return await _account(visit, {field_: told(error.message)}, status=status_of(error)[0])


async def _change_password(visit: Visit, caller: Caller) -> Response:
    old, new, again = (visit.form.get(name, "") for name in ("old", "new", "again"))
    if new != again:
        return await _account(visit, {"again": text("differ")}, status=400)
    await accounts.change_own_password(visit.context.everything, visit.actor, caller, old, new)
    visit.context.callers.forget()
    return redirect(visit.next if caller.must_change_password else "account?done=password", visit.context.cookies)


async def _change_language(visit: Visit, number: int) -> Response:
    async with visit.context.everything.transaction() as statements:
        wanted = visit.form.get("language", "")
        await accounts.set_language(statements, visit.actor, number, wanted if wanted in languages() else None)
    visit.context.callers.forget()
    return redirect("account?done=language", visit.context.cookies)


async def _end(visit: Visit, caller: Caller, number: int) -> Response:
    ended = from_id(IdKind.SESSION, visit.form.get("session", ""))
    async with visit.context.everything.transaction() as statements:
        await sessions.end(statements, visit.actor, number, ended)
    visit.context.callers.forget()
    if ended == caller.token_id:
        return redirect("sign-in?done=out", sessions.NO_COOKIES)
    return redirect("account?done=ended", visit.context.cookies)


async def _end_all(visit: Visit, caller: Caller, number: int, *, keep: bool) -> Response:
    async with visit.context.everything.transaction() as statements:
        await sessions.end_all(statements, visit.actor, number, but=caller.token_id if keep else None)
    visit.context.callers.forget()
    if keep:
        return redirect("account?done=ended", visit.context.cookies)
    return redirect("sign-in?done=out", sessions.NO_COOKIES)


async def _account(
    visit: Visit, errors: dict[str | None, str] | None = None, *, done: str | None = None, status: int = 200
) -> Response:
    caller, errors = visit.caller, errors or {}
    if caller is None or caller.user_id is None:
        return signed_out(visit)
    database = visit.context.everything
    person = await database.row(accounts.FIND_ACCOUNT, caller.user_id, None)
    if person is None:
        return signed_out(visit)
    parts = [said(done), said(errors.get(None), wrong=True)]
    if caller.must_change_password:
        parts += [
            html("<p>{message}</p>", message=text("must_change")),
            _password(visit, person, errors),
            _leave(visit),
        ]
    else:
        listed = await of_person(database, caller.user_id, caller.token_id)
        parts += [
            whose(caller.name, caller.role.value),
            _password(visit, person, errors),
            _language(visit, person),
            _sessions(visit, listed),
        ]
        parts.append(_leave(visit))
    return page(text("account"), joined(parts), name=caller.name, status=status, cookies=visit.context.cookies)


def _password(visit: Visit, person: Row, errors: dict[str | None, str]) -> Html:
    if person["provider"] is not None:
        return html("<section><p>{message}</p></section>", message=text("provided", person["provider"]))
    # For password managers, which want to know whose it is.
    name = html('<input type="hidden" name="name" value="{name}" autocomplete="username">', name=person["name"])
    old, new = "current-password", "new-password"
    first = person["must_change_password"] and not errors
    fields = [
        field("old", text("old_password"), autocomplete=old, type_="password", errors=errors, first=first),
        field(
            "new", text("new_password"), autocomplete=new, type_="password", errors=errors, hint=text("password_hint")
        ),
        field("again", text("again"), autocomplete=new, type_="password", errors=errors),
    ]
    more = {"next": visit.next} if person["must_change_password"] else {}
    body = form(
        "account", joined([name, *fields]), button=text("change_password"), csrf=visit.csrf, do="password", **more
    )
    return _section(text("change_password"), body)


def _language(visit: Visit, person: Row) -> Html:
    named = {"": text("as_browser")} | {code: each.name for code, each in languages().items()}
    options = [
        html(
            '<option value="{value}"{chosen}>{name}</option>',
            value=value,
            chosen=Html(" selected") if (person["language"] or "") == value else None,
            name=name,
        )
        for value, name in named.items()
    ]
    template = '<div class="field"><label for="language">{label}</label><select id="language" name="language" autocomplete="language">{options}</select></div>'
    choice = html(template, label=text("language"), options=joined(options))
    return _section(text("language"), form("account", choice, button=text("save"), csrf=visit.csrf, do="language"))


def _sessions(visit: Visit, listed: list[Session]) -> Html:
    items = joined([_item(visit, session) for session in listed])
    buttons = [_quiet(visit, do, text(do)) for do in ("end_others", "end_all")]
    body = html(
        '<ul class="sessions">{items}</ul>\n<div class="row">{buttons}</div>', items=items, buttons=joined(buttons)
    )
    return _section(text("sessions"), body)


def _item(visit: Visit, session: Session) -> Html:
    used = (session.last_used_at or session.created_at).strftime("%Y-%m-%d %H:%M UTC")
    ends = session.ends_at.strftime("%Y-%m-%d %H:%M UTC")
    device = session.device or text("program")
    return html(
        '<li><div><b><bdi>{device}</bdi></b> {current}<br>{address}<p class="quiet-text">{used} · {ends}</p></div>{end}</li>',
        device=device,
        current=html("({this_one})", this_one=text("this_one")) if session.is_current else None,
        address=" · ".join(filter(None, (session.address, session.provider))),
        used=text("used", used),
        ends=text("ends", ends),
        end=_quiet(visit, "end", text("sign_out" if session.is_current else "end_one"), session=session.id),
    )


def _leave(visit: Visit) -> Html:
    start = html('<a class="button" href=".">{back}</a>', back=text("back"))
    out = form("sign-out", Html(""), button=text("sign_out"), csrf=visit.csrf, kind="quiet")
    return html('<div class="row">{start}{out}</div>', start=start, out=out)


def _quiet(visit: Visit, do: str, button: str, **hidden: str) -> Html:
    return form("account", Html(""), button=button, csrf=visit.csrf, kind="quiet", do=do, **hidden)


def _section(title: str, body: Html) -> Html:
    return html("<section><h2>{title}</h2>\n{body}\n</section>", title=title, body=body)


ACCOUNT = Page(_show, _change)
