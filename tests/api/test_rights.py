"""People whose rights reach to the devices of one hall: the other hall is not there for them, whatever they ask."""

import asyncio
import os
import re
from pathlib import Path

import asyncpg
import pytest

from api.ground.roles import Role
from api.permissions import LIMITED, PERMISSIONS, Reach
from tests.support.api_server import Api, add, api_fixture, pump, tokens_fixture  # noqa: F401 - fixtures
from tests.support.halls import Halls, halls_fixture, limited_person  # noqa: F401 - fixture

DOCUMENT = Path(__file__).parents[2] / "docs/rights.md"
ASKED = {
    "Query.alarm": '{ alarm(id: "%(alarm)s") { id deviceName } }',
    "Query.alarmJournal": "{ alarmJournal { totalCount nodes { id alarmId deviceName note } } }",
    "Query.alarmPerformance": '{ alarmPerformance(from: "2026-01-01T00:00:00Z", devices: ["%(device)s"]) { summary { alarms } worst { alarm { deviceName } } } }',
    "Query.alarmPreview": '{ alarmPreview(point: "%(point)s", from: "2026-01-01T00:00:00Z", limits: [{kind: HIGH, threshold: 5}]) { count } }',
    "Query.annotations": "{ annotations { totalCount nodes { text deviceName } } }",
    "Query.alarms": "{ alarms(states: [NORMAL, UNACKNOWLEDGED, RETURNED]) { totalCount nodes { id deviceName endpoint device { name } } } }",
    "Query.collectors": "{ collectors { nodes { name } } }",
    "Query.configuration": "{ configuration { version } }",
    "Query.configurationFields": "{ configurationFields { name } }",
    "Query.connections": "{ connections { id endpoint devices { id name } load { requests } } }",
    "Query.device": '{ device(id: "%(device)s") { id name points { key } groups { name } } }',
    "Query.devices": "{ devices { totalCount nodes { id name groups { name } points { id } } } }",
    "Query.erasure": '{ erasure(id: "era_1") { subject } }',
    "Query.erasures": "{ erasures { subject } }",
    "Query.export": '{ export(id: "exp_1") { id filename requestedBy } }',
    "Query.exports": "{ exports { id filename requestedBy } }",
    "Query.group": '{ group(id: "%(group)s") { name } }',
    "Query.groups": "{ groups { totalCount nodes { id name deviceCount } } }",
    "Query.jobs": "{ jobs { name } }",
    "Query.latest": "{ latest { columns { pointId deviceId value } } }",
    "Query.me": "{ me { name groups { name } } }",
    "Query.notices": "{ notices { message } }",
    "Query.plan": '{ plan(device: "%(device)s") { requests { address } lineUnits } }',
    "Query.points": '{ points(ids: ["%(point)s"]) { nodes { id key } } }',
    "Query.profile": '{ profile(id: "prof_1") { name } }',
    "Query.profiles": "{ profiles { nodes { name } } }",
    "Query.retentionPreview": "{ retentionPreview { rows devices { deviceId name } } }",
    "Query.retentionRuns": "{ retentionRuns { id } }",
    "Query.scan": '{ scan(id: "req_1") { id } }',
    "Query.series": '{ series(points: ["%(point)s"], from: "2026-01-01T00:00:00Z") { count } }',
    "Query.availability": '{ availability(from: "2026-01-01T00:00:00Z") { device { id name } } }',
    "Query.combined": '{ combined(of: [{name: "a", points: ["%(point)s"]}], from: "2026-01-01T00:00:00Z", bucket: "P1D") { values { name } } }',
    "Query.valuesAt": '{ valuesAt(points: ["%(point)s"], at: ["2026-01-01T00:00:00Z"]) { point { id } } }',
    "Query.sessions": "{ sessions { id agent } }",
    "Query.sites": "{ sites { nodes { name } } }",
    "Query.storage": "{ storage { bytes } }",
    "Query.system": "{ system { version } }",
    "Mutation.acknowledgeAlarms": 'mutation { acknowledgeAlarms(ids: ["%(alarm)s"]) { errors { code } results { result alarm { deviceName } } } }',
    "Mutation.applyProfile": 'mutation { applyProfile(profile: "prof_1", devices: ["%(device)s"], dryRun: false) { errors { code } } }',
    "Mutation.cancelExport": 'mutation { cancelExport(id: "exp_1") { errors { code } export { id filename } } }',
    "Mutation.cancelScan": 'mutation { cancelScan(id: "req_1") { errors { code } scan { id } } }',
    "Mutation.changePassword": 'mutation { changePassword(old: "a", new: "b") { errors { code } } }',
    "Mutation.createDevice": 'mutation { createDevice(input: {name: "New", endpoint: "%(endpoint)s"}) { errors { code } device { id } } }',
    "Mutation.createGroup": 'mutation { createGroup(input: {name: "Mine", devices: ["%(device)s"]}) { errors { code } } }',
    "Mutation.createPoints": 'mutation { createPoints(device: "%(device)s", points: [{key: "new", registerTable: HOLDING, address: 9}]) { errors { code } } }',
    "Mutation.createProfile": 'mutation { createProfile(input: {name: "Mine"}) { errors { code } } }',
    "Mutation.deleteDevice": 'mutation { deleteDevice(id: "%(device)s", keepHistory: false) { errors { code } } }',
    "Mutation.deleteGroup": 'mutation { deleteGroup(id: "%(group)s") { errors { code } } }',
    "Mutation.deleteLimits": 'mutation { deleteLimits(ids: ["lim_2"]) { errors { code } } }',
    "Mutation.setLimits": 'mutation { setLimits(points: [{ids: ["%(point)s"], limits: [{kind: HIGH, threshold: 5}]}]) { errors { code } } }',
    "Mutation.updateLimits": 'mutation { updateLimits(ids: ["lim_2"], changes: {threshold: 5}) { errors { code } } }',
    "Mutation.deletePoints": 'mutation { deletePoints(ids: ["%(point)s"]) { errors { code } } }',
    "Mutation.deleteProfile": 'mutation { deleteProfile(id: "prof_1") { errors { code } } }',
    "Mutation.endSession": 'mutation { endSession(id: "ses_1") { errors { code } } }',
    "Mutation.endSessions": "mutation { endSessions { errors { code } } }",
    "Mutation.importDevices": 'mutation { importDevices(text: "device,endpoint\\n%(name)s,tcp://10.0.9.9\\n", dryRun: false) { errors { message } changes { device } } }',
    "Mutation.noteAlarms": 'mutation { noteAlarms(ids: ["%(alarm)s"], note: "mine") { errors { code } results { result alarm { deviceName } } } }',
    "Mutation.sunspec": 'mutation { sunspec(endpoint: "%(endpoint)s") { errors { code } } }',
    "Mutation.probe": 'mutation { probe(endpoint: "%(endpoint)s", registerTable: HOLDING, address: 1) { errors { code } } }',
    "Mutation.returnToService": 'mutation { returnToService(devices: ["%(device)s"], alarms: ["%(alarm)s"]) { errors { code } results { result } } }',
    "Mutation.scan": 'mutation { scan(endpoint: "rtu+%(endpoint)s", tables: [HOLDING]) { errors { code } scan { id } } }',
    "Mutation.setOutOfService": 'mutation { setOutOfService(devices: ["%(device)s"], alarms: ["%(alarm)s"], hours: 1, reason: "mine") { errors { code } results { result } } }',
    "Mutation.shelveAlarms": 'mutation { shelveAlarms(ids: ["%(alarm)s"], hours: 1, reason: "mine") { errors { code } results { result } } }',
    "Mutation.signIn": 'mutation { signIn(name: "a", password: "b") { errors { code } } }',
    "Mutation.signOut": "",
    "Mutation.startExport": 'mutation { startExport(input: {points: ["%(point)s"], from: "-1d"}) { errors { code } export { id } } }',
    "Mutation.testDevice": 'mutation { testDevice(id: "%(device)s") { errors { code } values { key } } }',
    "Mutation.testConnection": 'mutation { testConnection(endpoint: "%(endpoint)s", points: [{key: "a", registerTable: HOLDING, address: 9}]) { errors { code } } }',
    "Mutation.unshelveAlarms": 'mutation { unshelveAlarms(ids: ["%(alarm)s"]) { errors { code } results { result } } }',
    "Mutation.updateConnection": 'mutation { updateConnection(id: "%(connection)s", version: 1, changes: {timeoutMs: 77}) { errors { code } } }',
    "Mutation.updateDevice": 'mutation { updateDevice(id: "%(device)s", version: 1, changes: {description: "mine"}) { errors { code } } }',
    "Mutation.updateAnnotation": 'mutation { updateAnnotation(id: "ann_1", changes: {text: "mine"}) { errors { code } } }',
    "Mutation.deleteAnnotation": 'mutation { deleteAnnotation(id: "ann_1") { errors { code } } }',
    "Mutation.createAnnotation": (
        'mutation { createAnnotation(input: {from: "2026-01-01T00:00:00Z", text: "mine", device: "%(device)s"}) { errors { code } } }'
    ),
    "Mutation.updateGroup": 'mutation { updateGroup(id: "%(group)s", changes: {name: "mine"}) { errors { code } } }',
    "Mutation.updateMe": "mutation { updateMe(language: EN) { errors { code } } }",
    "Mutation.updatePoint": 'mutation { updatePoint(id: "%(point)s", changes: {name: "mine"}) { errors { code } } }',
    "Mutation.updateProfile": 'mutation { updateProfile(id: "prof_1", version: 1, changes: {name: "mine"}, dryRun: false) { errors { code } } }',
    "Query.webhooks": "{ webhooks { id } }",
    "Query.webhookDeliveries": '{ webhookDeliveries(webhook: "wh_1") { nodes { id } } }',
    "Mutation.createWebhook": 'mutation { createWebhook(input: {name: "", url: ""}) { errors { code } } }',
    "Mutation.updateWebhook": 'mutation { updateWebhook(id: "wh_1", changes: {}) { errors { code } } }',
    "Mutation.deleteWebhook": 'mutation { deleteWebhook(id: "wh_1") { errors { code } } }',
    "Mutation.testWebhook": 'mutation { testWebhook(id: "wh_1") { errors { code } } }',
    "Mutation.replayWebhookDeliveries": 'mutation { replayWebhookDeliveries(webhook: "wh_1") { errors { code } } }',
    "Mutation.writeReadings": (
        'mutation { writeReadings(readings: [{point: "%(point)s", time: "2026-11-02T08:00:00Z", value: 4}]) { errors { code } } }'
    ),
    "Subscription.alarms": 'subscription { alarms(devices: ["%(device)s"]) { kind } }',
    "Subscription.deviceStates": 'subscription { deviceStates(devices: ["%(device)s"]) { kind devices { deviceId } } }',
    "Subscription.exportProgress": 'subscription { exportProgress(id: "exp_1") { state } }',
    "Subscription.jobs": "subscription { jobs { kind } }",
    "Subscription.readings": 'subscription { readings(devices: ["%(device)s"]) { kind columns { pointId } } }',
    "Subscription.scanProgress": 'subscription { scanProgress(id: "req_1") { state } }',
}
"""Each root field, asked for what is of hall 4. signOut has its own test: who asked it can ask nothing more."""
CONTENT = """
SELECT md5(string_agg(t, '|' ORDER BY t)) FROM (
    SELECT 'd' || d::text AS t FROM devices d UNION ALL SELECT 'p' || p::text FROM points p UNION ALL SELECT 'g' || g::text FROM groups g
    UNION ALL SELECT 'm' || m::text FROM device_groups m UNION ALL SELECT 'c' || c::text FROM connections c UNION ALL SELECT 'f' || f::text FROM profiles f
    UNION ALL SELECT 'x' || x::text FROM profile_points x UNION ALL SELECT 'e' || e::text FROM erasures e UNION ALL SELECT 'r' || id || state FROM field_requests
    UNION ALL SELECT 'l' || l::text FROM limits l UNION ALL SELECT 'a' || a::text FROM alarms a UNION ALL SELECT 'j' || j::text FROM alarm_events j
    UNION ALL SELECT 'n' || n::text FROM annotations n UNION ALL SELECT 'o' || o::text FROM exports o) all_of_it
"""
OF_OTHERS = """
WITH scan AS (INSERT INTO field_requests (kind, parameters, requested_by) VALUES ('scan', '{}', 'the owner') RETURNING id),
     deleted AS (INSERT INTO erasures (subject, points, requested_by) VALUES ('Pump of hall four: gone', '{}', 'the owner') RETURNING id),
     noted AS (INSERT INTO annotations (starts_at, text, device_id, created_by) SELECT now(), 'four leaks', id, 'the owner' FROM devices WHERE name ~ 'four'),
     exported AS (INSERT INTO exports (token_id, requested_by, parameters, points, filename)
                  SELECT min(t.id), 'the owner', '{"devices": ["Pump of hall four"]}',
                         (SELECT array_agg(p.id) FROM points p JOIN devices d ON d.id = p.device_id WHERE d.name ~ 'four'), 'four.csv'
                    FROM api_tokens t WHERE t.user_id IS NULL),
     profile AS (INSERT INTO profiles (name) VALUES ('Pumps') RETURNING id)
SELECT * FROM scan, deleted, profile
"""


