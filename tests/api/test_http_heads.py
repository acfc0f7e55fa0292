"""Heads of requests over raw sockets, without a proxy before the API: limits of size, of number, of time."""

import asyncio
import contextlib

import pytest

from api.ground import limits
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

GET = b"GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: localhost\r\n"


@contextlib.asynccontextmanager
async def connected(api: Api):
    host, port = api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    yield reader, writer
    writer.transport.abort()


async def answered(api: Api, *parts: bytes, limit: int = 10_000_000) -> tuple[bytes, int]:
    """Send until the API ends the connection; return what it said and how much it took."""
    sent = 0
    async with connected(api) as (reader, writer), asyncio.timeout(20):
        with contextlib.suppress(ConnectionError):
            for part in parts:
                while sent < limit:
                    writer.write(part)
                    await writer.drain()
                    sent += len(part)
                    if part is not parts[-1] or writer.transport.is_closing():
                        break
        with contextlib.suppress(ConnectionError):
            return await reader.read(), sent
    return b"", sent


async def well(api: Api) -> None:
    assert await api.ask("{ me { role } }") == {"role": "OWNER"}


@pytest.mark.parametrize(
    ("what", "part"),
    [("one header", b"x" * 65_536), ("many headers", b"X-A: " + b"x" * 1_000 + b"\r\n"), ("an address", None)],
)
async def test_a_head_without_end_is_not_taken(api: Api, what, part):
    parts = (b"GET /" + b"x" * 65_536, b"x" * 65_536) if part is None else (GET + b"X-Long: ", part)
    _, sent = await answered(api, *parts)
    assert sent < 10_000_000, what
    await well(api)


@pytest.mark.parametrize(
    ("what", "head", "status"),
    [
        ("too many headers", GET + b"".join(b"X-%d: 1\r\n" % n for n in range(limits.HEADERS)) + b"\r\n", 431),
        ("too large", GET + b"X-A: " + b"x" * (limits.HEADER_BYTES + 1) + b"\r\n\r\n", 431),
        ("too long an address", b"GET /" + b"x" * (limits.URL_BYTES + 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        ("all that may be", GET + b"".join(b"X-%d: 1\r\n" % n for n in range(limits.HEADERS - 2)) + b"Connection: close\r\n\r\n", 200),
    ],
)  # fmt: skip
async def test_a_head_that_is_too_large_is_told_so(api: Api, what, head, status):
    async with connected(api) as (reader, writer), asyncio.timeout(20):
        writer.write(head)
        assert (await reader.readuntil(b"\r\n")).split()[1] == b"%d" % status, what
    await well(api)


@pytest.mark.parametrize(
    ("what", "sent", "said"),
    [
        ("half a head", GET, b"HTTP/1.1 408"),
        ("half a handshake", GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"HTTP/1.1 408"),
        ("nothing", b"", b""),
        ("empty lines", b"\r\n\r\n", b""),
        ("half a second head", GET + b"\r\n" + GET, b"HTTP/1.1 408"),
    ],
)
async def test_a_head_that_does_not_come_ends_the_connection(api: Api, monkeypatch, what, sent, said):
    monkeypatch.setattr(limits, "HEADER_SECONDS", 0.3)
    async with connected(api) as (reader, writer), asyncio.timeout(20):
        writer.write(sent)
        answer = await reader.read()
    assert answer.startswith(said) or said in answer, what
    assert bool(answer) == bool(said)
    await well(api)


async def test_bytes_that_trickle_in_do_not_buy_time(api: Api, monkeypatch):
    monkeypatch.setattr(limits, "HEADER_SECONDS", 0.3)
    async with connected(api) as (reader, writer), asyncio.timeout(20):
        writer.write(GET)
        ended = asyncio.create_task(reader.read())
        while not ended.done():
            writer.write(b"X-A: 1\r\n")
            await asyncio.sleep(0.02)
        assert (await ended).startswith(b"HTTP/1.1 408")
    await well(api)


async def test_a_connection_that_is_kept_serves_one_request_after_the_other(api: Api, monkeypatch):
    monkeypatch.setattr(limits, "HEADER_SECONDS", 0.3)
    async with connected(api) as (reader, writer), asyncio.timeout(20):
        for _ in range(3):
            writer.write(GET + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            assert b'"data"' in await reader.readexactly(length)
            await asyncio.sleep(0.4)  # idle is not late: the time of a head begins with its first byte


async def test_a_websocket_outlives_the_time_of_a_head(api: Api, monkeypatch):
    monkeypatch.setattr(limits, "HEADER_SECONDS", 0.3)
    async with api.socket() as socket:
        await asyncio.sleep(0.6)
        await socket.subscribe("{ __typename }")
        assert (await socket.receive())["type"] == "next"
