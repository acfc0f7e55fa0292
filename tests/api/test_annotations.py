"""Annotations: what people know of a time, written, found, changed, refused, and who sees them."""

import pytest

from api.ground.roles import Role
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.halls import limited_person

CREATE = "mutation ($input: AnnotationInput!) { createAnnotation(input: $input) { errors { code field message } annotation { id from to text deviceName pointName groupName createdBy version } } }"
UPDATE = "mutation ($id: ID!, $changes: AnnotationChanges!, $version: Int) { updateAnnotation(id: $id, changes: $changes, version: $version) { errors { code field } annotation { from to text updatedBy version } } }"
DELETE = "mutation ($id: ID!) { deleteAnnotation(id: $id) { errors { code } deletedId } }"
LIST = "query ($device: ID, $point: ID, $group: ID, $from: DateTime, $to: DateTime, $text: String, $by: String) { annotations(device: $device, point: $point, group: $group, from: $from, to: $to, text: $text, createdBy: $by) { totalCount nodes { text } } }"
NOON = "2026-05-04T12:00:00Z"


async def written(api: Api, text: str, **more) -> str:
    payload = await api.ask(CREATE, input={"from": NOON, "text": text} | more)
    assert payload["errors"] == []
    return payload["annotation"]["id"]


async def found(api: Api, **filters) -> list[str]:
    return [node["text"] for node in (await api.ask(LIST, "viewer", **filters))["nodes"]]


async def test_annotations_are_written_and_found_by_what_they_concern(api: Api, owner):
    pump, tank = [(await add(api, name, groups=groups))["id"] for name, groups in (("Pump", ["Hall 1"]), ("Tank", []))]
    point = (await api.ask("{ points { nodes { id device { name } } } }"))["nodes"]
    flow = next(node["id"] for node in point if node["device"]["name"] == "Pump")
    payload = await api.ask(CREATE, "admin", input={"from": NOON, "text": " filter\r\nchanged ", "point": flow})
    assert payload["annotation"] | {"id": ""} == {
        "id": "", "from": NOON.replace("Z", "+00:00"), "to": None, "text": "filter\nchanged", "deviceName": "Pump",
        "pointName": payload["annotation"]["pointName"], "groupName": None, "createdBy": "the admin's", "version": 1,
    }  # fmt: skip
    await written(api, "bearing", device=pump)
    await written(api, "roof leaks", group="grp_1", to="2026-05-05T12:00:00Z")
    await written(api, "power cut", **{"from": "2026-05-06T00:00:00Z"})
    assert await found(api, point=flow) == ["power cut", "roof leaks", "bearing", "filter\nchanged"]
    assert await found(api, device=pump) == await found(api, group="grp_1") == await found(api, point=flow)
    assert await found(api, device=tank) == ["power cut"]
    assert await found(api, **{"from": "2026-05-05T00:00:00Z", "to": "2026-05-05T01:00:00Z"}) == ["roof leaks"], (
        "a span"
    )
    assert await found(api, text="BEAR") == ["bearing"]
    assert await found(api, by="the admin's") == ["filter\nchanged"]
    exported = await api.client.get(
        f"{api.url}/export?group=Hall 1&from=2026-05-01T00:00Z&shape=annotations", headers=api.headers("viewer")
    )
    assert exported.text.splitlines() == [
        "from,to,device,point,group,text,created_by",
        f'"2026-05-04T12:00:00+00:00",,"Pump","{payload["annotation"]["pointName"]}",,"filter changed","the admin\'s"',
        '"2026-05-04T12:00:00+00:00",,"Pump",,,"bearing","the owner\'s"',
        '"2026-05-04T12:00:00+00:00","2026-05-05T12:00:00+00:00",,,"Hall 1","roof leaks","the owner\'s"',
        '"2026-05-06T00:00:00+00:00",,,,,"power cut","the owner\'s"',
    ]
    shown = await owner.fetch(
        "SELECT text, point FROM grafana.annotations($1, '2026-05-01Z', '2026-06-01Z')", [int(flow[3:])]
    )
    assert [row["text"] for row in shown][-1] == "power cut"
    assert len(shown) == 4


