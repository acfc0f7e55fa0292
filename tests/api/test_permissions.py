"""Who may do what: every root field, asked by every actor."""

import pytest
from graphql import parse

from api.ground.roles import Role
from api.permissions import EVERYONE, PERMISSIONS
from tests.support.api_server import ACTORS, PROTOCOL, Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

ASKED = {
    "Query.alarm": '{ alarm(id: "alm_1") { id } }',
    "Query.alarmJournal": "{ alarmJournal { nodes { id } } }",
    "Query.alarmPerformance": '{ alarmPerformance(from: "2026-01-01T00:00:00Z") { operators } }',
    "Query.alarmPreview": (
        '{ alarmPreview(point: "pt_1", from: "2026-01-01T00:00:00Z", limits: [{kind: HIGH, threshold: 80}]) { count } }'
    ),
    "Query.alarms": "{ alarms { nodes { id } } }",
    "Query.annotations": "{ annotations { nodes { id } } }",
    "Query.audit": "{ audit { nodes { number } } }",
    "Query.auditActions": "{ auditActions { name } }",
    "Query.backup": '{ backup(id: "bak_1") { id } }',
    "Query.restore": '{ restore(id: "rst_1") { id } }',
    "Query.restores": "{ restores { id } }",
    "Query.backups": "{ backups { nodes { id } } }",
    "Query.collectors": "{ collectors { nodes { name } } }",
    "Query.connections": "{ connections { id } }",
    "Query.configuration": "{ configuration { version } }",
    "Query.configurationFields": "{ configurationFields { name } }",
    "Query.configurationVersions": "{ configurationVersions { nodes { version } } }",
    "Query.configurationYaml": "{ configurationYaml }",
    "Query.device": '{ device(id: "dev_1") { id } }',
    "Query.devices": "{ devices { nodes { id } } }",
    "Query.erasure": '{ erasure(id: "era_1") { id } }',
    "Query.erasures": "{ erasures { id } }",
    "Query.group": '{ group(id: "grp_1") { id } }',
    "Query.groups": "{ groups { nodes { id } } }",
    "Query.jobs": "{ jobs { name } }",
    "Query.latest": "{ latest { count } }",
    "Query.me": "{ me { name } }",
    "Query.notices": "{ notices { kind } }",
    "Query.plan": '{ plan(device: "dev_1") { requests { address } } }',
    "Query.points": '{ points(ids: ["pt_1"]) { nodes { id } } }',
    "Query.profile": '{ profile(id: "prof_1") { id } }',
    "Query.profiles": "{ profiles { nodes { id } } }",
    "Query.retentionPreview": "{ retentionPreview { dueAt } }",
    "Query.retentionRuns": "{ retentionRuns { id } }",
    "Query.scan": '{ scan(id: "req_1") { id } }',
    "Query.series": '{ series(points: ["pt_1"], from: "2026-01-01T00:00:00Z") { count } }',
    "Query.availability": '{ availability(from: "2026-01-01T00:00:00Z") { availability } }',
    "Query.combined": '{ combined(of: [{name: "a", points: ["pt_1"]}], from: "2026-01-01T00:00:00Z", bucket: "P1D") { bucket } }',
    "Query.valuesAt": '{ valuesAt(points: ["pt_1"], at: ["2026-01-01T00:00:00Z"]) { age } }',
    "Query.sessions": "{ sessions { id } }",
    "Query.sites": "{ sites { nodes { name } } }",
    "Query.storage": "{ storage { bytes } }",
    "Query.system": "{ system { version } }",
    "Query.tokens": "{ tokens { nodes { id } } }",
    "Query.users": "{ users { nodes { id } } }",
    "Mutation.acknowledgeAlarms": "mutation { acknowledgeAlarms(ids: []) { errors { code } } }",
    "Mutation.applyProfile": 'mutation { applyProfile(profile: "prof_1", devices: []) { errors { code } } }',
    "Mutation.cancelBackup": 'mutation { cancelBackup(id: "bak_999") { errors { code } } }',
    "Mutation.cancelExport": 'mutation { cancelExport(id: "exp_1") { errors { code } } }',
    "Mutation.startExport": 'mutation { startExport(input: {devices: ["x"], from: "-1d"}) { errors { code } } }',
    "Query.export": '{ export(id: "exp_1") { state } }',
    "Query.exports": "{ exports { state } }",
    "Subscription.exportProgress": 'subscription { exportProgress(id: "exp_1") { state } }',
    "Mutation.cancelScan": 'mutation { cancelScan(id: "req_1") { errors { code } } }',
    "Mutation.changePassword": 'mutation { changePassword(old: "a", new: "b") { errors { code } } }',
    "Mutation.restoreBackup": 'mutation { restoreBackup(id: "bak_1", database: "x") { errors { code } } }',
    "Mutation.cancelRestore": 'mutation { cancelRestore(id: "rst_1") { errors { code } } }',
    "Mutation.createAnnotation": (
        'mutation { createAnnotation(input: {from: "2026-01-01T00:00:00Z", text: ""}) { errors { code } } }'
    ),
    "Mutation.createBackup": "mutation { createBackup { errors { code } } }",
    "Mutation.createDevice": 'mutation { createDevice(input: {name: "", endpoint: "tcp://a"}) { errors { code } } }',
    "Mutation.createGroup": 'mutation { createGroup(input: {name: ""}) { errors { code } } }',
    "Mutation.deleteLimits": 'mutation { deleteLimits(ids: ["lim_1"]) { errors { code } } }',
    "Mutation.setLimits": "mutation { setLimits(points: []) { errors { code } } }",
    "Mutation.updateLimits": 'mutation { updateLimits(ids: ["lim_1"], changes: {}) { errors { code } } }',
    "Mutation.createPoints": 'mutation { createPoints(device: "dev_1", points: []) { errors { code } } }',
    "Mutation.createProfile": 'mutation { createProfile(input: {name: ""}) { errors { code } } }',
    "Mutation.createToken": 'mutation { createToken(name: "", role: VIEWER) { errors { code } } }',
    "Mutation.createUser": 'mutation { createUser(input: {name: "", role: VIEWER}) { errors { code } } }',
    "Mutation.deleteAnnotation": 'mutation { deleteAnnotation(id: "ann_1") { errors { code } } }',
    "Mutation.deleteBackup": 'mutation { deleteBackup(id: "bak_999") { errors { code } } }',
    "Mutation.deleteDevice": 'mutation { deleteDevice(id: "dev_1", keepHistory: true) { errors { code } } }',
    "Mutation.deleteGroup": 'mutation { deleteGroup(id: "grp_1") { errors { code } } }',
    "Mutation.deletePoints": 'mutation { deletePoints(ids: ["pt_999"]) { errors { code } } }',
    "Mutation.deleteProfile": 'mutation { deleteProfile(id: "prof_1") { errors { code } } }',
    "Mutation.deleteUser": 'mutation { deleteUser(id: "usr_999") { errors { code } } }',
    "Mutation.endSession": 'mutation { endSession(id: "ses_9999") { errors { code } } }',
    "Mutation.endSessions": "mutation { endSessions { errors { code } } }",
    "Mutation.importDevices": 'mutation { importDevices(text: "") { errors { code } } }',
    "Mutation.keepBackup": 'mutation { keepBackup(id: "bak_999") { errors { code } } }',
    "Mutation.noteAlarms": 'mutation { noteAlarms(ids: [], note: "") { errors { code } } }',
    "Mutation.sunspec": 'mutation { sunspec(endpoint: "tcp://a", base: -1) { errors { code } } }',
    "Mutation.probe": 'mutation { probe(endpoint: "tcp://a", registerTable: HOLDING, address: -1) { errors { code } } }',
    "Mutation.removeCollector": 'mutation { removeCollector(name: "none") { errors { code } } }',
    "Mutation.resetPassword": 'mutation { resetPassword(id: "usr_999") { errors { code } } }',
    "Mutation.returnToService": "mutation { returnToService(devices: []) { errors { code } } }",
    "Mutation.revokeToken": 'mutation { revokeToken(id: "tok_9999") { errors { code } } }',
    "Mutation.runJob": 'mutation { runJob(name: "none") { errors { code } } }',
    "Mutation.pauseJob": 'mutation { pauseJob(name: "none") { errors { code } } }',
    "Mutation.resumeJob": 'mutation { resumeJob(name: "none") { errors { code } } }',
    "Mutation.scan": 'mutation { scan(endpoint: "tcp://a", tables: []) { errors { code } } }',
    "Mutation.setOutOfService": 'mutation { setOutOfService(reason: "") { errors { code } } }',
    "Mutation.shelveAlarms": 'mutation { shelveAlarms(ids: [], reason: "") { errors { code } } }',
    "Mutation.setUserGroups": 'mutation { setUserGroups(user: "usr_999", groups: []) { errors { code } } }',
    "Mutation.signIn": 'mutation { signIn(name: "a", password: "b") { errors { code } } }',
    "Mutation.signOut": "mutation { signOut { errors { code } } }",
    "Mutation.testConnection": 'mutation { testConnection(endpoint: "tcp://a", points: []) { errors { code } } }',
    "Mutation.testDevice": 'mutation { testDevice(id: "dev_1") { errors { code } } }',
    "Mutation.unshelveAlarms": "mutation { unshelveAlarms(ids: []) { errors { code } } }",
    "Mutation.importConfiguration": 'mutation { importConfiguration(text: "") { errors { code } } }',
    "Mutation.revertConfiguration": "mutation { revertConfiguration(to: 99) { errors { code } } }",
    "Mutation.updateConfiguration": "mutation { updateConfiguration(version: 99, changes: {}) { errors { code } } }",
    "Mutation.updateAnnotation": 'mutation { updateAnnotation(id: "ann_1", changes: {}) { errors { code } } }',
    "Mutation.updateConnection": 'mutation { updateConnection(id: "con_1", version: 1, changes: {}) { errors { code } } }',
    "Mutation.updateDevice": 'mutation { updateDevice(id: "dev_1", version: 1, changes: {}) { errors { code } } }',
    "Mutation.updateGroup": 'mutation { updateGroup(id: "grp_1", changes: {}) { errors { code } } }',
    "Mutation.updateMe": "mutation { updateMe(language: ZH) { errors { code } } }",
    "Mutation.updatePoint": 'mutation { updatePoint(id: "pt_999", changes: {}) { errors { code } } }',
    "Mutation.updateProfile": 'mutation { updateProfile(id: "prof_1", version: 1, changes: {}) { errors { code } } }',
    "Mutation.verifyBackup": 'mutation { verifyBackup(id: "bak_999") { errors { code } } }',
    "Mutation.updateUser": 'mutation { updateUser(id: "usr_999", changes: {}) { errors { code } } }',
    "Query.webhooks": "{ webhooks { id } }",
    "Query.webhookDeliveries": '{ webhookDeliveries(webhook: "wh_1") { nodes { id } } }',
    "Mutation.createWebhook": 'mutation { createWebhook(input: {name: "", url: ""}) { errors { code } } }',
    "Mutation.updateWebhook": 'mutation { updateWebhook(id: "wh_1", changes: {}) { errors { code } } }',
    "Mutation.deleteWebhook": 'mutation { deleteWebhook(id: "wh_1") { errors { code } } }',
    "Mutation.testWebhook": 'mutation { testWebhook(id: "wh_1") { errors { code } } }',
    "Mutation.replayWebhookDeliveries": 'mutation { replayWebhookDeliveries(webhook: "wh_1") { errors { code } } }',
    "Mutation.writeReadings": (
        'mutation { writeReadings(readings: [{point: "pt_999", time: "2026-11-02T08:00:00Z", value: 4}]) { errors { code } } }'
    ),
    "Subscription.alarms": "subscription { alarms { kind } }",
    "Subscription.backups": "subscription { backups { kind } }",
    "Subscription.deviceStates": "subscription { deviceStates { kind } }",
    "Subscription.jobs": "subscription { jobs { kind } }",
    "Subscription.scanProgress": 'subscription { scanProgress(id: "req_1") { state } }',
    "Subscription.readings": 'subscription { readings(devices: ["dev_1"]) { kind } }',
}
REFUSALS = {"UNAUTHENTICATED", "FORBIDDEN"}


