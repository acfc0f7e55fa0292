"""Devices that dial in: told apart by what they send first or by their address, coming again, and strangers."""

import asyncio
import contextlib

import pytest

from collector.line import dialled
from collector.line.tcp import ReadError, line
from ddms.endpoints import Endpoint
from ddms.errors import DdmsError
from ddms.lines import ConnectionConfiguration, LineSettings
from ddms.quality import Reason
from tests.support.devices import Script, words
from tests.support.polled import point, polling, unit, until
from tests.support.ports import free_port
from tests.support.rtu_devices import RtuScript, rtu_words


@contextlib.asynccontextmanager
async def calling(port: int, registration: bytes, value: int, *, rtu: bool = False, source: str = "127.0.0.1"):
    """A gateway that dials in, says who it is, and then answers each register with a value."""
    script = RtuScript(lambda r: rtu_words(r, value)) if rtu else Script(lambda r: words(r, value))
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
                break
            await asyncio.sleep(0.05)
    writer.write(registration)
    talking = asyncio.create_task(script.talk(reader, writer))
    try:
        yield writer
    finally:
        writer.transport.abort()
        talking.cancel()
        await asyncio.wait([talking])


def link_to(endpoint: str):
    return line(LineSettings(endpoint=Endpoint.parse(endpoint)))


async def value_of(link, timeout: float = 30.0) -> int:
    if not link.is_open:
        await link.open(timeout)
    return int.from_bytes(await link.read(1, 3, 0, 1, timeout), "big")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("tcp-listen://0.0.0.0:5020", "tcp-listen://0.0.0.0:5020"),
        ("rtu+tcp-listen://0.0.0.0:5020?id=GW-7", "rtu+tcp-listen://0.0.0.0:5020?id=GW-7"),
        ("tcp-listen://[::]:5020?from=010.1.2.3", "tcp-listen://[::]:5020?from=8.1.2.3"),
        ("tcp://[FE80::1%eth0]", "tcp://[fe80::1%eth0]:502"),
    ],
)
def test_where_devices_dial_in_has_one_spelling(text, stored):
    assert str(Endpoint.parse(text)) == stored
    assert Endpoint.parse(stored) == Endpoint.parse(text)


@pytest.mark.parametrize("text", ["tcp://a:502?id=x", "tcp-listen://a:5020?id=", "tcp-listen://a:5020?name=x"])
def test_who_calls_is_said_only_where_somebody_calls(text):
    with pytest.raises(DdmsError, match="tcp-listen://"):
        Endpoint.parse(text)


@pytest.mark.parametrize("rtu", [False, True])
async def test_devices_at_one_port_are_told_apart_by_their_registration(rtu):
    port = free_port()
    scheme = "rtu+tcp-listen" if rtu else "tcp-listen"
    links = [link_to(f"{scheme}://127.0.0.1:{port}?id={name}") for name in ("GW-1", "GW-10")]
    opening = [asyncio.create_task(link.open(60.0)) for link in links]
    async with calling(port, b"GW-10\r\n", 10, rtu=rtu) as tenth, calling(port, b"GW-1", 1, rtu=rtu):
        await asyncio.gather(*opening)
        assert [await value_of(link) for link in links] == [1, 10]
        tenth.write(b"GW-10\r\n")  # a heartbeat
        await asyncio.sleep(0.1)
        assert [await value_of(link) for link in links] == [1, 10]
    for link in links:
        link.close()


async def test_devices_are_told_apart_by_their_address():
    port = free_port()
    links = [link_to(f"tcp-listen://0.0.0.0:{port}?from={host}") for host in ("127.0.0.2", "127.0.0.3")]
    opening = [asyncio.create_task(link.open(60.0)) for link in links]
    async with calling(port, b"", 3, source="127.0.0.3"), calling(port, b"", 2, source="127.0.0.2"):
        await asyncio.gather(*opening)
        assert [await value_of(link) for link in links] == [2, 3]
    for link in links:
        link.close()


async def test_one_that_drops_and_one_that_calls_again_without_a_word_go_on():
    port = free_port()
    link = link_to(f"tcp-listen://127.0.0.1:{port}?id=GW-7")
    opening = asyncio.create_task(link.open(60.0))
    async with calling(port, b"GW-7", 1):
        await opening
        assert await value_of(link) == 1
        async with calling(port, b"GW-7", 2):  # the first connection still stands, as after a loss of power
            await until(lambda: not link.is_open)
            assert await value_of(link) == 2
    await until(lambda: not link.is_open)
    async with calling(port, b"GW-7", 3):
        assert await value_of(link) == 3
    link.close()


