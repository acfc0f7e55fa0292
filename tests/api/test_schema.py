"""The schema as a promise: described to the last value, committed, never broken unseen."""

import os
import re
from collections import defaultdict
from pathlib import Path

import pytest
from graphql import (
    BreakingChangeType,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    parse,
    validate,
)

from api import permissions
from api.permissions import PERMISSIONS
from api.reference import EXAMPLES, FOLDER, pages
from api.schema import build
from clients.python import generate

ROOT = Path(__file__).parents[2]
COMMITTED, RELEASED = ROOT / "schema.graphql", ROOT / "schema.released.graphql"
WRITE = "WRITE_SCHEMA"
HOW = f"Write schema.graphql, docs/api and the types of the Python client anew: {WRITE}=1 python -m pytest --no-cov tests/api/{Path(__file__).name}"
_KEEP = "Keep it, deprecated with a reason and a date, for one release."
_ADD = "Add a field or an argument of a new name instead, and deprecate this one."
ADVICE: defaultdict[BreakingChangeType, str] = defaultdict(
    lambda: _KEEP,
    {
        BreakingChangeType.FIELD_CHANGED_KIND: _ADD,
        BreakingChangeType.ARG_CHANGED_KIND: _ADD,
        BreakingChangeType.TYPE_CHANGED_KIND: _ADD,
        BreakingChangeType.REQUIRED_ARG_ADDED: "Give it a default.",
        BreakingChangeType.REQUIRED_INPUT_FIELD_ADDED: "Give it a default.",
    },
)


@pytest.fixture(scope="module")
def printed() -> str:
    return build().as_str().rstrip() + "\n"


@pytest.fixture(scope="module")
def schema(printed: str) -> GraphQLSchema:
    return build_schema(printed)


def undescribed(schema: GraphQLSchema):
    for name, kind in schema.type_map.items():
        if name.startswith("__") or name in {"String", "Int", "Float", "Boolean", "ID"}:
            continue
        if not kind.description:
            yield name
        if isinstance(kind, GraphQLEnumType):
            yield from (f"{name}.{value}" for value, of in kind.values.items() if not of.description)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field_name, field in kind.fields.items():
                if not field.description:
                    yield f"{name}.{field_name}"
                for argument_name, argument in getattr(field, "args", {}).items():
                    if not argument.description:
                        yield f"{name}.{field_name}({argument_name})"


def test_everything_is_described(schema: GraphQLSchema):
    assert list(undescribed(schema)) == []


def test_the_committed_schema_breaks_for_nobody_and_is_up_to_date(printed: str, schema: GraphQLSchema):
    if os.environ.get(WRITE):
        COMMITTED.write_text(printed, encoding="utf-8")
    committed = COMMITTED.read_text(encoding="utf-8")
    breaking = words(build_schema(committed), schema)
    assert breaking == [], "\n".join(["clients would break; if it is meant, CHANGELOG.md says", *breaking, HOW])
    assert committed == printed, f"schema.graphql is old. {HOW}"


def words(old: GraphQLSchema, new: GraphQLSchema) -> list[str]:
    """Return what breaks between two schemas, in the words of a change log."""
    return [
        f"- **Breaking:** {named(change.description)} {ADVICE[change.type]}"
        for change in find_breaking_changes(old, new)
    ]


def named(description: str) -> str:
    """Put what is named into the marks of code."""
    return re.sub(r"\b[A-Z]\w*(?:(?:\.\w+)+|(?= was removed))", lambda match: f"`{match[0]}`", description)


def unreleased() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").split("\n## ")[1]


