"""What fails comes home: counted, logged and kept under the number that the person was told."""

import json
import logging
import re

import asyncpg
import pytest

from api.ground import failures
from api.ground.failures import LISTED
from api.ground.metrics import REGISTRY
from api.transport.browser_errors import REPORT_BYTES, reports_of
from api.transport.request import Refused
from ddms.cli.errors import reference_in
from ddms.errors import DdmsError
from ddms.logs import JsonFormatter
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.signed_in import person_fixture  # noqa: F401 - fixture

NUMBER = re.compile("[0-9a-f]{4}-[0-9a-f]{4}")
HTML = {"Accept": "text/html"}


async def kept(api: Api, owner: asyncpg.Connection, number: str) -> list[dict[str, object]]:
    """Return what is kept under a number."""
    assert NUMBER.fullmatch(number), number
    await api.parts.failures.keep()
    rows = await owner.fetch("SELECT * FROM errors WHERE reference = $1 ORDER BY id", number)
    return [dict(row) for row in rows]


@pytest.fixture
def logged(caplog):
    """Lines of the log as a program writes them."""
    caplog.set_level(logging.INFO, "api.errors")
    caplog.handler.setFormatter(JsonFormatter())
    return lambda: [json.loads(line) for line in caplog.text.splitlines() if line.startswith("{")]


async def test_an_error_has_one_number_in_the_answer_the_log_and_the_table(api: Api, owner, logged):
    answer = await api.post('{ device(id: "dev_1") { name } series(points: ["pt_1"], from: "x") { source } }', "viewer")
    (number,) = {error["extensions"]["reference"] for error in answer["errors"]}
    (row,) = await kept(api, owner, number)
    assert (row["place"], row["code"], row["caller"]) == ("graphql", "INVALID", "the viewer's")
    assert "pt_1" not in row["message"]
    (line,) = [line for line in logged() if line.get("reference") == number]
    assert line["request_id"] == row["request_id"]


async def test_the_number_of_the_edge_is_taken_and_one_of_another_form_is_not(api: Api):
    async def told(reference: str) -> str:
        headers = {"X-DDMS-Reference": reference, "Content-Type": "text/plain"}
        answer = await api.client.post(f"{api.url}/graphql", content=b"x", headers=headers)
        return answer.json()["errors"][0]["extensions"]["reference"]

    assert await told("0123-abcd") == "0123-abcd"
    for forged in ("<b>", "0123-ABCD", "0123-abcd'", "", "0" * 500):
        assert NUMBER.fullmatch(number := await told(forged))
        assert number != forged


@pytest.mark.parametrize("path", ["/nowhere", "/auth/grafana", "/graphql?query={nothing}"])
async def test_what_nobody_looked_at_counts_as_its_addresss_own(api: Api, owner, path: str):
    headers = {"Accept": "image/png" if path.startswith("/graphql") else "*/*"}
    answer = await api.client.get(f"{api.url}{path}", headers=headers)
    (row,) = await kept(api, owner, answer.json()["errors"][0]["extensions"]["reference"])
    assert (row["address"], row["account"]) == ("127.0.0.1", None)


@pytest.mark.parametrize("path", ["/nowhere", "/graphiql/nothing.js"])
async def test_an_address_that_leads_nowhere_is_told_as_a_page_or_as_json(api: Api, path: str):
    page = await api.client.get(f"{api.url}{path}", headers=HTML | {"Accept-Language": "zh"})
    assert page.status_code == 404
    assert re.search(f"报障编号.*{NUMBER.pattern}", page.text)
    answer = await api.client.get(f"{api.url}{path}")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (404, "NOT_FOUND")
    assert NUMBER.fullmatch(error["extensions"]["reference"])