def test_every_root_field_is_asked_here():
    assert ASKED.keys() == PERMISSIONS.keys()
    for document in ASKED.values():
        parse(document)


def expected(name: str, actor: str) -> str | None:
    """Return the refusal that an actor gets, or None."""
    least = PERMISSIONS[name]
    if least is EVERYONE:
        return None
    if actor == "outsider":
        return "UNAUTHENTICATED"
    return None if Role(actor).includes(least) else "FORBIDDEN"


@pytest.mark.parametrize("actor", ACTORS)
async def test_each_actor_may_do_what_the_table_says_and_no_more(api: Api, actor):
    names = [name for name in ASKED if not name.startswith("Subscription.")]
    for name in sorted(names, key=lambda name: name == "Mutation.signOut"):
        answer = await api.post(ASKED[name], actor)
        codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
        assert codes & REFUSALS == ({expected(name, actor)} - {None}), (name, answer)


@pytest.mark.parametrize("name", [name for name in ASKED if name.startswith("Subscription.")])
@pytest.mark.parametrize("actor", ["owner", "admin", "viewer"])
async def test_each_actor_may_subscribe_to_what_the_table_says(api: Api, name, actor):
    async with api.socket(actor) as socket:
        await socket.subscribe(ASKED[name])
        message = await socket.receive()
        codes = {error["extensions"]["code"] for error in message["payload"]} if message["type"] == "error" else set()
        assert codes & REFUSALS == ({expected(name, actor)} - {None})


async def test_an_outsider_gets_no_websocket(api: Api):
    async with api.raw_socket(subprotocols=[PROTOCOL]) as socket:
        await socket.send(type="connection_init")
        assert await socket.closed() == 4403


async def test_a_viewer_who_tries_to_change_something_changes_nothing(api: Api, owner):
    create = 'mutation { createDevice(input: {name: "x", endpoint: "tcp://a"}) { device { id } } }'
    answer = await api.post(create, "viewer")
    assert answer["data"] is None
    assert answer["errors"][0]["message"] == "this needs the role admin; yours is viewer"
    assert await owner.fetchval("SELECT count(*) FROM devices") == 0
