"""The extent of a document: how deep and wide it asks, found out before anything is validated or executed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
    TokenKind,
)

from ddms.errors import Sentence

MOST_DIGITS = 400
"""Of a number that stands in the document; the largest float has 309."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentLimits:
    """The largest document that is served; GraphiQL's introspection query needs about 300 tokens and depth 15."""

    tokens: int = 2_000
    depth: int = 16
    aliases: int = 60
    fields: int = 2_000
    directives: int = 60


class _Extent(NamedTuple):
    """How far a selection reaches, its fragments spread out."""

    depth: int
    aliases: int
    fields: int
    directives: int


_NOTHING = _Extent(0, 0, 0, 0)


class _Measure:
    """Measures each fragment once, so that fragments of fragments cost no more than their text."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._measured: dict[str, _Extent] = {}

    def selections(self, selected: SelectionSetNode | None) -> _Extent:
        depth = aliases = fields = directives = 0
        for node in selected.selections if selected else ():
            if isinstance(node, FragmentSpreadNode):
                inner = self._fragment(node.name.value)
            else:
                inner = self.selections(getattr(node, "selection_set", None))
            is_field = isinstance(node, FieldNode)
            depth = max(depth, inner.depth + is_field)
            aliases += inner.aliases + (isinstance(node, FieldNode) and node.alias is not None)
            fields += inner.fields + is_field
            directives += inner.directives + len(node.directives or ())
        return _Extent(depth, aliases, fields, directives)

    def _fragment(self, name: str) -> _Extent:
        if name not in self._measured:
            self._measured[name] = _NOTHING  # a cycle ends here; validation refuses it
            fragment = self._fragments.get(name)
            self._measured[name] = self.selections(fragment.selection_set) if fragment else _NOTHING
        return self._measured[name]


def _long_numbers(document: DocumentNode) -> Iterator[GraphQLError]:
    """Give an error for a number that Python would refuse to read, or take long to."""
    token = document.loc.start_token if document.loc else None
    while token:
        if token.kind in {TokenKind.INT, TokenKind.FLOAT} and len(token.value or "") > MOST_DIGITS:
            yield GraphQLError(Sentence("a number has at most {} digits", MOST_DIGITS), document)
            return
        token = token.next


def exceeded(document: DocumentNode, limits: DocumentLimits) -> list[GraphQLError]:
    """Return an error for each limit that an operation of the document exceeds."""
    measure = _Measure(document)
    errors = list(_long_numbers(document))
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            extent = measure.selections(operation.selection_set)
            errors += [
                GraphQLError(
                    Sentence(
                        "the operation has {} of {}, at most {} is served",
                        what,
                        found if found < 10**9 else "more than 10^9",
                        most,
                    ),
                    operation,
                )
                for what, found, most in (
                    ("a depth", extent.depth, limits.depth),
                    ("a number of aliases", extent.aliases, limits.aliases),
                    ("a number of fields", extent.fields, limits.fields),
                    ("a number of directives", extent.directives, limits.directives),
                )
                if found > most
            ]
    return errors
