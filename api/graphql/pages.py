"""Lists in pages: Relay connections whose cursors name a place, not a number, so that they stay right while others come and go.

A cursor holds the value by which the list is ordered and the row's id: the next page is what lies beyond both.
"""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import orjson
import strawberry

from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.ground.database import Database, Row, Statements
from api.ground.limits import PAGE_SIZE
from ddms.errors import Code, DdmsError, Sentence

N = TypeVar("N")

First: TypeAlias = Annotated[int | None, argument("How many from the start, at most 100; 50 when left out.")]
After: TypeAlias = Annotated[str | None, argument("Only those after this cursor: `pageInfo { endCursor }`.")]
Last: TypeAlias = Annotated[int | None, argument("How many from the end, at most 100.")]
Before: TypeAlias = Annotated[str | None, argument("Only those before this cursor: `pageInfo { startCursor }`.")]
Descending: TypeAlias = Annotated[bool, argument("Begin with the greatest: Z before A, newest before oldest.")]
_DEFAULT_SIZE = 50


class NameOrder(StrEnum):
    """By what a plain list is ordered."""

    NAME = "name"
    CREATED = "created"


describe_enum(
    NameOrder,
    name="NameOrder",
    description="By what a list is ordered.",
    values={
        "NAME": "By name; upper and lower case are the same.",
        "CREATED": "By when they were added: nothing moves when one is renamed.",
    },
)
BY_NAME: Mapping[StrEnum, tuple[str, str]] = {NameOrder.NAME: ("by_name", "text"), NameOrder.CREATED: ("id", "int")}


@output_type
class PageInfo:
    """Where a page lies in its list, as Relay wants it."""

    has_next_page: bool = field(description="Whether more follow; pass endCursor as `after`.")
    has_previous_page: bool = field(description="Whether there are some before; pass startCursor as `before`.")
    start_cursor: str | None = field(description="Cursor of the first one; null when there are none.")
    end_cursor: str | None = field(description="Cursor of the last one.")


@output_type
class Edge(Generic[N]):
    """One of a list, with its place."""

    cursor: str = field(description="Its place in the list; it stays right when others come and go.")
    node: N = field(description="What stands there.")


