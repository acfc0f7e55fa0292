"""Who is notified, by which ways and when: the variables `NOTIFY_*`, read once, and strict.

They do not begin with `DDMS_`, because no program of DDMS notifies anybody: they become files for Grafana.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from ddms.cli.notifying.quiet import Quiet, quiet_times
from ddms.errors import Code, DdmsError
from ddms.languages import ENGLISH, Language, Product, languages

PREFIX = "NOTIFY_"
SECRETS_FILE = "NOTIFY_SECRETS_FILE"
"""Names a file of further lines NAME=value, for what is secret."""
_ADDRESS = re.compile(r"[^\s@,;<>]+@[^\s@,;<>]+")


def _addresses(text: str) -> tuple[str, ...]:
    addresses = tuple(part.strip() for part in re.split("[,;]", text) if part.strip())
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{address!r} is no address of mail such as night@plant.example")
    return addresses


def _url(text: str) -> str:
    if urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).hostname:
        raise ValueError("it looks like https://host/path")
    return text


def _language(text: str) -> str:
    if text not in languages():
        raise ValueError(f"it is one of {', '.join(languages())}")
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("it is a zone such as Europe/Berlin") from error
    except KeyError as error:
        raise ValueError("it is a zone such as Europe/Berlin") from error
    return text


def _minutes(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise ValueError("it is a number of minutes, 0 for never")
    return int(text)


@dataclass(frozen=True, kw_only=True)
class Contact:
    """The ways to the people who are notified first, or to those whom an alarm goes on to; each may be missing."""

    mail_to: tuple[str, ...] = ()
    webhook_url: str = ""
    teams_url: str = ""
    slack_url: str = ""
    telegram_token: str = ""
    telegram_chat: str = ""
    pagerduty_key: str = ""

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """All that can be said about notifications."""

    contact: Contact = field(default_factory=Contact)
    escalation: Contact = field(default_factory=Contact)
    heartbeat_url: str = ""
    language: str = ENGLISH
    time_zone: str = "UTC"
    escalate_critical: int = 15
    escalate_high: int = 60
    quiet: tuple[Quiet, ...] = ()

    @property
    def spoken(self) -> Language:
        """The language of the messages."""
        return languages()[self.language]

    def says(self, words: Mapping[str, str]) -> dict[str, str]:
        """Return words in the language of the messages."""
        return self.spoken.table(Product.NOTIFICATIONS, words)


_OF_CONTACT: dict[str, Callable[[str], Any]] = {
    "MAIL_TO": _addresses,
    "WEBHOOK_URL": _url,
    "TEAMS_URL": _url,
    "SLACK_URL": _url,
    "TELEGRAM_TOKEN": str,
    "TELEGRAM_CHAT": str,
    "PAGERDUTY_KEY": str,
}
_OF_ALL: dict[str, Callable[[str], Any]] = {
    "HEARTBEAT_URL": _url,
    "LANGUAGE": _language,
    "TIME_ZONE": _zone,
    "ESCALATE_CRITICAL": _minutes,
    "ESCALATE_HIGH": _minutes,
    "QUIET": quiet_times,
}
_ESCALATION = "ESCALATION_"
VARIABLES = tuple(PREFIX + name for name in (*_OF_CONTACT, *(_ESCALATION + name for name in _OF_CONTACT), *_OF_ALL))


def read(environment: Mapping[str, str]) -> Wishes:
    """Read the variables; an unknown or a bad one is a sentence that names it. An empty one counts as not given."""
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    given |= _lines_of(given.pop(SECRETS_FILE, ""))
    for name in given:
        if name not in VARIABLES:
            raise DdmsError(Code.SETTINGS, f"{name} is not known; there are {', '.join(VARIABLES)}", field=name)
    said = {name.removeprefix(PREFIX): value.strip() for name, value in given.items() if value.strip()}
    first, then = (_contact(said, prefix) for prefix in ("", _ESCALATION))
    return Wishes(contact=first, escalation=then, **_parsed(said, "", _OF_ALL))


def _lines_of(path: str) -> dict[str, str]:
    if not path:
        return {}
    lines = [line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _contact(said: Mapping[str, str], prefix: str) -> Contact:
    contact = Contact(**_parsed(said, prefix, _OF_CONTACT))
    if bool(contact.telegram_token) != bool(contact.telegram_chat):
        missing = "CHAT" if contact.telegram_token else "TOKEN"
        name = f"{PREFIX}{prefix}TELEGRAM_{missing}"
        raise DdmsError(Code.SETTINGS, f"{name} is missing: Telegram needs a token and a chat", field=name)
    return contact


def _parsed(said: Mapping[str, str], prefix: str, table: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    values = {}
    for name, parse in table.items():
        if prefix + name in said:
            try:
                values[name.lower()] = parse(said[prefix + name])
            except ValueError as error:
                variable = PREFIX + prefix + name
                raise DdmsError(Code.SETTINGS, f"{variable}: {error}", field=variable) from error
    return values
