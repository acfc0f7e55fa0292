"""Exports in GraphQL: what may be asked for, and how far it is."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

import strawberry

from api.export import jobs
from api.export.choice import Decimal, Delimiter, Dialect, FileShape, Format, Level, Times
from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, input_type, output_type, resolver
from api.graphql.payloads import UserError, mutation
from api.graphql.scalars import BigInt, Duration
from api.ground.database import Row
from api.ground.ids import IdKind, from_id, to_id
from api.readings.measures import Calendar, Measure, Over


class ExportState(StrEnum):
    """How far an export is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REMOVED = "removed"


describe_enum(
    ExportState,
    name="ExportState",
    description="How far an export is.",
    values={
        "WAITING": "It is made when those before it are.",
        "RUNNING": "It is being made.",
        "DONE": "Its file can be fetched from `url`, until `expiresAt`.",
        "FAILED": "It could not be made; `error` says why. Nothing is left of it.",
        "CANCELLED": "It was cancelled before it was made. Nothing is left of it.",
        "REMOVED": "It was made, and its file is gone: old, or removed by a person.",
    },
)
describe_enum(
    Level,
    name="ExportLevel",
    description="How fine an export is.",
    values={
        "RAW": "Each reading.",
        "MINUTE": "Buckets of a minute.",
        "HOUR": "Buckets of an hour.",
        "DAY": "Buckets of a day.",
    },
)
describe_enum(
    FileShape,
    name="ExportShape",
    description="What a row of an export is.",
    values={"LONG": "A value.", "WIDE": "A time, with a column for each point.", "ANNOTATIONS": "An annotation."},
)
describe_enum(
    Format,
    name="ExportFormat",
    description="What the file of an export is.",
    values={
        "CSV": "Text, with separators.",
        "XLSX": "A workbook.",
        "PARQUET": "Columns, packed; where ddms[parquet] is installed.",
        "ARROW": "Columns, as a stream of Arrow; where ddms[parquet] is installed.",
    },
)
describe_enum(
    Dialect,
    name="ExportDialect",
    description="For whom a CSV file is written.",
    values={"STANDARD": "For programs.", "SPREADSHEET": "Local times without their offset, a byte order mark."},
)
describe_enum(
    Delimiter,
    name="ExportDelimiter",
    description="What stands between the cells of a CSV file.",
    values={"COMMA": "A comma.", "SEMICOLON": "A semicolon.", "TAB": "A tab."},
)
describe_enum(
    Decimal,
    name="ExportDecimal",
    description="What stands between a number and its fraction in a CSV file.",
    values={"POINT": "A point.", "COMMA": "A comma."},
)
describe_enum(
    Times,
    name="ExportTimes",
    description="How CSV and xlsx write times.",
    values={"LOCAL": "Those of the time zone.", "UTC": "Those of UTC.", "EPOCH": "Seconds since 1970."},
)

_PARAMETERS = {
    "devices": "device",
    "groups": "group",
    "points": "point",
    "keys": "key",
    "percentiles": "percentile",
    "time_zone": "timezone",
    "from_": "from",
}
"""What the fields of the input are called at `/export`, where that is different."""


@input_type
class ExportInput:
    """What an export shall hold: the parameters of `/export` (docs/export.md)."""

    devices: list[str] | None = field(default=None, description="Devices, by id or name.")
    groups: list[str] | None = field(default=None, description="Groups, by id or name: all points of their devices.")
    points: list[strawberry.ID] | None = field(default=None, description="Points.")
    keys: list[str] | None = field(default=None, description="Only points with these keys.")
    from_: str = field(name="from", description="Beginning, inclusive: ISO 8601, or back from now: `-7d`.")
    to: str | None = field(default=None, description="End, exclusive; now when left out.")
    level: Level = field(default=Level.RAW, description="Each reading, or buckets.")
    bucket: Duration | None = field(default=None, description="Instead of a level: how long buckets are, `PT15M`.")
    origin: datetime | None = field(default=None, description="A moment at which a bucket begins.")
    calendar: Calendar | None = field(default=None, description="Instead of a level: buckets by the site's calendar.")
    state: str | None = field(default=None, description="What `state_seconds` and `starts` are about: `> 0`, `1..5`.")
    percentiles: list[float] | None = field(default=None, description="Percentiles of each bucket, 0 to 100.")
    shape: FileShape = field(default=FileShape.LONG, description="What a row is.")
    measure: Measure | None = field(
        default=None,
        description="Of wide buckets: what a cell holds; the average when left out, of counters the increase.",
    )
    over: Over | None = field(default=None, description="Of wide buckets: all points as one column.")
    step: int | None = field(default=None, description="Of wide raw readings: a row for each so many seconds.")
    time_zone: str | None = field(default=None, description="Of times and days; the site's when left out.")
    times: Times = field(default=Times.LOCAL, description="How times are written.")
    language: str | None = field(
        default=None, description="Of the header: `en`, `zh`; as programs call it when left out."
    )
    format: Format = field(default=Format.CSV, description="What the file is.")
    dialect: Dialect = field(default=Dialect.STANDARD, description="Of CSV.")
    delimiter: Delimiter | None = field(
        default=None, description="Of CSV; a semicolon with a decimal comma, else a comma."
    )
    decimal: Decimal = field(default=Decimal.POINT, description="Of CSV.")

    def pairs(self) -> list[tuple[str, str]]:
        """Return it as names and values, as an address has them."""
        given = {_PARAMETERS.get(name, name): value for name, value in vars(self).items() if value is not None}
        return [
            (name, _text(one))
            for name, value in given.items()
            for one in (value if isinstance(value, list) else [value])
        ]