def wanted(halls: Halls, name: str) -> str:
    """Return the document that asks for what is of hall 4."""
    hall = halls.fourth
    return ASKED[name] % (vars(hall) | {"point": hall.point, "endpoint": "tcp://10.0.4.1"})


def test_every_root_field_that_others_than_owners_may_ask_has_its_reach_and_is_asked_here():
    asked_by_others = {name for name, role in PERMISSIONS.items() if role is not Role.OWNER}
    assert LIMITED.keys() == asked_by_others
    assert ASKED.keys() == asked_by_others


def test_the_documented_table_is_that_of_the_program():
    """`WRITE_SCHEMA=1` writes it."""
    lines = ["| field | least role | of a limited person |", "|---|---|---|"]
    for name, role in PERMISSIONS.items():
        reach, why = LIMITED.get(name, ("owners have no limits", ""))
        told = f"{reach}: {why}" if why else str(reach)
        lines.append(f"| `{name}` | {role or 'nobody signed in'} | {told} |")
    table = "\n".join(lines)
    text = DOCUMENT.read_text()
    written = re.sub(r"\| field \| least role .*?(?=\n\n## )", lambda _: table, text, flags=re.DOTALL)
    if os.environ.get("WRITE_SCHEMA"):
        DOCUMENT.write_text(written)
    else:
        assert written == text, "WRITE_SCHEMA=1 writes the table of docs/rights.md"


