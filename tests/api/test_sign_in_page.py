"""Signing in and out by the pages, as a browser without script does; and what bad input can do there: nothing."""

import asyncio
import re
from pathlib import Path

import asyncpg
import httpx2
import pytest

from api.access.sessions import COOKIE, CSRF_COOKIE
from api.transport.pages.texts import TEXTS
from api.transport.pages.visit import path_of_ours
from tests.support.api_server import Api, api_fixture, serving, tokens_fixture  # noqa: F401 - fixtures
from tests.support.signed_in import PASSWORD, WebForms, forms_fixture, person_fixture  # noqa: F401 - fixtures

NEW = "four other words here"
FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


async def test_a_person_signs_in_and_gets_two_cookies_for_this_host_alone(forms: WebForms):
    answer = await forms.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    session, csrf = answer.headers.get_list("set-cookie")
    assert session.startswith(f"{COOKIE}=ddms-session_")
    assert csrf.startswith(f"{CSRF_COOKIE}=")
    for cookie in (session, csrf):
        assert "; Path=/; Secure; SameSite=Lax" in cookie
        assert "Domain" not in cookie
    assert session.endswith("; HttpOnly")
    assert "HttpOnly" not in csrf
    assert "eve" in (await forms.get("/account")).text


async def test_the_start_page_bears_the_name_of_the_site_for_those_who_are_signed_in(
    forms: WebForms, owner: asyncpg.Connection
):
    await owner.execute("UPDATE configuration SET site_name = '<b>North & South</b>'")
    as_people = {"Accept": "text/html"}
    assert "North" not in (await forms.get("/sign-in", headers=as_people)).text
    await forms.sign_in()
    assert (
        "<title>&lt;b&gt;North &amp; South&lt;/b&gt; · DDMS</title>" in (await forms.get("/", headers=as_people)).text
    )


async def test_a_wrong_password_is_told_beside_its_field_and_the_name_stays(forms: WebForms):
    answer = await forms.sign_in(password="wrong")
    assert answer.status_code == 401
    assert 'id="password-error" role="alert">name or password is wrong' in answer.text
    assert 'value="eve"' in answer.text
    assert 'wrong"' not in answer.text.split('name="password"')[1].split(">")[0]
    assert "set-cookie" not in answer.headers


async def test_the_pages_speak_chinese_to_whom_the_browser_or_the_account_says_so(
    forms: WebForms, owner: asyncpg.Connection
):
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}
    page = (await forms.get("/sign-in", headers=chinese)).text
    assert '<html lang="zh-Hans">' in page
    assert "密码" in page
    wrong = await forms.sign_in(password="wrong", headers=chinese)
    assert re.search('role="alert">[^<]*[\u4e00-\u9fff]', wrong.text)
    await owner.execute("UPDATE users SET language = 'zh'")
    await forms.sign_in()
    assert "登录位置" in (await forms.get("/account")).text
    assert "分隔符" in (await forms.get("/export", headers={"Accept": "text/html"})).text


