"""Documents: parsed, measured and validated once, executed often.

This is Strawberry's schema on graphql-core's executor, without the extension machinery between them, which costs
more than a small query's own work.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_operation_ast,
    parse,
    validate,
)
from graphql.execution import VariableValues, get_variable_values
from graphql.validation import NoSchemaIntrospectionCustomRule, recommended_rules, specified_rules

from api.execution.cost import cost_of, told_cost, too_dear
from api.execution.extent import DocumentLimits, exceeded
from api.execution.response import encode
from api.graphql import errors
from api.graphql.context import Context
from api.graphql.executor import PlainExecutor
from api.ground.limits import MOST_COST
from ddms.errors import Sentence

_RULES = (*specified_rules, *recommended_rules)
_NO_VARIABLES = VariableValues({}, {})
ONCE = "signIn"
"""The root field that costs so much that an operation has it once."""
_CACHED_LENGTH = 20_000
_REMEMBERED = 10_000  # documents that were read once
_CACHED_ALTOGETHER = 500_000  # characters; what is made of one takes some hundred bytes


class BadDocument(Exception):  # noqa: N818 - it is the document that is bad
    """A document that cannot be executed."""

    def __init__(self, problems: list[GraphQLError], cost: dict[str, Any] | None = None) -> None:
        super().__init__(problems[0].message)
        self.problems = problems
        self.extensions = {} if cost is None else {"extensions": cost}
        """What its response says besides."""

    @property
    def formatted(self) -> list[dict[str, Any]]:
        """The errors as they stand in a response."""
        return [errors.formatted(problem) for problem in self.problems]


@dataclass(eq=False)
class Operation:
    """One operation of a good document."""

    schema: GraphQLSchema
    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None
    text: str
    silent: bool = False
    _constant: bytes | None = None

    def __post_init__(self) -> None:
        self.kind = self.node.operation
        """Query, mutation or subscription."""
        self.verb = self.kind.value

    @cached_property
    def label(self) -> str:
        """A bounded name for metrics: its one root field, or `several`."""
        selections = self.node.selection_set.selections
        (only, *others) = selections
        if others or not isinstance(only, FieldNode):
            return "several"
        return only.name.value

    @cached_property
    def digest(self) -> str:
        """What the document is called in logs: the SHA-256 of its text."""
        return sha256(self.text.encode()).hexdigest()

    @cached_property
    def is_constant(self) -> bool:
        """Whether neither caller nor variables nor database can change its answer."""
        asked = self.node.selection_set.selections
        about_itself = all(isinstance(field, FieldNode) and field.name.value.startswith("__") for field in asked)
        return self.kind is OperationType.QUERY and about_itself and not self.node.variable_definitions

    @cached_property
    def signs_in(self) -> bool:
        """Whether it waits in the queue of sign-ins, and so in no other one."""
        return _times(self.document, self.node.selection_set, ONCE) > 0

    @property
    def constant(self) -> bytes:
        """The data of a constant answer, encoded."""
        if self._constant is not None:
            return self._constant
        encoded = encode(cast("Any", self._unbound.bound(None, _NO_VARIABLES).execute_operation()).data)
        if len(encoded) <= _CACHED_LENGTH:
            self._constant = encoded
        return encoded

    @cached_property
    def _unbound(self) -> PlainExecutor:
        """The operation without its caller and variables."""
        fragments = [node for node in self.document.definitions if isinstance(node, FragmentDefinitionNode)]
        alone = DocumentNode(definitions=(replace(self.node, variable_definitions=()), *fragments))
        built = PlainExecutor.build(self.schema, alone, operation_extensions=None)
        if isinstance(built, list):
            raise BadDocument(built)
        unbound = cast("PlainExecutor", built)
        if "@" not in self.text:
            unbound.collect_once()
        unbound.operation = self.node
        return unbound

    def executor(self, context: Context, variables: dict[str, Any] | None) -> PlainExecutor:
        """Bind the operation to a caller and variables; variables that do not fit raise `BadDocument`."""
        wanted = self.node.variable_definitions
        values: Any = _NO_VARIABLES
        if wanted:
            values = get_variable_values(self.schema, wanted, variables or {}, 50, hide_suggestions=self.silent)
        if isinstance(values, list):
            raise BadDocument(values)
        bound = self._unbound.bound(context, values)
        bound.cost = self.priced(context, values)
        return bound

    def priced(self, context: Context, values: VariableValues = _NO_VARIABLES) -> int:
        """Return the cost with these variables; raises `BadDocument` when it is too high."""
        cost = self._cost(values)
        if cost > MOST_COST:
            raise BadDocument([too_dear(cost)], told_cost(cost, context))
        return cost

    @cached_property
    def _cost(self) -> Callable[[VariableValues], int]:
        """What it costs, given its variables."""
        fragments = [node for node in self.document.definitions if isinstance(node, FragmentDefinitionNode)]
        return cost_of(self.schema, self.node, fragments)


class Documents:
    """The good documents that were seen twice lately, by their text.

    A bad one is not kept: its errors hold on to all that was read of it, and who sends many would fill the memory.
    """

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits, *, introspection: bool = True) -> None:
        self._schema = schema
        self._silent = not introspection
        """Whether nothing is told of the schema, not even by suggestions."""
        self._rules = _RULES if introspection else (*_RULES, NoSchemaIntrospectionCustomRule)
        self._limits = limits
        self._once_read: dict[int, None] = {}
        self._cache: dict[tuple[str, str | None], Operation] = {}
        self._cached_length = 0

    def known(self, text: str, name: str | None) -> Operation | None:
        """Return the operation `name` of a document (or its only one), if it was read before."""
        return self._cache.get((text, name))

    def read(self, text: str, name: str | None) -> Operation:
        """Read a document and return its operation; raises `BadDocument`."""
        operation = self._operation(text, name)
        if len(text) <= _CACHED_LENGTH and self._seen(text):
            self._cache[text, name] = operation
            self._cached_length += len(text)
            while self._cached_length > _CACHED_ALTOGETHER:
                oldest = next(iter(self._cache))
                self._cached_length -= len(oldest[0])
                del self._cache[oldest]
        return operation

    def _seen(self, text: str) -> bool:
        """Say whether a document was read before: what is asked once would only drive out what is asked again."""
        digest = hash(text)
        if digest in self._once_read:
            del self._once_read[digest]
            return True
        self._once_read[digest] = None
        if len(self._once_read) > _REMEMBERED:
            del self._once_read[next(iter(self._once_read))]
        return False

    def _operation(self, text: str, name: str | None) -> Operation:
        document = self._validated(text)
        node = get_operation_ast(document, name)
        if node is None:
            sentence = (
                Sentence("the document has no operation {!r}", name)
                if name
                else "operationName must say which operation is meant"
            )
            raise BadDocument([GraphQLError(sentence)])
        if _times(document, node.selection_set, ONCE) > 1:
            raise BadDocument(
                [GraphQLError(Sentence("{} stands in an operation once: send each by itself", ONCE), node)]
            )
        name = node.name.value if node.name else None
        return Operation(self._schema, document, node, name, text, self._silent)

    def _validated(self, text: str) -> DocumentNode:
        try:
            document = parse(text, max_tokens=self._limits.tokens)
            problems = exceeded(document, self._limits) or validate(
                self._schema, document, self._rules, max_errors=10, hide_suggestions=self._silent
            )
        except GraphQLError as error:
            raise BadDocument([error]) from error
        except RecursionError as error:
            raise BadDocument([GraphQLError("the document is nested too deeply")]) from error
        if problems:
            raise BadDocument(problems)
        return document


def _times(document: DocumentNode, selected: SelectionSetNode, name: str) -> int:
    """Return how often a root field is asked for; the document is valid, so that its fragments end."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}

    def times(selections: SelectionSetNode) -> int:
        found = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                found += node.name.value == name
            else:
                inner = fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
                found += times(cast("Any", inner).selection_set)
        return found

    return times(selected)
