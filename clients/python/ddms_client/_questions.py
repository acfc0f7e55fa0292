"""What both clients ask, as steps: see `_asking`."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from ddms_client._asking import Steps, ask, listed, question
from ddms_client._records import camel, record
from ddms_client.errors import DdmsError, Problem
from ddms_client.schema import AlarmOutcome, ManualReading, SeriesArguments, SeriesSource
from ddms_client.series import Gap, LatestReading, Series, SeriesList, readings_of, time_of

T = TypeVar("T")
COLUMNS = ("value", "min", "max")
_PAGE = 100
_POINTS_AT_ONCE = 100
"""So that each keeps the 10,000 rows that it has by itself, and a request stays below what it may cost."""
_WRITTEN_AT_ONCE = 1_000
_ACKNOWLEDGED_AT_ONCE = 100
_SERIES = (
    "point {{ id key unit device {{ id name }} }} source bucket to openFrom truncated continueFrom "
    "gaps {{ from to }} columns {{ {columns} }}"
)
_WRITE = (
    "mutation ($readings: [ManualReading!]!, $replace: Boolean!) { "
    "writeReadings(readings: $readings, replace: $replace) { errors { code field message } written unchanged } }"
)
_ACKNOWLEDGE = (
    "mutation ($ids: [ID!]!, $note: String) { acknowledgeAlarms(ids: $ids, note: $note) "
    f"{{ errors {{ code field message }} results {{ {AlarmOutcome.GRAPHQL} }} }} }}"
)
_LATEST = "columns { pointId deviceId key time value text quality valueName }"


class SeriesAsked(SeriesArguments, total=False):
    """What `series` may be asked."""

    columns: Sequence[str]
    """Which columns: `value`, `min`, `max`, `first`, `last`, `time_weighted_average`, `increase`, `percentiles`, …"""


@dataclass(frozen=True)
class Written:
    """What became of readings that were written."""

    written: int
    """How many are new, or in the place of others."""
    unchanged: int
    """How many were there already, as they are."""


def parts(values: Iterable[T], size: int) -> list[list[T]]:
    """Return values in parts of at most this size."""
    values = list(values)
    return [values[start : start + size] for start in range(0, len(values), size)]


def series(asked: SeriesAsked, patience: float) -> Steps[SeriesList]:
    """Ask for histories, until all is there."""
    if "start" not in asked:
        raise TypeError("series needs `start`, and has all until `end`, or now")
    given: dict[str, Any] = {key: value for key, value in asked.items() if key != "columns"}
    columns = asked.get("columns") or (("value", "text") if given.get("raw") else (*COLUMNS, "text"))
    points = list(dict.fromkeys(listed(given.pop("points", None)) or ()))
    found = SeriesList()
    for part in parts(points, _POINTS_AT_ONCE):
        found += yield from _series(
            given | {"points": part, "devices": None, "groups": None, "keys": None}, columns, patience
        )
    if not points or any(given.get(name) is not None for name in ("devices", "groups", "keys")):
        known = {one.point_id for one in found}
        of_groups = yield from _series(given, columns, patience)
        found += [one for one in of_groups if one.point_id not in known]
    return found


def _series(given: dict[str, Any], columns: Sequence[str], patience: float) -> Steps[SeriesList]:
    inner = {"percentiles": "percentiles { percent value }"}
    names = dict.fromkeys(["time", *(camel(name) for name in columns), "quality"])
    asked = _SERIES.format(columns=" ".join(inner.get(name, name) for name in names))
    found: dict[str, Series] = {}
    cut: dict[str, datetime] = {}
    while True:
        query, variables = question("series", given, asked)
        data = yield from ask(query, variables, patience)
        for told in data["series"]:
            one, go_on = _of(told, columns), told["continueFrom"]
            at = cut.pop(one.point_id, None)
            found[one.point_id] = _joined(found[one.point_id], one, at) if at else one
            if told["truncated"]:
                cut[one.point_id] = datetime.fromisoformat(go_on)
        if not cut:
            return SeriesList(found.values())
        # The rest of all from where the first was cut off: what others had further on comes twice, and is left out.
        end = given.get("end") or datetime.fromisoformat(data["series"][0]["to"])
        given = {key: value for key, value in given.items() if key not in {"devices", "groups", "keys"}}
        given |= {"points": list(cut), "start": min(cut.values()), "end": end}


def _of(told: dict[str, Any], names: Sequence[str]) -> Series:
    point, columns = told["point"], {"time": told["columns"]["time"]}
    for name in dict.fromkeys([*names, "quality"]):
        of = told["columns"][camel(name)] or [None] * len(columns["time"])  # numbers have no column of texts
        columns |= {f"p{one['percent']:g}": one["value"] for one in of} if name == "percentiles" else {name: of}
    return Series(
        point_id=point["id"], key=point["key"], unit=point["unit"], device_id=point["device"]["id"], device=point["device"]["name"],
        source=SeriesSource(told["source"]), bucket=told["bucket"],
        open_from=told["openFrom"] and datetime.fromisoformat(told["openFrom"]),
        gaps=[gap_of(gap) for gap in told["gaps"]], columns=columns,
    )  # fmt: skip


def _joined(before: Series, after: Series, at: datetime) -> Series:
    """Return one series of two, the second of which goes on at a time."""
    skipped = sum(time_of(milliseconds) < at for milliseconds in after["time"])
    columns = {name: of + after[name][skipped:] for name, of in before.columns.items()}
    gaps = before.gaps + [gap for gap in after.gaps if gap.end > at and gap not in before.gaps]
    return replace(before, columns=columns, gaps=gaps)


def gap_of(told: dict[str, Any]) -> Gap:
    """Return a gap as it was told."""
    return Gap(
        start=datetime.fromisoformat(told["from"]), end=datetime.fromisoformat(told["to"]), reason=told.get("reason")
    )


def page(name: str, kind: type[T], given: dict[str, Any], after: str | None, patience: float) -> Steps[tuple[list[T], str | None]]:  # fmt: skip
    """Ask for a page of a list; return it, and where the next one begins."""
    selection = f"pageInfo {{ hasNextPage endCursor }} nodes {{ {kind.GRAPHQL} }}"  # type: ignore[attr-defined]
    query, variables = question(name, given | {"first": _PAGE, "after": after}, selection)
    told = (yield from ask(query, variables, patience))[name]
    place = told["pageInfo"]
    return [record(kind, node) for node in told["nodes"]], place["endCursor"] if place["hasNextPage"] else None


def latest(given: dict[str, Any], patience: float) -> Steps[list[LatestReading]]:
    """Ask for the newest readings."""
    query, variables = question("latest", given, _LATEST)
    data = yield from ask(query, variables, patience)
    return readings_of(LatestReading, data["latest"]["columns"])


def write_readings(readings: Iterable[ManualReading], replace: bool, patience: float) -> Steps[Written]:
    """Write readings by hand, a thousand at a time."""
    written = unchanged = 0
    for number, part in enumerate(parts(readings, _WRITTEN_AT_ONCE)):
        try:
            data = yield from ask(_WRITE, {"readings": part, "replace": replace}, patience)
        except DdmsError as error:
            raise _counted_on(error, number * _WRITTEN_AT_ONCE) from None
        told = data["writeReadings"]
        written, unchanged = written + told["written"], unchanged + told["unchanged"]
    return Written(written, unchanged)


def _counted_on(error: DdmsError, first: int) -> DdmsError:
    """Return an error that counts the readings of all parts."""

    def counted(field: str | None) -> str | None:
        return field and re.sub(r"^readings\.(\d+)", lambda found: f"readings.{int(found[1]) + first}", field)

    return DdmsError([replace(one, field=counted(one.field)) for one in error.errors], error.data)


def acknowledge_alarms(ids: Iterable[str], note: str | None, patience: float) -> Steps[list[AlarmOutcome]]:
    """Take note of alarms, a hundred at a time; all are done that can be, then what was not is raised."""
    outcomes: list[AlarmOutcome] = []
    problems: list[Problem] = []
    for part in parts(ids, _ACKNOWLEDGED_AT_ONCE):
        try:
            data = yield from ask(_ACKNOWLEDGE, {"ids": part, "note": note}, patience)
        except DdmsError as error:
            if not error.data:
                raise
            data, problems = error.data, problems + error.errors
        outcomes += [record(AlarmOutcome, told) for told in data["acknowledgeAlarms"]["results"]]
    if problems:
        raise DdmsError(problems, {"results": outcomes})
    return outcomes
