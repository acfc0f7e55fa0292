"""Cost: how many values an operation asks for at most, found out from its arguments before anything is read.

One unit is one field of one object. A value in a column is a hundredth of it, a field that asks the database ten. The
document is measured once; what depends on variables is left open and closed by each request.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_directive_values,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from graphql.execution.values import VariableValues, get_argument_values
from graphql.type.introspection import SchemaMetaFieldDef, TypeMetaFieldDef
from strawberry.types.field import StrawberryField

from api.graphql.context import Context
from api.ground.limits import MOST_COST, PAGE_SIZE
from api.ground.prices import is_of_hours, priced_points, priced_rows
from ddms.errors import Sentence

Arguments: TypeAlias = Mapping[str, Any]
Count: TypeAlias = Callable[[VariableValues], int]

_COLUMN, _STATEMENT = 0.01, 10.0
_LIST = 10  # of a list whose length nobody knows before
_POINTS = 20  # of a device
_READ_A_DAY = 86.4  # readings of a point that is read each ten seconds, a hundredth each
_OF_A_STATE, _OF_A_SKETCH = (
    50,
    5,
)  # of a point and day: what a pump with twelve starts is looked at for, and 24 sketches
_LIMITS = 2  # of a point
_COUNTED_A_DAY = 50  # of the journal, which is read once for each part that is asked for
_ALL_ROWS = 10_000  # of `latest` without a choice


CHANGES_OF_ALARMS = (
    "acknowledgeAlarms",
    "noteAlarms",
    "shelveAlarms",
    "unshelveAlarms",
    "setOutOfService",
    "returnToService",
)


def _chosen(arguments: Arguments) -> int:
    points, devices = arguments.get("points"), arguments.get("devices")
    return _ALL_ROWS if points is None and devices is None else len(points or ()) + _POINTS * len(devices or ())


def _of_choice(arguments: Arguments) -> int:
    return priced_points(*(arguments.get(name) for name in ("points", "devices", "groups", "keys")))


def _rows(arguments: Arguments) -> int:
    most = _between(arguments.get("maxPoints"), 10_000, 1_000_000)
    end = arguments.get("to") or datetime.now(UTC)
    return priced_rows(end - arguments["from"], arguments.get("bucket"), arguments.get("calendar"), most)


def _looked_at(arguments: Arguments) -> int:
    """Return what the database looks at for states and percentiles, beside the rollups that it takes as they are."""
    each = float(_OF_A_STATE * (arguments.get("state") is not None))
    if arguments.get("percentiles"):
        each += _OF_A_SKETCH if arguments.get("calendar") or is_of_hours(arguments.get("bucket")) else _READ_A_DAY
    return int(_of_choice(arguments) * _days(arguments) * each)


def _combined(arguments: Arguments) -> int:
    days, rows = _days(arguments), _rows(arguments) * _COLUMN
    each = [_OF_A_STATE * days if term.get("state") else 0 for term in arguments["of"]]
    return int(sum(_of_choice(term) * (1 + rows + more) for term, more in zip(arguments["of"], each, strict=True)))


def _between(given: int | None, usual: int, most: int) -> int:
    """Return how many are meant; what cannot be is priced like the most, and refused by its field."""
    wanted = usual if given is None else given
    return wanted if 0 <= wanted <= most else most


def _page(arguments: Arguments) -> int:
    first = arguments.get("first")
    return _between(arguments.get("last") if first is None else first, PAGE_SIZE // 2, PAGE_SIZE)


def _alarms(arguments: Arguments) -> int:
    """Return how many alarms a change is about; more than are changed at a time are refused by their field."""
    ids, devices = (len(arguments.get(name) or ()) for name in ("ids", "devices"))
    return min(ids + len(arguments.get("alarms") or ()) + _POINTS * devices, 10_000)


def _days(arguments: Arguments) -> float:
    """Return how many days a period has, at least one; one that cannot be is refused by its field."""
    now = datetime.now(UTC)
    begin, end = arguments["from"], arguments.get("to") or now
    days: float = (min(end, now) - begin).total_seconds() / 86_400
    return max(1.0, days)


EXTENTS: dict[str, Callable[[Arguments], int]] = {
    "Query.alarmPerformance": lambda arguments: int(_COUNTED_A_DAY * _days(arguments)),
    "Query.alarmPreview": lambda arguments: int(_READ_A_DAY * _days(arguments) * max(1, len(arguments["limits"]))),
    "Query.combined": _combined,
    "Query.series": _looked_at,
    "Query.valuesAt": lambda arguments: _of_choice(arguments) * len(arguments["at"]),
}
"""What a field costs by the extent of its arguments, beside what is selected of it."""
LENGTHS: dict[str, Callable[[Arguments], int]] = {
    "AlarmPerformance.worst": lambda arguments: _between(arguments.get("first"), 10, 100),
    "Device.alarms": lambda _: 3,
    "Device.points": lambda _: _POINTS,
    "Point.limits": lambda _: _LIMITS,
    "ProfilePoint.limits": lambda _: _LIMITS,
    "ModbusConnection.devices": lambda _: _POINTS,
    **dict.fromkeys((f"Mutation.{name}" for name in CHANGES_OF_ALARMS), _alarms),
    "Query.alarmPreview": lambda arguments: len(arguments["limits"]),
    "Query.series": _of_choice,
    "Query.availability": lambda arguments: _between(arguments.get("first"), 100, 1_000),
    "Query.valuesAt": lambda arguments: min(10_000, _of_choice(arguments) * len(arguments["at"])),
    "Combined.values": lambda _: 5,
    "SeriesColumns.percentiles": lambda _: 3,
    "Query.configurationFields": lambda _: 40,
    "Query.retentionRuns": lambda arguments: _between(arguments.get("first"), 1000, 1000),
    "RetentionPreview.devices": lambda arguments: _between(arguments.get("first"), 1000, 1000),
    "Series.samples": lambda arguments: _between(arguments.get("first"), 1000, 10_000),
    "__Schema.types": lambda _: 200,
    "__Type.fields": lambda _: 7,
    "__Type.inputFields": lambda _: 2,
    "__Type.enumValues": lambda _: 2,
    "__Type.interfaces": lambda _: 1,
    "__Type.possibleTypes": lambda _: 1,
    "__Field.args": lambda _: 1,
    "__Directive.args": lambda _: 1,
}
"""How long lists become, those of the schema on average; a page by `first` and `last` need not stand here."""
_ABOUT_THE_SCHEMA = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}
ROWS: dict[str, Callable[[Arguments], int]] = {
    "Query.alarmPerformance": lambda arguments: int(_days(arguments) * 144),
    "Query.alarmPreview": lambda arguments: _between(arguments.get("occurrences"), 10, 1000),
    "Query.latest": _chosen,
    "Query.combined": _rows,
    "Query.series": _rows,
    "Subscription.alarms": lambda arguments: _between(arguments.get("first"), 500, 2000),
    "Subscription.readings": _chosen,
}
"""How long the columns below a field become."""
ROW_BY_ROW = {"AlarmsEvent.alarms", "LimitPreview.occurrences", "ReadingsEvent.readings"}
"""Lists as long as the columns."""


DEAR = dict.fromkeys(
    (f"Mutation.{name}" for name in ("signIn", "createUser", "resetPassword", "changePassword")), 5_000.0
)
"""Fields that cost more than others: a password's check takes as long as so many fields."""
_CHANGE, _BROUGHT = 600.0, 5


