"""Devices that dial in: gateways at the end of a mobile network connect to us, and are then asked as if we had called them.

One port serves many. Who is there is told by the address that it calls from (`?from=10.1.2.3`), or by the registration that
it sends first (`?id=GW-7`), as gateways of Moxa, Teltonika, USR and others can be set to; `tcp-listen://0.0.0.0:5020` alone
takes whoever calls. What a gateway sends later to keep its connection alive is no answer to anything, and passed over. A
stranger is sent nothing, named in the log, and hung up on.
"""

import asyncio
import logging
import re
import time
from ipaddress import ip_address
from typing import cast

from collector.line.requests import ReadError, tune
from ddms.endpoints import Endpoint
from ddms.logs import visible
from ddms.quality import Reason

STRANGER_SECONDS = 20.0  # in which a caller must say who it is, or its line be opened
UNUSED_SECONDS = 150.0  # after which nobody listens any more for lines that are gone; they are tried each 60 s
MOST_UNKNOWN = 100  # callers at once of whom nothing is known
_MOST_BYTES = 512  # of a registration
_COMPLAIN_SECONDS = 3600.0  # between two lines in the log about one stranger

logger = logging.getLogger("ddms.collector")
_LISTENERS: dict[tuple[asyncio.AbstractEventLoop, str, int], "_Listener"] = {}


async def claim(endpoint: Endpoint, above: asyncio.Protocol) -> None:
    """Wait until the device of an endpoint has dialled in, and hand its connection on. Raises `ReadError`."""
    loop = asyncio.get_running_loop()
    listener = _LISTENERS.setdefault((loop, endpoint.host, endpoint.port), _Listener(endpoint.host, endpoint.port))
    await listener.listen()
    transport = await listener.wait_for(endpoint.caller)
    transport.set_protocol(above)
    above.connection_made(transport)


def strangers(endpoint: Endpoint) -> str:
    """Return who dialled in to where an endpoint listens, and was expected by nobody."""
    listener = _LISTENERS.get((asyncio.get_running_loop(), endpoint.host, endpoint.port))
    return ", ".join(str(caller) for caller in listener.unknown) if listener else ""


