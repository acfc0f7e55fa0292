"""What a caller selected, so that only this is asked of the database."""

from collections.abc import Iterator, Mapping

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

from api.graphql.context import Info


def selected_names(info: Info) -> frozenset[str]:
    """Return the names of all fields below the one that is resolved, at any depth."""
    raw = info._raw_info
    return frozenset(name for node in raw.field_nodes for name in _below(node.selection_set, raw.fragments))


def _below(chosen: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode]) -> Iterator[str]:
    for node in chosen.selections if chosen else ():
        if isinstance(node, FragmentSpreadNode):
            yield from _below(fragments[node.name.value].selection_set, fragments)
            continue
        if isinstance(node, FieldNode):
            yield node.name.value
        assert isinstance(node, FieldNode | InlineFragmentNode)  # noqa: S101 - there is no fourth kind of selection
        yield from _below(node.selection_set, fragments)
