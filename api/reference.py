"""The reference in `docs/api/`: written from the schema, its descriptions, the permissions and one example a root field.

`python -m api.reference` writes it; a test holds that it is up to date, and runs the examples.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    NullValueNode,
    build_schema,
    get_named_type,
    is_required_argument,
    is_required_input_field,
    is_specified_scalar_type,
    print_ast,
)

from api.permissions import PERMISSIONS
from api.schema import build

FOLDER = Path(__file__).parent.parent / "docs" / "api"
EXAMPLES = FOLDER / "examples"
_ROOTS = {"Query": "queries", "Mutation": "mutations", "Subscription": "subscriptions"}
_WRITTEN = "<!-- Written by `python -m api.reference`; edit the schema's descriptions and the examples instead. -->"


def pages(schema: GraphQLSchema) -> dict[str, str]:
    """Return the files of the reference, by name."""
    named = [t for name, t in sorted(schema.type_map.items()) if not name.startswith("__") and name not in _ROOTS]
    written = {f"{page}.md": _roots(schema, root, page) for root, page in _ROOTS.items()}
    for page, kind, about in (
        ("types", GraphQLObjectType, "What answers are made of."),
        ("inputs", GraphQLInputObjectType, "What changes are made of."),
        ("enums", GraphQLEnumType, "Closed sets: a new value may come with a new version, so keep a default branch."),
        ("scalars", GraphQLScalarType, "What is written as one value."),
    ):
        kinds = [t for t in named if isinstance(t, kind) and not is_specified_scalar_type(t)]
        written[f"{page}.md"] = _page(page.capitalize(), about, map(_described, kinds))
    return written


def _roots(schema: GraphQLSchema, root: str, page: str) -> str:
    kind = schema.get_type(root)
    assert isinstance(kind, GraphQLObjectType)  # noqa: S101 - it is a root
    fields = sorted(kind.fields.items())
    index = ", ".join(f"[`{name}`](#{name.lower()})" for name, _ in fields)
    sections = (_root_field(f"{root}.{name}", name, field) for name, field in fields)
    return _page(page.capitalize(), f"{kind.description}\n\n{index}", sections)


def _root_field(coordinate: str, name: str, field: GraphQLField) -> str:
    least = PERMISSIONS[coordinate]
    told = [f"## {name}", _told(field), f"{_linked(field.type)} · {least.value if least else 'everybody'}"]
    told += [_table(field.args, is_required_argument, "argument")] if field.args else []
    example = (EXAMPLES / f"{coordinate}.graphql").read_text(encoding="utf-8").strip()
    return "\n\n".join([*told, f"```graphql\n{example}\n```"])


def _described(kind: GraphQLNamedType) -> str:
    told = [f"## {kind.name}", kind.description or ""]
    match kind:
        case GraphQLObjectType():
            told.append(_output_table(kind))
        case GraphQLInputObjectType():
            told.append(_table(kind.fields, is_required_input_field, "field"))
        case GraphQLEnumType():
            rows = (f"| `{name}` | {_cell(_told(value))} |" for name, value in kind.values.items())
            told.append("\n".join(["| value | |", "|---|---|", *rows]))
        case _:
            pass
    return "\n\n".join(told)


def _output_table(kind: GraphQLObjectType) -> str:
    rows = ["| field | type | |", "|---|---|---|"]
    for name, field in kind.fields.items():
        arguments = "".join(f" `{n}`: {_linked(a.type)}: {_cell(_told(a))}" for n, a in field.args.items())
        rows.append(f"| `{name}` | {_linked(field.type)} | {_cell(_told(field))}{arguments} |")
    return "\n".join(rows)


def _table(
    inputs: dict[str, GraphQLArgument] | dict[str, GraphQLInputField], required: Callable[[Any], bool], word: str
) -> str:
    rows = [f"| {word} | type | default | |", "|---|---|---|---|"]
    for name, given in inputs.items():
        default = "needed" if required(given) else _default(given)
        rows.append(f"| `{name}` | {_linked(given.type)} | {default} | {_cell(_told(given))} |")
    return "\n".join(rows)


def _default(given: GraphQLArgument | GraphQLInputField) -> str:
    node = given.ast_node and given.ast_node.default_value
    return "" if node is None or isinstance(node, NullValueNode) else f"`{print_ast(node)}`"


def _linked(kind: Any) -> str:
    named = get_named_type(kind)
    if is_specified_scalar_type(named):
        return f"`{kind}`"
    page = {GraphQLEnumType: "enums", GraphQLInputObjectType: "inputs", GraphQLScalarType: "scalars"}.get(
        type(named), "types"
    )
    return f"[`{kind}`]({page}.md#{named.name.lower()})"


def _told(described: GraphQLField | GraphQLArgument | GraphQLInputField | GraphQLEnumValue) -> str:
    ended = f" **Deprecated:** {described.deprecation_reason}" if described.deprecation_reason else ""
    return f"{described.description}{ended}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _page(title: str, about: str, sections: Iterator[str]) -> str:
    return "\n\n".join([_WRITTEN, f"# {title}", about, *sections]) + "\n"


def main() -> None:
    """Write the pages."""
    for name, text in pages(build_schema(build().as_str())).items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
