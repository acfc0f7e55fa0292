"""Whose account it is that a provider vouches for, and what it may do: role and groups from the provider, never by a name."""

from dataclasses import replace

import asyncpg
import pytest
from joserfc import jwt

from ddms.openid import GroupRule, Provider, RoleRule
from ddms.settings import Settings
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.openid import CLIENT_ID, KEYS, PUBLIC_URL, SECRET, Browser, Lying, lying

RULE = RoleRule(claim="realm_access.roles", owner=("chiefs",), admin=("technicians",), viewer=("people",))
SIGNED_OUT = {"http://schemas.openid.net/event/backchannel-logout": {}}


@pytest.fixture
async def provider():
    async with lying() as provider:
        provider.claims = {"realm_access": {"roles": ["people"]}}
        yield provider


@pytest.fixture
def settings(settings: Settings, provider: Lying) -> Settings:
    one = Provider(
        name="lying", title="Company account", issuer=provider.issuer, client_id=CLIENT_ID, client_secret=SECRET, roles=RULE,
    )  # fmt: skip
    return replace(settings, public_url=PUBLIC_URL, openid_providers=(one,))


@pytest.fixture
def browser(api: Api) -> Browser:
    return Browser(api.url, api.client)


def configured(api: Api, **changes) -> None:
    """Configure the provider otherwise."""
    client = api.parts.openid.clients["lying"]
    client.provider = replace(client.provider, **changes)


async def people(owner: asyncpg.Connection) -> list[tuple]:
    return [tuple(row) for row in await owner.fetch("SELECT name, role, provider FROM users ORDER BY id")]


async def groups_of(owner: asyncpg.Connection) -> list[str]:
    return [
        row["name"]
        for row in await owner.fetch("SELECT g.name FROM user_groups JOIN groups g ON g.id = group_id ORDER BY 1")
    ]


async def sessions(owner: asyncpg.Connection) -> int:
    return await owner.fetchval("SELECT count(*) FROM valid_tokens WHERE is_session")


async def test_the_most_powerful_role_counts_and_follows_the_provider_at_each_sign_in(owner, browser, provider):
    seen = []
    for roles in (["people", "technicians"], ["chiefs"], ["people"]):
        provider.claims = {"realm_access": {"roles": roles}}
        await browser.sign_in(provider)
        seen.append(await owner.fetchval("SELECT role FROM users"))
    assert seen == ["admin", "owner", "viewer"]


@pytest.mark.parametrize("roles", [[], ["others"], "others", 17, None, {"people": True}, [["people"]], ["People"]])
async def test_whom_the_provider_gives_no_role_does_not_come_in(owner, browser, provider, roles):
    provider.claims = {"realm_access": {"roles": roles}}
    told = await browser.sign_in(provider)
    assert told.status_code == 403
    assert "no role in DDMS" in told.text
    assert await people(owner) == []


async def test_who_lost_every_role_at_the_provider_loses_all_sessions(owner, browser, provider):
    await browser.sign_in(provider)
    provider.claims = {"realm_access": {"roles": []}}
    assert (await browser.sign_in(provider)).status_code == 403
    assert await sessions(owner) == 0


async def test_a_default_role_is_for_those_whom_the_provider_gives_none(owner, api, browser, provider):
    configured(api, default_role="viewer")
    provider.claims = {"realm_access": None}
    await browser.sign_in(provider)
    assert await people(owner) == [("Ann", "viewer", "lying")]


async def test_without_a_rule_for_roles_an_account_keeps_the_role_that_ddms_gave_it(owner, api, browser, provider):
    configured(api, roles=None, default_role="viewer")
    await browser.sign_in(provider)
    await owner.execute("UPDATE users SET role = 'admin'")
    await browser.sign_in(provider)
    assert await people(owner) == [("Ann", "admin", "lying")]


async def test_claims_that_the_id_token_lacks_are_asked_of_the_userinfo_endpoint(owner, browser, provider):
    provider.claims = {"realm_access": None}
    provider.userinfo = {"realm_access": {"roles": ["technicians"]}}
    await browser.sign_in(provider)
    assert await people(owner) == [("Ann", "admin", "lying")]


async def test_userinfo_of_somebody_else_is_not_believed(owner, browser, provider):
    provider.claims = {"realm_access": None}
    provider.userinfo = {"sub": "subject 2", "realm_access": {"roles": ["chiefs"]}}
    assert (await browser.sign_in(provider)).status_code == 503
    assert await people(owner) == []


async def test_a_name_of_a_local_account_does_not_give_its_rights(owner, browser, provider):
    await owner.execute("INSERT INTO users (name, role, password_hash) VALUES ('ann', 'owner', 'x')")
    await browser.sign_in(provider)
    assert await people(owner) == [("ann", "owner", None), ("Ann (lying)", "viewer", "lying")]


async def test_people_of_one_name_are_told_apart(owner, browser, provider):
    for number in range(3):
        provider.claims["sub"] = f"subject {number}"
        await browser.sign_in(provider)
    assert [name for name, *_ in await people(owner)] == ["Ann", "Ann (lying)", "Ann (lying 2)"]


async def test_a_person_whose_name_changed_at_the_provider_is_the_same_one(owner, browser, provider):
    await browser.sign_in(provider)
    provider.claims["preferred_username"] = "Ann Smith"
    await browser.sign_in(provider)
    assert await people(owner) == [("Ann", "viewer", "lying")]