async def test_a_stranger_gets_nothing_and_is_named(monkeypatch, caplog):
    monkeypatch.setattr(dialled, "STRANGER_SECONDS", 0.5)
    port = free_port()
    link = link_to(f"tcp-listen://127.0.0.1:{port}?id=GW-7")
    opening = asyncio.create_task(link.open(2.0))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            await asyncio.sleep(0.05)
    writer.write(b"GW-70\n")
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    assert "127.0.0.1 said 'GW-70" in caplog.text
    with pytest.raises(ReadError) as caught:
        await opening
    assert caught.value.reason is Reason.NOT_DIALLED
    writer.close()


async def test_strangers_are_named_also_after_many_others(monkeypatch, caplog):
    monkeypatch.setattr(dialled, "STRANGER_SECONDS", 0.1)
    monkeypatch.setattr(dialled, "_COMPLAIN_SECONDS", 0.2)
    monkeypatch.setattr(dialled, "MOST_UNKNOWN", 1)
    port = free_port()
    opening = asyncio.create_task(link_to(f"tcp-listen://127.0.0.1:{port}?id=GW-7").open(30.0))
    for number in (2, 3):
        async with calling(port, b"GW-70\n", 1, source=f"127.0.0.{number}"):
            await until(lambda number=number: f"127.0.0.{number} said 'GW-70" in caplog.text)
        await asyncio.sleep(0.3)
    opening.cancel()


async def test_strangers_that_say_nothing_keep_no_device_out(monkeypatch):
    monkeypatch.setattr(dialled, "MOST_UNKNOWN", 3)
    port = free_port()
    link = link_to(f"tcp-listen://127.0.0.1:{port}?id=GW-7")
    opening = asyncio.create_task(link.open(5.0))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(calling(port, b"", 0))
        async with calling(port, b"GW-7", 7):
            await opening
            assert await value_of(link) == 7
    link.close()


class Gone(asyncio.Transport):
    """A connection that ended before anybody looked at it: uvloop knows no more who it was."""

    is_aborted = False

    def get_extra_info(self, name, default=None):
        return default

    def abort(self) -> None:
        self.is_aborted = True


async def test_one_that_has_hung_up_before_it_was_looked_at_is_no_trouble(monkeypatch):
    made: list[asyncio.Protocol] = []
    loop = asyncio.get_running_loop()

    async def create_server(make, *_):
        made.append(make())

    monkeypatch.setattr(loop, "create_server", create_server)
    with pytest.raises(ReadError):
        await link_to(f"tcp-listen://127.0.0.1:{free_port()}?id=GW-7").open(0.1)
    made[0].connection_made(gone := Gone())
    made[0].connection_lost(None)
    assert gone.is_aborted


async def test_a_port_that_is_taken_says_so():
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ReadError) as caught:
        await link_to(f"tcp-listen://127.0.0.1:{port}").open(5.0)
    assert caught.value.reason is Reason.CANNOT_LISTEN
    server.close()


async def test_a_line_for_whoever_calls_beside_those_with_names_says_why_it_never_opens():
    port = free_port()
    named = link_to(f"tcp-listen://127.0.0.1:{port}?id=GW-7")
    opening = asyncio.create_task(named.open(60.0))
    async with calling(port, b"GW-7", 7):
        await opening
        with pytest.raises(ReadError, match=r"\?id=") as caught:
            await link_to(f"tcp-listen://127.0.0.1:{port}").open(5.0)
    assert caught.value.reason is Reason.CANNOT_LISTEN
    named.close()


async def test_a_device_that_dials_in_is_polled_and_comes_back():
    port = free_port()
    settings = LineSettings(endpoint=Endpoint.parse(f"tcp-listen://127.0.0.1:{port}?id=GW-7"), timeout=1.0)
    config = ConnectionConfiguration(id=1, line=settings, units=(unit(1, point(1, 0, interval_s=1)),))
    async with polling(config, retry_seconds=1.0) as (_, notebook):
        async with calling(port, b"GW-7", 1):
            await until(lambda: (1.0, 0) in notebook.values(1))
        await until(lambda: notebook.state_of(1).state == "offline")
        assert notebook.state_of(1).last_error == Reason.NOT_DIALLED.explanation
        async with calling(port, b"GW-7", 2):
            await until(lambda: (2.0, 0) in notebook.values(1))
            await until(lambda: notebook.state_of(1).state == "online")