async def test_an_annotation_is_changed_and_deleted_and_the_audit_keeps_what_it_said(api: Api, owner):
    number = await written(api, "filter")
    changes = {"text": "filter changed", "to": "2026-05-04T13:00:00Z"}
    payload = await api.ask(UPDATE, "admin", id=number, changes=changes, version=1)
    assert payload["annotation"]["text"] == "filter changed"
    assert (payload["annotation"]["updatedBy"], payload["annotation"]["version"]) == ("the admin's", 2)
    assert (await api.ask(UPDATE, id=number, changes={"text": "x"}, version=1))["errors"][0]["code"] == "CONFLICT"
    assert (await api.ask(UPDATE, id=number, changes={"to": None}))["annotation"]["to"] is None
    assert (await api.ask(UPDATE, id=number, changes={"to": None}))["annotation"]["version"] == 3, (
        "nothing was different"
    )
    assert (await api.ask(DELETE, "admin", id=number))["deletedId"] == number
    assert (await api.ask(DELETE, "admin", id=number))["errors"] == [{"code": "NOT_FOUND"}]
    rows = await owner.fetch(
        "SELECT action, before ->> 'text' AS before FROM audit_log WHERE action ~ '^annotation' ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [
        ("annotation.create", None), ("annotation.update", "filter"), ("annotation.update", "filter changed"), ("annotation.delete", "filter changed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"text": " \n"}, "INVALID", "text"),
        ({"text": "x" * 2001}, "INVALID", "text"),
        ({"text": "a\u202eb"}, "INVALID", "text"),
        ({"to": NOON}, "INVALID", "to"),
        ({"from": "0001-01-01T00:00:00Z"}, "INVALID", "from"),
        ({"device": "dev_9"}, "NOT_FOUND", "device"),
        ({"point": "dev_9"}, "INVALID", "point"),
        ({"device": "dev_1", "group": "grp_1"}, "INVALID", "group"),
    ],
)
async def test_an_annotation_that_cannot_be_is_refused_by_field(api: Api, wrong, code, field):
    payload = await api.ask(CREATE, input={"from": NOON, "text": "x"} | wrong)
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [(code, field)]
    assert await found(api) == []


async def test_the_longest_text_that_a_request_holds_is_refused_by_a_short_sentence(api: Api):
    payload = await api.ask(CREATE, input={"from": NOON, "text": "x" * 990_000})
    assert payload["errors"] == [{"code": "INVALID", "field": "text", "message": "it has at most 2000 characters"}]


async def test_a_limited_person_sees_and_writes_what_is_of_the_own_groups(api: Api, owner):
    mine, theirs = [(await add(api, name, groups=[name]))["id"] for name in ("Mine", "Theirs")]
    for text, of in (
        ("mine", {"device": mine}),
        ("theirs", {"device": theirs}),
        ("their hall", {"group": "grp_2"}),
        ("site", {}),
    ):
        await written(api, text, **of)
    await limited_person(owner, api, "vera", Role.ADMIN, "grp_1")
    assert {node["text"] for node in (await api.ask(LIST, "vera"))["nodes"]} == {"mine", "site"}
    assert (await api.ask(CREATE, "vera", input={"from": NOON, "text": "x", "group": "grp_1"}))["errors"] == []
    for of, code in (({"device": theirs}, "NOT_FOUND"), ({"group": "grp_2"}, "NOT_FOUND"), ({}, "FORBIDDEN")):
        assert (await api.ask(CREATE, "vera", input={"from": NOON, "text": "x"} | of))["errors"][0]["code"] == code
    for number in ("ann_2", "ann_3", "ann_4"):
        assert (await api.ask(DELETE, "vera", id=number))["errors"] == [{"code": "NOT_FOUND"}]
    assert (await api.ask(DELETE, "vera", id="ann_1"))["deletedId"] == "ann_1"