@pytest.mark.parametrize("name", [name for name in ASKED if ASKED[name] and not name.startswith("Subscription.")])
async def test_who_is_of_hall_3_sees_and_changes_nothing_of_hall_4(halls: Halls, owner: asyncpg.Connection, name):
    await owner.execute(OF_OTHERS)
    before = await owner.fetchval(CONTENT)
    for actor in ("viewer3", "admin3"):
        answer = await halls.api.post(wanted(halls, name), actor)
        told = str(answer.get("data"))
        assert not any(
            word in told for word in ("four", halls.fourth.device, f"'{halls.fourth.point}'", "10.0.4.1", "4.0")
        ), answer
        assert await owner.fetchval(CONTENT) == before, answer
        if LIMITED[name][0] is Reach.REFUSED:
            assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"
        assert "INTERNAL" not in str(answer)


@pytest.mark.parametrize("name", [name for name in ASKED if name.startswith("Subscription.")])
async def test_who_is_of_hall_3_can_follow_nothing_of_hall_4(halls: Halls, owner: asyncpg.Connection, name):
    await owner.execute(OF_OTHERS)
    async with halls.api.socket("admin3") as socket:
        await socket.subscribe(wanted(halls, name))
        message = await socket.receive()
    assert message["type"] == "error"
    refused = "FORBIDDEN" if LIMITED[name][0] is Reach.REFUSED else "NOT_FOUND"
    assert message["payload"][0]["extensions"]["code"] == refused


