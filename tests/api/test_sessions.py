"""Sessions of browsers: several at once, renewed when rights change, ended by the person, an owner, the clock."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from api.access import sessions
from api.access.session_list import device_of
from api.ground.actor import Actor
from api.ground.callers import of_cookies
from api.ground.database import Statements
from ddms.errors import DdmsError
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.signed_in import Browser, browser_fixture  # noqa: F401 - fixture

ME = "{ me { name role } }"
SESSIONS = "{ sessions { id device address isCurrent } }"
AGE = "UPDATE api_tokens SET last_used_at = now() - $2::interval, created_at = now() - interval '2 days' WHERE id = $1"


def code(answer) -> str | None:
    return answer.json()["errors"][0]["extensions"]["code"] if "errors" in answer.json() else None


async def test_several_browsers_are_signed_in_at_once_and_each_sees_all(browser: Browser, api: Api):
    other = await Browser.of(api, browser.owner, browser.user_id)
    listed = (await other.post(SESSIONS)).json()["data"]["sessions"]
    assert {session["id"] for session in listed} == {f"ses_{browser.token_id}", f"ses_{other.token_id}"}
    assert [session["id"] for session in listed if session["isCurrent"]] == [f"ses_{other.token_id}"]
    assert {session["address"] for session in listed} == {"127.0.0.1"}
    await other.client.aclose()


async def test_a_session_that_is_idle_too_long_has_ended(browser: Browser):
    await browser.owner.execute(AGE, browser.token_id, timedelta(minutes=479))
    assert code(await browser.post(ME)) is None
    browser.api.parts.callers.forget()
    await browser.owner.execute(AGE, browser.token_id, timedelta(minutes=481))
    assert code(await browser.post(ME)) == "UNAUTHENTICATED"


async def test_a_session_ends_after_its_hours_whatever_it_does(browser: Browser):
    row = "SELECT expires_at - created_at FROM api_tokens WHERE id = $1"
    assert await browser.owner.fetchval(row, browser.token_id) == timedelta(hours=168)
    await browser.owner.execute(
        "UPDATE api_tokens SET expires_at = now() - interval '1 s' WHERE id = $1", browser.token_id
    )
    browser.api.parts.callers.forget()
    assert code(await browser.post(ME)) == "UNAUTHENTICATED"


async def test_how_long_is_configured(browser: Browser, api: Api):
    change = "mutation { updateConfiguration(changes: {sessionIdleMinutes: 5, sessionHours: 1}) { errors { field } configuration { sessionHours } } }"
    assert (await api.ask(change))["errors"] == []
    other = await Browser.of(api, browser.owner, browser.user_id)
    row = await browser.owner.fetchrow(
        "SELECT idle, expires_at - created_at AS whole FROM sessions JOIN api_tokens ON id = token_id WHERE id = $1",
        other.token_id,
    )
    assert tuple(row) == (timedelta(minutes=5), timedelta(hours=1))
    await other.client.aclose()


@pytest.mark.parametrize(("name", "values"), [("sessionIdleMinutes", (4, 43201)), ("sessionHours", (0, 8761))])
async def test_what_is_too_short_or_too_long_is_refused(api: Api, name: str, values: tuple[int, int]):
    for value in values:
        change = f"mutation {{ updateConfiguration(changes: {{{name}: {value}}}) {{ errors {{ field }} }} }}"
        assert (await api.ask(change))["errors"] == [{"field": name}]


async def test_a_change_of_rights_brings_a_new_secret_and_the_old_one_serves_a_moment_longer(browser: Browser):
    await browser.owner.execute("UPDATE users SET role = 'viewer' WHERE id = $1", browser.user_id)
    browser.api.parts.callers.forget()
    answer = await browser.post(ME)
    assert answer.json()["data"]["me"]["role"] == "VIEWER"
    session, csrf = answer.headers.get_list("set-cookie")
    assert browser.secret not in session
    again = await browser.post(ME)
    assert again.json()["data"]["me"]["role"] == "VIEWER"
    assert "set-cookie" not in again.headers, "it got its new one"
    left = "SELECT expires_at - now() FROM api_tokens WHERE id = $1"
    assert await browser.owner.fetchval(left, browser.token_id) <= sessions.GRACE
    browser.secret = session.partition("=")[2].partition(";")[0]
    assert csrf.partition("=")[2].startswith(browser.csrf)
    assert code(await browser.post(ME)) is None


async def test_of_many_requests_at_once_one_brings_the_new_secret(browser: Browser):
    await browser.owner.execute("UPDATE users SET role = 'viewer' WHERE id = $1", browser.user_id)
    answers = await asyncio.gather(*(browser.post(ME) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert await browser.owner.fetchval("SELECT count(*) FROM sessions") <= 2
    assert sum("set-cookie" in answer.headers for answer in answers) <= 1


async def test_signing_out_ends_what_a_renewed_session_had_before_too(browser: Browser, api: Api):
    old = browser.secret
    await browser.owner.execute("UPDATE users SET role = 'viewer' WHERE id = $1", browser.user_id)
    api.parts.callers.forget()
    (session, _) = (await browser.post(ME)).headers.get_list("set-cookie")
    browser.secret = session.partition("=")[2].partition(";")[0]
    answer = await browser.post("mutation { signOut { errors { code } } }")
    assert "Max-Age=0" in answer.headers.get_list("set-cookie")[0]
    for secret in (old, browser.secret):
        browser.secret = secret
        assert code(await browser.post(ME)) == "UNAUTHENTICATED"


async def test_a_person_ends_one_session_and_all_others(browser: Browser, api: Api):
    others = [await Browser.of(api, browser.owner, browser.user_id) for _ in range(3)]
    end = f'mutation {{ endSession(id: "ses_{others[0].token_id}") {{ errors {{ code }} id }} }}'
    assert (await browser.post(end)).json()["data"]["endSession"]["errors"] == []
    assert code(await others[0].post(ME)) == "UNAUTHENTICATED"
    ended = await browser.post("mutation { endSessions { errors { code } ended } }")
    assert ended.json()["data"]["endSessions"]["ended"] == 2
    assert [code(await other.post(ME)) for other in others[1:]] == ["UNAUTHENTICATED"] * 2
    assert code(await browser.post(ME)) is None
    for other in others:
        await other.client.aclose()


async def test_only_an_owner_sees_and_ends_what_is_anothers(browser: Browser, api: Api):
    other = await Browser.signed_in(api, browser.owner, name="adam")
    query = f'{{ sessions(user: "usr_{other.user_id}") {{ id }} }}'
    assert code(await browser.post(query)) == "FORBIDDEN"
    end = f'mutation {{ endSession(id: "ses_{other.token_id}") {{ errors {{ code }} }} }}'
    assert (await browser.post(end)).json()["data"]["endSession"]["errors"] == [{"code": "NOT_FOUND"}]
    assert await api.ask(query) == [{"id": f"ses_{other.token_id}"}]
    assert (await api.ask(end))["errors"] == []
    assert code(await other.post(ME)) == "UNAUTHENTICATED"
    await other.client.aclose()


async def test_a_disabled_person_gets_no_session(browser: Browser):
    await browser.owner.execute("UPDATE users SET enabled = false")
    with pytest.raises(DdmsError, match="switched off"):
        await sessions.begin(Statements(browser.owner), Actor(name="eve"), browser.user_id, agent="")


async def test_a_person_has_at_most_a_hundred_sessions_and_the_oldest_make_room(browser: Browser):
    statements = Statements(browser.owner)
    for _ in range(sessions.MOST):
        await sessions.begin(statements, Actor(name="eve"), browser.user_id, agent="")
    assert await browser.owner.fetchval("SELECT count(*) FROM sessions") == sessions.MOST
    browser.api.parts.callers.forget()
    assert code(await browser.post(ME)) == "UNAUTHENTICATED"


@pytest.mark.parametrize("end", ["revoke", "role", "disable", "idle"])
async def test_an_open_websocket_ends_with_its_session_or_when_rights_change(browser: Browser, api: Api, end: str):
    async with api.raw_socket(additional_headers={"Cookie": browser.headers["Cookie"]}, origin=api.url) as socket:
        await socket.send(type="connection_init")
        assert (await socket.receive())["type"] == "connection_ack"
        match end:
            case "revoke":
                await browser.post("mutation { endSessions(keepThis: false) { ended } }")
            case "role":
                await browser.owner.execute("UPDATE users SET role = 'viewer'")
            case "disable":
                await browser.owner.execute("UPDATE users SET enabled = false")
            case "idle":
                await browser.owner.execute(AGE, browser.token_id, timedelta(minutes=479, seconds=58))
                await browser.owner.execute("UPDATE users SET language = 'zh'")  # something changes, so that it looks
        assert await socket.closed() == 4401


async def test_what_is_done_over_a_websocket_keeps_a_session(browser: Browser, api: Api):
    async with api.raw_socket(additional_headers={"Cookie": browser.headers["Cookie"]}, origin=api.url) as socket:
        await socket.send(type="connection_init")
        await socket.receive()
        await browser.owner.execute(AGE, browser.token_id, timedelta(minutes=300))
        await socket.subscribe(ME)
        assert await socket.event("me")
        age = "SELECT now() - last_used_at FROM api_tokens WHERE id = $1"
        assert await browser.owner.fetchval(age, browser.token_id) < timedelta(minutes=2)


async def test_sessions_are_no_tokens_of_programs(browser: Browser, api: Api):
    listed = await api.ask("{ tokens { nodes { id } } }")
    assert f"tok_{browser.token_id}" not in {token["id"] for token in listed["nodes"]}


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1 Version/17.0 Safari/604.1", "Safari, iPad"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
        ("something else", "something else"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_device_is_called_by_its_browser_and_system(agent: str, device: str):
    assert device_of(agent) == device


async def test_what_a_browser_calls_itself_cannot_mislead(browser: Browser, owner: asyncpg.Connection):
    agent = "Fire\u202efox\x00\r\n" + "x" * 10_000_000
    begun = await sessions.begin(Statements(owner), Actor(name="eve"), browser.user_id, agent=agent)
    kept = await owner.fetchval("SELECT agent FROM sessions WHERE token_id = $1", begun.token_id)
    assert kept == "Firefox" + "x" * 193


async def test_rights_that_change_while_a_caller_is_looked_up_are_not_remembered(
    browser: Browser, owner: asyncpg.Connection
):
    callers = browser.api.parts.callers
    await owner.execute("UPDATE api_tokens SET last_used_at = NULL WHERE id = $1", browser.token_id)
    callers.forget()
    async with owner.transaction():  # the look-up has read the row, and waits to mark it
        await owner.execute("SELECT FROM api_tokens WHERE id = $1 FOR UPDATE", browser.token_id)
        under_way = asyncio.create_task(callers.find(browser.secret))
        while not await owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        await owner.execute("UPDATE users SET role = 'viewer' WHERE id = $1", browser.user_id)
        callers.forget()  # as when the database says so
        callers.may_remember = True
    await under_way
    assert (await callers.find(browser.secret)).role == "viewer"


@pytest.mark.parametrize("blank", ["\xa0", "\x85", "\x0b", "\x1f"])
def test_a_name_that_only_looks_like_that_of_the_cookie_is_another_one(blank: str):
    secret = "ddms-session_of-an-attacker"
    assert of_cookies(f"a=b; {sessions.COOKIE}={secret}") == secret
    assert of_cookies(f"a=b; {blank}{sessions.COOKIE}={secret}") is None
    assert of_cookies(f"a=b;{sessions.COOKIE}{blank}={secret}") is None
