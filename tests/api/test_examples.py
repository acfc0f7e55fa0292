"""The examples of the reference, run as they stand against a plant on which they are to make sense."""

import re
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from argon2 import PasswordHasher

from api.ground.audit import ACTIONS
from api.reference import EXAMPLES
from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event
from ddms.settings import Settings
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

OPERATIONS = {path.stem: path for path in sorted(EXAMPLES.glob("*.graphql"))}
QUERIES = [name for name in OPERATIONS if name.startswith("Query.")]
MUTATIONS = [name for name in OPERATIONS if name.startswith("Mutation.")]
SUBSCRIPTIONS = [name for name in OPERATIONS if name.startswith("Subscription.")]
BY_A_PERSON = {"Mutation.changePassword", "Mutation.updateMe"}
WITHOUT_COLLECTOR = {
    "Mutation.testConnection",
    "Mutation.testDevice",
    "Mutation.probe",
    "Mutation.scan",
    "Mutation.sunspec",
}

MANIFEST = {"versions": {"ddms": "1", "schema": "0042", "postgresql": "17.2", "timescaledb": None, "edition": "plain"},
     "taken_at": "2026-11-27T01:00:00+00:00", "configuration": {"version": 3}, "dashboards": [],
     "tables": [{"name": "readings", "rows": 2, "first": "2026-11-26T01:00:00+00:00", "last": None}]}  # fmt: skip


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(
        settings, webhook_targets=("hooks.example.com",), export_directory=settings.spool_directory / "exports"
    )


@pytest.fixture
async def plant(api: Api, owner: asyncpg.Connection) -> Api:
    """Two pumps in hall 1, alarms, a profile, a person, a scan that was asked for."""
    await add(api, "Pump 1", endpoint="tcp://10.0.0.1", groups=["Hall 1"])
    await add(api, "Pump 2", endpoint="tcp://10.0.0.2")
    await api.ask(
        'mutation { createProfile(input: {name: "Flow meter", points: [{key: "f", registerTable: INPUT, address: 0, dataType: INT16}]}) { errors { code } } }'
    )
    password = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse battery")
    await owner.execute(
        "INSERT INTO users (name, role, password_hash) VALUES ('ann', 'owner', $1), ('bob', 'viewer', $1)", password
    )
    await owner.execute(
        "INSERT INTO api_tokens (name, role, user_id, hash, expires_at) VALUES ('session of ann', 'owner', 1, $1, now() + interval '1 day')",
        bytes(32),
    )
    await owner.execute(
        "INSERT INTO field_requests (kind, parameters, requested_by, state, finished_at) VALUES ('scan', '{}', 'ann', 'done', now())"
    )
    await owner.execute(
        "INSERT INTO collectors (name, version, seen_at) VALUES ('line 9', '0', now() - interval '1 day')"
    )
    await owner.execute("INSERT INTO erasures (subject, points, requested_by) VALUES ('Pump 3', '{}', 'ann')")
    await owner.execute(
        "INSERT INTO backups (name, state, reason, bytes, checksum, manifest) VALUES ('ddms-1', 'done', 'found', 1, repeat('a', 64), $1), ('ddms-2', 'waiting', 'scheduled', NULL, NULL, NULL)",
        MANIFEST,
    )
    await owner.execute("INSERT INTO restores (backup, database) VALUES ('ddms-1', 'ddms_old')")
    await owner.execute(
        "INSERT INTO webhooks (name, url, secret, created_by) VALUES ('Night watch', 'http://127.0.0.1:9/', 'whsec_AAAA', 'ann')"
    )
    await owner.execute(
        "INSERT INTO exports (user_id, requested_by, parameters, points, filename) VALUES (1, 'ann', '[]', '{}', 'a.csv')"
    )
    await alarms(owner)
    await owner.execute(
        "INSERT INTO annotations (starts_at, text, created_by) VALUES ('2026-11-02T08:30:00Z', 'filter changed', 'ann')"
    )
    await api.ask("mutation { updateConfiguration(changes: {shelfHours: 12}) { errors { code } } }")
    return api


