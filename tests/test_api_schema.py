"""The schema as a promise: described to the last value, committed, never broken unseen."""

import os
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
)

from api import permissions
from api.schema import build

COMMITTED = Path(__file__).parent.parent / "schema.graphql"
WRITE = "WRITE_SCHEMA"


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
    breaking = [change.description for change in find_breaking_changes(build_schema(committed), schema)]
    assert breaking == [], "clients would break; if it is meant, regenerate schema.graphql and tell CHANGELOG.md"
    assert committed == printed, f"schema.graphql is old: run `{WRITE}=1 pytest {Path(__file__).name}`"


def test_every_payload_of_a_mutation_has_typed_errors(schema: GraphQLSchema):
    for name, field in schema.mutation_type.fields.items():
        assert str(field.type.of_type.fields["errors"].type) == "[UserError!]!", name


def test_a_root_field_without_a_permission_stops_the_program(monkeypatch):
    monkeypatch.delitem(permissions.PERMISSIONS, "Query.devices")
    with pytest.raises(RuntimeError, match=r"Query\.devices"):
        build()
