"""Accounts: people are added, changed, disabled and deleted, by owners."""

import asyncio

import asyncpg
import pytest

from api.access import accounts
from api.ground.actor import Actor
from api.ground.database import Statements
from ddms.errors import DdmsError
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.people import PASSWORD, SIGN_IN, add_person, audited, sign_in

CREATE = """mutation ($input: UserInput!) { createUser(input: $input) {
    errors { code field message } password user { id name role language enabled mustChangePassword provider lastSignInAt } } }"""
UPDATE = """mutation ($id: ID!, $changes: UserChanges!) { updateUser(id: $id, changes: $changes) {
    errors { code field message } user { name role language enabled } } }"""
DELETE = "mutation ($id: ID!) { deleteUser(id: $id) { errors { code field message } deletedId } }"
RESET = "mutation ($id: ID!) { resetPassword(id: $id) { errors { code field message } password user { mustChangePassword } } }"
CHANGE = """mutation ($old: String!, $new: String!) { changePassword(old: $old, new: $new) {
    errors { code field message } me { mustChangePassword } } }"""
ME = "{ me { id name role language mustChangePassword } }"
NEW = "another four words there"
LAST = "this is the last owner who can sign in with a password: make another one first"


async def update(api: Api, number: int, **changes):
    return await api.ask(UPDATE, id=f"usr_{number}", changes=changes)


async def test_a_new_person_signs_in_with_the_one_time_password_and_must_change_it(api: Api):
    made = await api.ask(CREATE, input={"name": "Mei", "role": "ADMIN", "language": "ZH"})
    assert made["errors"] == []
    assert made["user"] == {
        "id": "usr_1", "name": "Mei", "role": "ADMIN", "language": "ZH", "enabled": True,
        "mustChangePassword": True, "provider": None, "lastSignInAt": None,
    }  # fmt: skip
    await sign_in(api, "Mei", made["password"])
    assert (await api.ask(ME, "Mei"))["mustChangePassword"]
    assert await api.code("{ devices { nodes { id } } }", "Mei") == "FORBIDDEN"
    assert (await api.ask(CHANGE, "Mei", old=made["password"], new=NEW)) == {
        "errors": [],
        "me": {"mustChangePassword": False},
    }
    assert (await api.ask("{ devices { nodes { id } } }", "Mei"))["nodes"] == []
    await sign_in(api, "Mei", NEW)


async def test_before_the_password_is_changed_only_me_and_signing_out_are_answered(api: Api, owner):
    await add_person(owner, role="owner", must_change_password=True)
    await sign_in(api)
    refused = await api.post("{ system { version } }", "Ada")
    assert "changePassword" in refused["errors"][0]["message"]
    async with api.socket("Ada") as socket:
        await socket.subscribe("subscription { deviceStates { kind } }")
        assert (await socket.receive())["payload"][0]["extensions"]["code"] == "FORBIDDEN"
    assert (await api.client.get(f"{api.url}/export?points=1", headers=api.headers("Ada"))).status_code == 403
    assert (await api.ask(ME, "Ada"))["name"] == "Ada"
    assert (await api.ask("mutation { signOut { errors { code } } }", "Ada"))["errors"] == []


async def test_a_password_that_is_given_is_not_answered_and_may_stay(api: Api):
    person = {"name": "Kiosk", "role": "VIEWER", "password": PASSWORD, "mustChangePassword": False}
    made = await api.ask(CREATE, input=person)
    assert (made["errors"], made["password"], made["user"]["mustChangePassword"]) == ([], None, False)
    await sign_in(api, "Kiosk")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "x" * 900_000}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "a\u0007b"}, "name"),
        ({"name": "Scheduler"}, "name"),
        ({"password": "password1"}, "password"),
        ({"password": "Ada Ada Ada"}, "password"),
        ({"password": "short"}, "password"),
    ],
)
async def test_a_person_who_cannot_be_is_refused_and_nothing_changes(api: Api, owner, changed, field):
    made = await api.ask(CREATE, input={"name": "Ada", "role": "VIEWER"} | changed)
    assert [(error["code"], error["field"]) for error in made["errors"]] == [("INVALID", field)]
    assert await owner.fetchval("SELECT count(*) FROM users") == 0


@pytest.mark.parametrize("name", ["ada", "ADA", "Ａｄａ", " Ada "])
async def test_another_spelling_of_a_name_is_taken(api: Api, owner, name):
    await add_person(owner)
    made = await api.ask(CREATE, input={"name": name, "role": "VIEWER"})
    assert [(error["code"], error["field"]) for error in made["errors"]] == [("ALREADY_EXISTS", "name")]