def test_every_text_is_used():
    folder = Path(__file__).parents[2] / "api/transport/pages"
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "texts.py")
    unused = {key for key in TEXTS if f'"{key}"' not in code and not key.endswith("_hint")}
    assert unused <= {"owner", "admin", "viewer"}


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/grafana/d/fleet?orgId=1&from=now-1h", "/grafana/d/fleet?orgId=1&from=now-1h"),
        ("/graphql", "/graphql"),
        ("/export?device=Pumpe%20ä", "/export?device=Pumpe%20%C3%A4"),
        ("//evil.example/", "/"),
        ("///evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/a\r\nSet-Cookie: a=b", "/"),
        (" /graphql", "/"),
        ("/\u202egraphql", "/"),
        ("/sign-in?next=/sign-in", "/"),
        ("/sign-out/", "/"),
        ("/" + "a" * 5_000, "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_one_goes_to_a_path_of_this_host_only(address: str, path: str):
    assert path_of_ours(address) == path


async def test_the_form_leads_to_where_the_person_wanted_to_go(forms: WebForms):
    page = await forms.get("/sign-in", params={"next": "/grafana/d/fleet?orgId=1"})
    assert 'name="next" value="/grafana/d/fleet?orgId=1"' in page.text
    assert (await forms.sign_in(next="/grafana/d/fleet?orgId=1")).headers["location"] == "/grafana/d/fleet?orgId=1"
    assert (await forms.get("/sign-in?next=/export")).headers["location"] == "/export"


async def test_another_site_cannot_sign_a_browser_in_or_out(forms: WebForms):
    assert (await forms.sign_in(headers=FOREIGN)).status_code == 403
    await forms.sign_in()
    assert (await forms.post("/sign-out", csrf=await forms.csrf(), headers=FOREIGN)).status_code == 403
    assert (await forms.post("/sign-out", csrf="")).status_code == 403
    assert (await forms.get("/account")).status_code == 200


async def test_a_new_sign_in_ends_what_the_browser_had(forms: WebForms, api: Api):
    await forms.sign_in()
    old = forms.secret
    await forms.get("/")
    await forms.sign_in()
    assert forms.secret != old
    headers = {"Cookie": f"{COOKIE}={old}"}
    assert (await api.client.get(f"{api.url}/account", headers=headers)).status_code == 303


async def test_a_cookie_is_worth_nothing_after_signing_out(forms: WebForms, api: Api):
    await forms.sign_in()
    old = {"Cookie": f"{COOKIE}={forms.secret}"}
    answer = await forms.post("/sign-out", csrf=await forms.csrf())
    assert all("Max-Age=0" in cookie for cookie in answer.headers.get_list("set-cookie"))
    assert "You are signed out." in (await forms.get("/" + answer.headers["location"])).text
    replayed = await api.client.get(f"{api.url}/graphql", params={"query": "{ me { name } }"}, headers=old)
    assert (replayed.status_code, replayed.json()["errors"][0]["message"]) == (
        401,
        "your session has ended: sign in again",
    )


async def test_a_given_password_is_changed_before_anything_else(forms: WebForms, owner: asyncpg.Connection):
    await owner.execute("UPDATE users SET must_change_password = true")
    answer = await forms.sign_in(next="/export")
    assert answer.headers["location"] == "account?next=%2Fexport"
    assert (await forms.get("/")).headers["location"] == "account"
    page = (await forms.get("/account?next=%2Fexport")).text
    assert "Your password was given to you" in page
    assert "Where you are signed in" not in page
    old = forms.secret
    changed = await forms.post(
        "/account", do="password", old=PASSWORD, new=NEW, again=NEW, next="/export", csrf=await forms.csrf()
    )
    assert changed.headers["location"] == "/export"
    assert (await forms.get("/")).status_code == 200
    assert forms.secret != old, "what the person may do has changed"


@pytest.mark.parametrize(
    ("old", "new", "again", "place"),
    [
        ("wrong", NEW, NEW, "old-error"),
        (PASSWORD, "short", "short", "new-error"),
        (PASSWORD, NEW, "something else", "again-error"),
    ],
)
async def test_a_password_that_does_not_fit_is_told_beside_its_field(
    forms: WebForms, old: str, new: str, again: str, place: str
):
    await forms.sign_in()
    answer = await forms.post("/account", do="password", old=old, new=new, again=again, csrf=await forms.csrf())
    assert answer.status_code == 400
    assert f'id="{place}" role="alert"' in answer.text


async def test_a_changed_password_signs_out_all_other_browsers(forms: WebForms):
    other = forms.another()
    await other.sign_in()
    await forms.sign_in()
    await forms.post("/account", do="password", old=PASSWORD, new=NEW, again=NEW, csrf=await forms.csrf())
    assert (await forms.get("/account")).status_code == 200
    assert (await other.get("/account")).headers["location"].startswith("sign-in")
    await other.client.aclose()


async def test_the_list_of_sessions_ends_one_the_others_and_all(forms: WebForms, owner: asyncpg.Connection):
    second, third = forms.another(), forms.another()
    for browser in (second, third, forms):
        await browser.sign_in(headers={"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/130.0"})
    page = (await forms.get("/account")).text
    assert page.count("Firefox, Windows") == 3
    assert page.count("127.0.0.1") >= 3
    assert page.count("this browser") == 1
    ended = await owner.fetchval("SELECT min(token_id) FROM sessions")
    await forms.post("/account", do="end", session=f"ses_{ended}", csrf=await forms.csrf())
    assert [(await browser.get("/account")).status_code for browser in (second, third, forms)] == [303, 200, 200]
    await forms.post("/account", do="end_others", csrf=await forms.csrf())
    assert [(await browser.get("/account")).status_code for browser in (second, third, forms)] == [303, 303, 200]
    await forms.post("/account", do="end_all", csrf=await forms.csrf())
    assert (await forms.get("/account")).status_code == 303
    for browser in (second, third):
        await browser.client.aclose()


async def test_the_session_of_another_person_cannot_be_ended(forms: WebForms, owner: asyncpg.Connection):
    await owner.execute(
        "INSERT INTO users (name, role, password_hash) SELECT 'adam', 'owner', password_hash FROM users"
    )
    adam = forms.another()
    await adam.sign_in(name="adam")
    await forms.sign_in()
    theirs = await owner.fetchval("SELECT min(token_id) FROM sessions")
    answer = await forms.post("/account", do="end", session=f"ses_{theirs}", csrf=await forms.csrf())
    assert "no session that lasts has this id" in answer.text
    assert (await adam.get("/account")).status_code == 200
    await adam.client.aclose()


async def test_a_language_is_chosen_and_kept(forms: WebForms):
    await forms.sign_in()
    await forms.post("/account", do="language", language="zh", csrf=await forms.csrf())
    assert "登录位置" in (await forms.get("/account")).text
    await forms.post("/account", do="language", language="xx", csrf=await forms.csrf())
    assert "Where you are signed in" in (await forms.get("/account")).text


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "\u202eeve",
        "e\x00ve",
        "eve\r\nSet-Cookie: a=b",
        "مدير",
        "x" * 5_000,
    ],
)
async def test_whatever_is_typed_as_a_name_is_answered_by_the_page_and_stands_escaped(forms: WebForms, name: str):
    answer = await forms.sign_in(name=name)
    assert answer.status_code in {400, 401}
    assert "<script" not in answer.text
    assert "<img" not in answer.text
    assert 'role="alert"' in answer.text
    assert "a=b" not in str(answer.headers)


