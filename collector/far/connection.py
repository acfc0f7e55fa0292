"""What stands for a connection to the database at a far site: statements are asked of `ddms ingest` by their names.

Only the names travel (`-- ddms:<name>`): which of them a site may have run, with what, and about whose devices is
decided there (`collector.ingest.statements`).
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from collector.far.link import Heard, Link

_NAME = re.compile(r"-- ddms:(\w+)")


class Row:
    """A row, by names and in order, as the driver gives them."""

    __slots__ = ("_names", "_values")

    def __init__(self, names: Sequence[str], values: Sequence[Any]) -> None:
        self._names, self._values = names, values

    def __getitem__(self, key: str | int) -> Any:
        return self._values[self._names.index(key) if isinstance(key, str) else key]

    def keys(self) -> Sequence[str]:
        """Return the names of the columns."""
        return self._names

    def get(self, key: str) -> Any:
        """Return a value, None where there is no such column."""
        return self[key] if key in self._names else None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class FarConnection:
    """Asks for one statement at a time; in place of a `ddms.database.Connection`."""

    def __init__(self, link: Link, collector: str, identity: str = "") -> None:
        self._link, self._collector, self.identity = link, collector, identity
        self._heard: Heard | None = None

    async def ask(self, **question: Any) -> Any:
        """Ask what is no statement; raises `DdmsError`."""
        return await self._link.ask({"collector": self._collector, "identity": self.identity} | question)

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        """Return the rows that a statement gives."""
        name = _NAME.match(sql)
        assert name is not None  # noqa: S101 - every statement of ours has one
        if (
            name[1] == "read_unwatched"
        ):  # where there is an `ddms ingest`, an API is not far: it watches, and the next collector sees whether it does
            return []
        found = await self.ask(ask="statement", statement=name[1], values=values)
        return [Row(found["names"], [_value(value) for value in row]) for row in found["rows"]]

    async def fetchrow(self, sql: str, *values: Any) -> Row | None:
        """Return the first row, if there is one."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """Return the first value of the first row."""
        if "ddms:read_channel" in sql:  # subjects of NATS need no secret end: each site hears its own only
            return values[0]
        row = await self.fetchrow(sql, *values)
        return None if row is None else row[0]

    async def execute(self, sql: str, *values: Any) -> None:
        """Run a statement."""
        await self.fetch(sql, *values)

    async def add_listener(self, channel: str, hear: Callable[[object, int, str, object], None]) -> None:
        """Hear what is told on a channel, until this is terminated."""
        self._heard = lambda where, payload: hear(self, 0, where, payload) if where == channel else None
        self._link.listeners.append(self._heard)

    def terminate(self) -> None:
        """Hear no more; the line stays."""
        if self._heard in self._link.listeners:
            self._link.listeners.remove(self._heard)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: moments and NaN are told apart."""
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, float) and math.isnan(value):
        return {"nan": True}
    return value if isinstance(value, str | int | float | list | dict | bool | None) else str(value)


def _value(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        if "moment" in value:
            return datetime.fromisoformat(value["moment"])
        if "nan" in value:
            return math.nan
    return value
