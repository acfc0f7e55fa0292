"""Who somebody is, as the API tells it to Grafana: the cookie of a session becomes a signature that everybody can check."""

import os
import time
from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from api.ground import signing
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.cookies import Person, signed_in

WHERE = "/auth/grafana"


@pytest.fixture
def settings(settings, tmp_path):
    signing.ensure(tmp_path / "keys")
    return replace(settings, keys_directory=tmp_path / "keys", trusted_proxies=("127.0.0.1",))


async def asked(api: Api, **headers: str) -> httpx2.Response:
    """Ask as nginx does."""
    return await api.client.get(api.url + WHERE, headers={name.replace("_", "-"): v for name, v in headers.items()})


async def published(api: Api) -> KeySet:
    return KeySet.import_key_set((await api.client.get(f"{api.url}/.well-known/jwks.json")).json())


async def told(api: Api, answer: httpx2.Response) -> dict:
    return jwt.decode(answer.headers["X-DDMS-Identity"], await published(api), algorithms=["ES256"]).claims


@pytest.mark.parametrize(("role", "called"), [("owner", "Admin"), ("admin", "Editor"), ("viewer", "Viewer")])
async def test_whoever_is_signed_in_gets_an_identity_with_the_role_that_grafana_knows(api: Api, owner, role, called):
    person = await signed_in(owner, "Zoë 李", role)
    claims = await told(api, await asked(api, **person.cookie))
    assert claims["sub"] == claims["login"] == f"usr_{person.id}"
    assert (claims["name"], claims["role"]) == ("Zoë 李", called)
    assert (claims["iss"], claims["aud"]) == ("ddms", "grafana")
    assert claims["exp"] - claims["iat"] <= 60


async def test_nobody_is_somebody_without_a_session(api: Api):
    made_up = "__Host-ddms_session=ddms-session_made-up"
    token = f"__Host-ddms_session={api.tokens['owner']}"
    for cookie in ("", made_up, token, "a=b"):
        answer = await asked(api, Cookie=cookie, Authorization=f"Bearer {api.tokens['owner']}")
        assert answer.status_code == 401
        assert "X-DDMS-Identity" not in answer.headers


@pytest.mark.parametrize(
    ("wanted", "next_"),
    [
        ("/grafana/d/x?a=1&b=ü", "%2Fgrafana%2Fd%2Fx%3Fa%3D1%26b%3D%C3%BC"),
        ("//evil.example/grafana/", "%2Fgrafana%2F"),
        ("https://evil.example/grafana/", "%2Fgrafana%2F"),
        ("//[/../grafana/", "%2Fgrafana%2F"),
        ("/elsewhere", "%2Fgrafana%2F"),
        ("/grafana/" + "x" * 5000, "%2Fgrafana%2F"),
        ("", "%2Fgrafana%2F"),
    ],
)
async def test_who_is_not_signed_in_is_told_where_to_and_never_led_away(api: Api, wanted, next_):
    answer = await api.client.get(api.url + WHERE, headers={b"X-Original-URI": wanted.encode()})
    assert answer.headers["X-DDMS-Sign-In"].replace("%C3%83%C2%BC", "%C3%BC") == f"/sign-in?next={next_}"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_tokens SET revoked_at = now() WHERE user_id = $1",
        "UPDATE users SET enabled = false WHERE id = $1",
        "UPDATE users SET must_change_password = true WHERE id = $1",
        "DELETE FROM users WHERE id = $1",
    ],
)
async def test_signing_out_and_losing_the_account_act_at_once(api: Api, owner, change):
    person = await signed_in(owner, "ann", "viewer")
    assert (await asked(api, **person.cookie)).status_code == 200
    await owner.execute(change, person.id)
    assert await until(api, person, lambda answer: answer.status_code == 401)


async def test_a_role_that_changes_is_in_the_next_identity(api: Api, owner):
    person = await signed_in(owner, "ann", "viewer")
    await asked(api, **person.cookie)
    await owner.execute("UPDATE users SET role = 'admin' WHERE id = $1", person.id)
    keys = await published(api)

    def is_editor(answer: httpx2.Response) -> bool:
        return jwt.decode(answer.headers["X-DDMS-Identity"], keys, algorithms=["ES256"]).claims["role"] == "Editor"

    assert await until(api, person, is_editor)


