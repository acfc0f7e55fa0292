"""Tokens and signing in."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest
from argon2 import PasswordHasher

from ddms.settings import Settings
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

SIGN_IN = "mutation ($name: String!, $password: String!) { signIn(name: $name, password: $password) { errors { code message } secret token { role expiresAt } } }"
CREATE_TOKEN = "mutation ($name: String!, $role: Role!, $days: Int = 5) { createToken(name: $name, role: $role, days: $days) { errors { code field } secret token { id role lastUsedAt } } }"
ME = "{ me { name role } }"


async def add_user(owner: asyncpg.Connection, name: str = "Ada", role: str = "admin") -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    await owner.execute(
        "INSERT INTO users (name, role, password_hash) VALUES ($1, $2, $3)", name, role, quick.hash("correct horse")
    )


async def test_name_and_password_give_a_token_until_signing_out(api: Api, owner: asyncpg.Connection):
    await add_user(owner)
    session = await api.ask(SIGN_IN, "outsider", name="ADA", password="correct horse")
    assert (session["errors"], session["token"]["role"]) == ([], "ADMIN")
    api.tokens["ada"] = session["secret"]
    assert await api.ask(ME, "ada") == {"name": "Ada", "role": "ADMIN"}
    assert (await api.ask("mutation { signOut { errors { code } } }", "ada"))["errors"] == []
    assert await api.code(ME, "ada") == "UNAUTHENTICATED"


async def test_five_failures_lock_the_name_and_tell_nothing_about_accounts(api: Api, owner: asyncpg.Connection):
    await add_user(owner)
    answers = {}
    for name in ("Ada", "nobody"):
        tried = [await api.ask(SIGN_IN, "outsider", name=name, password="wrong") for _ in range(6)]
        answers[name] = [answer["errors"] for answer in tried]
        assert [errors[0]["code"] for errors in answers[name]] == ["UNAUTHENTICATED"] * 5 + ["RATE_LIMITED"]
    assert answers["Ada"] == answers["nobody"]
    right = await api.ask(SIGN_IN, "outsider", name="Ada", password="correct horse")
    assert right["errors"][0]["code"] == "RATE_LIMITED"
    await owner.execute(
        "WITH f AS (UPDATE sign_in_failures SET at = at - interval '16 minutes') UPDATE sign_in_locks SET until = until - interval '16 minutes'"
    )
    assert (await api.ask(SIGN_IN, "outsider", name="Ada", password="correct horse"))["errors"] == []


async def test_asking_all_at_once_gives_no_more_attempts(api: Api, owner: asyncpg.Connection):
    await add_user(owner)
    answers = await asyncio.gather(*[api.ask(SIGN_IN, "outsider", name="ada", password="wrong") for _ in range(10)])
    codes = sorted(answer["errors"][0]["code"] for answer in answers)
    assert codes == ["RATE_LIMITED"] * 5 + ["UNAUTHENTICATED"] * 5


@pytest.mark.parametrize(("name", "password"), [("a\0b", "x"), ("x" * 65, "x"), ("x", "y" * 2000), ("", "")])
async def test_signing_in_with_nonsense_is_a_typed_error(api: Api, name, password):
    answer = await api.ask(SIGN_IN, "outsider", name=name, password=password)
    assert answer["errors"][0]["code"] in {"INVALID", "UNAUTHENTICATED"}
    assert answer["secret"] is None


async def test_a_created_token_works_and_is_stored_only_as_a_hash(api: Api, owner: asyncpg.Connection):
    made = await api.ask(CREATE_TOKEN, name="SCADA", role="VIEWER")
    assert (made["errors"], made["token"]["lastUsedAt"]) == ([], None)
    api.tokens["scada"] = made["secret"]
    assert made["secret"].startswith("ddms_")
    assert await api.ask(ME, "scada") == {"name": "SCADA", "role": "VIEWER"}
    listed = (await api.ask("{ tokens { nodes { name lastUsedAt } } }"))["nodes"]
    assert listed[0]["name"] == "SCADA"
    assert listed[0]["lastUsedAt"] is not None
    stored = await owner.fetch("SELECT t::text AS row FROM api_tokens t")
    assert not any(made["secret"] in row["row"] for row in stored)


async def test_a_revoked_token_ends_at_once_although_it_was_remembered(api: Api):
    made = await api.ask(CREATE_TOKEN, name="x", role="OWNER")
    api.tokens["x"] = made["secret"]
    for _ in range(3):
        await api.ask(ME, "x")
    revoke = "mutation ($id: ID!) { revokeToken(id: $id) { errors { code field } token { revokedAt } } }"
    assert (await api.ask(revoke, id=made["token"]["id"]))["token"]["revokedAt"] is not None
    await asyncio.sleep(0.2)
    assert await api.code(ME, "x") == "UNAUTHENTICATED"
    assert (await api.ask(revoke, id=made["token"]["id"]))["errors"] == [{"code": "NOT_FOUND", "field": "id"}]


@pytest.mark.parametrize(
    ("changed", "field"), [({"name": " "}, "name"), ({"days": 0}, "days"), ({"days": 99999}, "days")]
)
async def test_a_token_that_cannot_be_is_refused(api: Api, changed, field):
    made = await api.ask(CREATE_TOKEN, **({"name": "x", "role": "VIEWER"} | changed))
    assert made["errors"] == [{"code": "INVALID", "field": field}]
    assert made["secret"] is None


async def test_a_token_in_use_is_marked_at_most_once_a_minute(api: Api, owner: asyncpg.Connection):
    for _ in range(5):
        await api.ask(ME)
    first = await owner.fetchval("SELECT last_used_at FROM api_tokens WHERE role = 'owner'")
    api.parts.callers.forget()
    await api.ask(ME)
    assert await owner.fetchval("SELECT last_used_at FROM api_tokens WHERE role = 'owner'") == first


@pytest.mark.parametrize(
    "query",
    [
        "mutation { " + " ".join(f'a{n}: signIn(name: "a", password: "b") {{ secret }}' for n in range(60)) + " }",
        'mutation { a: signIn(name: "a", password: "b") { secret } ...f } fragment f on Mutation { b: signIn(name: "a", password: "b") { secret } }',
    ],
    ids=["aliases", "a fragment"],
)
async def test_one_operation_signs_in_once(api: Api, owner: asyncpg.Connection, query):
    answer = await api.post(query, "outsider")
    assert "data" not in answer
    assert "signIn stands in an operation once" in answer["errors"][0]["message"]
    assert await owner.fetchval("SELECT count(*) FROM sign_in_failures") == 0


async def try_from(api: Api, address: str, password: str = "wrong", name: str = "Ada") -> str | None:
    body = {"query": SIGN_IN, "variables": {"name": name, "password": password}}
    answer = (await api.client.post(f"{api.url}/graphql", json=body, headers={"X-Forwarded-For": address})).json()
    errors = answer["data"]["signIn"]["errors"]
    return errors[0]["code"] if errors else None


async def test_an_address_that_no_proxy_vouches_for_is_not_believed(api: Api, owner: asyncpg.Connection):
    await add_user(owner)
    codes = [await try_from(api, f"192.0.2.{n}") for n in range(6)]
    assert codes == ["UNAUTHENTICATED"] * 5 + ["RATE_LIMITED"]


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """For the tests of proxies: settings that trust the one on this machine."""
    return replace(settings, trusted_proxies=("127.0.0.1",)) if "proxied" in request.node.name else settings


async def test_proxied_another_address_cannot_lock_the_owner_out(api: Api, owner: asyncpg.Connection):
    await add_user(owner)
    for _ in range(6):
        locked = await try_from(api, "192.0.2.1")
    assert locked == "RATE_LIMITED"
    assert await try_from(api, "192.0.2.2", "correct horse") is None


async def test_proxied_an_attacker_has_one_try_for_a_network_of_ipv6(api: Api, owner: asyncpg.Connection):
    await add_user(owner)
    codes = [await try_from(api, f"2001:db8::{n:x}") for n in range(1, 7)]
    assert codes == ["UNAUTHENTICATED"] * 5 + ["RATE_LIMITED"]
    assert await try_from(api, "2001:db8:0:1::1") == "UNAUTHENTICATED"


async def test_proxied_many_sign_ins_of_one_address_are_busy_and_another_address_is_next(
    api: Api, owner: asyncpg.Connection
):
    await add_user(owner)
    attack = [asyncio.create_task(try_from(api, "192.0.2.1", name=f"n{n}")) for n in range(30)]
    await asyncio.sleep(0)
    assert await try_from(api, "192.0.2.2", "correct horse") is None
    codes = await asyncio.gather(*attack)
    assert set(codes) == {"BUSY", "UNAUTHENTICATED"}
    assert codes.count("UNAUTHENTICATED") <= 11
