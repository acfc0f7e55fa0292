"""Ports: where bytes go and come, without knowing what they mean. A serial device, or a TCP connection."""

import asyncio
import os
from collections.abc import Callable
from typing import Protocol, cast

import serial

from collector.line.requests import ReadError, in_time, of_connecting, tune
from ddms.quality import Reason

_FASTEST_COUNTED = 19_200  # above it the silent time is fixed (Modbus over Serial Line V1.02, section 2.5.1.1)
_FIXED_SILENCE = 0.00175
_BITS_A_CHARACTER = 11


class Port(Protocol):
    """What a line of RTU frames needs of a port."""

    @property
    def is_open(self) -> bool:
        """Whether bytes can be sent."""

    @property
    def silent_seconds(self) -> float:
        """Silence that must lie between two frames."""

    async def open(self, timeout: float) -> None:
        """Open it; raises `ReadError`."""

    def send(self, data: bytes) -> None:
        """Send some bytes at once; raises `ReadError`."""

    def close(self) -> None:
        """Close it; `lost` is not called."""


class TcpPort(asyncio.Protocol):
    """A TCP connection to a gateway that passes bytes on to its serial line, and keeps the silent time there."""

    silent_seconds = 0.0

    def __init__(self, host: str, number: int, received: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._host, self._number = host, number
        self._received, self._lost = received, lost
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._transport is not None

    async def open(self, timeout: float) -> None:
        """Connect, trying the host's addresses in turn."""
        try:
            async with in_time(timeout):
                await asyncio.get_running_loop().create_connection(lambda: self, self._host, self._number)
        except OSError as error:  # TimeoutError is one
            raise of_connecting(error) from None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the open connection."""
        self._transport = cast("asyncio.Transport", transport)
        if sock := transport.get_extra_info("socket"):
            tune(sock)

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        if self._transport is not None:
            self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell that the other end hung up."""
        if self._transport is not None and self._transport.is_closing():  # else it is an earlier one that ends late
            self._transport = None
            self._lost()

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
        self,
        path: str,
        received: Callable[[bytes], None],
        lost: Callable[[], None],
        *,
        baud_rate: int,
        parity: str,
        stop_bits: int,
    ) -> None:
        self._path, self._received, self._lost = path, received, lost
        self._form = {"baudrate": baud_rate, "parity": parity[0].upper(), "stopbits": stop_bits}
        self._serial: serial.Serial | None = None
        counted = 3.5 * _BITS_A_CHARACTER / baud_rate
        self.silent_seconds = counted if baud_rate <= _FASTEST_COUNTED else _FIXED_SILENCE

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
            self._lost()

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
