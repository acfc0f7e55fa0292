"""Brokers of MQTT and a consumer, none of which we wrote: mosquitto where it is installed, else aedes; MQTT.js."""

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.node import CLIENTS, ENVIRONMENT
from tests.support.ports import free_port

MOSQUITTO = os.environ.get("DDMS_TEST_MOSQUITTO") or shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")


@dataclass
class BrokerProgram:
    """A broker that a test starts and stops; what it retains is gone when it stops."""

    folder: Path
    password: str = ""
    certificate: Path | None = None
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"{'mqtts' if self.certificate else 'mqtt'}://{'ddms@' if self.password else ''}127.0.0.1:{self.port}"

    async def start(self) -> None:
        command = [MOSQUITTO, "-c", str(self._configured())] if MOSQUITTO and not self.password else [
            "node", str(CLIENTS / "mqtt_broker.mjs"), str(self.port), self.password, str(self.certificate or ""),
        ]  # fmt: skip
        quiet = asyncio.subprocess.DEVNULL
        self.process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet, env=ENVIRONMENT)
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)

    def _configured(self) -> Path:
        file = self.folder / "mosquitto.conf"
        tls = f"certfile {self.certificate}\nkeyfile {self.certificate}\n" if self.certificate else ""
        file.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nuser root\n{tls}"
        )
        return file

    async def stop(self) -> None:
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass
class Listener:
    """What a consumer got, in its order."""

    process: asyncio.subprocess.Process
    got: list[dict[str, Any]] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    ready: int = 0

    async def read(self) -> None:
        while line := await self.process.stdout.readline():
            said = json.loads(line)
            async with self.came:
                if "ready" in said:
                    self.ready += 1
                else:
                    self.got.append(said)
                self.came.notify_all()

    async def until(self, true: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """Wait until what came is as it shall be; return what says so."""
        try:
            async with asyncio.timeout(60), self.came:
                return await self.came.wait_for(lambda: true(self.got))
        except TimeoutError:
            raise AssertionError(self.got[-20:]) from None

    async def value(self, topic: str, value: Any) -> dict[str, Any]:
        """Wait for a value of a topic; return the message."""
        return await self.until(
            lambda got: next(
                (m for m in got if m["topic"] == topic and m["payload"] and m["payload"]["value"] == value), None
            )
        )

    def of(self, topic: str) -> list[Any]:
        """Return the payloads of a topic."""
        return [message["payload"] for message in self.got if message["topic"] == topic]

    async def say(self, topic: str, what: str) -> None:
        """Publish something: base64, or `rebirth`."""
        self.process.stdin.write(f"{topic} {what}\n".encode())
        await self.process.stdin.drain()


@contextlib.asynccontextmanager
async def broker_of(folder: Path, **how: Any) -> AsyncIterator[BrokerProgram]:
    """A broker at work."""
    program = BrokerProgram(folder, **how)
    await program.start()
    try:
        yield program
    finally:
        await program.stop()


@contextlib.asynccontextmanager
async def listening(broker: BrokerProgram, topic: str = "#") -> AsyncIterator[Listener]:
    """A consumer that has subscribed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "node", str(CLIENTS / "mqtt_listener.mjs"), broker.url, topic, broker.password,
        stdin=pipe, stdout=pipe, env=ENVIRONMENT, limit=2**24,
    )  # fmt: skip
    listener = Listener(process)
    reading = asyncio.create_task(listener.read())
    try:
        async with asyncio.timeout(60), listener.came:
            await listener.came.wait_for(lambda: listener.ready)
        yield listener
    finally:
        process.kill()
        await process.wait()
        reading.cancel()
