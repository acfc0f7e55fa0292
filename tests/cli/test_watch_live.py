"""`ddms watch` against a running API: it follows, tells when the API is away, and goes on where it was."""

import asyncio
import os
import pty
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from ddms.cli.watching.address import Place
from ddms.cli.watching.board import Board, Filter
from ddms.cli.watching.follow import Follower
from ddms.errors import DdmsError
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

FLOW = {"key": "flow", "name": "Flow", "registerTable": "HOLDING", "address": 0, "dataType": "UINT16"}


class Door:
    """A way to the API that can be shut: what was connected is cut, what comes is refused."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._writers |= {writer, far_writer}
        with suppress(OSError):
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()


@asynccontextmanager
async def watching(url: str, token: str | None, wanted: Filter = Filter()):  # noqa: B008 - it is frozen
    """Follow in the background; give the board, and the values that were heard."""
    heard: list[float | None] = []
    board = Board(wanted)
    place = Place(url=url, token=token, token_file=None, directory=Path("nowhere"))
    follower = Follower(place, board, lambda new: heard.extend(reading.value for _, reading in new))
    task = asyncio.create_task(follower.run())
    try:
        yield board, heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.01)


async def test_values_are_followed_over_an_outage_without_losing_one(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow = device["points"]["flow"]
    door = Door(api.url)
    await door.open()
    async with watching(f"http://127.0.0.1:{door.port}", api.tokens["viewer"]) as (board, heard):
        await until(lambda: not board.word)
        await api.read(owner, {flow: 1.0})
        await until(lambda: heard == [1.0])
        await door.shut()
        await until(lambda: "is away (connection refused); trying again" in board.word)
        for value in (2.0, 3.0):
            await api.read(owner, {flow: value})
        await door.open()
        await until(lambda: 3.0 in heard)
        assert not board.word
    await door.shut()
    assert board.points[f"pt_{flow}"].newest.value == 3.0


async def test_devices_that_come_and_go_are_seen(api: Api):
    first = await add(api)
    async with watching(api.url, api.tokens["viewer"]) as (board, _):
        await until(lambda: len(board.devices) == 1 and not board.word)
        await add(api, "Second pump")
        await until(lambda: len(board.devices) == 2)
        delete = "mutation ($id: ID!) { deleteDevice(id: $id, keepHistory: true) { deletedId } }"
        await api.ask(delete, id=first["id"])
        await until(lambda: [device.name for device in board.devices] == ["Second pump"])


async def test_a_state_that_changes_is_seen(api: Api):
    device = await add(api)
    async with watching(api.url, api.tokens["viewer"]) as (board, _):
        await until(lambda: bool(board.devices) and not board.word)
        change = "mutation ($id: ID!, $v: Int!) { updateDevice(id: $id, version: $v, changes: {enabled: false}) { errors { message } } }"
        assert await api.ask(change, id=device["id"], v=device["version"]) == {"errors": []}
        await until(lambda: board.devices[0].state == "DISABLED")


@pytest.mark.parametrize(
    ("token", "wanted", "sentence"),
    [
        ("ddms_nonsense", Filter(), "refuses the token"),
        (None, Filter(devices=frozenset({"nobody"})), "there is no device 'nobody'"),
        (None, Filter(group="nowhere"), "there is no group 'nowhere'"),
        (None, Filter(keys=frozenset({"nothing"})), "no device has a point nothing"),
    ],
)
async def test_what_cannot_be_watched_ends_with_a_sentence(api: Api, token, wanted, sentence):
    await add(api)
    place = Place(url=api.url, token=token or api.tokens["viewer"], token_file=None, directory=Path("nowhere"))
    with pytest.raises(DdmsError, match=sentence):
        async with asyncio.timeout(20):
            await Follower(place, Board(wanted), lambda _: None).run()


def environment(api: Api, **more: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DDMS_")}
    return ours | {"DDMS_URL": api.url, "DDMS_TOKEN": api.tokens["viewer"]} | more


async def test_without_a_terminal_each_change_is_a_line(api: Api, owner: asyncpg.Connection):
    device = await add(api, points=[FLOW])
    await api.read(owner, {device["points"]["flow"]: 12.5})
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ddms", "watch", "pump", env=environment(api), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        line = (await program.stdout.readline()).decode()
        await api.read(owner, {device["points"]["flow"]: None})
        bad = (await program.stdout.readline()).decode()
    program.terminate()
    await program.communicate()
    assert line.split()[1:] == ["Pump", "Flow", "12.5"]
    assert bad.split()[1:] == ["Pump", "Flow", "–", "timeout"]


async def test_a_token_may_come_by_standard_input(api: Api, owner: asyncpg.Connection):
    device = await add(api, points=[FLOW])
    await api.read(owner, {device["points"]["flow"]: 12.5})
    given = environment(api)
    token = given.pop("DDMS_TOKEN")
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ddms", "watch", "--token-file", "-",
        env=given, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    program.stdin.write(token.encode() + b"\n")
    program.stdin.close()
    async with asyncio.timeout(20):
        line = (await program.stdout.readline()).decode()
    program.terminate()
    await program.wait()
    assert "12.5" in line


async def test_in_a_terminal_it_draws_until_q_is_pressed(api: Api, owner: asyncpg.Connection):
    device = await add(api, points=[FLOW])
    await api.read(owner, {device["points"]["flow"]: 12.5})
    leader, follower = pty.openpty()
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ddms", "watch", stdin=follower, stdout=follower, stderr=follower,
        env=environment(api, TERM="xterm-256color", COLUMNS="80", LINES="24"),
    )  # fmt: skip
    os.close(follower)
    seen = b""
    async with asyncio.timeout(20):
        while b"12.5" not in seen:
            seen += await asyncio.to_thread(os.read, leader, 65_536)
        os.write(leader, b"q")
        with suppress(OSError):  # the terminal's end
            while await asyncio.to_thread(os.read, leader, 65_536):
                pass
        assert await program.wait() == 0
    os.close(leader)
    assert b"Pump" in seen
    assert b"online" not in seen, "nobody has polled it"