async def test_who_is_of_hall_3_sees_all_of_hall_3(halls: Halls):
    api, hall = halls.api, halls.third
    assert [d["id"] for d in (await api.ask("{ devices { nodes { id } } }", "viewer3"))["nodes"]] == [hall.device]
    assert (await api.ask("{ latest { columns { value } } }", "viewer3"))["columns"]["value"] == [3.0]
    series = f'{{ series(points: ["{hall.point}"], from: "2026-01-01T00:00:00Z") {{ columns {{ value }} }} }}'
    assert [one["columns"]["value"] for one in await api.ask(series, "viewer3")] == [[3.0]]
    assert [g["name"] for g in (await api.ask("{ me { groups { name } } }", "viewer3"))["groups"]] == ["hall three"]
    assert [g["deviceCount"] for g in (await api.ask("{ groups { nodes { deviceCount } } }", "viewer3"))["nodes"]] == [
        1
    ]
    assert (await api.ask(f'{{ plan(device: "{hall.device}") {{ lineUnits }} }}', "viewer3"))["lineUnits"] == 1
    assert await api.ask("{ retentionPreview { deviceCount } }", "admin3") == {"deviceCount": 0}


CREATE = "mutation ($input: DeviceInput!) { createDevice(input: $input) { errors { code message field } device { id groups { name } } } }"


