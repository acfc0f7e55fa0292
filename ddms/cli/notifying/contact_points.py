"""Contact points: the ways to people, of which each place has some and none has all.

Grafana takes no empty address, so what is not given is not written; and it keeps what an older file had, so what is not given is
on the list of what to delete.
"""

from collections.abc import Callable
from typing import Any

from ddms.cli.notifying.wishes import Contact, Wishes

FIRST, THEN, HEARTBEAT, NOBODY = "DDMS", "DDMS escalation", "DDMS heartbeat", "DDMS nobody"
"""What goes to `NOBODY` is muted. A policy must name a contact point that is there, and people may delete Grafana's own."""
_SUBJECT, _MESSAGE = '{{ template "ddms.subject" . }}', '{{ template "ddms.message" . }}'


def _given(value: object, **settings: Any) -> dict[str, Any] | None:
    return settings if value else None


_WAYS: dict[str, Callable[[Contact], dict[str, Any] | None]] = {
    "email": lambda c: _given(
        c.mail_to, addresses=";".join(c.mail_to), singleEmail=True, subject=_SUBJECT, message=_MESSAGE
    ),
    "webhook": lambda c: _given(c.webhook_url, url=c.webhook_url, title=_SUBJECT, message=_MESSAGE, maxAlerts="100"),
    "teams": lambda c: _given(c.teams_url, url=c.teams_url, title=_SUBJECT, message=_MESSAGE),
    "slack": lambda c: _given(c.slack_url, url=c.slack_url, username="DDMS", title=_SUBJECT, text=_MESSAGE),
    "telegram": lambda c: _given(
        c.telegram_token,
        bottoken=c.telegram_token,
        chatid=c.telegram_chat,
        message=f"{_SUBJECT}\n\n{_MESSAGE}",
        parse_mode="None",
        disable_web_page_preview=True,
    ),
    "pagerduty": lambda c: _given(
        c.pagerduty_key,
        integrationKey=c.pagerduty_key,
        severity='{{ if eq .CommonLabels.priority "critical" }}critical{{ else }}error{{ end }}',
        component="DDMS",
        client="DDMS",
        summary=_SUBJECT,
        details={"text": _MESSAGE},
    ),
}


def contact_points(wishes: Wishes) -> dict[str, Any]:
    """Return the contact points that there are, and the names of those that there are not."""
    made, gone = [], []
    whole = {
        FIRST: {way: settings(wishes.contact) for way, settings in _WAYS.items()},
        THEN: {way: settings(wishes.escalation) for way, settings in _WAYS.items()},
        HEARTBEAT: {"webhook": _given(wishes.heartbeat_url, url=wishes.heartbeat_url, maxAlerts="1")},
        NOBODY: {"webhook": _given(not wishes.contact, url="http://127.0.0.1:9/")},
    }
    for name, ways in whole.items():
        receivers = [_receiver(name, way, settings) for way, settings in ways.items() if settings]
        gone += [{"orgId": 1, "uid": _uid(name, way)} for way, settings in ways.items() if not settings]
        if receivers:
            made.append({"orgId": 1, "name": name, "receivers": receivers})
    return {"contactPoints": made, "deleteContactPoints": gone}


def _receiver(name: str, way: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {"uid": _uid(name, way), "type": way, "settings": _without_variables(settings)}


def _uid(name: str, way: str) -> str:
    return f"{name.lower().replace(' ', '-')}-{way}"


def _without_variables(value: Any) -> Any:
    """Double the dollars: Grafana puts variables of its environment in place of `$NAME`."""
    if isinstance(value, dict):
        return {name: _without_variables(one) for name, one in value.items()}
    return value.replace("$", "$$") if isinstance(value, str) else value
