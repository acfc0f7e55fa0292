"""TLS to devices (Modbus/TCP Security): whom DDMS trusts, by what it names itself, and what went wrong.

One folder (`DDMS_MODBUS_TLS_DIRECTORY`) holds the files for all devices; a folder in it with a host's name those for this
host alone. They are read at each connection, so that renewed ones are in force at the next.

| file | what it is | without it |
|---|---|---|
| `ca.pem` | the authorities whose certificates are trusted, or the device's own | those of the system |
| `client.pem`, `client.key` | the certificate by which DDMS names itself, with those between, and its key | none is shown |
| `client.password` | the password of the key | the key has none |
| `name` | the name that the device's certificate must have | that of the endpoint |

Source: Modbus/TCP Security, MB-TCP-Security-v21 (TLS 1.2 or newer, port 802).
"""

import logging
import ssl
from pathlib import Path

from collector.line.requests import ReadError
from ddms.endpoints import Endpoint
from ddms.quality import Reason

_EXPIRED = frozenset({9, 10})  # not yet valid, has expired
_WRONG_NAME = frozenset({62, 64})  # host name, address

logger = logging.getLogger("ddms.collector")
_folder = Path("/etc/ddms/modbus")


class RefusedError(ConnectionError):
    """A device ended a session before it answered anything."""


def use(folder: Path) -> None:
    """Take the files of a folder from now on."""
    global _folder  # noqa: PLW0603 - one for the program, as its environment is
    _folder = folder


def session(endpoint: Endpoint) -> tuple[ssl.SSLContext, str]:
    """Return how to speak to a device, and the name that its certificate must have. Raises `ReadError`."""
    own = _folder / endpoint.host
    files = own if own.is_dir() else _folder
    try:
        authorities = files / "ca.pem"
        context = ssl.create_default_context(cafile=authorities if authorities.exists() else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # What devices bring is seldom made to the letter; one that is named itself is trusted whoever signed it.
        context.verify_flags = context.verify_flags & ~ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        if (files / "client.pem").exists():
            context.load_cert_chain(
                files / "client.pem", files / "client.key", lambda: _text(files / "client.password")
            )
        return context, _text(files / "name") or endpoint.host.partition("%")[0]
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        logger.warning("%s: the files for TLS in %s cannot be used: %s", endpoint, files, error)
        raise ReadError(Reason.TLS_FILES) from None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def reason_of(error: Exception) -> Reason | None:
    """Return what is wrong with a TLS session; None when it is something else."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _WRONG_NAME:
            return Reason.WRONG_NAME
        return Reason.EXPIRED if error.verify_code in _EXPIRED else Reason.UNTRUSTED
    if isinstance(error, RefusedError):
        return Reason.CERTIFICATE_REFUSED
    if isinstance(error, ssl.SSLError):
        return Reason.CERTIFICATE_REFUSED if "ALERT" in (error.reason or "") else Reason.NO_TLS
    return None