async def test_a_device_that_a_limited_admin_makes_comes_into_the_one_group_of_the_admin(halls: Halls):
    made = await halls.api.ask(CREATE, "admin3", input=pump("Fan", endpoint="tcp://10.0.3.9"))
    assert made["errors"] == []
    assert made["device"]["groups"] == [{"name": "hall three"}]
    assert (await halls.api.ask("{ devices { totalCount } }", "viewer3"))["totalCount"] == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"groups": ["hall four"]}, "NOT_FOUND"),
        ({"groups": ["hall three", "brand new"]}, "NOT_FOUND"),
        ({"groups": []}, "FORBIDDEN"),
        ({"endpoint": "tcp://10.0.4.1"}, "FORBIDDEN"),
        ({"endpoint": "rtu+tcp://10.0.4.1:502"}, "FORBIDDEN"),
        ({"endpoint": "tcp://0x0a000401"}, "FORBIDDEN"),
        ({"endpoint": "tcp://10.0.4.01"}, "FORBIDDEN"),
        ({"endpoint": "tcp://10.0.4.1."}, "FORBIDDEN"),
        ({"endpoint": "tcp://[::ffff:a00:401]"}, "FORBIDDEN"),
        ({"name": "Pump of hall four"}, "ALREADY_EXISTS"),
    ],
)
async def test_a_limited_admin_makes_no_device_outside_of_the_own_groups(halls: Halls, owner, changes, code):
    device = pump("Fan", endpoint="tcp://10.0.3.9") | changes
    made = await halls.api.ask(CREATE, "admin3", input=device)
    assert [error["code"] for error in made["errors"]] == [code]
    assert await owner.fetchval("SELECT count(*) FROM devices") == 2


async def test_an_admin_of_several_halls_is_asked_into_which_a_new_device_comes(halls: Halls, owner):
    await owner.execute("INSERT INTO user_groups VALUES ($1, $2)", halls.people["admin3"], int(halls.fourth.group[4:]))
    await asyncio.sleep(0.05)
    made = await halls.api.ask(CREATE, "admin3", input=pump("Fan", endpoint="tcp://10.0.3.9"))
    assert [error["message"] for error in made["errors"]] == [
        "say in which of your groups it shall be: hall four, hall three"
    ]


UPDATE = "mutation ($id: ID!, $changes: DeviceChanges!) { updateDevice(id: $id, version: 1, changes: $changes) { errors { code message } device { description } } }"


async def test_a_limited_admin_changes_the_own_devices(halls: Halls):
    done = await halls.api.ask(UPDATE, "admin3", id=halls.third.device, changes={"description": "mine"})
    assert done == {"errors": [], "device": {"description": "mine"}}


@pytest.mark.parametrize("changes", [{"groups": []}, {"groups": ["hall four"]}, {"endpoint": "tcp://10.0.4.1"}])
async def test_a_limited_admin_lets_no_device_leave_the_own_groups(halls: Halls, owner, changes):
    before = await owner.fetchval(CONTENT)
    done = await halls.api.ask(UPDATE, "admin3", id=halls.third.device, changes=changes)
    assert next(error["code"] for error in done["errors"]) in {"FORBIDDEN", "NOT_FOUND"}
    assert await owner.fetchval(CONTENT) == before


