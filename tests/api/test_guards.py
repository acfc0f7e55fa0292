"""Guards: what costs too much is refused before anything is read, and every answer says what it cost."""

import pytest
from graphql import get_introspection_query

from api.ground.limits import MOST_COST
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.hostile import HOSTILE
from tests.support.statements import statements

DEVICES = "query ($n: Int) { devices(first: $n) { nodes { id name points { key latest { value } } } } }"
SERIES = 'query ($n: Int!) { series(points: ["pt_1", "pt_2"], from: "2026-01-01T00:00:00Z", maxPoints: $n) { columns { time value } } }'


async def cost(api: Api, query: str, **variables) -> int:
    answer = await api.post(query, **variables)
    assert answer["extensions"]["cost"]["limit"] == MOST_COST
    return answer["extensions"]["cost"]["requested"]


async def test_the_cost_grows_with_rows_and_fields_also_by_variables(api: Api):
    assert await cost(api, "{ me { name } }") < 5
    one, two, all_ = [await cost(api, DEVICES, n=n) for n in (1, 2, 100)]
    assert two - one == pytest.approx((all_ - one) / 99, abs=1)
    assert all_ > 100 * 20 * 3
    assert await cost(api, DEVICES) == await cost(api, DEVICES, n=50)
    assert await cost(api, DEVICES.replace("$n)", "100)").replace("query ($n: Int)", "query")) == all_
    assert await cost(api, "{ devices(first: 2) { edges { node { id } } } }") < one
    narrow, wide = await cost(api, SERIES, n=1_000), await cost(api, SERIES, n=500_000)
    assert wide - narrow == pytest.approx(2 * 2 * 499_000 / 100, abs=2)
    fragment = "query ($n: Int) { devices(first: $n) { nodes { ...f } } } fragment f on Device { id name points { key latest { value } } }"
    assert await cost(api, fragment, n=100) == all_


@pytest.mark.parametrize(
    "query",
    [
        "{ devices(first: 100) { nodes { points { device { points { device { points { key } } } } } } } }",
        "query ($n: Int! = 10000) { series(points: ["
        + ", ".join(f'"pt_{n}"' for n in range(1, 100))
        + '], from: "2026-01-01T00:00:00Z") { samples(first: $n) { nodes { time value } } } }',
        "{ " + " ".join(f"a{n}: devices(first: 100) {{ nodes {{ points {{ id key unit latest {{ value }} }} }} }}" for n in range(30)) + " }",
    ],
    ids=["nested", "samples", "aliases"],
)  # fmt: skip
async def test_what_costs_too_much_is_refused_without_a_statement(api: Api, query):
    await api.post("{ me { name } }")
    before = statements()
    answer = await api.post(query)
    assert statements() == before
    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INVALID"
    assert answer["extensions"]["cost"]["requested"] > answer["extensions"]["cost"]["limit"]
    assert str(MOST_COST) in error["message"]


DEAR = (
    'series(points: ["pt_1", "pt_2"], from: "2026-01-01T00:00:00Z", maxPoints: %s) { columns { time value min max } }'
)


@pytest.mark.parametrize("number", [-1, -2_147_483_648, 0])
@pytest.mark.parametrize(
    "hidden", ["@skip(if: true)", "@include(if: false)", "@skip(if: $yes)", "@include(if: $no)", ""]
)
async def test_no_number_makes_an_operation_cheaper(api: Api, number, hidden):
    variables = "($yes: Boolean = true, $no: Boolean = false)"
    use = "me @skip(if: $yes) { name } b: me @include(if: $no) { name }"
    alone = await cost(api, f"query {variables} {{ {use} a: {DEAR % 400_000} }}")
    both = f"query {variables} {{ {use} a: {DEAR % 400_000} b2: {(DEAR % number).replace('series', 'series', 1)} }}"
    both = both.replace("b2: series", "b2: series").replace(") { columns", f") {hidden} {{ columns") if hidden else both
    if hidden:  # only the second one is hidden
        both = both.replace(f") {hidden} {{ columns", ") { columns", 1)
    assert await cost(api, both) >= alone


async def test_what_is_left_out_costs_nothing_and_the_same_operation_pays_for_what_it_lets_in(api: Api):
    query = f"query ($more: Boolean!) {{ me {{ name }} a: {DEAR % 100_000} }}".replace(
        ") { columns", ") @include(if: $more) { columns"
    )
    without, with_ = await cost(api, query, more=False), await cost(api, query, more=True)
    assert without < 10
    assert with_ > 8_000
    fragment = f"query ($no: Boolean!) {{ me {{ name }} ... @skip(if: $no) {{ a: {DEAR % 100_000} }} }}"
    assert (await cost(api, fragment, no=True), await cost(api, fragment, no=False)) == (without, with_)


async def test_what_a_change_brings_costs_as_well(api: Api):
    query = 'mutation ($p: [PointInput!]!) { createPoints(device: "dev_1", points: $p) { errors { code } } }'
    points = [{"key": f"k{n}", "registerTable": "HOLDING", "address": n, "dataType": "INT16"} for n in range(500)]
    assert await cost(api, query, p=points) - await cost(api, query, p=points[:1]) == 499 * 5 * 5


async def test_what_people_ask_for_is_served(api: Api):
    everything = (
        "id key name unit registerTable address dataType byteOrder scale offset latest { time value quality reason }"
    )
    for query in (
        "{ devices(first: 100) { totalCount pageInfo { endCursor } nodes { id name endpoint status { state since lastError } points { %s } } } }" % everything,  # noqa: UP031
        "{ latest { count columns { deviceId pointId key time value quality text } } }",
        "query ($n: Int!) { series(points: [%s], from: \"2026-01-01T00:00:00Z\", maxPoints: $n) { point { key } columns { time value quality } } }".replace("%s", ", ".join(f'"pt_{n}"' for n in range(1, 101))),
    ):  # fmt: skip
        assert await cost(api, query, n=10_000) <= MOST_COST


async def test_a_subscription_that_costs_too_much_is_refused(api: Api):
    await add(api)
    async with api.socket() as socket:
        many = [f"pt_{n}" for n in range(1, 20_001)]
        query = "subscription ($p: [ID!]) { readings(points: $p) { readings { device { name } value quality reason time key unit text pointId deviceId } } }"
        await socket.subscribe(query.replace("device { name } ", ""), p=many)
        message = await socket.receive()
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "INVALID"


async def test_what_tools_ask_of_the_schema_is_served_with_room_for_it_to_grow(api: Api):
    whole = {"specified_by_url": True, "directive_is_repeatable": True, "schema_description": True, "input_value_deprecation": True}  # fmt: skip
    assert await cost(api, get_introspection_query(**whole)) < MOST_COST * 0.7


@pytest.mark.parametrize("document", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_document_is_refused_without_a_statement(api: Api, document):
    await api.post("{ me { name } }")  # the token's look-up is not the document's
    before = statements()
    for attempt in range(5):
        answer = await api.post(f"{document} # {attempt}")
        assert "data" not in answer
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID"}
        assert len(answer["errors"]) <= 11
    assert statements() == before
