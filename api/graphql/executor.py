"""Execution without what costs most and is the same each time.

- The operation is copied for each caller instead of built again.
- What it selects is collected once, when no directive makes that depend on variables.
- A field that is only an attribute of its object is read on the spot, while graphql-core takes 8 µs for it: its path,
  its info, its checks for awaitables.
- Long lists of a dear operation are written in parts: the event loop serves others in between.
- Long lists that a change brings are converted in a thread.
- A resolver without arguments is called as it is, without Strawberry's conversion of arguments and its extensions.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from inspect import isawaitable
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    SelectionSetNode,
    VariableNode,
    is_leaf_type,
    value_from_ast_untyped,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.executor import CollectedErrors
from graphql.pyutils import Path
from strawberry import Schema
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import get_arguments
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info


class Plain(NamedTuple):
    """A field that is an attribute of its object, and how its value is written."""

    attribute: str
    write: Callable[[Any], Any]
    nullable: bool


_PLAIN: WeakKeyDictionary[GraphQLObjectType, dict[str, Plain]] = WeakKeyDictionary()


def plain_fields(parent: GraphQLObjectType) -> dict[str, Plain]:
    """Return those fields of a type that are plain, by name."""
    found = _PLAIN.get(parent)
    if found is None:
        found = _PLAIN[parent] = {}
        for name, field in parent.fields.items():
            declared = (field.extensions or {}).get("strawberry-definition")
            nullable = not isinstance(field.type, GraphQLNonNull)
            kind = field.type if nullable else cast("GraphQLNonNull[Any]", field.type).of_type
            if isinstance(declared, StrawberryField) and declared.is_basic_field and is_leaf_type(kind):
                found[name] = Plain(declared.python_name, kind.coerce_output_value, nullable)
    return found


def shorten(schema: GraphQLSchema) -> None:
    """Let the schema call resolvers without arguments as they are."""
    for kind in schema.type_map.values():
        for field in kind.fields.values() if isinstance(kind, GraphQLObjectType) else ():
            declared = (field.extensions or {}).get("strawberry-definition")
            if isinstance(declared, StrawberryField) and not declared.extensions and not field.subscribe:
                resolver = declared.base_resolver
                if resolver and resolver.self_parameter and not declared.arguments:
                    field.resolve = _short(declared, resolver.wrapped_func, resolver.info_parameter)


def convert_aside(schema: Schema) -> None:
    """Let long lists in what a change brings be converted in a thread: of 2,000 points it takes a quarter of a second."""
    kind = schema._schema.mutation_type
    for field in kind.fields.values() if kind else ():
        declared = (field.extensions or {}).get("strawberry-definition")
        if isinstance(declared, StrawberryField) and field.args and not declared.extensions and field.resolve:
            field.resolve = _aside(schema, declared, field.resolve)


def _aside(schema: Schema, declared: StrawberryField, usual: Callable[..., Any]) -> Callable[..., Any]:
    async def resolve(source: Any, raw: Any, **given: Any) -> Any:
        if not _has_many(given):
            return await usual(source, raw, **given)
        info = Info(_raw_info=raw, _field=declared)
        read = partial(get_arguments, field=declared, source=source, info=info, kwargs=given)
        registry = schema.schema_converter.scalar_registry
        arguments, named = await asyncio.to_thread(read, config=schema.config, scalar_registry=registry)
        return await declared.get_result(source, info=info, args=arguments, kwargs=named)

    return resolve


def _has_many(value: Any) -> bool:
    """Whether there is a list in it of more than one part."""
    if isinstance(value, dict):
        return any(map(_has_many, value.values()))
    return isinstance(value, list) and (len(value) > PART or any(map(_has_many, value)))


def _short(declared: StrawberryField, function: Any, info_parameter: Any) -> Callable[[Any, Any], Any]:
    if info_parameter is None:
        return lambda source, _info: function(source)
    return lambda source, info: function(source, **{info_parameter.name: Info(_raw_info=info, _field=declared)})


PART = 10
"""So many objects of a list are written before others are served."""


LONGER = {("Device", "points"): 20, ("Profile", "points"): 10}
"""Lists that may be longer than `api.execution.cost` can know, and how long they are there."""


class PathFrom(Path):
    """The path of a list of which this is a later part: its items are counted from `start`."""

    start = 0

    @classmethod
    def of(cls, path: Path, start: int) -> "PathFrom":
        """Make it of the list's path."""
        part = cls(*path)
        part.start = start
        return part

    def add_key(self, key: str | int, typename: str | None = None) -> Path:
        """Return the path of an item."""
        return Path(Path(*self), key + self.start if isinstance(key, int) else key, typename)


class PlainExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's execution, with a short way for plain fields."""

    cost: int = 0
    collected: tuple[GraphQLObjectType, Any] | None = None
    in_parts = False
    """Whether long lists are written in parts, between which others are served."""

    def bound(self, context: Any, variable_values: Any) -> "PlainExecutor":
        """Return a copy for another caller and other variables."""
        copied = object.__new__(PlainExecutor)
        copied.__dict__ |= self.__dict__
        copied.context_value = context
        copied.variable_values = variable_values
        copied.collected_errors = CollectedErrors()
        copied.pending_incremental_futures, copied.background_futures = set(), set()
        if self.collected is None:
            copied._relevant_sub_fields = {}
        return copied

    def collect_once(self) -> None:
        """Collect what the operation selects, for all copies; only for a document without directives."""
        self.collected = self._collect()

    def _collect(self) -> tuple[GraphQLObjectType, Any]:
        root = self.schema.get_root_type(self.operation.operation)
        assert root is not None  # noqa: S101 - the document is valid
        fields, _, _ = collect_fields(self.schema, self.fragments, self.variable_values, root, self.operation, False)
        return root, fields

    def root_argument(self, name: str) -> tuple[Any, str | None]:
        """Return an argument of the only root field, and the variable that it is taken from."""
        _, fields = self.collected or self._collect()
        for details in fields.values():
            for argument in details[0].node.arguments or ():
                if argument.name.value == name:
                    variable = argument.value.name.value if isinstance(argument.value, VariableNode) else None
                    return value_from_ast_untyped(argument.value, self.variable_values.coerced), variable
        return None, None

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute; `serially` is for the root fields, of mutations when it is not given."""
        if self.collected is None:
            return super().execute_operation(serially)
        if serially is None:
            serially = self.operation.operation is OperationType.MUTATION
        try:
            data = self.execute_root_grouped_field_set(
                self.collected[0], self.root_value, self.collected[1], serially, None
            )
        except GraphQLError as error:
            return self._failed(error)
        return self.build_response(data) if isinstance(data, dict) else self._executed_later(data)

    async def _executed_later(self, data: Any) -> Any:
        try:
            return self.build_response(await data)
        except GraphQLError as error:
            return self._failed(error)

    def _failed(self, error: GraphQLError) -> Any:
        self.collected_errors.add(error, None)
        return self.build_response(None)

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Any,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """Execute a selection: plain fields here, the others as graphql-core does."""
        plain = plain_fields(parent_type)
        results: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for response_name, details in grouped_field_set.items():
            name = details[0].node.name.value
            results[response_name] = None
            if name == "__typename":
                results[response_name] = parent_type.name
            elif (field := plain.get(name)) is None or not _read(field, source_value, response_name, results):
                others[response_name] = details
        if not others:
            return results
        rest = super().execute_fields(parent_type, source_value, path, others, position_context)
        return _joined(results, rest) if isinstance(rest, dict) else _joined_later(results, rest)

    def complete_iterable_value(  # noqa: PLR0917 - graphql-core's
        self,
        item_type: Any,
        field_details_list: Any,
        info: Any,
        path: Path,
        items: Any,
        position_context: Any,
    ) -> Any:
        """Write a list; a long one of a dear operation in parts. One that is longer than its price is paid now."""
        priced = LONGER.get((info.parent_type.name, info.field_name))
        if priced is not None and isinstance(items, list) and len(items) > priced:
            fields = sum(self._fields(details.node.selection_set) for details in field_details_list)
            self.context_value.budgets.take(self.context_value.who, (len(items) - priced) * (1 + fields))
            self.in_parts = True
        if self.in_parts and isinstance(items, list) and len(items) > PART:
            return self._written_in_parts(item_type, field_details_list, info, path, items, position_context)
        return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)

    def _fields(self, selected: SelectionSetNode | None) -> int:
        """Return how many fields are selected, those of fragments too; limits of depth and fields have been held before."""
        found = 0
        for node in selected.selections if selected else ():
            if isinstance(node, FragmentSpreadNode):
                found += self._fields(self.fragments[node.name.value].definition.selection_set)
            else:
                found += isinstance(node, FieldNode) + self._fields(cast("Any", node).selection_set)
        return found

    async def _written_in_parts(  # noqa: PLR0917 - graphql-core's
        self, item_type: Any, field_details_list: Any, info: Any, path: Path, items: list[Any], position_context: Any
    ) -> list[Any]:
        parts: list[Any] = []
        write = super().complete_iterable_value
        try:
            for start in range(0, len(items), PART):
                part, place = items[start : start + PART], PathFrom.of(path, start)
                parts.append(write(item_type, field_details_list, info, place, part, position_context))
                await asyncio.sleep(0)
        except BaseException:
            if later := [part for part in parts if isawaitable(part)]:
                self.settle_in_background(later)
            raise
        later = [part for part in parts if isawaitable(part)]  # all at once, so that their statements stay one
        written = iter(await asyncio.gather(*later))
        return [item for part in parts for item in (next(written) if isawaitable(part) else part)]


def _read(field: Plain, source: Any, response_name: str, results: dict[str, Any]) -> bool:
    """Put a plain field's value in its place; what does not fit is left to graphql-core, which tells why."""
    try:
        value = getattr(source, field.attribute)
        if value is None:
            return field.nullable
        results[response_name] = field.write(value)
    except Exception:  # noqa: BLE001 - it is raised again where it becomes an error of the field
        return False
    return results[response_name] is not None


def _joined(results: dict[str, Any], rest: Mapping[str, Any]) -> dict[str, Any]:
    results.update(rest)
    return results


async def _joined_later(results: dict[str, Any], rest: Any) -> dict[str, Any]:
    return _joined(results, await rest)