async def test_a_device_of_both_halls_stays_in_the_other_one_whatever_an_admin_of_one_does(halls: Halls, owner):
    both = "INSERT INTO device_groups (group_id, device_id) VALUES ($1, $2)"
    await owner.execute(both, int(halls.fourth.group[4:]), int(halls.third.device[4:]))
    done = await halls.api.ask(UPDATE, "admin3", id=halls.third.device, changes={"groups": ["hall three"]})
    assert done["errors"] == []
    assert (
        await owner.fetchval("SELECT count(*) FROM device_groups WHERE device_id = $1", int(halls.third.device[4:]))
        == 2
    )


async def test_a_connection_that_both_halls_use_is_seen_but_not_changed_by_an_admin_of_one(halls: Halls, owner):
    await add(halls.api, "Meter", endpoint="tcp://10.0.3.1", unitId=2)
    (seen,) = await halls.api.ask("{ connections { id devices { name } } }", "admin3")
    assert seen["devices"] == [{"name": "Pump of hall three"}]
    change = "mutation ($id: ID!) { updateConnection(id: $id, version: 1, changes: {timeoutMs: 77}) { errors { code message } } }"
    done = await halls.api.ask(change, "admin3", id=seen["id"])
    assert [error["code"] for error in done["errors"]] == ["FORBIDDEN"]
    assert "share this connection" in done["errors"][0]["message"]


async def test_a_connection_that_is_all_the_own_is_changed(halls: Halls, owner):
    change = "mutation ($id: ID!) { updateConnection(id: $id, version: 1, changes: {timeoutMs: 77}) { errors { code message } } }"
    assert (await halls.api.ask(change, "admin3", id=halls.third.connection))["errors"] == []


IMPORT = "mutation ($text: String!, $prune: Boolean!) { importDevices(text: $text, dryRun: false, prune: $prune) { errors { message } changes { device } applied } }"


async def test_an_import_that_prunes_removes_only_what_is_in_sight(halls: Halls, owner):
    text = "device,endpoint,groups\nFan,tcp://10.0.3.9,hall three\n"
    done = await halls.api.ask(IMPORT, "admin3", text=text, prune=True)
    assert done["errors"] == []
    left = await owner.fetch("SELECT name FROM devices WHERE deleted_at IS NULL ORDER BY name")
    assert [row["name"] for row in left] == ["Fan", "Pump of hall four"]


async def test_deleting_an_own_device_erases_it_and_the_admin_sees_how_far_that_is(halls: Halls):
    delete = "mutation ($id: ID!) { deleteDevice(id: $id, keepHistory: false) { errors { code message } erasure { subject } } }"
    done = await halls.api.ask(delete, "admin3", id=halls.third.device)
    assert done == {"errors": [], "erasure": {"subject": "Pump of hall three"}}
    assert await halls.api.ask("{ erasures { subject } }", "admin3") == [{"subject": "Pump of hall three"}]


@pytest.mark.parametrize("asked", ["device=%(name)s", "group=%(group)s", "point=%(point)s", "device=%(device)s"])
@pytest.mark.parametrize("way", ["", "&preview=1", "&level=1h", "&shape=wide", "&format=parquet"])
async def test_an_export_holds_nothing_of_the_other_hall(halls: Halls, asked, way):
    hall, api = halls.fourth, halls.api
    url = f"{api.url}/export?from=-1d&" + asked % (vars(hall) | {"point": hall.point}) + way
    answer = await api.client.get(url, headers=api.headers("viewer3"))
    assert answer.status_code == 404, answer.text


async def test_an_export_by_a_link_of_a_limited_person_is_as_limited(halls: Halls):
    api = halls.api
    url = f"{api.url}/export?from=-1d&link=1&device={halls.fourth.device}&device={halls.third.device}"
    link = (await api.client.get(url, headers=api.headers("viewer3"))).json()["url"]
    answer = await api.client.get(f"{api.url}/{link}")
    assert "hall four" not in answer.text