async def test_what_nobody_caught_is_told_by_its_number_alone(api: Api, owner, logged, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret")

    monkeypatch.setattr("api.transport.identity.quote", broken)
    answer = await api.client.get(f"{api.url}/auth/grafana")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    number = answer.json()["errors"][0]["extensions"]["reference"]
    (row,) = await kept(api, owner, number)
    assert (row["code"], row["message"]) == ("INTERNAL", "RuntimeError in test_errors.py, broken")
    assert any("the secret" in line.get("exception", "") for line in logged() if line["reference"] == number)


async def test_a_page_that_refuses_shows_its_number(api: Api, owner, person):
    assert person
    form = {"name": "eve", "password": "not this one"}
    page = await api.client.post(f"{api.url}/sign-in", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert page.status_code == 401
    (number,) = NUMBER.findall(re.sub(r"(?s).*whoever helps", "", page.text))
    (row,) = await kept(api, owner, number)
    assert (row["place"], row["code"]) == ("page", "UNAUTHENTICATED")
    assert "not this one" not in str(row)


async def test_each_operation_of_a_websocket_has_a_number_and_so_has_its_close(api: Api, owner):
    numbers = set()
    async with api.socket() as socket:
        for id_ in "12":
            await socket.subscribe("subscription { nothing }", id_)
            numbers.add((await socket.receive())["payload"][0]["extensions"]["reference"])
    assert len(numbers) == 2
    (row,) = await kept(api, owner, min(numbers))
    assert (row["place"], row["caller"]) == ("websocket", "the viewer's")
    async with api.raw_socket() as socket:
        await socket.send(type="connection_init", payload={"token": "ddms_nobody"})
        await socket.closed()
        (number,) = NUMBER.findall(socket.connection.close_reason)
    (row,) = await kept(api, owner, number)
    assert (row["place"], row["code"]) == ("websocket", "UNAUTHENTICATED")


async def test_an_export_that_is_refused_has_a_number(api: Api, owner):
    answer = await api.client.get(f"{api.url}/export?device=dev_99", headers=api.headers("viewer"))
    (row,) = await kept(api, owner, answer.json()["errors"][0]["extensions"]["reference"])
    assert (answer.status_code, row["place"], row["code"]) == (400, "export", "INVALID")


async def test_one_caller_fills_neither_the_log_nor_the_table(api: Api, owner, logged, monkeypatch):
    monkeypatch.setattr(failures, "EACH_SECONDS", 1e9)
    before = REGISTRY.get_sample_value("ddms_api_errors_total", {"place": "graphql", "code": "INVALID"}) or 0
    for _ in range(LISTED + 5):
        await api.post("{ nothing }", "viewer")
    other = await api.post("{ nothing }", "admin")
    assert await kept(api, owner, other["errors"][0]["extensions"]["reference"])
    listed = [line for line in logged() if line["caller"] == "the viewer's"]
    assert len(listed) == await owner.fetchval("SELECT count(*) FROM errors WHERE caller = 'the viewer''s'") == LISTED
    after = REGISTRY.get_sample_value("ddms_api_errors_total", {"place": "graphql", "code": "INVALID"})
    assert after == before + LISTED + 6


async def test_the_oldest_of_a_caller_go_when_there_are_too_many(api: Api, owner, monkeypatch):
    monkeypatch.setattr(failures, "KEPT_EACH", 2)
    monkeypatch.setattr(failures, "_TRIM_EVERY", 1)
    numbers = [(await api.post("{ nothing }"))["errors"][0]["extensions"]["reference"] for _ in range(3)]
    assert await kept(api, owner, numbers[2])
    assert [bool(await kept(api, owner, number)) for number in numbers] == [False, True, True]


SCRIPT = {
    "page": "/export",
    "kind": "script",
    "message": "x is not a function",
    "source": "https://h/export/page/page.js?t=secret",
}
POLICY = {"csp-report": {"document-uri": "https://h/sign-in?next=secret", "effective-directive": "script-src-elem", "blocked-uri": "https://evil/x.js?secret"}}  # fmt: skip


@pytest.mark.parametrize(
    ("media", "sent", "labels", "said"),
    [
        ("application/json", SCRIPT, {"page": "export", "kind": "script"}, "x is not a function"),
        ("application/csp-report", POLICY, {"page": "sign-in", "kind": "policy"}, "script-src-elem forbids https://evil/x.js"),
        ("application/reports+json", [{"type": "csp-violation", "url": "https://h/", "body": {"effectiveDirective": "img-src", "blockedURL": "data"}}], {"page": "start", "kind": "policy"}, "img-src forbids data"),
        ("application/json", {"page": "/" * 300, "kind": "<b>", "message": "<b>\n{} \x00"}, {"page": "other", "kind": "script"}, "script in other"),
    ],
)  # fmt: skip
async def test_a_failure_in_a_browser_is_counted_and_kept(api: Api, owner, media, sent, labels, said):  # noqa: PLR0917
    before = REGISTRY.get_sample_value("ddms_client_errors_total", labels) or 0
    answer = await api.client.post(f"{api.url}/errors", content=json.dumps(sent), headers={"Content-Type": media})
    (row,) = await kept(api, owner, answer.json()["reference"])
    assert REGISTRY.get_sample_value("ddms_client_errors_total", labels) == before + 1
    assert (row["place"], row["code"]) == ("browser", "BROWSER")
    assert said in row["message"]
    assert "secret" not in row["message"]
    assert "\n" not in row["message"]


async def test_no_other_sites_page_reports_here(api: Api):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await api.client.post(f"{api.url}/errors", json=SCRIPT, headers=headers)
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("status", "media", "body"),
    [
        (415, "text/plain", b"{}"), (400, "application/json", b"{"), (400, "application/json", b"[]"),
        (400, "application/csp-report", b"[1]"), (413, "application/json", b" " * (REPORT_BYTES + 1)),
    ],
)  # fmt: skip
async def test_what_is_no_report_is_refused(api: Api, status: int, media: str, body: bytes):
    answer = await api.client.post(f"{api.url}/errors", content=body, headers={"Content-Type": media})
    assert answer.status_code == status


def test_of_many_reports_in_one_some_are_taken():
    one = {"body": {"effectiveDirective": "img-src", "blockedURL": "data", "documentURL": "https://["}}
    assert len(reports_of("application/reports+json; charset=utf-8", json.dumps([one] * 100).encode())) == 5
    with pytest.raises(Refused):
        reports_of("application/json", b"[" * 5_000)


@pytest.mark.parametrize("given", ["4F7A-2C09", "4f7a 2c09", "4f7a2c09", "4f7a2c09" + "0" * 24])
def test_a_number_is_found_however_it_was_read_out(given: str):
    assert reference_in(given) == "4f7a-2c09"


@pytest.mark.parametrize("given", ["", "4f7a", "4f7a-2c0x", "4f7a-2c09" * 9])
def test_what_is_no_number_is_told_so(given: str):
    with pytest.raises(DdmsError, match="no such number"):
        reference_in(given)