async def test_a_change_holds_at_the_next_request_and_is_audited_with_before_and_after(api: Api, owner):
    number = await add_person(owner)
    await sign_in(api)
    assert (await update(api, number, name="Ada L.", role="VIEWER", language="ZH"))["errors"] == []
    assert await api.ask(ME, "Ada") == {
        "id": f"usr_{number}", "name": "Ada L.", "role": "VIEWER", "language": "ZH", "mustChangePassword": False,
    }  # fmt: skip
    row = await owner.fetchrow("SELECT before, after FROM audit_log WHERE action = 'user.update'")
    assert (row["before"]["role"], row["after"]["role"]) == ("admin", "viewer")
    assert (await update(api, number, language=None))["user"]["language"] is None


async def test_a_persons_language_counts_more_than_the_clients(api: Api, owner):
    await add_person(owner, language="zh")
    await sign_in(api)
    answer = await api.ask('mutation { updateDevice(id: "x", version: 1, changes: {}) { errors { message } } }', "Ada")
    assert "不是设备的 id" in answer["errors"][0]["message"]


async def test_a_disabled_person_is_out_at_once_and_stays_out_when_enabled_again(api: Api, owner):
    number = await add_person(owner)
    await sign_in(api)
    await api.ask(ME, "Ada")
    assert (await update(api, number, enabled=False))["user"]["enabled"] is False
    assert await api.code(ME, "Ada") == "UNAUTHENTICATED"
    refused = await api.ask(SIGN_IN, "outsider", name="Ada", password=PASSWORD)
    assert refused["errors"][0]["code"] == "UNAUTHENTICATED"
    await update(api, number, enabled=True)
    assert await api.code(ME, "Ada") == "UNAUTHENTICATED"
    await sign_in(api)


async def test_a_deleted_person_is_out_at_once_and_the_audit_log_remembers(api: Api, owner):
    number = await add_person(owner)
    await sign_in(api)
    await api.ask(ME, "Ada")
    assert await api.ask(DELETE, id=f"usr_{number}") == {"errors": [], "deletedId": f"usr_{number}"}
    assert await api.code(ME, "Ada") == "UNAUTHENTICATED"
    assert ("the owner's", "user.delete", f"usr_{number}") in await audited(owner)
    assert (await api.ask(DELETE, id=f"usr_{number}"))["errors"][0]["code"] == "NOT_FOUND"


async def test_a_reset_password_ends_all_sessions_and_opens_once(api: Api, owner):
    number = await add_person(owner)
    await sign_in(api)
    made = await api.ask(RESET, id=f"usr_{number}")
    assert (made["errors"], made["user"]) == ([], {"mustChangePassword": True})
    assert await api.code(ME, "Ada") == "UNAUTHENTICATED"
    assert (await api.ask(SIGN_IN, "outsider", name="Ada", password=PASSWORD))["errors"] != []
    await sign_in(api, "Ada", made["password"])
    kept = await owner.fetch("SELECT a::text || u::text AS row FROM audit_log a, users u")
    assert not any(made["password"] in row["row"] for row in kept)


async def test_a_one_time_password_that_is_too_old_opens_nothing(api: Api, owner):
    number = await add_person(owner)
    made = await api.ask(RESET, id=f"usr_{number}")
    await owner.execute("UPDATE users SET one_time_until = now() - interval '1 second'")
    (error,) = (await api.ask(SIGN_IN, "outsider", name="Ada", password=made["password"]))["errors"]
    assert "ask an owner for another" in error["message"]


async def test_a_provider_keeps_the_password_of_its_people(api: Api, owner):
    number = await add_person(owner, password_hash=None, provider="Keycloak", subject="8d1f")
    (error,) = (await api.ask(RESET, id=f"usr_{number}"))["errors"]
    assert error["message"] == "Keycloak signs this person in: the password is changed there"
    refused = await api.ask(SIGN_IN, "outsider", name="Ada", password=PASSWORD)
    assert refused["errors"][0]["code"] == "UNAUTHENTICATED"