async def test_a_stream_of_all_states_shows_those_in_sight(halls: Halls):
    async with halls.api.socket("viewer3") as socket, halls.api.socket("viewer") as other:
        for one in (socket, other):
            await one.subscribe("subscription { deviceStates { devices { deviceId } } }")
        assert len((await other.event("deviceStates"))["devices"]) == 2
        assert [d["deviceId"] for d in (await socket.event("deviceStates"))["devices"]] == [halls.third.device]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM device_groups",
        "INSERT INTO device_groups SELECT g.id, d.id FROM groups g, devices d ON CONFLICT DO NOTHING",
    ],
)
async def test_a_stream_ends_such_that_clients_come_back_when_other_devices_are_in_sight(halls: Halls, owner, change):
    async with halls.api.socket("viewer3") as socket:
        await socket.subscribe("subscription { deviceStates { devices { deviceId } } }")
        await socket.event("deviceStates")
        await owner.execute(change)
        assert await socket.closed() == 1013


async def test_a_stream_ends_when_a_group_is_taken_from_the_person(halls: Halls):
    take = "mutation ($user: ID!) { setUserGroups(user: $user, groups: []) { errors { message } groups { name } } }"
    async with halls.api.socket("viewer3") as socket:
        await socket.subscribe("subscription { deviceStates { devices { deviceId } } }")
        await socket.event("deviceStates")
        done = await halls.api.ask(take, user=f"usr_{halls.people['viewer3']}")
        assert done == {"errors": [], "groups": []}
        assert await socket.closed() == 1013
    assert (await halls.api.ask("{ devices { totalCount } }", "viewer3"))["totalCount"] == 0


async def test_an_event_stream_ends_when_other_devices_are_in_sight(halls: Halls, owner):
    api = halls.api
    headers = api.headers("viewer3") | {"Accept": "text/event-stream"}
    body = {"query": "subscription { deviceStates { devices { deviceId } } }"}
    async with api.client.stream("POST", f"{api.url}/graphql", json=body, headers=headers) as answer:
        lines = answer.aiter_lines()
        while not (await anext(lines)).startswith("data:"):
            pass
        await owner.execute("DELETE FROM device_groups")
        async with asyncio.timeout(60):
            async for _ in lines:
                pass


async def test_rights_are_given_and_taken_by_an_owner_and_stand_in_the_audit(halls: Halls, owner):
    person = await limited_person(owner, halls.api, "new", Role.VIEWER, halls.fourth.group)
    give = "mutation ($user: ID!, $groups: [ID!]) { setUserGroups(user: $user, groups: $groups) { errors { code } groups { name } } }"
    done = await halls.api.ask(give, user=f"usr_{person}", groups=[halls.third.group])
    assert done == {"errors": [], "groups": [{"name": "hall three"}]}
    done = await halls.api.ask(give, user=f"usr_{person}", groups=None)
    assert done == {"errors": [], "groups": None}
    assert (await halls.api.ask("{ devices { totalCount } }", "new"))["totalCount"] == 2
    told = await owner.fetch("SELECT before, after FROM audit_log WHERE action = 'user.update' ORDER BY id")
    assert [row["after"] for row in told] == [{"groups": ["hall three"]}, {"groups": None}]


async def test_an_owner_has_no_limits(halls: Halls, owner):
    person = await owner.fetchval("INSERT INTO users (name, role) VALUES ('Olga', 'owner') RETURNING id")
    give = "mutation ($user: ID!) { setUserGroups(user: $user, groups: []) { errors { code message } } }"
    done = await halls.api.ask(give, user=f"usr_{person}")
    assert done["errors"] == [{"code": "INVALID", "message": "an owner's rights have no limits: change the role first"}]


async def test_signing_out_is_open_to_limited_people(halls: Halls):
    assert await halls.api.ask("mutation { signOut { errors { code } } }", "viewer3") == {"errors": []}


@pytest.mark.parametrize("endpoint", ["rtu+tcp://10.0.4.1", "tcp://10.0.4.1"])
async def test_a_limited_admin_moves_no_connection_to_where_others_are(halls: Halls, owner, endpoint):
    change = "mutation ($id: ID!, $to: String!) { updateConnection(id: $id, version: 1, changes: {endpoint: $to}) { errors { code } } }"
    before = await owner.fetchval("SELECT array_agg(endpoint ORDER BY id) FROM connections")
    done = await halls.api.ask(change, "admin3", id=halls.third.connection, to=endpoint)
    assert done["errors"] == [{"code": "FORBIDDEN"}]
    assert await owner.fetchval("SELECT array_agg(endpoint ORDER BY id) FROM connections") == before
