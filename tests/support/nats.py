"""A NATS server of a test's own, and what speaks to it."""

import asyncio
import shutil
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.ports import free_port

PROGRAM = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"


class NatsServer:
    """The server of one configuration; it can be killed and started again with what it has on its disk."""

    def __init__(self, folder: Path, *, port: int | None = None, config: str | None = None) -> None:
        self.port = port or free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._config = folder / "nats.conf"
        self._config.write_text(
            config
            or f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{folder}/store", max_file_store: 2GB }}\n'
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(PROGRAM, "-c", self._config, stdout=log, stderr=log)
        async with asyncio.timeout(60):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                except OSError:
                    if self._process.returncode is not None:
                        raise RuntimeError((self._folder / "log").read_text()) from None
                    await asyncio.sleep(0.05)
                else:
                    return

    async def stop(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self._process.wait()


@asynccontextmanager
async def nats_server(folder: Path, **more):
    server = NatsServer(folder, **more)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Wire:
    """A wire to a server that can die without a word: what is sent goes nowhere, and new connections go through."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._dead = asyncio.Event()
        self._pumps: list[asyncio.Task[None]] = []

    def die(self) -> None:
        self._dead.set()
        self._dead = asyncio.Event()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        for ends in ((reader, far_writer), (far_reader, writer)):
            self._pumps.append(asyncio.create_task(self._pump(*ends, self._dead)))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dead: asyncio.Event) -> None:
        while (chunk := await reader.read(65536)) and not dead.is_set():
            writer.write(chunk)
        if dead.is_set():
            await asyncio.Event().wait()

    @asynccontextmanager
    async def open(self):
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for pump in self._pumps:
                pump.cancel()
