"""Scalars: times, numbers, and whole columns that pass to the encoder as they are."""

from datetime import UTC, datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from ddms.errors import Sentence


def _parse_time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        time = None
    if time is None or time.tzinfo is None:
        raise GraphQLError(
            Sentence("{!r} is not a time: write ISO 8601 with an offset, as 2026-07-04T06:00:00Z", value)
        )
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise GraphQLError(Sentence("{!r} lies outside the years 1 to 9999", value)) from error


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
Json = NewType("Json", object)

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
    Json: strawberry.scalar(
        name="JSON",
        description="Any JSON value, as it was stored: an object mostly.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=_as_it_is,
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
