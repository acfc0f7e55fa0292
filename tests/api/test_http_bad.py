"""Requests that lie, are too large, or hold what no text may hold: each gets a clear answer, and the server stays well."""

import asyncio
import contextlib
import gzip
import json
import logging
import socket

import asyncpg
import pytest

from api.ground.limits import BODY_BYTES
from api.transport import gate
from api.transport import request as http_request
from api.transport import uvicorn_http as http_protocol
from api.transport.answer import GZIP_BYTES
from api.transport.request import accepted, request_id
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

TYPENAME = b'{"query": "{ __typename }"}'


async def raw(api: Api, *parts: bytes, timeout: float = 60) -> bytes:
    """Send bytes as they are; return all that comes back until the server has answered or closes."""
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(timeout):
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            return head + (await reader.readexactly(int(length)) if length else await reader.read())
    finally:
        writer.transport.abort()


def head(*lines: str) -> bytes:
    return "\r\n".join(("POST /graphql HTTP/1.1", "Host: localhost", *lines, "", "")).encode("latin-1")


JSON = "Content-Type: application/json"


async def well(api: Api) -> None:
    assert await api.ask("{ me { role } }") == {"role": "OWNER"}


@pytest.mark.parametrize(
    ("what", "sent", "status"),
    [
        ("more than it says", (head(JSON, f"Content-Length: {len(TYPENAME) - 1}"), TYPENAME), 400),
        ("a length that is no number", (head(JSON, "Content-Length: many"), TYPENAME), 400),
        ("a negative length", (head(JSON, "Content-Length: -1"), TYPENAME), 400),
        ("a length and chunks", (head(JSON, "Content-Length: 5", "Transfer-Encoding: chunked"), b"5\r\n{}{}{\r\n0\r\n\r\n"), 400),
        ("gzip that is none", (head(JSON, "Content-Encoding: gzip", f"Content-Length: {len(TYPENAME)}"), TYPENAME), 415),
        ("another charset", (head(JSON + "; charset=utf-16", f"Content-Length: {len(TYPENAME)}"), TYPENAME), 415),
        ("bytes that are no UTF-8", (head(JSON, "Content-Length: 14"), b'{"query": "\xff"}'), 400),
        ("two types", (head(JSON, "Content-Type: text/plain", f"Content-Length: {len(TYPENAME)}"), TYPENAME), 415),
        ("no body", (head(JSON, "Content-Length: 0"),), 400),
        ("a 100 MB body, as it says", (head(JSON, "Content-Length: 100000000"),), 413),
        ("not HTTP", (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",), 400),
    ],
)  # fmt: skip
async def test_headers_that_lie_are_refused(api: Api, what, sent, status):
    answer = await raw(api, *sent)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (what, answer)
    await well(api)


async def test_a_body_of_100_mb_is_refused_before_it_is_read(api: Api):
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    sent = 0
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head(JSON, "Transfer-Encoding: chunked"))
    try:
        async with asyncio.timeout(60):
            while sent < 100_000_000:
                writer.write(chunk)
                await writer.drain()
                sent += 65536
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
    assert sent < 100_000_000
    assert reader is not None
    await well(api)


async def test_a_body_that_never_ends_keeps_nobody_else_waiting(api: Api):
    host, port = api.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(head(JSON, f"Content-Length: {BODY_BYTES}") + b"{")
    await writer.drain()
    await well(api)
    writer.transport.abort()
    await well(api)


async def test_a_body_that_does_not_come_is_waited_for_only_so_long(api: Api, monkeypatch):
    monkeypatch.setattr(http_request, "BODY_SECONDS", 0.2)
    answer = await raw(api, head(JSON, "Content-Length: 100") + b"{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer
    await well(api)


FILL = """INSERT INTO readings (time, point_id, value, quality)
SELECT now() - second * interval '1 s', point, random(), 0 FROM unnest($1::int[]) point, generate_series(1, 10000) second"""


@pytest.fixture
async def large(api: Api, owner: asyncpg.Connection) -> bytes:
    """A question whose answer, of some 7 MB, is more than an operating system keeps for who does not read."""
    points = [{"key": f"k{n}", "registerTable": "INPUT", "address": n, "dataType": "INT16"} for n in range(10)]
    numbers = list((await add(api, points=points))["points"].values())
    await owner.execute(FILL, numbers)
    ids = json.dumps([f"pt_{number}" for number in numbers])
    query = (
        f'{{ series(points: {ids}, raw: true, from: "2020-01-01T00:00:00Z") {{ columns {{ time value min max }} }} }}'
    )
    return json.dumps({"query": query}).encode()


@contextlib.asynccontextmanager
async def unread(api: Api, large: bytes):
    """Ask for what is large, and read nothing of it."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", int(api.url.rsplit(":", 1)[1])))
    reader, writer = await asyncio.open_connection(sock=deaf, limit=1024)
    token = f"Authorization: Bearer {api.tokens['viewer']}"
    writer.transport.pause_reading()
    writer.write(head(JSON, token, f"Content-Length: {len(large)}") + large)
    async with asyncio.timeout(60):
        while not api.parts.gate._unread:
            await asyncio.sleep(0.01)
    yield reader, writer
    writer.transport.abort()


async def test_who_does_not_read_answers_gets_no_more_of_them(api: Api, large, monkeypatch):
    monkeypatch.setattr(gate, "UNREAD_BYTES", 1000)
    async with unread(api, large):
        assert await api.code("{ me { name } }", "viewer") == "RATE_LIMITED"
        await well(api)
    async with asyncio.timeout(60):
        while api.parts.gate._unread:
            await asyncio.sleep(0.01)
    assert "errors" not in await api.post("{ me { name } }", "viewer")


async def test_who_reads_nothing_of_an_answer_loses_the_connection(api: Api, large, monkeypatch, caplog):
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 0.2)
    async with unread(api, large) as _, asyncio.timeout(60):
        while api.parts.gate._unread:
            await asyncio.sleep(0.01)
        assert "reads nothing" in caplog.text
    await well(api)


async def test_who_reads_slowly_gets_all_of_it(api: Api, large, monkeypatch):
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 5.0)
    async with unread(api, large) as (reader, writer), asyncio.timeout(200):
        writer.transport.resume_reading()
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        read = paused = 0
        while some := await reader.read(min(100_000, length - read)):
            read += len(some)
            if read // 100_000 > paused:  # in all for longer than may pass without reading anything
                paused += 1
                await asyncio.sleep(0.15)
    assert read == length
    await well(api)


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}', {"INVALID"}),
        (b'{"query": "{ device(name: \\"a\\\\u0000b\\") { id } }"}', {"INVALID", None}),
        (b'{"query": "query ($n: String) { device(name: $n) { id } }", "variables": {"n": "a\\u0000b"}}', {"INVALID", None}),
        (b'{"query": "{ __typename \\u0000 }"}', {"INVALID"}),
        (b'{"query": "{ __typename }", "variables": {"a": NaN}}', {"INVALID"}),
        (b'{"query": "{ __typename }", "variables": {"a": 1e999}}', {"INVALID", None}),
        (b'{"query": "query ($a: Int) { devices(first: $a) { nodes { id } } }", "variables": {"a": 9007199254740993}}', {"INVALID"}),
        (b'{"query": "query ($a: Int) { devices(first: $a) { nodes { id } } }", "variables": {"a": 1e400}}', {"INVALID"}),
        (b'{"query": "query ($a: Int) { devices(first: $a) { nodes { id } } }", "variables": {"a": 123456789012345678901234567890}}', {"INVALID"}),
        (b'{"query": "{ devices(first: 123456789012345678901234567890) { nodes { id } } }"}', {"INVALID"}),
        (b'{"query": "\\uFEFF{ __typename }"}', {None}),
        (b"\xef\xbb\xbf" + TYPENAME, {"INVALID"}),
        (b'{"query": "{ __typename }", "query": 1}', {"INVALID"}),
        (b'{"variables": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b', "query": "{ __typename }"}', {"INVALID"}),
    ],
)  # fmt: skip
async def test_what_no_text_and_no_number_may_be_gets_a_typed_error(api: Api, body, codes):
    headers = api.headers("owner") | {"Content-Type": "application/json"}
    response = await api.client.post(f"{api.url}/graphql", content=body, headers=headers)
    answer = response.json()
    found = answer["errors"][0]["extensions"]["code"] if "errors" in answer else None
    assert found in codes, answer
    assert "Traceback" not in response.text
    await well(api)


async def test_several_requests_at_once_are_refused_with_a_sentence_that_says_so(api: Api):
    response = await api.client.post(f"{api.url}/graphql", json=[{"query": "{ __typename }"}] * 2)
    assert response.status_code == 400
    assert "each by itself" in response.json()["errors"][0]["message"]


async def test_a_request_has_an_id_that_is_returned_and_stands_in_the_log(api: Api, caplog):
    caplog.set_level(logging.INFO, "api.requests")
    response = await api.client.post(
        f"{api.url}/graphql", json={"query": "{ me { name } }"}, headers={"X-Request-Id": "line-7/42"}
    )
    assert response.headers["x-request-id"] == "line-7/42"
    made = [
        (await api.client.get(f"{api.url}/graphql?query=%7B__typename%7D")).headers["x-request-id"] for _ in range(2)
    ]
    assert len({*made}) == 2
    refused = await api.client.get(f"{api.url}/graphql", headers={"Accept": "image/png", "X-Request-Id": "a"})
    assert (refused.status_code, refused.headers["x-request-id"]) == (406, "a")
    assert [record.operation for record in caplog.records if record.name == "api.requests"] == [None]


@pytest.mark.parametrize("given", ["", " ", "a b", "a\nb", "é", "x" * 129, '"', "<script>"])
def test_an_id_that_cannot_stand_in_a_log_is_replaced(given):
    assert request_id(given) != given


async def test_large_answers_are_compressed_and_small_ones_not(api: Api):
    await add(api)
    large, small = (
        {"query": "{ __schema { types { name description } } }"},
        {"query": "{ __typename }"},
    )
    plain = {"Accept-Encoding": "identity"} | api.headers("owner")
    expected = await api.client.post(f"{api.url}/graphql", json=large, headers=plain)
    assert len(expected.content) > GZIP_BYTES
    assert "content-encoding" not in expected.headers
    for accept, body, compressed in (
        ("gzip", large, True),
        ("br;q=1, gzip;q=0.5", large, True),
        ("*", large, True),
        ("gzip;q=0", large, False),
        ("br", large, False),
        ("gzip", small, False),
    ):
        headers = plain | {"Accept-Encoding": accept}
        async with api.client.stream("POST", f"{api.url}/graphql", json=body, headers=headers) as response:
            raw_bytes = b"".join([chunk async for chunk in response.aiter_raw()])
        assert ("content-encoding" in response.headers) == compressed, accept
        assert "Accept-Encoding" in response.headers["vary"]
        if compressed:
            assert len(raw_bytes) < len(expected.content) / 2
            assert json.loads(gzip.decompress(raw_bytes))["data"] == expected.json()["data"]


NEW, OLD, EVENTS = "application/graphql-response+json", "application/json", "text/event-stream"


@pytest.mark.parametrize(
    ("header", "media"),
    [
        (f"{OLD};q=0.5, {NEW};q=0.4", OLD),
        (f"{NEW};charset=utf-8;q=0.9, {OLD};q=0.8", NEW),
        (f"text/html, {NEW.upper()}", NEW),
        (f"{NEW};q=0, */*", OLD),
        ("application/*", OLD),
        (EVENTS, EVENTS),
        (f"{EVENTS}, {OLD};q=0.1", EVENTS),
        (f"{NEW}, {EVENTS}", NEW),
        (f"{OLD};q=nonsense, {NEW};q=0.1", NEW),
    ],
)  # fmt: skip
def test_the_highest_weight_of_accept_wins(header, media):
    assert accepted(header) == media
