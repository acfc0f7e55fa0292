"""Scalars: ids, times, and whole columns that pass to the encoder as they are."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from ddms.errors import Code, DdmsError

_ID = re.compile(r"([a-z]+)_([1-9][0-9]{0,9})")
_LARGEST_ID = 2**31 - 1


class IdKind(StrEnum):
    """What an id belongs to: its prefix."""

    CONNECTION = "con"
    DEVICE = "dev"
    ERASURE = "era"
    GROUP = "grp"
    POINT = "pt"
    PROFILE = "prof"
    REQUEST = "req"
    TOKEN = "tok"  # noqa: S105 - a prefix
    USER = "usr"


_NAMES = {
    IdKind.CONNECTION: "connection",
    IdKind.DEVICE: "device",
    IdKind.ERASURE: "erasure",
    IdKind.GROUP: "group",
    IdKind.POINT: "point",
    IdKind.PROFILE: "profile",
    IdKind.REQUEST: "scan",
    IdKind.TOKEN: "token",
    IdKind.USER: "user",
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
            f"{text[:40]!r} is not the id of a {_NAMES[kind]}: such an id looks like {kind.value}_12",
            field=field,
        )
    return int(match[2])


def from_ids(kind: IdKind, texts: list[strawberry.ID], field: str, most: int = 20_000) -> list[int]:
    """Return the rows of many ids, each once, in their order."""
    if len(texts) > most:
        raise DdmsError(Code.INVALID, f"at most {most} ids fit into one request: ask in parts", field=field)
    return list(dict.fromkeys(from_id(kind, text, field) for text in texts))


def _parse_time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise GraphQLError(f"{value!r} is not a time: write ISO 8601 with an offset, as 2026-07-04T06:00:00Z")
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise GraphQLError(f"{value!r} lies outside the years 1 to 9999") from error


def _as_it_is(value: Any) -> Any:
    return value


def _column(name: str, description: str) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=_as_it_is)


IdColumn = NewType("IdColumn", object)
TimeColumn = NewType("TimeColumn", object)
NumberColumn = NewType("NumberColumn", object)
QualityColumn = NewType("QualityColumn", object)
TextColumn = NewType("TextColumn", object)
CountColumn = NewType("CountColumn", object)
Duration = NewType("Duration", str)
BigInt = NewType("BigInt", int)

SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment: ISO 8601 with an offset, `2026-07-04T06:00:00Z` or `2026-07-04T14:00:00+08:00`. "
        "Answers are in UTC, to the microsecond.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=datetime.isoformat,
        parse_value=_parse_time,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number up to 2^53, exact in JSON; `Int` ends at 2^31.",
        serialize=int,
    ),
    IdColumn: _column("IdColumn", 'A list of ids, `["pt_1", "pt_2"]`, one for each row.'),
    TimeColumn: _column(
        "TimeColumn", "A list of times, one for each row: whole milliseconds since 1970-01-01 UTC, as numbers."
    ),
    NumberColumn: _column(
        "NumberColumn", "A list of numbers, one for each row; null where there is no value (a failed read is never 0)."
    ),
    QualityColumn: _column(
        "QualityColumn",
        "A list of quality codes, one for each row: 0 is good, 1–15 uncertain, 16 and more bad; "
        "`system { qualities { code reason explanation } }` names them.",
    ),
    CountColumn: _column("CountColumn", "A list of whole numbers, one for each row; 0 where nothing was counted."),
    Duration: strawberry.scalar(
        name="Duration",
        description="A length of time: ISO 8601, `PT15M` or `P1D`.",
        specified_by_url="https://www.iso.org/iso-8601-date-and-time-format.html",
        serialize=str,
        parse_value=str,
    ),
    TextColumn: _column("TextColumn", "A list of texts, one for each row; null where the point has a number."),
}