async def until(api: Api, person: Person, good: Callable[[httpx2.Response], bool]) -> bool:
    """Ask until the change, which the database tells, has arrived; that takes milliseconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if good(await asked(api, **person.cookie)):
            return True
    return False


async def test_language_and_limits_of_the_person_go_along(api: Api, owner):
    free, limited = (
        await signed_in(owner, "ann", "admin"),
        await signed_in(owner, "bob", "admin", language="zh", limited=True),
    )
    page = {"X-Original-Method": "GET", "X-Original-URI": "/grafana/d/ddms-fleet/fleet?orgId=1"}
    plain, marked = await asked(api, **free.cookie), await asked(api, **limited.cookie, **page)
    assert "X-DDMS-Language" not in plain.headers
    assert "X-DDMS-Limited" not in plain.headers
    assert (marked.headers["X-DDMS-Language"], marked.headers["X-DDMS-Limited"]) == ("zh-Hans", "1")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X_Original_Method": "GET"}, 200),
        ({"X_Original_Method": "GET", "Origin": "https://evil.example"}, 200),
        ({"X_Original_Method": "POST", "Origin": "https://ddms.example:8443"}, 200),
        ({"X_Original_Method": "POST", "Origin": "https://ddms.example"}, 403),
        ({"X_Original_Method": "POST", "Origin": "http://ddms.example:8443"}, 403),
        ({"X_Original_Method": "POST", "Origin": "null"}, 403),
        ({"X_Original_Method": "POST"}, 403),
        ({"X_Original_Method": "DELETE", "Origin": "https://ddms.example:8443", "Sec_Fetch_Site": "same-site"}, 403),
        ({"X_Original_Method": "GET", "Sec_WebSocket_Key": "x", "Origin": "https://evil.example"}, 403),
        ({"X_Original_Method": "GET", "Sec_WebSocket_Key": "x", "Origin": "https://ddms.example:8443"}, 200),
    ],
)
async def test_what_changes_something_in_grafana_must_come_from_our_own_pages(api: Api, owner, headers, status):
    person = await signed_in(owner, "ann", "admin")
    here = {"Host": "ddms.example:8443", "X-Forwarded-Proto": "https"}
    assert (await asked(api, **(person.cookie | here | headers))).status_code == status


async def test_after_a_rotation_the_old_key_signs_on_until_the_new_one_is_known_everywhere(
    api: Api, owner, settings, monkeypatch
):
    person = await signed_in(owner, "ann", "viewer")
    old = (await asked(api, **person.cookie)).headers["X-DDMS-Identity"]
    monkeypatch.setattr(signing, "_LOOK_SECONDS", 0)
    new = signing.rotate(settings.keys_directory)
    assert [key.kid for key in (await published(api)).keys][-1] == new.id
    assert old.split(".")[0] == (await asked(api, **person.cookie)).headers["X-DDMS-Identity"].split(".")[0]
    real = time.time
    monkeypatch.setattr(signing.time, "time", lambda: real() + signing.LEAD_SECONDS + 1)
    assert (
        jwt.decode(
            (await asked(api, **person.cookie)).headers["X-DDMS-Identity"], await published(api), algorithms=["ES256"]
        ).header["kid"]
        == new.id
    )
    assert len((await published(api)).keys) == 2, "the old one may still be checked"
    monkeypatch.setattr(signing.time, "time", lambda: real() + signing.LEAD_SECONDS + 600)
    assert [key.kid for key in (await published(api)).keys] == [new.id]


async def test_a_key_that_others_may_read_is_not_used(api: Api, owner, settings):
    person = await signed_in(owner, "ann", "viewer")
    (settings.keys_directory / signing.FILE).chmod(0o640)
    os.utime(settings.keys_directory / signing.FILE, (1, 1))
    answer = await asked(api, **person.cookie)
    assert answer.status_code == 503
    assert "chmod 600" in answer.json()["errors"][0]["message"]


async def test_without_a_key_it_is_said_how_to_get_one(api: Api, owner, settings):
    person = await signed_in(owner, "ann", "viewer")
    (settings.keys_directory / signing.FILE).unlink()
    answer = await asked(api, **person.cookie)
    assert answer.status_code == 503
    assert "ddms keys rotate" in answer.json()["errors"][0]["message"]
    assert (await api.client.get(f"{api.url}/.well-known/jwks.json")).status_code == 503
