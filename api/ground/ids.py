"""Ids: opaque to callers; a prefix names the kind, a number the row."""

import re
from collections.abc import Sequence
from enum import StrEnum

import strawberry

from ddms.errors import Code, DdmsError, Sentence

_ID = re.compile(r"([a-z]+)_([1-9][0-9]{0,9})")
_LARGEST_ID = 2**31 - 1


class IdKind(StrEnum):
    """What an id belongs to: its prefix."""

    ALARM = "alm"
    ALARM_EVENT = "aev"
    ANNOTATION = "ann"
    BACKUP = "bak"
    CONNECTION = "con"
    DEVICE = "dev"
    ERASURE = "era"
    EXPORT = "exp"
    GROUP = "grp"
    LIMIT = "lim"
    POINT = "pt"
    PROFILE = "prof"
    REQUEST = "req"
    RESTORE = "rst"
    SESSION = "ses"
    TOKEN = "tok"  # noqa: S105 - a prefix
    USER = "usr"
    WEBHOOK = "wh"
    DELIVERY = "whd"

    @property
    def noun(self) -> str:
        """What it is called: `device`."""
        return _NAMES[self]


_NAMES = {
    IdKind.ALARM: "alarm",
    IdKind.ALARM_EVENT: "event of an alarm",
    IdKind.ANNOTATION: "annotation",
    IdKind.BACKUP: "backup",
    IdKind.CONNECTION: "connection",
    IdKind.DEVICE: "device",
    IdKind.ERASURE: "erasure",
    IdKind.EXPORT: "export",
    IdKind.GROUP: "group",
    IdKind.LIMIT: "limit",
    IdKind.POINT: "point",
    IdKind.PROFILE: "profile",
    IdKind.REQUEST: "scan",
    IdKind.RESTORE: "restore",
    IdKind.SESSION: "session",
    IdKind.TOKEN: "token",
    IdKind.USER: "user",
    IdKind.WEBHOOK: "webhook",
    IdKind.DELIVERY: "delivery of a webhook",
}


def to_id(kind: IdKind, number: int) -> strawberry.ID:
    """Return the opaque id of a row."""
    return strawberry.ID(f"{kind.value}_{number}")


def from_id(kind: IdKind, text: str, field: str = "id") -> int:
    """Return the row of an opaque id; an id of another kind raises."""
    match = _ID.fullmatch(text)
    if not match or match[1] != kind or int(match[2]) > _LARGEST_ID:
        raise DdmsError(
            Code.INVALID,
            Sentence("{!r} is not the id of a {}: such an id looks like {}_12", text[:40], _NAMES[kind], kind.value),
            field=field,
        )
    return int(match[2])


def from_ids(kind: IdKind, texts: Sequence[strawberry.ID], field: str, most: int = 20_000) -> list[int]:
    """Return the rows of many ids, each once, in their order."""
    if len(texts) > most:
        raise DdmsError(Code.INVALID, Sentence("at most {} ids fit into one request: ask in parts", most), field=field)
    return list(dict.fromkeys(from_id(kind, text, field) for text in texts))
