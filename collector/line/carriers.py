"""What carries the bytes of a line over a network: TCP by asyncio itself, datagrams and TLS by pymodbus's transports.

pymodbus's `connect` says only that it failed, and goes on trying by itself. So its transport is made by what it calls
for that (`call_create`), which raises why; and it connects when the line says so.
"""

import asyncio
import ssl
from typing import Any, Protocol, cast

from pymodbus.transport import CommParams, CommType, ModbusProtocol

from collector.line import dialled, tls
from collector.line.requests import ReadError, in_time, of_connecting, tune
from ddms.endpoints import Endpoint, Transport
from ddms.quality import Reason

_HANDSHAKE_SHARE = 0.8  # of the time-out: a peer that takes the connection and says nothing speaks no TLS
_MOST_BYTES = 1_000_000  # at once; the line above counts them itself


class Carrying(Protocol):
    """What a line needs of an open connection."""

    def write(self, data: bytes) -> None:
        """Send some bytes."""

    def abort(self) -> None:
        """End it at once."""

    def is_closing(self) -> bool:
        """Whether it has ended, or is about to."""


class Above(asyncio.Protocol):
    """The line above a connection: it is told as asyncio tells a protocol, and what it is given is `Carrying`."""

    def error_received(self, error: Exception) -> None:
        """A datagram was refused."""


async def connect(endpoint: Endpoint, above: Above, timeout: float) -> None:
    """Connect, trying the host's addresses in turn; its name is looked up each time. Raises `ReadError`."""
    try:
        async with in_time(timeout):
            if endpoint.transport.is_datagram:
                await _Carrier(endpoint, above).call_create()
            elif endpoint.transport is Transport.TLS:
                await _connect_tls(endpoint, above, timeout)
            elif endpoint.transport.is_listening:
                await dialled.claim(endpoint, above)
            else:
                await _connect_tcp(endpoint, above)
    except OSError as error:  # TimeoutError is one
        if endpoint.transport.is_listening:
            raise ReadError(Reason.NOT_DIALLED, dialled.strangers(endpoint)) from None
        raise of_connecting(error) from None


async def _connect_tcp(endpoint: Endpoint, above: Above) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(lambda: above, endpoint.host, endpoint.port)
    _tune(transport)


def _tune(transport: asyncio.BaseTransport) -> None:
    if sock := transport.get_extra_info("socket"):
        tune(sock)


async def _connect_tls(endpoint: Endpoint, above: Above, timeout: float) -> None:
    context, name = await asyncio.to_thread(tls.session, endpoint)
    create: Any = _Carrier(endpoint, above, context).call_create
    try:
        await create(server_hostname=name, ssl_handshake_timeout=_HANDSHAKE_SHARE * timeout)
    except (ssl.SSLError, ConnectionAbortedError, ConnectionResetError) as error:
        raise ReadError(tls.reason_of(error) or Reason.NO_TLS) from None


class _Carrier(ModbusProtocol):
    """A transport of pymodbus, for one connection."""

    def __init__(self, endpoint: Endpoint, above: Above, context: ssl.SSLContext | None = None) -> None:
        kind = CommType.TLS if context else CommType.UDP
        name, host, port = str(endpoint), endpoint.host, endpoint.port
        super().__init__(
            CommParams(comm_type=kind, comm_name=name, host=host, port=port, sslctx=context), is_server=False
        )
        self.max_buffer_size = _MOST_BYTES
        self._above = above
        self._heard = False

    def callback_connected(self) -> None:
        """Hand the open connection on."""
        if self.comm_params.comm_type is CommType.UDP:
            self._above.connection_made(_Datagrams(cast("asyncio.DatagramTransport", self.transport)))
        else:
            _tune(self.transport)
            self._above.connection_made(self.transport)

    def callback_data(self, data: bytes, addr: tuple[str, int] | None = None) -> int:
        """Hand on what came, all of it."""
        self._heard = True
        self._above.data_received(data)
        return len(data)

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Hand on that it ended. Of TLS 1.3 a device refuses us only now, and its word for that is easily lost."""
        is_refusal = not self._heard and self.comm_params.comm_type is CommType.TLS
        self._above.connection_lost(tls.RefusedError() if is_refusal else exc)

    def callback_new_connection(self) -> ModbusProtocol:
        """Fail: pymodbus asks for it where others connect, and it is we who connect."""
        raise AssertionError("nobody connects to a carrier")

    def error_received(self, exc: Exception) -> None:
        """Hand on that a datagram was refused."""
        self._above.error_received(exc)


class _Datagrams(asyncio.BaseTransport):
    """Datagrams to one peer, as a connection."""

    def __init__(self, transport: asyncio.DatagramTransport) -> None:
        super().__init__()
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Send a datagram."""
        self._transport.sendto(data)

    def abort(self) -> None:
        """Close the socket."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether the socket is closed."""
        return self._transport.is_closing()
