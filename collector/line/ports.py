"""Ports: where bytes go and come, without knowing what they mean: a serial device, a TCP connection, datagrams."""

import asyncio
import os
from collections.abc import Callable
from typing import Any, Protocol, cast

import serial

from collector.line.carriers import Above, Carrying, connect
from collector.line.requests import ReadError
from ddms.endpoints import Endpoint, Frames
from ddms.lines import LineSettings
from ddms.quality import Reason


class Port(Protocol):
    """What a line of RTU frames needs of a port."""

    @property
    def is_open(self) -> bool:
        """Whether bytes can be sent."""

    async def open(self, timeout: float) -> None:
        """Open it; raises `ReadError`."""

    def send(self, data: bytes) -> None:
        """Send some bytes at once; raises `ReadError`."""

    def close(self) -> None:
        """Close it; `lost` is not called."""


class NetworkPort(Above):
    """A TCP connection to a gateway that passes bytes on to its serial line, and keeps the silent time there; or datagrams."""

    def __init__(self, endpoint: Endpoint, received: Callable[[bytes], None], lost: Callable[[Reason], None]) -> None:
        self._endpoint, self._received, self._lost = endpoint, received, lost
        self._transport: Carrying | None = None

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._transport is not None

    async def open(self, timeout: float) -> None:
        """Connect anew, trying the host's addresses in turn."""
        self.close()
        await connect(self._endpoint, self, timeout)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the open connection."""
        self._transport = cast("Carrying", transport)

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        if self._transport is not None:
            self._received(data)

    def error_received(self, error: Exception) -> None:
        """Tell that a datagram was refused: nobody listens there."""
        self._lost(Reason.REFUSED if isinstance(error, ConnectionRefusedError) else Reason.UNREACHABLE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that the other end hung up."""
        if self._transport is not None and self._transport.is_closing():  # else it is an earlier one that ends late
            self._transport = None
            self._lost(Reason.CLOSED)

    def send(self, data: bytes) -> None:
        """Send some bytes."""
        if self._transport is None:
            raise ReadError(Reason.CLOSED)
        self._transport.write(data)

    def close(self) -> None:
        """Hang up."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()


class SerialPort:
    """A serial port of this machine, opened for DDMS alone: two masters on one line spoil each other's frames."""

    def __init__(
        self, settings: LineSettings, received: Callable[[bytes], None], lost: Callable[[Reason], None]
    ) -> None:
        self._path, self._received, self._lost = settings.endpoint.host, received, lost
        self._form: dict[str, Any] = {
            "baudrate": settings.baud_rate,
            "bytesize": settings.data_bits if settings.endpoint.transport.frames is Frames.ASCII else 8,
            "parity": settings.parity[0].upper(),
            "stopbits": settings.stop_bits,
        }
        self._serial: serial.Serial | None = None

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._serial is not None

    async def open(self, timeout: float) -> None:
        """Open it in a thread: some drivers take their time, and the loop has other lines to serve."""
        opening = asyncio.ensure_future(asyncio.to_thread(self._open))
        try:
            async with asyncio.timeout(timeout):
                opened = await asyncio.shield(opening)
        except (TimeoutError, asyncio.CancelledError) as error:
            opening.add_done_callback(_close_late)
            if isinstance(error, TimeoutError):
                raise ReadError(Reason.NO_PORT, "opening it takes too long") from None
            raise
        self._serial = opened
        asyncio.get_running_loop().add_reader(opened.fileno(), self._readable)

    def _open(self) -> serial.Serial:
        try:
            return serial.Serial(self._path, timeout=0, write_timeout=0, exclusive=True, **self._form)
        except (OSError, ValueError) as error:
            raise ReadError(Reason.NO_PORT, _why(error)) from None

    def _readable(self) -> None:
        if self._serial is None:
            return
        try:
            data = os.read(self._serial.fileno(), 4096)
        except BlockingIOError:
            return
        except OSError:  # the adapter was pulled out
            data = b""
        if data:
            self._received(data)
        else:
            self.close()
            self._lost(Reason.CLOSED)

    def send(self, data: bytes) -> None:
        """Send a frame; it is far shorter than the driver's buffer."""
        if self._serial is None:
            raise ReadError(Reason.CLOSED)
        try:
            os.write(self._serial.fileno(), data)
        except OSError:
            self.close()
            raise ReadError(Reason.CLOSED) from None

    def close(self) -> None:
        """Give the port back."""
        opened, self._serial = self._serial, None
        if opened is not None:
            asyncio.get_running_loop().remove_reader(opened.fileno())
            opened.close()


def _close_late(opening: "asyncio.Future[serial.Serial]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _why(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)