class _Listener:
    """One port on which we listen: the callers of whom nothing is known yet, and those who wait for their line."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._opening = asyncio.Lock()
        self._expected: dict[str, float] = {}  # by when their line was last opened, monotonic
        self._waiting: dict[str, _Caller] = {}
        self._current: dict[str, asyncio.Transport] = {}
        self._news = asyncio.Event()
        self._complained: dict[str, float] = {}
        self.unknown: list[_Caller] = []

    async def listen(self) -> None:
        """Begin to listen, if it is not done yet."""
        loop = asyncio.get_running_loop()
        async with self._opening:
            if self._server is not None:
                return
            try:
                self._server = await loop.create_server(lambda: _Caller(self), self._host, self._port)
            except OSError as error:
                raise ReadError(Reason.CANNOT_LISTEN, error.strerror or "") from None
            loop.call_later(UNUSED_SECONDS, self._look)

    def _look(self) -> None:
        """Listen no more when all lines are gone."""
        now = time.monotonic()
        self._expected = {
            caller: at
            for caller, at in self._expected.items()
            if now - at < UNUSED_SECONDS or (caller in self._current and not self._current[caller].is_closing())
        }
        if self._expected or self._server is None:
            asyncio.get_running_loop().call_later(UNUSED_SECONDS, self._look)
            return
        self._server.close()
        self._server = None
        for caller in (*self.unknown, *self._waiting.values()):
            caller.hang_up()

    async def wait_for(self, wanted: str) -> asyncio.Transport:
        """Return the connection of a caller, once it is there. Raises `ReadError` where it could never be told apart."""
        if not wanted and self._has_names():
            sentence = (
                "other lines at this port say by ?id= who calls; say it for this one too, or give it a port of its own"
            )
            raise ReadError(Reason.CANNOT_LISTEN, sentence)
        self._expected[wanted] = time.monotonic()
        for caller in list(self.unknown):
            self.look_at(caller)
        while (found := self._waiting.pop(wanted, None)) is None:
            self._news.clear()
            await self._news.wait()
        self._current[wanted] = found.transport
        return found.transport

    def look_at(self, caller: "_Caller") -> None:
        """Find out who a caller is. One who calls again takes the place of its earlier connection."""
        name = next((name for name in sorted(self._expected, reverse=True) if self._is(caller, name)), None)
        if name is None:
            return
        self.unknown.remove(caller)
        caller.is_known = True
        before = self._current.get(name)
        if before is not None and not before.is_closing() and (name or caller.is_at(before)):
            before.abort()
        if (older := self._waiting.pop(name, None)) is not None:
            older.hang_up()
        self._waiting[name] = caller
        self._news.set()

    def _is(self, caller: "_Caller", name: str) -> bool:
        kind, _, value = name.partition("=")
        if kind == "from":
            return caller.address == value
        if kind == "id":
            return re.match(rb"\s*" + re.escape(value.encode()) + rb"(?![\w.-])", caller.said) is not None
        return not self._has_names()

    def _has_names(self) -> bool:
        """Whether callers are told apart by what they say, so that one who says nothing may be any of them."""
        return any(name.startswith("id=") for name in self._expected)

    def forget(self, caller: "_Caller") -> None:
        """Take note that a caller is gone."""
        if caller in self.unknown:
            self.unknown.remove(caller)
        self._waiting = {name: other for name, other in self._waiting.items() if other is not caller}

    def make_room(self) -> None:
        """Hang up on who has said nothing for the longest: a gateway says at once who it is, whoever else holds the port open."""
        while len(self.unknown) >= MOST_UNKNOWN:
            self.unknown.pop(0).hang_up()

    def complain(self, caller: "_Caller") -> None:
        """Name a stranger in the log, once an hour."""
        now = time.monotonic()
        self._complained = {who: at for who, at in self._complained.items() if now - at <= _COMPLAIN_SECONDS}
        if len(self._complained) < MOST_UNKNOWN and caller.address not in self._complained:
            self._complained[caller.address] = now
            logger.warning("port %d: a stranger dialled in, hung up on: %s", self._port, caller)


class _Caller(asyncio.Protocol):
    """A connection from outside, until it is known whose it is."""

    transport: asyncio.Transport

    def __init__(self, listener: _Listener) -> None:
        self._listener = listener
        self.said, self.address, self.is_known = b"", "", False

    def __str__(self) -> str:
        """Return who it is, as far as one knows."""
        return self.address + (f" said {visible(self.said[:64].decode('ascii', 'replace'))!r}" if self.said else "")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See whether its address says who it is."""
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if peer is None:  # it has hung up already, as those do who look for open ports
            self.hang_up()
            return
        ip = ip_address(peer[0].partition("%")[0])
        self.address = str(getattr(ip, "ipv4_mapped", None) or ip)
        self._listener.make_room()
        if sock := transport.get_extra_info("socket"):
            tune(sock)
        self._listener.unknown.append(self)
        self._listener.look_at(self)
        asyncio.get_running_loop().call_later(STRANGER_SECONDS, self._be_gone)

    def data_received(self, data: bytes) -> None:
        """See whether its registration says who it is; what comes later belongs to nobody."""
        if not (self.is_known or self.transport.is_closing()) and len(self.said) < _MOST_BYTES:
            self.said += data[:_MOST_BYTES]
            self._listener.look_at(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that it is gone."""
        self._listener.forget(self)

    def is_at(self, other: asyncio.Transport) -> bool:
        """Whether another connection comes from the same address."""
        return bool(other.get_extra_info("peername")[0] == self.transport.get_extra_info("peername")[0])

    def hang_up(self) -> None:
        """End it."""
        self.transport.abort()

    def _be_gone(self) -> None:
        if not self.is_known and not self.transport.is_closing():
            self._listener.complain(self)
            self.hang_up()
