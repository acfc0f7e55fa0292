"""Histories, and what makes data frames of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ddms_client.schema import SeriesSource

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

R = TypeVar("R", bound="PointReading")
TEXTS = frozenset({"device", "point", "point_id", "unit", "text", "value_name", "shift"})
WHOLE = frozenset({"quality", "count", "restarts", "starts"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_of(milliseconds: int) -> datetime:
    """Return a time of a column."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A time without data: an outage; live, what the stream does not give and `series` has."""

    start: datetime
    end: datetime
    reason: str | None = None
    """Live, why: `TOO_OLD`, `TOO_MANY`, `STORED_LATE`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PointReading:
    """One reading of a point."""

    point_id: str
    time: datetime
    value: float | None
    """In the point's unit; None when it is bad or missing, or a text."""
    text: str | None
    quality: int
    """0 good, 1–15 uncertain, 16 and more bad."""
    value_name: str | None
    """What the value is called: `Fault`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LatestReading(PointReading):
    """The newest reading of a point."""

    device_id: str
    key: str


def readings_of(kind: type[R], columns: dict[str, list[Any]]) -> list[R]:
    """Return the rows of columns."""
    names = [re.sub("([A-Z])", r"_\1", name).lower() for name in columns]
    columns = columns | {"time": [time_of(milliseconds) for milliseconds in columns["time"]]}
    return [kind(**dict(zip(names, row, strict=True))) for row in zip(*columns.values(), strict=True)]


@dataclass(frozen=True, kw_only=True)
class Series:
    """The history of one point."""

    point_id: str
    key: str
    unit: str
    device_id: str
    device: str
    """The device's name."""
    source: SeriesSource
    """What it is made of: readings, or rollups."""
    bucket: str | None
    """How long a bucket is, `PT15M`; None: each row is one reading."""
    open_from: datetime | None
    """Where the bucket begins that still fills."""
    gaps: list[Gap]
    columns: dict[str, list[Any]]
    """Columns of one length, `time` in milliseconds since 1970 UTC; an outage is a row without a value."""

    def __len__(self) -> int:
        return len(self.columns["time"])

    def __getitem__(self, column: str) -> list[Any]:
        return self.columns[column]

    @property
    def name(self) -> str:
        """What it is called in wide frames: `Pump 1.flow`."""
        return f"{self.device}.{self.key}"

    @property
    def times(self) -> list[datetime]:
        """The times of its rows, in UTC."""
        return [time_of(milliseconds) for milliseconds in self.columns["time"]]


class SeriesList(list[Series]):
    """Histories, as they were asked for."""

    def to_pandas(self, *, wide: bool = False, time_zone: str = "UTC") -> "pd.DataFrame":
        """Return a row for each point and time; `wide`: one for each time, with a column of values for each point."""
        import pandas as pd  # noqa: PLC0415 - an extra

        def times(of: Sequence[int]) -> Any:
            return pd.to_datetime(pd.Series(of, dtype="int64"), unit="ms", utc=True).dt.tz_convert(time_zone)

        if wide:
            columns = {
                one.name: pd.Series(_values(one), index=pd.Index(times(one["time"]), name="time")) for one in self
            }
            empty = pd.DataFrame(index=pd.Index(times([]), name="time"))
            return pd.concat(columns, axis=1).sort_index() if columns else empty
        table = self._table()
        return pd.DataFrame({name: times(of) if name == "time" else pd.Series(of, dtype=_pandas(name)) for name, of in table.items()})  # fmt: skip

    def to_polars(self, *, wide: bool = False, time_zone: str = "UTC") -> "pl.DataFrame":
        """Return a row for each point and time; `wide`: one for each time, with a column of values for each point."""
        import polars as pl  # noqa: PLC0415 - an extra

        kind = pl.Datetime("ms", time_zone)

        def frame(table: dict[str, list[Any]], types: dict[str, Any]) -> pl.DataFrame:
            # Milliseconds since 1970 become a time of this zone, not one on its clocks.
            return pl.DataFrame(table, schema={"time": pl.Int64} | types).cast({"time": kind})

        if not wide:
            table = self._table()
            whole, text = dict.fromkeys(WHOLE, pl.Int64), dict.fromkeys(TEXTS, pl.String)
            types = {name: {"time": pl.Int64, **whole, **text}.get(name, pl.Float64) for name in table}
            return pl.DataFrame(table, schema=types).cast({"time": kind})
        result = frame({"time": []}, {})
        for one in self:
            values = frame(
                {"time": one["time"], one.name: _values(one)}, {one.name: pl.String if _is_text(one) else pl.Float64}
            )
            result = result.join(values, on="time", how="full", coalesce=True)
        return result.sort("time")

    def _table(self) -> dict[str, list[Any]]:
        """Return all rows, one series behind the other."""
        names = list(dict.fromkeys(name for one in self for name in one.columns)) or ["time", "value", "quality"]
        said = {"device": "device", "point": "key", "point_id": "point_id", "unit": "unit"}
        table = {name: [getattr(one, of) for one in self for _ in range(len(one))] for name, of in said.items()}
        return table | {name: [value for one in self for value in one[name]] for name in names}


def _is_text(one: Series) -> bool:
    return "value" not in one.columns or (any(text is not None for text in one.columns.get("text", ())) and all(value is None for value in one["value"]))  # fmt: skip


def _values(one: Series) -> list[Any]:
    """Return what a wide frame shows of it: its values, or else its texts, or else its first column."""
    if "value" in one.columns and not _is_text(one):
        return one["value"]
    return one.columns.get("text") or next(of for name, of in one.columns.items() if name not in {"time", "quality"})


def _pandas(name: str) -> str:
    return "object" if name in TEXTS else "Int64" if name in WHOLE else "float64"
