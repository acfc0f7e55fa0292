"""HTML, in which whatever people typed stands escaped; and the frame of all pages."""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus

from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.graphql.messages import LANGUAGE
from api.transport.pages.texts import text
from ddms.languages import language_named
from ddms.logs import reference

POLICY = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; report-uri errors"
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Cookie, Accept-Language",
}
_FRAME = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · DDMS</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="pages/page.css">
</head>
<body>
<header><a class="brand" href=".">DDMS</a>{person}</header>
<main>
<h1>{title}</h1>
{body}
{number}</main>
</body>
</html>
"""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def html(template: str, **values: object) -> Html:
    """Put values into a template: escaped, but for what is HTML already; None is nothing."""
    return Html(template.format(**{name: _safe(value) for name, value in values.items()}))


def joined(parts: list[Html]) -> Html:
    """Put pieces of HTML one after the other."""
    return Html("\n".join(parts))


def page(
    title: str, body: Html, *, name: str | None = None, status: int = 200, cookies: tuple[str, ...] = ()
) -> Response:
    """Return a page; `name` is the person's who is signed in."""
    language = language_named(LANGUAGE.get()).tag
    person = html('<a class="person" href="account"><bdi>{name}</bdi></a>', name=name) if name else None
    content = html(_FRAME, language=language, title=title, body=body, person=person, number=_number(status))
    return _with_cookies(HTMLResponse(content, status, _HEADERS), cookies)


def _number(status: int) -> Html | None:
    """Return by which number somebody who asks for help names what went wrong; nothing where nothing did."""
    template = '<p class="quiet-text">{for_help} <b class="number">{number}</b></p>\n'
    failed = status >= HTTPStatus.BAD_REQUEST
    return html(template, for_help=text("for_help"), number=reference()) if failed else None


def redirect(address: str, cookies: tuple[str, ...] = ()) -> Response:
    """Send the browser on, by GET."""
    return _with_cookies(RedirectResponse(address, 303, _HEADERS), cookies)


def led_on(address: str, cookies: tuple[str, ...] = ()) -> Response:
    """Send the browser on by a page of ours, where a redirect would be taken for another site's, or be forbidden to a form."""
    template = (
        '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={address}"><title>DDMS</title>\n'
        '<p><a href="{address}">DDMS</a></p>\n'
    )
    return _with_cookies(HTMLResponse(html(template, address=address), 200, _HEADERS), cookies)


def field(
    name: str,
    label: str,
    *,
    autocomplete: str,
    type_: str = "text",
    value: str = "",
    hint: str | None = None,
    errors: Mapping[str | None, str],
    first: bool = False,
) -> Html:
    """Return an input with its label, and what was wrong with it beside it."""
    error = errors.get(name)
    told = [f"{name}-{what}" for what, there in (("hint", hint), ("error", error)) if there]
    more = f' aria-describedby="{" ".join(told)}"' if told else ""
    more += ' aria-invalid="true"' if error else ""
    more += ' autocapitalize="none" spellcheck="false" dir="auto"' if type_ == "text" else ""
    more += " autofocus" if first or error else ""
    return html(
        '<div class="field"><label for="{name}">{label}</label>\n'
        '<input id="{name}" name="{name}" type="{type}" value="{value}" autocomplete="{autocomplete}" required{more}>\n'
        "{hint}{error}</div>",
        name=name,
        label=label,
        type=type_,
        value=value,
        autocomplete=autocomplete,
        more=Html(more),
        hint=html('<p class="hint" id="{name}-hint">{hint}</p>', name=name, hint=hint) if hint else None,
        error=html('<p class="wrong" id="{name}-error" role="alert">{error}</p>', name=name, error=error)
        if error
        else None,
    )


def form(action: str, body: Html, *, button: str, csrf: str | None = None, kind: str = "plain", **hidden: str) -> Html:
    """Return a form with one button, a quiet one if it is of this kind; `hidden` goes with it."""
    given = hidden if csrf is None else {"csrf": csrf} | hidden
    fields = [
        html('<input type="hidden" name="{name}" value="{value}">', name=name, value=value)
        for name, value in given.items()
    ]
    return html(
        '<form method="post" action="{action}" class="{kind}">\n{hidden}\n{body}\n<button>{button}</button>\n</form>',
        action=action,
        kind=kind,
        hidden=joined(fields),
        body=body,
        button=button,
    )


def whose(name: str, role: str) -> Html:
    """Return who is signed in, as what."""
    template = "<p>{signed_in_as} <bdi><b>{name}</b></bdi>, {role}.</p>"
    return html(template, signed_in_as=text("signed_in_as"), name=name, role=text(role))


def told(message: str | None, *, wrong: bool = False) -> Html:
    """Return a sentence about what was done, or what was wrong; nothing without one."""
    kind, role = ("wrong", "alert") if wrong else ("done", "status")
    template = '<p class="{kind} box" role="{role}">{message}</p>'
    return html(template, kind=kind, role=role, message=message) if message else Html("")


def problem(message: str, status: int) -> Response:
    """Return a page that only says what went wrong."""
    body = joined(
        [told(message, wrong=True), html('<p><a class="button" href="sign-in">{a}</a></p>', a=text("sign_in"))]
    )
    return page(text("problem"), body, status=status)


def _with_cookies(response: Response, cookies: tuple[str, ...]) -> Response:
    for cookie in cookies:
        response.headers.append("Set-Cookie", cookie)
    return response


def _safe(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, Html) else escape(str(value))
