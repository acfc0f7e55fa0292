"""Rows that change now and then, read once for all who follow them, and only while somebody does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from api.ground.database import Database, Row


@dataclass(frozen=True)
class RowsChanged:
    """Some of the rows that somebody follows are others now, or new."""

    followed: "Followed"
    rows: tuple[Row, ...]


@dataclass(eq=False, kw_only=True)
class Followed:
    """What a statement returns, by the column `key`; rows that it does not return any more are not told of."""

    statement: str
    key: str
    values: Sequence[object] = ()
    rows: dict[Any, Row] = field(default_factory=dict)
    is_old: bool = True
    """Whether the database told of changes since they were read, or nobody listened to it."""
    followers: WeakSet[object] = field(default_factory=WeakSet)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def is_wanted(self) -> bool:
        """Whether they are followed, and are to be read again."""
        return self.is_old and len(self.followers) > 0

    async def read(self, database: Database) -> RowsChanged | None:
        """Read them, if they may be others now; return those that are. It ends without waiting after it has taken them."""
        async with self._reading:
            if not self.is_old:
                return None
            self.is_old = False
            try:
                rows = {row[self.key]: row for row in await database.rows(self.statement, *self.values)}
            except BaseException:
                self.is_old = True
                raise
            changed = tuple(row for key, row in rows.items() if self.rows.get(key) != row)
            self.rows = rows
            return RowsChanged(self, changed) if changed else None
