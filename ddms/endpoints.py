"""Endpoints: where a Modbus connection leads."""

import re
from dataclasses import dataclass
from enum import StrEnum

from ddms.errors import Code, DdmsError, Sentence
from ddms.inputs import shortened

_NETWORK = re.compile(r"(?P<scheme>tcp|rtu\+tcp)://(?P<host>[\w.-]{1,253}|\[[0-9a-fA-F:]+\])(?::(?P<port>[0-9]{1,5}))?")
_SERIAL = re.compile(r"serial://(?P<path>/[\w./:@+-]{1,250})")
_ADVICE = "write tcp://host:port, rtu+tcp://host:port (RTU frames over TCP) or serial:///dev/ttyUSB0; the port is 502 if omitted"


class Transport(StrEnum):
    """How the frames travel."""

    TCP = "tcp"
    RTU_OVER_TCP = "rtu+tcp"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a line: a host and port, or a serial port (then `host` is its path and `port` is 0)."""

    transport: Transport
    host: str
    port: int = 0

    def __str__(self) -> str:
        """Return the one spelling under which it is stored."""
        if self.transport is Transport.SERIAL:
            return f"serial://{self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}://{host}:{self.port}"

    @classmethod
    def parse(cls, text: str, *, field: str = "endpoint") -> "Endpoint":
        """Read an endpoint; host names are lower-cased, so that two spellings share one connection."""
        if match := _SERIAL.fullmatch(text.strip()):
            return cls(Transport.SERIAL, match["path"])
        match = _NETWORK.fullmatch(text.strip())
        port = int(match["port"] or 502) if match else 0
        if not match or not 1 <= port <= 65535:
            raise DdmsError(
                Code.INVALID, Sentence("{!r} is not an endpoint: {}", shortened(text), _ADVICE), field=field
            )
        return cls(Transport(match["scheme"]), match["host"].strip("[]").lower(), port)
