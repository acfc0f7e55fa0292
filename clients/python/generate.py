"""Make ddms_client/schema.py of schema.graphql.

`WRITE_SCHEMA=1 python -m pytest --no-cov tests/api/test_schema.py` writes it, and that test fails when it is outdated.
"""

import keyword
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

PATH = Path(__file__).parent / "ddms_client/schema.py"
OBJECTS = {"ValueName": (), "Reading": (), "DeviceStatus": (), "Point": ("valueNames", "latest"), "Device": ("status",), "AlarmOutcome": ()}  # fmt: skip
"""What the client gives as objects: all their plain fields, and these of their objects. Each stands behind what it needs."""
INPUTS = ("ManualReading",)
QUESTIONS = ("devices", "points", "series", "latest")
"""Root fields whose arguments the client takes as they are."""
PAGING = {"first", "after", "last", "before"}
"""Arguments that the client gives itself."""
RENAMED = {"from": "start", "to": "end"}
SCALARS = {"ID": "str", "String": "str", "Int": "int", "BigInt": "int", "Float": "float", "Boolean": "bool", "DateTime": "datetime", "Duration": "str"}  # fmt: skip
HEAD = '''"""Types of the API. Made of schema.graphql by clients/python/generate.py: not to be changed by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self, TypedDict


class _Open(StrEnum):
    """An enum that takes values which a newer DDMS has, too."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member
'''


def snake(name: str) -> str:
    """Return Python's form of a name of GraphQL."""
    name = RENAMED.get(name, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    return f"{name}_" if keyword.iskeyword(name) else name


def module(schema: GraphQLSchema) -> str:
    """Return the text of the module."""
    types = schema.type_map
    enums = [enum(kind) for name, kind in sorted(types.items()) if isinstance(kind, GraphQLEnumType) and name[0] != "_"]
    objects = [record(types[name], nested) for name, nested in OBJECTS.items()]
    inputs = [taken(types[name]) for name in INPUTS]
    assert schema.query_type  # noqa: S101 - an API has queries
    asked = {name: schema.query_type.fields[name] for name in QUESTIONS}
    arguments = [filters(name, of) for name, of in asked.items()]
    return "\n\n".join([HEAD, *(part + "\n" for part in [*enums, *objects, *inputs, *arguments]), table(asked)]) + "\n"


def described(text: str | None, indent: str = "    ") -> str:
    """Return a docstring."""
    lines = textwrap.wrap((text or "").replace("\\", "\\\\"), 116 - len(indent) - 6)
    inner = f"\n{indent}".join(lines)
    return f'{indent}"""{inner}"""' if len(lines) == 1 else f'{indent}"""{inner}\n{indent}"""'


def enum(kind: GraphQLEnumType) -> str:
    """Return an enum as a class."""
    values = "\n".join(f'    {name} = "{name}"\n{described(of.description)}' for name, of in kind.values.items())
    return f"class {kind.name}(_Open):\n{described(kind.description)}\n\n{values}"


def python(kind: GraphQLType, *, of: str = "list") -> str:
    """Return the annotation of a type."""
    if isinstance(kind, GraphQLNonNull):
        return python(kind.of_type, of=of).removesuffix(" | None")
    if isinstance(kind, GraphQLList):
        return f"{of}[{python(kind.of_type, of=of)}] | None"
    name = get_named_type(kind).name
    return f"{SCALARS.get(name, name)} | None"


def record(kind: GraphQLType | None, nested: tuple[str, ...]) -> str:
    """Return an object as a dataclass, with what to ask for."""
    assert isinstance(kind, GraphQLObjectType)  # noqa: S101 - by its name above
    fields = {name: field for name, field in kind.fields.items() if name in nested or plain(field)}
    asked = " ".join(
        f"{name} {{{{ {{{get_named_type(of.type).name}.GRAPHQL}} }}}}" if name in nested else name
        for name, of in fields.items()
    )
    head = f"@dataclass(frozen=True, kw_only=True)\nclass {kind.name}:\n{described(kind.description)}\n\n"
    prefix = "f" if nested else ""
    return head + f'    GRAPHQL: ClassVar[str] = {prefix}"{asked}"\n' + members(fields)


def plain(field: GraphQLField) -> bool:
    """Whether a field is asked for without more words, and stays."""
    return (
        is_leaf_type(get_named_type(field.type))
        and not any(map(is_required_argument, field.args.values()))
        and not field.deprecation_reason
    )


def members(fields: Mapping[str, GraphQLField] | Mapping[str, GraphQLInputField]) -> str:
    """Return attributes; what an input need not have is left out by default."""
    said = []
    for name, of in fields.items():
        default = isinstance(of, GraphQLInputField) and not is_required_input_field(of)
        said.append(f"    {snake(name)}: {python(of.type)}{' = None' if default else ''}\n{described(of.description)}")
    return "\n".join(said)


def taken(kind: GraphQLType | None) -> str:
    """Return an input as a dataclass."""
    assert isinstance(kind, GraphQLInputObjectType)  # noqa: S101 - by its name above
    return f"@dataclass(frozen=True)\nclass {kind.name}:\n{described(kind.description)}\n\n{members(kind.fields)}"


def given(field: GraphQLField) -> Iterator[tuple[str, str, GraphQLArgument]]:
    """Give the arguments of a question: Python's name, the API's, and what it is."""
    return ((snake(name), name, of) for name, of in field.args.items())


def filters(name: str, field: GraphQLField) -> str:
    """Return the arguments of a question."""
    said = "\n".join(
        f"    {key}: {python(of.type, of='Sequence')}\n{described(of.description)}"
        for key, told, of in given(field)
        if told not in PAGING
    )
    title = name[0].upper() + name[1:]
    return f'class {title}Arguments(TypedDict, total=False):\n    """What `{name}` may be asked."""\n\n{said}'


def table(asked: Mapping[str, GraphQLField]) -> str:
    """Return what the arguments are called in GraphQL, and their types there."""
    rows = "\n".join(
        f'    "{name}": {{{", ".join(f"{key!r}: ({told!r}, {str(of.type)!r})" for key, told, of in given(field))}}},'.replace(
            "'", '"'
        )
        for name, field in asked.items()
    )
    return f'ARGUMENTS = {{\n{rows}\n}}\n"""Of each question, what Python\'s arguments are called in GraphQL, and their types there."""'
