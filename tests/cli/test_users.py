"""`ddms users`: accounts by the command line, when no owner can sign in any more."""

import json

import pytest

from tests.support.command_line import ddms_on
from tests.support.people import add_person, audited


async def answer(settings, *arguments: str):
    done = await ddms_on(settings, "users", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_a_locked_out_owner_gets_a_one_time_password_and_is_let_in(settings, owner):
    await add_person(owner, role="owner")
    await owner.execute("INSERT INTO sign_in_locks VALUES ('ada', '192.0.2.1', now(), now() + interval '15 minutes')")
    made = await answer(settings, "reset-password", "ADA")
    assert made["must_change_password"]
    assert len(made["password"]) == 19
    assert await owner.fetchval("SELECT count(*) FROM sign_in_locks") == 0
    assert await audited(owner) == [("command line", "user.reset_password", "usr_1")]


@pytest.mark.unmeasured
async def test_people_are_added_changed_disabled_and_deleted(settings, owner):
    await add_person(owner, role="owner")
    made = await answer(settings, "add", "Mei", "--role", "admin", "--language", "zh")
    assert (made["id"], made["role"], made["language"]) == ("usr_2", "admin", "zh")
    assert (await answer(settings, "update", "mei", "--name", "Mei L.", "--role", "viewer"))["name"] == "Mei L."
    assert (await answer(settings, "disable", "usr_2"))["enabled"] is False
    assert (await answer(settings, "enable", "usr_2"))["enabled"] is True
    assert [one["name"] for one in await answer(settings, "list")] == ["Ada", "Mei L."]
    assert (await answer(settings, "delete", "Mei L.", "--yes"))["id"] == "usr_2"
    assert [action for _, action, _ in await audited(owner)] == [
        "user.create", "user.update", "user.update", "user.update", "user.delete",
    ]  # fmt: skip


@pytest.mark.unmeasured
async def test_rights_are_limited_to_groups_and_freed_again(settings, owner):
    await add_person(owner, "Mei", role="admin")
    await owner.execute("INSERT INTO groups (name) VALUES ('Hall 3'), ('Hall 4')")
    reached = "SELECT array_agg(g.name) FROM users u JOIN user_groups ON user_id = u.id JOIN groups g ON g.id = group_id WHERE u.limited"
    await answer(settings, "limit", "Mei", "--group", "hall 3")
    assert await owner.fetchval(reached) == ["Hall 3"]
    await answer(settings, "limit", "Mei", "--everything")
    assert await owner.fetchval("SELECT limited FROM users") is False


async def test_locks_are_opened_by_hand(settings, owner):
    await owner.execute(
        "INSERT INTO sign_in_locks SELECT n, '', now(), now() + interval '9 minutes' FROM unnest('{ada,bob}'::text[]) n"
    )
    assert await answer(settings, "unlock", "Ada") == {"opened": 1}
    assert await answer(settings, "unlock") == {"opened": 1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("delete", "Ada", "--yes"), "this is the last owner who can sign in with a password"),
        (("disable", "Ada"), "this is the last owner who can sign in with a password"),
        (("update", "Ada", "--role", "viewer"), "this is the last owner who can sign in with a password"),
        (("reset-password", "Bob"), "no person has this name: `ddms users list` lists them"),
        (("add", "ａｄａ"), "a user of this name exists already"),
        (("add", "command line"), "the audit log calls DDMS itself by this name"),
        (("update", "Ada"), "say what shall be different"),
        (("limit", "Ada"), "say --group NAME"),
        (("limit", "Ada", "--group", "Hall 9"), "there is no group 'Hall 9'"),
    ],
)
async def test_what_cannot_be_is_refused_in_a_sentence(settings, owner, arguments, said):
    await add_person(owner, role="owner")
    done = await ddms_on(settings, "users", *arguments)
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert await owner.fetchval("SELECT count(*) FROM audit_log") == 0


async def test_people_read_a_table(settings, owner):
    await add_person(owner, role="owner", enabled=False)
    done = await ddms_on(settings, "users", "list")
    assert done.stdout.splitlines()[1].split() == ["usr_1", "Ada", "owner", "everything", "disabled", "password"]


async def test_the_list_says_to_which_groups_rights_reach(settings, owner):
    await add_person(owner, role="admin")
    await owner.execute("INSERT INTO groups (name) VALUES ('Hall 3'), ('Hall 4')")
    await ddms_on(settings, "users", "limit", "Ada", "--group", "Hall 4", "--group", "Hall 3")
    assert "Hall 3, Hall 4" in (await ddms_on(settings, "users", "list")).stdout
    listed = await ddms_on(settings, "users", "list", "--json")
    assert json.loads(listed.stdout)[0]["groups"] == ["Hall 3", "Hall 4"]


async def test_the_list_says_that_rights_reach_to_nothing_once_the_group_is_deleted(settings, owner):
    await add_person(owner, role="admin")
    await owner.execute("UPDATE users SET limited = true")
    assert " nothing " in (await ddms_on(settings, "users", "list")).stdout