async def alarms(owner: asyncpg.Connection) -> None:
    """One that is active, one on the shelf, one of a device in maintenance."""
    await owner.execute("INSERT INTO limits (point_id, key, kind, threshold) VALUES (1, 'high', 'high', 80)")
    now = await owner.fetchval("SELECT now()")
    end = {"time": now, "actor": "ann", "note": "later", "until": now + timedelta(hours=2)}
    happenings = [
        Happening(alarm_id=5, event=Event.RAISED, time=now, value=85.0, quality=0, threshold=80.0),
        Happening(alarm_id=2, event=Event.SHELVED, **end),
        Happening(alarm_id=4, event=Event.OUT_OF_SERVICE, **end),
    ]
    assert len((await happen(owner, happenings)).applied) == 3


async def test_every_query_answers_without_an_error(plant: Api):
    for name in QUERIES:
        answer = await plant.post(OPERATIONS[name].read_text(encoding="utf-8"))
        assert "errors" not in answer, (name, answer)
        (value,) = answer["data"].values()
        assert value is not None, name


async def who_does(plant: Api, name: str) -> str:
    """Return the owner's token, or the key of a person who signs in, where only a person can."""
    if name not in BY_A_PERSON:
        return "owner"
    plant.tokens["ann"] = (await plant.ask(OPERATIONS["Mutation.signIn"].read_text(encoding="utf-8")))["secret"]
    return "ann"


@pytest.mark.parametrize("name", MUTATIONS)
async def test_every_mutation_does_what_it_says(plant: Api, name):
    payload = await plant.ask(OPERATIONS[name].read_text(encoding="utf-8"), await who_does(plant, name))
    codes = [error["code"] for error in payload["errors"]]
    assert codes == (["UNAVAILABLE"] if name in WITHOUT_COLLECTOR else []), payload


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_every_subscription_begins(plant: Api, name):
    async with plant.socket("owner") as socket:
        await socket.subscribe(OPERATIONS[name].read_text(encoding="utf-8"))
        assert await socket.event(name.partition(".")[2])


NOT_RECORDED = WITHOUT_COLLECTOR | {"Mutation.cancelScan"}
"""Mutations whose examples change nothing: no collector is there, the scan has ended. tests/api/test_audit.py has them."""


@pytest.mark.parametrize("name", [name for name in MUTATIONS if name not in NOT_RECORDED])
async def test_every_mutation_is_in_the_audit_with_what_was_before_and_after_and_without_secrets(
    plant: Api, owner, name
):
    actor = await who_does(plant, name)
    newest = await owner.fetchval("SELECT max(number) FROM audit_log")
    document = OPERATIONS[name].read_text(encoding="utf-8").replace("dryRun: true", "dryRun: false")
    answer = await plant.ask(document, actor)
    entries = await owner.fetch("SELECT * FROM audit_log WHERE number > $1 ORDER BY number", newest)
    assert entries, f"{name} changes something: let its store call audit.record"
    for entry in entries:
        assert entry["action"] in ACTIONS, "add it to api/ground/audit.py and docs/audit.md"
        kinds = {"token"} if actor == "owner" else {"person"}
        assert (entry["actor_kind"] in kinds and entry["transport"] == "graphql") or name == "Mutation.signIn"
        verb = entry["action"].partition(".")[2]
        assert entry["before"] is not None or verb not in {"update", "delete", "revoke"}, entry["action"]
        assert entry["after"] is not None or verb not in {"create", "update"}, entry["action"]
    assert_no_secret(
        str([tuple(entry) for entry in entries]),
        [*plant.tokens.values(), "correct horse battery", answer.get("secret"), answer.get("password")],
    )


def assert_no_secret(text: str, known: list[str | None]) -> None:
    """No key, no password and no hash of one stands in what the audit says."""
    assert not [secret for secret in known if secret and secret in text]
    assert not re.search(r"ddms(-session)?_[A-Za-z0-9_-]{20}|[$]argon2|password_hash", text)