class Cost(NamedTuple):
    """What a selection costs: a fixed part, and parts whose count depends on variables."""

    fixed: float = 0.0
    parts: tuple[tuple[Count, "Cost"], ...] = ()

    def __call__(self, variables: VariableValues) -> float:
        """Return the cost with these variables."""
        return self.fixed + sum(count(variables) * cost(variables) for count, cost in self.parts)

    def plus(self, other: "Cost") -> "Cost":
        """Return both together."""
        return Cost(self.fixed + other.fixed, self.parts + other.parts)

    def times(self, count: "Count | int") -> "Cost":
        """Return it as often."""
        if isinstance(count, int) and not self.parts:
            return Cost(self.fixed * count)
        return Cost(0.0, ((count if callable(count) else lambda _: count, self),))


def cost_of(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: list[FragmentDefinitionNode]
) -> Callable[[VariableValues], int]:
    """Return what the operation costs, given its variables; never less than nothing, nor more than can be counted."""
    root = schema.get_root_type(operation.operation)
    assert root is not None  # noqa: S101 - the document is valid
    cost = _Measure(schema, fragments).of(root, operation.selection_set, _Around(1, 1))
    if not cost.parts:
        fixed = math.ceil(cost.fixed)
        return lambda _: fixed
    return lambda variables: math.ceil(min(cost(variables), 1e15))


def brought(value: Any) -> int:
    """Return what it costs to take in what a change brings: five for each value, and for each hundred characters."""
    return _BROUGHT * _values(value)


def _values(value: Any) -> int:
    match value:
        case str():
            return 1 + len(value) // 100
        case dict():
            return 1 + sum(map(_values, value.values()))
        case list():
            return 1 + sum(map(_values, value))
        case _:
            return 1


