"""Addresses that a program listens on."""

import errno
import socket

from ddms.errors import Code, DdmsError


def listen_on(host: str, port: int, setting: str) -> socket.socket:
    """Return a socket that listens on a host, by name or address of either IP version (`::`: on all of both); 0 is any free port.

    `setting` names the setting without its last word (`DDMS_API`), for the sentence of the `DdmsError` when it cannot.
    """
    host = host.strip("[]")
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        both = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=2048, dualstack_ipv6=both)
    except (OSError, UnicodeError) as error:
        raise DdmsError(Code.UNAVAILABLE, _sentence(host, port, setting, error)) from error


def _sentence(host: str, port: int, setting: str, error: Exception) -> str:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    number = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
    if number == errno.EADDRINUSE:
        return f"another program listens on {where} already, a second one of this kind perhaps: set {setting}_PORT to a free one"
    if number == errno.EACCES:
        return f"this user may not listen on {where}: set {setting}_PORT to one above 1023"
    reason = getattr(error, "strerror", None) or str(error)
    return f"{where} is no address of this machine to listen on ({reason}): correct {setting}_HOST"
