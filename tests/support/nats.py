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