def test_what_breaks_since_the_last_release_stands_in_the_change_log(schema: GraphQLSchema):
    if not RELEASED.exists():
        pytest.skip("nothing is released: at a release schema.graphql is copied to schema.released.graphql")
    for line in words(build_schema(RELEASED.read_text(encoding="utf-8")), schema):
        assert line in unreleased(), f"keep what clients use, or write into CHANGELOG.md under Unreleased:\n{line}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("type Query { a: Int b: Int }", "type Query { a: Int }", "`Query.b` was removed. Keep it, deprecated"),
        ("type Query { a: Int! }", "type Query { a: [Int!]! }", "`Query.a` changed type from Int! to [Int!]!."),
        ("type Query { a(x: Int): Int }", "type Query { a(x: Int!): Int }", "has changed type from Int to Int!."),
        ("enum E { A B } type Query { a: E }", "enum E { A } type Query { a: E }", "`E.B` was removed"),
        ("type T { x: Int } type Query { a: T }", "type U { x: Int } type Query { a: U }", "`T` was removed"),
        ("type Query { a: Int }", "type Query { a: Int b: Int }", None),
    ],
)
def test_a_breaking_change_is_told_in_the_words_of_a_change_log(old, new, told):
    lines = words(build_schema(old), build_schema(new))
    assert not lines if told is None else any(told in line for line in lines), lines


def deprecated(schema: GraphQLSchema):
    for name, kind in schema.type_map.items():
        for child_name, child in (*getattr(kind, "fields", {}).items(), *getattr(kind, "values", {}).items()):
            yield f"{name}.{child_name}", child.deprecation_reason
            for argument_name, argument in getattr(child, "args", {}).items():
                yield f"{name}.{child_name}({argument_name})", argument.deprecation_reason


def test_what_is_deprecated_says_what_to_use_instead_and_when_it_goes(schema: GraphQLSchema):
    for name, reason in deprecated(schema):
        assert reason is None or re.fullmatch(r"Use .+: it goes on 20\d\d-\d\d-\d\d\.", reason), f"{name}: {reason}"


def test_the_reference_shows_defaults_and_what_is_deprecated():
    old = '@deprecated(reason: "Use name: it goes on 2027-01-01.")'
    text = f"""
    type Query {{ "Who asks." me("How often." times: Int = 3 {old}): Me }}
    type Mutation {{ "Ends it." signOut: Int }} type Subscription {{ "States." deviceStates: Int }}
    "Somebody." type Me {{ "Its title." title: String {old} "What it may." role: Role }}
    "A role." enum Role {{ "All." OWNER {old} }}"""
    written = pages(build_schema(text))
    ended = "**Deprecated:** Use name: it goes on 2027-01-01."
    assert f"| `times` | `Int` | `3` | How often. {ended} |" in written["queries.md"]
    assert f"| `title` | `String` | Its title. {ended} |" in written["types.md"]
    assert f"| `OWNER` | All. {ended} |" in written["enums.md"]


@pytest.fixture(scope="module")
def reference(schema: GraphQLSchema) -> dict[str, str]:
    return pages(schema)


def test_each_root_field_has_one_example_that_fits_the_schema(schema: GraphQLSchema):
    for name in PERMISSIONS:
        path = EXAMPLES / f"{name}.graphql"
        assert path.exists(), f"write an example that can be run, {path}"
        assert validate(schema, parse(path.read_text(encoding="utf-8"))) == [], path
    assert {path.stem for path in EXAMPLES.iterdir()} == PERMISSIONS.keys()


def test_each_example_has_a_name_of_its_own_as_code_generators_want_it():
    named = [re.match(r"\w+ (\w+)", path.read_text(encoding="utf-8")) for path in EXAMPLES.iterdir()]
    names = [match[1] for match in named if match]
    assert len(names) == len(set(names)) == len(named)


def test_the_reference_is_up_to_date(reference: dict[str, str]):
    if os.environ.get(WRITE):
        for name, text in reference.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
    for name, text in reference.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"docs/api/{name} is old. {HOW}"


def test_every_payload_of_a_mutation_has_typed_errors(schema: GraphQLSchema):
    for name, field in schema.mutation_type.fields.items():
        assert str(field.type.of_type.fields["errors"].type) == "[UserError!]!", name


def test_a_root_field_without_a_permission_stops_the_program(monkeypatch):
    monkeypatch.delitem(permissions.PERMISSIONS, "Query.devices")
    with pytest.raises(RuntimeError, match=r"Query\.devices"):
        build.__wrapped__()


def test_the_types_of_the_python_client_are_up_to_date(schema: GraphQLSchema):
    text = generate.module(schema)
    if os.environ.get(WRITE):
        generate.PATH.write_text(text, encoding="utf-8")
    assert generate.PATH.read_text(encoding="utf-8") == text, f"{generate.PATH.name} is old. {HOW}"
