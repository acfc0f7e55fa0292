"""Nested fields: however many objects an answer has, each nested field is one statement; the schema is walked for them."""

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, is_list_type, is_required_argument
from graphql.type import get_nullable_type
from strawberry.types.field import StrawberryField

from api.ground.budget import Budgets
from api.schema import build
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.statements import statements

LISTS = ("devices", "points", "groups", "profiles", "connections")
FIRST = {name: "" if name == "connections" else "(first: 50)" for name in LISTS}


def asks(field) -> bool:
    declared = (field.extensions or {}).get("strawberry-definition")
    resolver = declared.base_resolver if isinstance(declared, StrawberryField) else None
    return resolver is not None and resolver.is_async


def plain(kind: GraphQLObjectType) -> str:
    return next(
        name for name, field in kind.fields.items() if is_leaf_type(get_named_type(field.type)) and not field.args
    )


def nested() -> dict[str, str]:
    """Each field below a list of the schema that asks the database, to the third level, with a query for it."""
    schema, found = build()._schema, {}

    def walk(kind: GraphQLObjectType, path: tuple[str, ...], shape: str, depth: int) -> None:
        for name, field in kind.fields.items():
            inner = get_named_type(field.type)
            if not asks(field) or any(is_required_argument(a) for a in field.args.values()):
                continue
            leaf = "" if is_leaf_type(inner) else f" {{ {plain(inner)} }}"
            found[".".join((*path, name))] = shape % f"{name}{leaf}"
            if isinstance(inner, GraphQLObjectType) and depth:
                walk(inner, (*path, name), shape % f"{name} {{ %s }}", depth - 1)

    for root in LISTS:
        field = schema.query_type.fields[root]
        inner = get_named_type(field.type)
        if is_list_type(get_nullable_type(field.type)):
            walk(inner, (root,), f"{{ {root}{FIRST[root]} {{ %s }} }}", 2)
        else:
            node = get_named_type(inner.fields["nodes"].type)
            walk(node, (root,), f"{{ {root}{FIRST[root]} {{ nodes {{ %s }} }} }}", 2)
    return found


@pytest.fixture
async def plant(api: Api) -> None:
    """Several of everything that nests."""
    ids = [(await add(api, f"Pump {n}", endpoint=f"tcp://10.0.0.{n}"))["id"] for n in range(1, 6)]
    for n in range(3):
        await api.ask(
            "mutation ($i: GroupInput!) { createGroup(input: $i) { errors { code } } }",
            i={"name": f"Hall {n}", "devices": ids},
        )
        points = [{"key": "a", "registerTable": "HOLDING", "address": n, "dataType": "INT16"}]
        await api.ask(
            "mutation ($i: ProfileInput!) { createProfile(input: $i) { errors { code } } }",
            i={"name": f"Meter {n}", "points": points},
        )


def test_the_walk_finds_what_is_known_to_nest():
    assert {
        "points.device",
        "devices.points",
        "devices.groups",
        "connections.devices",
        "profiles.points",
    } <= nested().keys()


async def test_each_nested_field_is_one_statement_however_many_objects_ask(api: Api, plant):
    too_many = {}
    api.parts.budgets = Budgets(10_000_000)
    for path, query in nested().items():
        await api.ask("{ me { name } }")
        before = statements()
        answer = await api.post(query)
        assert "errors" not in answer, (path, answer)
        after = statements()
        run = {name: int(n - before.get(name, 0)) for name, n in after.items() if n != before.get(name, 0)}
        if dear := {name: n for name, n in run.items() if n > path.count(".") + 1}:
            too_many[path] = dear
    assert not too_many
