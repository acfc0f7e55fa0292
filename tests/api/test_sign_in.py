"""Signing in as an attacker: what failures lock, what stays open, what is told and written down."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import httpx2
import pytest

from api.access import sign_in as room
from api.access.sign_in import ADDRESS, EACH, NAME, TOLD, sign_in
from api.ground.actor import Actor
from api.ground.database import Database
from ddms.database import Edition
from ddms.errors import Code, DdmsError
from tests.support.api_server import Api, api_fixture, serving, tokens_fixture  # noqa: F401 - fixtures
from tests.support.people import PASSWORD, QUICK, SIGN_IN, add_person, audited

HOME, AWAY = "192.0.2.1", "203.0.113.9"
WRONG, WAIT = Code.UNAUTHENTICATED, Code.RATE_LIMITED
LATER = """WITH f AS (UPDATE sign_in_failures SET at = at - interval '16 minutes')
UPDATE sign_in_locks SET since = since - interval '16 minutes', until = until - interval '16 minutes'"""


@pytest.fixture
def database(pool: asyncpg.Pool) -> Database:
    return Database(pool, Edition.PLAIN)


async def tried(database: Database, name: str = "Ada", password: str = "wrong", *, at: str = AWAY) -> Code | None:
    """Try to sign in; return the code of the refusal, None when it was right."""
    try:
        await sign_in(database, Actor(name="nobody", address=at), name, password)
    except DdmsError as error:
        return error.code
    return None


async def rows(owner: asyncpg.Connection, table: str) -> list[tuple]:
    return [tuple(row) for row in await owner.fetch(f"SELECT name, address FROM {table} ORDER BY 1, 2")]


@pytest.fixture
async def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that nobody has are refused as quickly as the others here, whose hashes are quick."""
    monkeypatch.setattr(room.passwords, "_nobodys", lambda: QUICK.hash("nobody"))


async def test_five_failures_lock_a_name_for_an_address_for_a_quarter_of_an_hour(database, owner):
    await add_person(owner)
    assert [await tried(database) for _ in range(EACH + 1)] == [WRONG] * EACH + [WAIT]
    assert await tried(database, "ADA", PASSWORD) == WAIT
    assert await rows(owner, "sign_in_locks") == [("ada", AWAY)]
    await owner.execute(LATER)
    assert [await tried(database) for _ in range(EACH + 1)] == [WRONG] * EACH + [WAIT]


@pytest.mark.parametrize(
    "more", [{"enabled": False}, {"password_hash": None, "provider": "Keycloak", "subject": "8d1f"}, None]
)
async def test_the_answers_do_not_tell_whether_an_account_is_there(database, owner, quick, more):
    await add_person(owner, "Known")
    if more:
        await add_person(owner, **more)
    said = {"Known": [], "Ada": []}
    for name, answers in said.items():
        for _ in range(EACH + 1):
            with pytest.raises(DdmsError) as refused:
                await sign_in(database, Actor(name="nobody", address=AWAY), name, "wrong")
            answers.append((refused.value.code, refused.value.message, refused.value.field))
    assert said["Ada"] == said["Known"]


@pytest.mark.parametrize("name", ["Known", "disabled", "provider's", "nobody has it"])
async def test_one_hash_is_made_for_each_attempt_whoever_is_meant(database, owner, monkeypatch, name):
    await add_person(owner, "Known")
    await add_person(owner, "disabled", enabled=False)
    await add_person(owner, "provider's", password_hash=None, provider="Keycloak", subject="8d1f")
    checked, check = [], room.passwords._verify
    monkeypatch.setattr(room.passwords, "_verify", lambda *given: checked.append(given) or check(*given))
    assert await tried(database, name) == WRONG
    assert len(checked) == 1


async def test_a_success_forgives_the_failures_before_it(database, owner):
    await add_person(owner)
    for _ in range(3):
        assert [await tried(database) for _ in range(EACH - 1)] == [WRONG] * (EACH - 1)
        assert await tried(database, "Ada", PASSWORD) is None
    assert await rows(owner, "sign_in_failures") == []


async def test_an_address_that_tries_many_accounts_waits_and_others_do_not(database, owner, quick):
    await add_person(owner)
    answers = [await tried(database, f"n{n}") for n in range(ADDRESS + 1)]
    assert answers == [WRONG] * ADDRESS + [WAIT]
    assert await tried(database, "Ada", PASSWORD) == WAIT
    assert await tried(database, "Ada", PASSWORD, at=HOME) is None


async def test_guessing_at_one_name_from_many_addresses_does_not_lock_its_owner_out_at_home(database, owner):
    await add_person(owner)
    assert await tried(database, "Ada", PASSWORD, at=HOME) is None
    answers = [await tried(database, at=f"203.0.113.{n}") for n in range(NAME + 1)]
    assert answers == [WRONG] * NAME + [WAIT]
    assert await tried(database, "Ada", PASSWORD, at=AWAY) == WAIT
    assert await tried(database, "Ada", PASSWORD, at=HOME) is None
    assert await rows(owner, "sign_in_locks") == [("ada", "")]