@output_type
class Connection(Generic[N]):
    """A page of a list."""

    edges: list[Edge[N]] = field(description="What stands on this page, with cursors.")
    page_info: PageInfo = field(description="Where this page lies.")
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @resolver
    def nodes(self) -> list[N]:
        """What stands on this page, without cursors."""
        return [edge.node for edge in self.edges]

    @resolver
    async def total_count(self) -> int:
        """How many pass the filter, on all pages; it is a statement of its own, so ask for it once."""
        return await self.count()


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Which page is wanted, and in which order."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    order: StrEnum
    descending: bool = False

    @property
    def size(self) -> int:
        """Return how many rows it has at most; raises INVALID."""
        if self.first is not None and self.last is not None:
            raise DdmsError(Code.INVALID, "give first or last, not both", field="first")
        name, size = ("first", self.first) if self.last is None else ("last", self.last)
        size = _DEFAULT_SIZE if size is None else size
        if not 1 <= size <= PAGE_SIZE:
            raise DdmsError(Code.INVALID, Sentence("a page has 1 to {} rows", PAGE_SIZE), field=name)
        return size

    @property
    def backwards(self) -> bool:
        """Whether rows are read from the page's end."""
        return (self.last is not None) is not self.descending

    @property
    def between(self) -> tuple[str | None, int | None, str | None, int | None]:
        """Return the values and ids that the page lies above and below."""
        after, before = self._place(self.after, "after"), self._place(self.before, "before")
        return (*before, *after) if self.descending else (*after, *before)

    def cursor(self, row: Row) -> str:
        """Return a row's place in this order."""
        place = orjson.dumps([self.order.value, row["sorted"], row["id"]])
        return urlsafe_b64encode(place).decode().rstrip("=")

    def _place(self, cursor: str | None, name: str) -> tuple[str | None, int | None]:
        if cursor is None:
            return None, None
        try:
            order, value, number = orjson.loads(b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
            right = order == self.order.value and isinstance(value, str) and isinstance(number, int)
        except (ValueError, TypeError):
            right = False
        if not right or not 0 <= number < 2**63:
            raise DdmsError(
                Code.INVALID, "this is not a cursor of this list in this order: take one from pageInfo", field=name
            )
        return value, number


PLAN_EACH = "-- ddms:plan_each\nSET LOCAL plan_cache_mode = force_custom_plan"


class Listing(Generic[N]):
    """A list in the database: the statements of each order and direction, made once.

    `rows` selects what can be listed, filtered by its `parameters`; every row has an `id`. `orders` names the column of
    each order, never null, and its type. A subquery of `rows` that ends by itself after some rows orders them as the list
    is, for which `{way}` stands. `custom_plans` is for history: tables that are too large for one plan for all filters.
    """

    def __init__(
        self,
        name: str,
        rows: str,
        *,
        parameters: int,
        orders: Mapping[StrEnum, tuple[str, str]],
        count: str = "",
        custom_plans: bool = False,
    ) -> None:
        self._custom_plans = custom_plans
        self._pages = {
            (order, backwards): _statement(name, rows, parameters, order, key, backwards=backwards)
            for order, key in orders.items()
            for backwards in (False, True)
        }
        self._count = f"-- ddms:count_{name}\n{count or f'SELECT count(*) FROM ({rows}) AS listed'}"  # noqa: S608

    async def page(
        self, database: Database, page: Page, filters: Sequence[Any], make: Callable[[list[Row]], list[N]]
    ) -> Connection[N]:
        """Read a page; `make` turns its rows into nodes, all at once."""
        size, between = page.size, page.between
        rows = await self._rows(database, self._pages[page.order, page.backwards], *filters, *between, size + 1)
        more, rows = len(rows) > size, rows[:size]
        if page.last is not None:
            rows.reverse()
        cursors = [page.cursor(row) for row in rows]
        return Connection(
            edges=[Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, make(rows), strict=True)],
            page_info=PageInfo(
                has_next_page=more if page.last is None else page.before is not None,
                has_previous_page=more if page.last is not None else page.after is not None,
                start_cursor=cursors[0] if cursors else None,
                end_cursor=cursors[-1] if cursors else None,
            ),
            count=partial(self._value, database, *filters),
        )

    async def _rows(self, database: Database, sql: str, *parameters: Any) -> list[Row]:
        if not self._custom_plans:
            return await database.rows(sql, *parameters)

        async def planned(statements: Statements) -> list[Row]:
            async with statements.step():
                await statements.value(PLAN_EACH)
                return await statements.rows(sql, *parameters)

        rows: list[Row] = await database.of_history(planned)
        return rows

    async def _value(self, database: Database, *filters: Any) -> int:
        (row,) = await self._rows(database, self._count, *filters)
        count: int = row[0]
        return count


def _statement(name: str, rows: str, parameters: int, order: StrEnum, key: tuple[str, str], *, backwards: bool) -> str:
    """Write out one statement; all its parts are constants of the program."""
    column, kind = key
    low, low_id, high, high_id, limit = (f"${parameters + place}" for place in range(1, 6))
    way = " DESC" if backwards else ""
    return f"""-- ddms:page_{name}_by_{order.value}{"_backwards" if backwards else ""}
SELECT listed.*, listed.{column}::text AS sorted FROM ({rows.replace("{way}", way)}) AS listed
 WHERE ({low}::text IS NULL OR (listed.{column}, listed.id) > ({low}::text::{kind}, {low_id}::bigint))
   AND ({high}::text IS NULL OR (listed.{column}, listed.id) < ({high}::text::{kind}, {high_id}::bigint))
 ORDER BY listed.{column}{way}, listed.id{way} LIMIT {limit}
"""  # noqa: S608