async def test_a_form_of_10_mb_is_refused_by_a_page(forms: WebForms):
    answer = await forms.sign_in(name="x" * 10_000_000)
    assert answer.status_code == 413
    assert 'role="alert"' in answer.text


async def test_what_is_no_form_is_refused_by_a_page(forms: WebForms):
    sent = {"content": b"{}", "headers": {"Content-Type": "application/json"}}
    assert (await forms.client.post(f"{forms.url}/sign-in", **sent)).status_code == 415
    assert (await forms.client.put(f"{forms.url}/sign-in")).status_code == 405


async def test_the_pages_allow_no_script_and_no_frame(forms: WebForms):
    for path in ("/sign-in", "/account", "/sign-out", "/"):
        answer = await forms.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; style-src 'self'" in policy, path
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert "<script" not in answer.text
        assert "style=" not in answer.text
        if path == "/sign-in":
            await forms.sign_in()


async def test_where_browsers_keep_no_session_the_page_says_so(forms: WebForms):
    plain = await forms.get("/sign-in", headers={"Host": "plant.example:8000"})
    assert "open it by https://plant.example:8000" in plain.text
    assert "https://" not in (await forms.get("/sign-in")).text
    trusted = await forms.get("/sign-in", headers={"Host": "plant.example", "Sec-Fetch-Site": "none"})
    assert "https://" not in trusted.text


async def test_programs_are_still_sent_from_the_root_to_graphql(forms: WebForms):
    answer = await forms.get("/", headers={"Accept": "*/*"})
    assert answer.headers["location"] == "graphql"


async def test_another_replica_knows_the_session_and_its_end(forms: WebForms, settings):
    await forms.sign_in()
    cookie = {"Cookie": f"{COOKIE}={forms.secret}"}
    async with serving(settings) as (url, parts), httpx2.AsyncClient() as client:
        assert (await client.get(f"{url}/account", headers=cookie)).status_code == 200
        await forms.post("/sign-out", csrf=await forms.csrf())
        async with asyncio.timeout(30):
            while (await client.get(f"{url}/account", headers=cookie)).status_code == 200:
                pass
    assert parts


@pytest.mark.parametrize(
    "cookie",
    [
        f"{COOKIE}=ddms-session_forged",
        f"{COOKIE}=ddms_token",
        f"{COOKIE}=" + "ddms-session_" + "x" * 30_000,
        f"{COOKIE}=ddms-session_\x7fé",
        f"{COOKIE}; ={COOKIE}",
    ],
)
async def test_a_cookie_from_elsewhere_opens_nothing(api: Api, cookie: str):
    headers = {"Cookie": cookie.encode("latin-1")}
    assert (await api.client.get(f"{api.url}/account", headers=headers)).status_code in {303, 400, 431}


async def test_two_cookies_that_differ_open_nothing(forms: WebForms, api: Api):
    await forms.sign_in()
    headers = {"Cookie": f"{COOKIE}=ddms-session_planted; {COOKIE}={forms.secret}"}
    assert (await api.client.get(f"{api.url}/account", headers=headers)).status_code == 303
    same = {"Cookie": f"{COOKIE}={forms.secret}; {COOKIE}={forms.secret}"}
    assert (await api.client.get(f"{api.url}/account", headers=same)).status_code == 200


async def test_a_disabled_person_is_signed_out_and_does_not_come_in_again(forms: WebForms, owner: asyncpg.Connection):
    await forms.sign_in()
    await owner.execute("UPDATE users SET enabled = false")
    async with asyncio.timeout(30):
        while (await forms.get("/account")).status_code == 200:
            pass
    assert (await forms.sign_in()).status_code == 401


async def test_a_host_that_is_none_makes_no_error(forms):
    assert (await forms.get("/sign-in", headers={"Host": "["})).status_code == 200