async def test_failures_at_home_do_not_lock_strange_addresses(database, owner):
    await add_person(owner)
    for at in (HOME, AWAY):
        assert await tried(database, "Ada", PASSWORD, at=at) is None
    await owner.execute("INSERT INTO sign_in_addresses SELECT 1, '198.51.100.' || n FROM generate_series(1, 9) n")
    for n in range(1, 10):
        for _ in range(EACH - 1):
            assert await tried(database, at=f"198.51.100.{n}") == WRONG
    assert await tried(database, "Ada", PASSWORD, at="198.51.100.77") is None


async def test_asking_all_at_once_from_many_addresses_gives_no_more_attempts(database, owner):
    await add_person(owner)
    answers = await asyncio.gather(*[tried(database, at=f"203.0.113.{n}") for n in range(NAME + 10)])
    assert answers.count(WRONG) == NAME


async def test_failures_count_over_replicas_and_restarts(settings, owner):
    await add_person(owner)
    codes = []
    for replica in range(EACH + 1):
        async with AsyncExitStack() as stack:
            url, _ = await stack.enter_async_context(serving(settings))
            client = await stack.enter_async_context(httpx2.AsyncClient(timeout=60))
            body = {"query": SIGN_IN, "variables": {"name": "Ada", "password": f"wrong {replica}"}}
            answer = (await client.post(f"{url}/graphql", json=body)).json()
            codes.append(answer["data"]["signIn"]["errors"][0]["code"])
    assert codes == [WRONG] * EACH + [WAIT]


async def test_each_lock_out_stands_in_the_audit_log_once_and_each_failure_of_a_person(database, owner):
    await add_person(owner)
    for _ in range(EACH + 5):
        await tried(database)
    assert await audited(owner) == [
        *[("nobody", "user.sign_in_failed", "usr_1")] * EACH,
        ("nobody", "user.sign_in_locked", "usr_1"),
    ]


async def test_a_sign_in_stands_in_the_audit_log_with_its_address(database, owner):
    await add_person(owner)
    await tried(database, "ada", PASSWORD, at=HOME)
    row = await owner.fetchrow("SELECT actor, address, action, subject FROM audit_log")
    assert tuple(row) == ("Ada", HOME, "user.sign_in", "usr_1")


async def test_names_that_nobody_has_are_not_written_into_the_audit_log_and_do_not_fill_it(database, owner, quick):
    for n in range(TOLD + 20):
        await tried(database, f"hunter2-{n}", at=f"203.0.113.{n % 250}")
    lines = await owner.fetch("SELECT a::text AS row FROM audit_log a")
    assert len(lines) == TOLD
    assert not any("hunter2" in line["row"] for line in lines)


async def test_what_failed_is_forgotten_soon(database, owner):
    await owner.execute(
        "INSERT INTO sign_in_failures (name, address, at) SELECT n::text, 'x', now() - interval '20 minutes' FROM generate_series(1, 50) n"
    )
    await owner.execute(
        "INSERT INTO sign_in_locks VALUES ('x', 'x', now() - interval '3 days', now() - interval '2 days')"
    )
    await tried(database)
    assert await rows(owner, "sign_in_failures") == [("ada", AWAY)]
    assert await rows(owner, "sign_in_locks") == []


async def test_owners_are_told_of_locks_and_admins_are_not(api: Api, owner):
    for _ in range(EACH):
        await api.ask(SIGN_IN, "outsider", name="Ada", password="wrong")
    (notice,) = await api.ask("{ notices { kind message until } }")
    assert notice["kind"] == "SIGN_IN_LOCKED"
    assert "locked sign-ins 1 times within a day, last from 127.0.0.1" in notice["message"]
    assert notice["until"] is not None
    assert await api.ask("{ notices { kind } }", "admin") == []


@pytest.mark.parametrize("name", ["", " ", "a\0b", "a\u202eb", "x" * 65, "x" * 900_000])
async def test_what_is_no_name_is_refused_and_counted_nowhere(api: Api, owner, name):
    (error,) = (await api.ask(SIGN_IN, "outsider", name=name, password="x"))["errors"]
    assert (error["code"], error["field"]) == ("INVALID", "name")
    assert await rows(owner, "sign_in_failures") == []


async def test_a_password_of_a_megabyte_is_refused_before_it_is_hashed(api: Api, owner):
    await add_person(owner)
    (error,) = (await api.ask(SIGN_IN, "outsider", name="Ada", password="x" * 900_000))["errors"]
    assert (error["code"], error["field"]) == ("INVALID", "password")
