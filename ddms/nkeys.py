"""Keys of users of NATS, as files: the seed is the secret, the public key stands in the server's configuration.

The form is that of NATS (base32 of a prefix, the key and a CRC-16); the library that makes them has no wheels.
"""

import base64
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ddms.errors import Code, DdmsError

_USER, _SEED = 20 << 3, 18 << 3


class Nkey(NamedTuple):
    """Who a program is: a key, and the token that a server of tokens signed for it, if there is one."""

    private: Ed25519PrivateKey
    token: bytes | None = None

    @property
    def public(self) -> str:
        """The key as the server's configuration names it."""
        return _coded(bytes([_USER]) + self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    @property
    def seed(self) -> str:
        """The secret."""
        return _coded(bytes([_SEED | _USER >> 5, (_USER & 31) << 3]) + self.private.private_bytes_raw())

    def sign(self, nonce: str) -> bytes:
        """Return the proof that the server asks for."""
        return base64.b64encode(self.private.sign(nonce.encode()))


def make() -> Nkey:
    """Return a new key."""
    return Nkey(Ed25519PrivateKey.generate())


def read(path: Path) -> Nkey:
    """Read a file with a seed, or with a token and a seed (`.creds`); raises `DdmsError`."""
    try:
        words = path.read_text(encoding="utf-8").split()
        seed = next(word for word in words if word.startswith("SU"))
        raw = base64.b32decode(seed + "=" * (-len(seed) % 8))
        key = Ed25519PrivateKey.from_private_bytes(raw[2:34])
    except (OSError, StopIteration, ValueError) as error:
        sentence = f"{path} has no seed of a user of NATS, which begins with SU ({error!r}): `ddms sites key` makes one"
        raise DdmsError(Code.SETTINGS, sentence, field="DDMS_NATS_CREDENTIALS") from error
    token = next((word.encode() for word in words if word.startswith("ey")), None)
    return Nkey(key, token)


def _coded(body: bytes) -> str:
    crc = 0
    for byte in body:  # CRC-16/XMODEM
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return base64.b32encode(body + crc.to_bytes(2, "little")).decode().rstrip("=")