async def test_ones_own_password_needs_the_old_one_and_ends_the_other_sessions(api: Api, owner):
    await add_person(owner)
    api.tokens["elsewhere"] = await sign_in(api)
    await sign_in(api)
    (error,) = (await api.ask(CHANGE, "Ada", old="wrong", new=NEW))["errors"]
    assert (error["code"], error["field"]) == ("INVALID", "old")
    assert (await api.ask(CHANGE, "Ada", old=PASSWORD, new=NEW))["errors"] == []
    assert (await api.ask(ME, "Ada"))["name"] == "Ada"
    assert await api.code(ME, "elsewhere") == "UNAUTHENTICATED"
    await sign_in(api, "Ada", NEW)


@pytest.mark.parametrize(("new", "said"), [("password", "commonest"), (PASSWORD, "the old one"), ("Ada12345", "name")])
async def test_a_bad_new_password_is_refused(api: Api, owner, new, said):
    await add_person(owner)
    await sign_in(api)
    (error,) = (await api.ask(CHANGE, "Ada", old=PASSWORD, new=new))["errors"]
    assert error["field"] == "new"
    assert said in error["message"]


async def test_a_stolen_token_guesses_the_password_five_times(api: Api, owner):
    await add_person(owner)
    await sign_in(api)
    codes = [(await api.ask(CHANGE, "Ada", old="wrong", new=NEW))["errors"][0]["code"] for _ in range(6)]
    assert codes == ["INVALID"] * 5 + ["RATE_LIMITED"]


@pytest.mark.parametrize("document", [CHANGE, "mutation { updateMe(language: ZH) { errors { code message } } }"])
async def test_a_programs_token_has_no_password_and_no_language(api: Api, document):
    (error,) = (await api.ask(document, old="x", new=NEW) if "$" in document else await api.ask(document))["errors"]
    assert error["code"] == "INVALID"
    assert "program's" in error["message"]


async def test_everybody_chooses_the_own_language(api: Api, owner):
    await add_person(owner, role="viewer")
    await sign_in(api)
    changed = await api.ask("mutation { updateMe(language: ZH) { errors { code } me { language } } }", "Ada")
    assert changed == {"errors": [], "me": {"language": "ZH"}}


@pytest.mark.parametrize(
    "other",
    [
        {"role": "admin"},
        {"role": "owner", "enabled": False},
        {"role": "owner", "password_hash": None, "provider": "Keycloak", "subject": "8d1f"},
    ],
    ids=["an admin", "a disabled owner", "an owner of a provider"],
)
async def test_the_last_owner_who_can_sign_in_stays(api: Api, owner, other):
    number = await add_person(owner, role="owner")
    await add_person(owner, "Bob", **other)
    for changes in ({"role": "ADMIN"}, {"enabled": False}):
        (error,) = (await update(api, number, **changes))["errors"]
        assert (error["field"], error["message"]) == (next(iter(changes)), LAST)
    assert (await api.ask(DELETE, id=f"usr_{number}"))["errors"][0]["message"] == LAST
    assert (await update(api, number, name="Eve"))["errors"] == []


async def test_of_two_owners_who_demote_each_other_at_once_one_stays(api: Api, owner):
    numbers = [await add_person(owner, name, "owner") for name in ("Ada", "Bob")]
    for name in ("Ada", "Bob"):
        await sign_in(api, name)
    wanted = zip(("Bob", "Ada"), numbers, strict=True)
    asked = [api.ask(UPDATE, actor, id=f"usr_{number}", changes={"role": "VIEWER"}) for actor, number in wanted]
    await asyncio.gather(*asked)
    assert await owner.fetchval("SELECT count(*) FROM users WHERE role = 'owner'") == 1


async def test_an_owner_who_waits_for_the_other_one_sees_what_that_one_did(owner, pool: asyncpg.Pool):
    numbers = [await add_person(owner, name, "owner") for name in ("Ada", "Bob")]
    actor, demoted = Actor(name="somebody"), {"role": "viewer"}
    async with pool.acquire() as one, pool.acquire() as other:

        async def second() -> None:
            async with other.transaction():
                await accounts.change(Statements(other), actor, numbers[0], demoted)

        async with one.transaction():
            await accounts.change(Statements(one), actor, numbers[1], demoted)
            waiting = asyncio.create_task(second())
            while not await owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
        with pytest.raises(DdmsError, match="last owner"):
            await waiting


async def test_the_list_tells_who_is_disabled_and_who_signed_in_when(api: Api, owner):
    await add_person(owner)
    await add_person(owner, "Bob", enabled=False)
    await sign_in(api)
    nodes = (await api.ask("{ users(enabled: true) { nodes { name lastSignInAt } } }"))["nodes"]
    assert [node["name"] for node in nodes] == ["Ada"]
    assert nodes[0]["lastSignInAt"] is not None
