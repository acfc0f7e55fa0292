"""A server that is told to end answers what was on its way to it: a replica that is replaced drops nothing."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
import uvicorn
import uvloop

from api.transport.uvicorn_http import HttpProtocol
from api.transport.uvicorn_server import Server

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def answers(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def started(listener: socket.socket) -> Server:
    one = Server(uvicorn.Config(answers, http=HttpProtocol, lifespan="off", log_config=None, ws="none"))
    one.config.load()
    one.lifespan = one.config.lifespan_class(one.config)
    await one.startup(sockets=[listener])
    return one


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield await started(listener), listener.getsockname()[1]


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_waits_to_be_accepted_is_answered(loop: Callable[[], asyncio.AbstractEventLoop]):
    with asyncio.Runner(loop_factory=loop) as runner, socket.create_server(("127.0.0.1", 0)) as listener:
        assert all(told.startswith(b"HTTP/1.1 200 OK") for told in runner.run(_asked_before_the_end(listener)))


async def _asked_before_the_end(listener: socket.socket) -> list[bytes]:
    one = await started(listener)
    clients = [socket.create_connection(listener.getsockname()) for _ in range(30)]
    for client in clients:
        client.settimeout(60)
        client.sendall(REQUEST)
    await one.shutdown()
    told = [client.recv(1000) for client in clients]
    for client in clients:
        client.close()
    return told


@pytest.mark.parametrize("begun", [b"", REQUEST[:20]])
async def test_a_connection_that_has_asked_nothing_yet_may_ask_once(server: tuple[Server, int], begun: bytes):
    one, port = server
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    async with asyncio.timeout(60):
        while not one.server_state.connections:
            await asyncio.sleep(0.01)
    ending = asyncio.create_task(one.shutdown())
    async with asyncio.timeout(60):
        while one.servers[0].is_serving():
            await asyncio.sleep(0.01)
    writer.write(REQUEST[len(begun) :])
    told = await reader.read()
    assert told.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in told
    await ending


async def test_a_connection_that_never_asks_holds_nobody_up(server: tuple[Server, int]):
    one, port = server
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(60):
        while not one.server_state.connections:
            await asyncio.sleep(0.01)
        await one.shutdown()
        assert await reader.read() == b""
    writer.close()