@pytest.mark.parametrize("name", ["", " ", "\u202etxt.exe", "a\nb", "\x00", "x" * 200, None, 17, "\ud800"])
async def test_a_name_that_cannot_stand_in_a_list_is_replaced(owner, browser, provider, name):
    provider.claims["preferred_username"] = name
    await browser.sign_in(provider)
    ((kept, *_),) = await people(owner)
    assert kept == "x" * 64 if name == "x" * 200 else kept.startswith("lying ")


async def test_a_disabled_person_stays_out(owner, browser, provider):
    await browser.sign_in(provider)
    await owner.execute("UPDATE users SET enabled = false")
    told = await browser.sign_in(provider)
    assert told.status_code == 403
    assert "switched off" in told.text


async def test_accounts_are_not_made_where_that_is_not_allowed(owner, api, browser, provider):
    configured(api, new_accounts=False)
    told = await browser.sign_in(provider)
    assert told.status_code == 403
    assert "no account for you" in told.text
    assert await people(owner) == []


async def test_another_issuer_behind_the_same_name_gets_nobodys_account(owner, browser, provider):
    await browser.sign_in(provider)
    await owner.execute("UPDATE openid_issuers SET issuer = 'https://before.example'")
    told = await browser.sign_in(provider)
    assert told.status_code == 403
    assert "https://before.example" in told.text


async def test_groups_of_the_provider_limit_people_to_groups_of_devices(owner, api, browser, provider):
    await owner.execute("INSERT INTO groups (name) VALUES ('Hall 3'), ('Hall 4')")
    rule = GroupRule(claim="groups", devices={"three": ("Hall 3", "gone"), "four": ("Hall 4",)}, everything=("it",))
    configured(api, groups=rule)
    seen = []
    for groups in (["three", "four"], ["four"], [], ["it", "four"]):
        provider.claims["groups"] = groups
        await browser.sign_in(provider)
        seen.append((await owner.fetchval("SELECT limited FROM users"), await groups_of(owner)))
    assert seen == [(True, ["Hall 3", "Hall 4"]), (True, ["Hall 4"]), (True, []), (False, [])]


async def test_an_owner_is_never_limited(owner, api, browser, provider):
    configured(api, groups=GroupRule(claim="groups", devices={"three": ("Hall 3",)}))
    await browser.sign_in(provider)
    assert await owner.fetchval("SELECT limited FROM users")
    provider.claims["realm_access"] = {"roles": ["chiefs"]}
    await browser.sign_in(provider)
    assert not await owner.fetchval("SELECT limited FROM users")


async def test_each_sign_in_stands_in_the_audit_with_provider_and_subject(owner, browser, provider):
    await browser.sign_in(provider)
    rows = await owner.fetch(
        "SELECT actor, action, after, transport FROM audit_log WHERE action IN ('user.create', 'openid.sign_in') ORDER BY id"
    )
    assert {row["transport"] for row in rows} == {"page"}
    assert [(row["actor"], row["action"], row["after"]["subject"]) for row in rows] == [
        ("Ann (lying)", "user.create", "subject 1"),
        ("Ann", "openid.sign_in", "subject 1"),
    ]


async def test_who_is_refused_stands_in_the_audit(owner, browser, provider):
    provider.claims["realm_access"] = {"roles": []}
    await browser.sign_in(provider)
    row = await owner.fetchrow("SELECT actor, address, after FROM audit_log WHERE action = 'openid.refuse'")
    assert (row["actor"], row["address"], row["after"]["subject"]) == ("Ann (lying)", "127.0.0.1", "subject 1")


async def test_signing_in_again_ends_the_session_that_the_browser_had(owner, browser, provider):
    await browser.sign_in(provider)
    first = browser.cookies["__Host-ddms_session"]
    await browser.sign_in(provider)
    assert browser.cookies["__Host-ddms_session"] != first
    assert await sessions(owner) == 1


def word(provider: Lying, **changes) -> str:
    """Return what a provider says when somebody signed out there."""
    claims = {
        "iss": provider.issuer,
        "aud": CLIENT_ID,
        "iat": 1,
        "exp": 4_000_000_000,
        "jti": "1",
        "events": SIGNED_OUT,
    }
    told = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode({"alg": "RS256", "kid": provider.key.kid, "typ": "logout+jwt"}, told, provider.key)


@pytest.mark.parametrize("whom", [{"sub": "subject 1"}, {"sid": "session 1"}, {"sub": "subject 1", "sid": "session 1"}])
async def test_who_signs_out_at_the_provider_is_signed_out_here(owner, api, browser, provider, whom):
    await browser.sign_in(provider)
    answer = await api.client.post(f"{api.url}/openid-lying", data={"logout_token": word(provider, **whom)})
    assert (answer.status_code, await sessions(owner)) == (200, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "subject 2"}, {"sub": "subject 1", "sid": "session 2"}, {"sub": "subject 1", "events": {}},
        {"sub": "subject 1", "nonce": "x"}, {"sub": "subject 1", "aud": "another"}, {"sub": "subject 1", "iss": "https://x.example"},
        {"sub": "subject 1", "exp": 1}, {"sub": "subject 1", "jti": None}, {},
    ],
)  # fmt: skip
async def test_a_word_of_the_provider_that_is_not_right_signs_nobody_out(owner, api, browser, provider, changes):
    await browser.sign_in(provider)
    await api.client.post(f"{api.url}/openid-lying", data={"logout_token": word(provider, **changes)})
    assert await sessions(owner) == 1


async def test_a_word_that_somebody_else_signed_signs_nobody_out(owner, api, browser, provider):
    await browser.sign_in(provider)
    provider.key = KEYS[1]
    answer = await api.client.post(f"{api.url}/openid-lying", data={"logout_token": word(provider, sub="subject 1")})
    assert (answer.status_code, await sessions(owner)) == (400, 1)
