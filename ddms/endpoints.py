"""Endpoints: where a Modbus connection leads."""

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address
from posixpath import normpath

from ddms.errors import Code, DdmsError, Sentence
from ddms.inputs import shortened


class Frames(StrEnum):
    """What a request and its answer look like: with a header that numbers them, with a CRC, or as text with an LRC."""

    MBAP = "mbap"
    RTU = "rtu"
    ASCII = "ascii"


SITE = re.compile(r"([a-z0-9][a-z0-9-]{0,31})?")
"""The name of a far site, which is a word of subjects too; empty: none."""


class Transport(StrEnum):
    """How the frames travel."""

    TCP = "tcp"
    UDP = "udp"
    TLS = "tls"
    RTU_OVER_TCP = "rtu+tcp"
    RTU_OVER_UDP = "rtu+udp"
    ASCII_OVER_TCP = "ascii+tcp"
    ASCII_OVER_UDP = "ascii+udp"
    SERIAL = "serial"
    ASCII_SERIAL = "ascii+serial"
    TCP_LISTEN = "tcp-listen"
    RTU_TCP_LISTEN = "rtu+tcp-listen"
    ASCII_TCP_LISTEN = "ascii+tcp-listen"

    @property
    def frames(self) -> Frames:
        """What the frames are."""
        if self.startswith("ascii"):
            return Frames.ASCII
        return Frames.RTU if self is Transport.SERIAL or self.startswith("rtu") else Frames.MBAP

    @property
    def is_serial(self) -> bool:
        """Whether it is a serial port of this machine."""
        return self in {Transport.SERIAL, Transport.ASCII_SERIAL}

    @property
    def is_datagram(self) -> bool:
        """Whether frames may be lost, come twice or overtake each other."""
        return self.endswith("udp")

    @property
    def is_listening(self) -> bool:
        """Whether the device dials in, instead of being called."""
        return self.endswith("-listen")


_SCHEMES = "|".join(re.escape(transport) for transport in Transport if not transport.is_serial)
_NETWORK = re.compile(
    rf"(?P<scheme>{_SCHEMES})://(?P<host>[\w.-]{{1,253}}|\[[0-9a-fA-F:]+(?:%[\w.-]{{1,32}})?\])(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?:\?(?P<kind>id|from)=(?P<caller>[\w.:-]{1,64}))?"
)
_SERIAL = re.compile(r"(?P<scheme>serial|ascii\+serial)://(?P<path>/[\w./:@+-]{1,250})")
_NUMBERS = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}")
_ADVICE = (
    "write tcp://host:port, udp://, tls://, rtu+tcp://, rtu+udp:// (RTU frames), ascii+tcp://, ascii+udp:// (ASCII frames),"
    " serial:///dev/ttyUSB0, ascii+serial:///dev/ttyUSB0, or tcp-listen://0.0.0.0:port?id=text for a device that dials in; the port is 502 if omitted, of tls 802"
)
_PORTS = {Transport.TLS: 802}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a line: a host and port, or a serial port (then `host` is its path and `port` is 0).

    Of devices that dial in it is where we listen; `caller` says who is meant, `id=GW-7` or `from=10.1.2.3`.
    """

    transport: Transport
    host: str
    port: int = 0
    caller: str = ""

    def __str__(self) -> str:
        """Return the one spelling under which it is stored."""
        if self.transport.is_serial:
            return f"{self.transport}://{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}" + (f"?{self.caller}" if self.caller else "")

    @classmethod
    def parse(cls, text: str, *, field: str = "endpoint") -> "Endpoint":
        """Read an endpoint; all spellings of a host or a path become one, so that they share one connection and its rights."""
        if match := _SERIAL.fullmatch(text.strip()):
            return cls(Transport(match["scheme"]), "/" + normpath(match["path"]).lstrip("/"))
        match = _NETWORK.fullmatch(text.strip())
        port = int(match["port"] or _PORTS.get(Transport(match["scheme"]), 502)) if match else 0
        host = _host(match["host"]) if match else ""
        caller = (match and match["caller"]) or ""
        if match and match["kind"] == "from":
            caller = _host(caller)
        is_wrong = not match or bool(caller) > Transport(match["scheme"]).is_listening
        if is_wrong or not match or not host or not 1 <= port <= 65535:
            raise DdmsError(
                Code.INVALID, Sentence("{!r} is not an endpoint: {}", shortened(text), _ADVICE), field=field
            )
        return cls(Transport(match["scheme"]), host, port, f"{match['kind']}={caller}" if caller else "")


def _host(given: str) -> str:
    """Return a host in its one spelling: 0x0a000005, 10.5 and 10.0.0.05 are 10.0.0.5 to the system too.

    The zone of an address such as fe80::1%eth0 is an interface's name, in which capitals count.
    """
    address, percent, zone = given.strip("[]").partition("%")
    host = address.lower().rstrip(".")
    if _NUMBERS.fullmatch(host):
        with suppress(OSError):
            return socket.inet_ntoa(socket.inet_aton(host))
    with suppress(ValueError):
        ip = ip_address(host)
        return str((isinstance(ip, IPv6Address) and ip.ipv4_mapped) or ip) + percent + zone
    return host