def _text(value: object) -> str:
    match value:
        case Measure() | Over():
            return value.name.lower()
        case datetime():
            return value.isoformat()
        case float():
            return f"{value:g}"
    return str(value)


@output_type
class Export:
    """An export that is made in the background."""

    id: strawberry.ID = field(description="Opaque, `exp_12`.")
    state: ExportState = field(description="How far it is.")
    progress: float | None = field(description="How far it is, 0 to 1; null unless it is made or was.")
    filename: str = field(description="What its file is called.")
    rows: BigInt | None = field(description="How many rows it has, by now.")
    bytes: BigInt | None = field(description="How large it is, by now.")
    error: str | None = field(description="Why it failed; null unless it did.")
    requested_by: str = field(description="Who asked for it.")
    requested_at: datetime = field(description="When.")
    started_at: datetime | None = field(description="When it was begun.")
    finished_at: datetime | None = field(description="When it ended, in whatever way.")
    expires_at: datetime | None = field(description="Until when its file is kept; null before it is there.")
    url: str | None = field(
        description="Where its file is, from the API's address on, for who sees this; null while there is none."
    )

    @classmethod
    def of(cls, row: Row) -> Self:
        """Make it of its row."""
        same = (
            "filename",
            "progress",
            "rows",
            "bytes",
            "error",
            "requested_by",
            "requested_at",
            "started_at",
            "finished_at",
            "expires_at",
        )
        number = to_id(IdKind.EXPORT, row["id"])
        is_there = row["state"] == ExportState.DONE
        return cls(
            id=number,
            state=ExportState(row["state"]),
            url=f"export/files/{number}" if is_there else None,
            **{name: row[name] for name in same},
        )


@output_type
class ExportPayload:
    """The answer of mutations of an export."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    export: Export | None = field(default=None, description="The export; ask for it again to see its progress.")


Id = Annotated[strawberry.ID, argument("The export.")]


@strawberry.type
class ExportQueries:
    """Queries about exports in the background."""

    @resolver
    async def exports(self, info: Info) -> list[Export]:
        """The newest 100 exports in the background that the caller may see: the own ones; admins see all."""
        return [Export.of(row) for row in await jobs.listed(info.context)]

    @resolver
    async def export(self, info: Info, id: Id) -> Export | None:  # noqa: A002 - GraphQL's word
        """An export in the background, with its progress; null when there is none that the caller may see."""
        rows = await jobs.listed(info.context, from_id(IdKind.EXPORT, id))
        return Export.of(rows[0]) if rows else None


@strawberry.type
class ExportMutations:
    """What is asked of exports in the background."""

    @mutation
    async def start_export(
        self,
        info: Info,
        input: Annotated[ExportInput, argument("What it shall hold.")],  # noqa: A002 - GraphQL's word
    ) -> ExportPayload:
        """Have history written to a file in the background, to be fetched later; it costs as much as an export at once."""
        number = await jobs.start(info.context, input.pairs())
        return ExportPayload(export=Export.of(await jobs.read(info.context, number)))

    @mutation
    async def cancel_export(self, info: Info, id: Id) -> ExportPayload:  # noqa: A002
        """End an export that waits or is made; of one that is made its file is removed. One that has ended is left as it is."""
        number = from_id(IdKind.EXPORT, id)
        await jobs.cancel(info.context, number)
        return ExportPayload(export=Export.of(await jobs.read(info.context, number)))
