"""The short ways of execution answer as graphql-core's long one does."""

import contextlib
import gc

import pytest
import strawberry
from graphql import DocumentNode, execute, parse
from graphql.pyutils import Path

from api.execution.documents import BadDocument, Documents
from api.execution.extent import DocumentLimits
from api.execution.response import response
from api.graphql.executor import PathFrom, shorten
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures


@strawberry.type
class Leaf:
    name: str
    number: float | None
    broken: int

    @strawberry.field
    def upper(self) -> str:
        return self.name.upper()

    @strawberry.field
    async def later(self, info: strawberry.Info, times: int = 2) -> str:
        return self.name * times

    @strawberry.field
    def fails(self) -> str | None:
        raise ValueError("no")


@strawberry.type
class Query:
    @strawberry.field
    def leaf(self) -> Leaf:
        return Leaf(name="a", number=None, broken=1)

    @strawberry.field
    def leaves(self, info: strawberry.Info) -> list[Leaf | None]:
        assert info.context == "context"
        return [Leaf(name=name, number=1.5, broken=broken) for name, broken in (("b", 2), ("c", None), ("d", "x"))]


LONG, SHORT = strawberry.Schema(Query)._schema, strawberry.Schema(Query)._schema
shorten(SHORT)

DOCUMENTS = [
    "{ leaf { name number } }",
    "{ b: leaf { upper z: name __typename later a: number } __typename }",
    "{ leaves { name broken } }",
    "{ leaves { broken later } leaf { later(times: 3) } }",
    "{ leaf { fails name } leaves { fails } }",
    "query ($n: Int = 4, $show: Boolean = false) { leaf { later(times: $n) name @include(if: $show) upper @skip(if: $show) } }",
    "query A { ...f } fragment f on Query { leaf { ...g upper } } fragment g on Leaf { name }",
]


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("variables", [{}, {"n": 1, "show": True}], ids=["defaults", "variables"])
async def test_an_answer_is_the_same_as_by_the_long_way_each_time(document, variables):
    expected = execute(LONG, parse(document), context_value="context", variable_values=variables)
    expected = response(await expected if hasattr(expected, "__await__") else expected)
    operation = Documents(SHORT, DocumentLimits()).read(document, None)
    for _ in range(3):
        result = operation.executor("context", variables).execute_operation()
        answer = response(await result if hasattr(result, "__await__") else result)
        assert without_ids(answer) == without_ids(expected)
        assert list(answer["data"] or ()) == list(expected["data"] or ())


def documents_alive(documents: Documents, text: str, count: int, times: int = 2) -> int:
    """Return how many parsed documents are left of `count` that differ in a comment, each read so many times."""
    for number in range(count):
        with contextlib.suppress(BadDocument):
            for _ in range(times):
                documents.read(f"{text} # {number}", None)
    gc.collect()
    return sum(type(thing) is DocumentNode for thing in gc.get_objects())


def test_documents_are_kept_in_a_bounded_memory_and_bad_ones_not_at_all():
    documents = Documents(SHORT, DocumentLimits())
    before = documents_alive(documents, "{ __typename }", 0)
    assert documents_alive(documents, "{ leaf { name " + "wrong " * 500 + "} }", 12) == before
    long = "{ leaf { name " + " " * 5_000 + "} }"
    assert 90 <= documents_alive(documents, long, 200) - before <= 100
    assert documents.known(f"{long} # 199", None) is not None


def test_a_document_that_is_read_once_drives_out_none_that_is_asked_again():
    documents = Documents(SHORT, DocumentLimits())
    assert documents.known("{ __typename }", None) is None
    kept = [documents.read("{ __typename }", None) for _ in range(2)][1]
    assert documents_alive(documents, "{ leaf { name " + " " * 5_000 + "} }", 200, times=1) == documents_alive(
        documents, "", 0
    )
    assert documents.known("{ __typename }", None) is kept


def without_ids(answer):
    """Unexpected errors are told by an id of their own."""
    errors = [(e.get("path"), e["extensions"]["code"]) for e in answer.get("errors", ())]
    return answer["data"], sorted(errors, key=str)


async def test_a_dear_operation_lets_others_be_served_and_answers_the_same(api: Api, monkeypatch):
    query = "{ __schema { types { name fields { name type { name ofType { name } } } } } }"
    whole = await api.post(query)
    monkeypatch.setattr("api.transport.gate.DEAR_COST", 10**9)
    assert (await api.post(query))["data"] == whole["data"]


def test_an_item_of_a_later_part_has_its_place_in_the_whole_list():
    path = PathFrom.of(Path(Path(None, "a", "Query"), "b", "A"), 40)
    assert path.add_key(2).as_list() == ["a", "b", 42]