def told_cost(cost: int, context: Context) -> dict[str, Any]:
    """Return the cost as it stands in the extensions of a response, beside what the caller has left."""
    left, restored = context.budgets.left(context.who), context.budgets.restored(context.who)
    return {"cost": {"requested": cost, "limit": MOST_COST, "available": left, "restoredPerSecond": restored}}


def too_dear(cost: int) -> GraphQLError:
    """Return the error for an operation that costs too much."""
    return GraphQLError(
        Sentence(
            "the operation costs up to {}, at most {} is served: ask for shorter pages, fewer points or fields",
            cost,
            MOST_COST,
        )
    )


class _Around(NamedTuple):
    """What the fields above say about those below: how long a page is, and how long columns are."""

    page: Count | int
    rows: Count | int


class _Measure:
    def __init__(self, schema: GraphQLSchema, fragments: list[FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = {fragment.name.value: fragment for fragment in fragments}

    def of(self, parent: GraphQLObjectType, selected: SelectionSetNode | None, around: _Around) -> Cost:
        """Return what a selection costs; limits of depth and fields have been held before."""
        total = Cost()
        for node in selected.selections if selected else ():
            if isinstance(node, FieldNode):
                cost = self._field(parent, node, around)
            else:
                inner: Any = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
                cost = self.of(parent, inner.selection_set, around)
            total = total.plus(_unless_left_out(node, cost))
        return total

    def _field(self, parent: GraphQLObjectType, node: FieldNode, around: _Around) -> Cost:
        field = parent.fields.get(node.name.value) or _ABOUT_THE_SCHEMA.get(node.name.value)
        if field is None:  # __typename
            return Cost(1.0)
        name = f"{parent.name}.{node.name.value}"
        kind = get_named_type(field.type)
        if kind.name.endswith("Column"):
            return Cost(_COLUMN).times(around.rows)
        below = around
        if name in ROWS:
            below = below._replace(rows=_counted(ROWS[name], field, node))
        length = _length(name, field, node)
        listed = is_list_type(get_nullable_type(field.type))
        if length is not None and not listed:
            below = below._replace(page=length)
        inner = self.of(kind, node.selection_set, below) if isinstance(kind, GraphQLObjectType) else Cost()
        each = inner.plus(Cost(1.0))
        own = Cost(DEAR.get(name, _statement(parent, field)))
        if name in EXTENTS:
            own = own.plus(Cost(1.0).times(_counted(EXTENTS[name], field, node)))
        if not listed:
            return each.plus(own)
        if length is None:
            length = (
                around.rows
                if name in ROW_BY_ROW
                else around.page
                if name.endswith((".nodes", ".edges", ".results"))
                else _LIST
            )
        return each.times(length).plus(own)


def _unless_left_out(node: SelectionNode, cost: Cost) -> Cost:
    """Return the cost of what `@skip` and `@include` leave in; what they say may depend on variables."""
    if not node.directives:
        return cost

    def included(variables: VariableValues) -> int:
        skip = get_directive_values(GraphQLSkipDirective, node, variables)
        include = get_directive_values(GraphQLIncludeDirective, node, variables)
        return int(not (skip and skip["if"]) and (not include or bool(include["if"])))

    return cost.times(included)


def _length(name: str, field: GraphQLField, node: FieldNode) -> Count | int | None:
    if name in LENGTHS:
        return _counted(LENGTHS[name], field, node)
    return _counted(_page, field, node) if {"first", "last"} <= field.args.keys() else None


def _counted(length: Callable[[Arguments], int], field: GraphQLField, node: FieldNode) -> Count | int:
    def count(variables: VariableValues) -> int:
        try:
            return length(get_argument_values(field, node, variables))
        except GraphQLError:  # the field will say so itself
            return 1

    open_ = any(_has_variable(argument.value) for argument in node.arguments or ())
    return count if open_ else count(VariableValues({}, {}))


def _has_variable(value: ValueNode) -> bool:
    match value:
        case VariableNode():
            return True
        case ListValueNode():
            return any(map(_has_variable, value.values))
        case ObjectValueNode():
            return any(_has_variable(field.value) for field in value.fields)
        case _:
            return False


def _statement(parent: GraphQLObjectType, field: GraphQLField) -> float:
    """Return what asking the database costs: a change is a transaction with its line in the audit log."""
    if not _asks_the_database(field):
        return 0.0
    return _CHANGE if parent.name == "Mutation" else _STATEMENT


def _asks_the_database(field: GraphQLField) -> bool:
    declared = (field.extensions or {}).get("strawberry-definition")
    resolver = declared.base_resolver if isinstance(declared, StrawberryField) else None
    return resolver is not None and resolver.is_async
