"""Documents: parsed, measured and validated once, executed often.

This is Strawberry's schema on graphql-core's executor, without the extension machinery between them, which costs
more than a small query's own work.
"""

import asyncio
from collections.abc import AsyncIterable
from dataclasses import dataclass
from functools import cached_property
from inspect import isawaitable
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
    get_operation_ast,
    parse,
    validate,
)
from graphql.validation import recommended_rules, specified_rules
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from api import errors
from api.context import Context
from api.limits import DEADLINE_SECONDS, Limits, exceeded
from ddms.errors import Code, DdmsError

_RULES = (*specified_rules, *recommended_rules)
_CACHED_DOCUMENTS = 512
_CACHED_LENGTH = 20_000


class BadDocument(Exception):  # noqa: N818 - it is the document that is bad
    """A document that cannot be executed."""

    def __init__(self, problems: list[GraphQLError]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems

    @property
    def formatted(self) -> list[dict[str, Any]]:
        """The errors as they stand in a response."""
        return [errors.formatted(problem) for problem in self.problems]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a good document."""

    schema: GraphQLSchema
    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    @cached_property
    def label(self) -> str:
        """A bounded name for metrics: its one root field, or `several`."""
        selections = self.node.selection_set.selections
        (only, *others) = selections
        if others or not isinstance(only, FieldNode):
            return "several"
        return only.name.value

    def executor(self, context: Context, variables: dict[str, Any] | None) -> Executor[Any]:
        """Bind the operation to a caller and variables; variables that do not fit raise `BadDocument`."""
        built = StrawberryGraphQLCoreExecutionContext.build(
            self.schema, self.document, None, context, variables, self.name, operation_extensions=None
        )
        if isinstance(built, list):
            raise BadDocument(built)
        return built


class Documents:
    """The documents that were seen lately, by their text; bad ones are remembered too."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._cache: dict[str, DocumentNode | BadDocument] = {}

    def operation(self, text: str, name: str | None) -> Operation:
        """Return the operation `name` of a document (or its only one); raises `BadDocument`."""
        known = self._cache.get(text) or self._read(text)
        if isinstance(known, BadDocument):
            raise BadDocument(known.problems)
        node = get_operation_ast(known, name)
        if node is None:
            sentence = (
                f"the document has no operation {name!r}" if name else "operationName must say which operation is meant"
            )
            raise BadDocument([GraphQLError(sentence)])
        return Operation(self._schema, known, node, name)

    def _read(self, text: str) -> DocumentNode | BadDocument:
        try:
            read: DocumentNode | BadDocument = self._validated(text)
        except BadDocument as bad:
            read = bad
        if len(text) <= _CACHED_LENGTH:
            if len(self._cache) >= _CACHED_DOCUMENTS:
                del self._cache[next(iter(self._cache))]
            self._cache[text] = read
        return read

    def _validated(self, text: str) -> DocumentNode:
        try:
            document = parse(text, max_tokens=self._limits.tokens)
            problems = exceeded(document, self._limits) or validate(self._schema, document, _RULES, max_errors=10)
        except GraphQLError as error:
            raise BadDocument([error]) from error
        except RecursionError as error:
            raise BadDocument([GraphQLError("the document is nested too deeply")]) from error
        if problems:
            raise BadDocument(problems)
        return document


async def execute(operation: Operation, context: Context, variables: dict[str, Any] | None) -> dict[str, Any]:
    """Run a query or mutation; return the response, `data` and perhaps `errors`."""
    executor = operation.executor(context, variables)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            result = executor.execute_operation()
            if isawaitable(result):
                result = await result
    except TimeoutError:
        late = DdmsError(Code.TIMEOUT, f"the operation was ended after {DEADLINE_SECONDS:.0f} s: ask for less")
        return {"data": None, "errors": [errors.refused(late)]}
    return response(result)


async def source(operation: Operation, executor: Executor[Any]) -> AsyncIterable[Any]:
    """Run a subscription's resolver; return where its events come from."""
    stream = create_source_event_stream(executor)
    if isawaitable(stream):
        stream = await stream
    if isinstance(stream, ExecutionResult):
        raise BadDocument(list(stream.errors or []))
    return stream


def response(result: Any) -> dict[str, Any]:
    """Return a result as it stands in a response."""
    answer: dict[str, Any] = {"data": result.data}
    if result.errors:
        answer["errors"] = [errors.formatted(error) for error in result.errors]
    return answer


def encode(answer: Any) -> bytes:
    """Encode a response; columns are numpy arrays or ready JSON."""
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
