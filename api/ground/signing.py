"""The keys with which DDMS signs who a person is, in a folder that all replicas of the API share.

A new key is published for a while before it signs, and an old one stays published until all that it signed has expired:
so who checks signatures, and remembers the published keys for `CACHED_SECONDS`, never meets one that it does not know.
"""

import json
import os
import secrets
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from ddms.errors import Code, DdmsError, Sentence

FILE = "signing.json"
VALID_SECONDS = 60
"""How long a signature is believed; whoever checks it may allow another minute for clocks that differ."""
CACHED_SECONDS = 60
"""How long the published keys may be remembered."""
LEAD_SECONDS = 2 * CACHED_SECONDS
"""How long a new key is published before it signs."""
_KEPT_SECONDS = VALID_SECONDS + 120
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """One key pair; it signs from a time on, until the next one does."""

    id: str
    since: float
    """Seconds since 1970."""
    pair: ECKey

    @classmethod
    def new(cls, since: float) -> "SigningKey":
        """Make one."""
        return cls(id=secrets.token_hex(8), since=since, pair=ECKey.generate_key("P-256"))

    def row(self) -> dict[str, Any]:
        """Return it as the file has it."""
        return {"id": self.id, "since": self.since, "key": self.pair.as_dict(private=True)}

    def published(self) -> dict[str, Any]:
        """Return what everybody may know of it (RFC 7517)."""
        public = self.pair.as_dict(private=False)
        return {name: public[name] for name in ("kty", "crv", "x", "y")} | {
            "kid": self.id,
            "use": "sig",
            "alg": "ES256",
        }


def signing(keys: tuple[SigningKey, ...], now: float) -> int:
    """Return the place of the key that signs now; a clock may be a little late for the first one."""
    return max((place for place, key in enumerate(keys) if key.since <= now), default=0)


def in_use(keys: tuple[SigningKey, ...], now: float) -> tuple[SigningKey, ...]:
    """Return the key that signs now, those whose signatures may still be checked, and those to come."""
    after = [key.since for key in keys[1:]]
    return tuple(
        key for place, key in enumerate(keys) if place >= signing(keys, now) or after[place] > now - _KEPT_SECONDS
    )


class Keys:
    """The keys of a folder; read again when the file has changed."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._looked = float("-inf")
        self._seen: tuple[int, int] | None = None
        self._keys: tuple[SigningKey, ...] = ()

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a JWT (RFC 7519) that is valid from now on for `VALID_SECONDS`."""
        keys, now = self._current(), time.time()
        key = keys[signing(keys, now)]
        times = {"iat": int(now), "exp": int(now) + VALID_SECONDS}
        return jwt.encode({"alg": "ES256", "kid": key.id}, dict(claims) | times, key.pair)

    def published(self) -> dict[str, Any]:
        """Return what others check signatures by, a JSON Web Key Set; without keys it is empty."""
        if self._folder is None:
            return {"keys": []}
        return {"keys": [key.published() for key in in_use(self._current(), time.time())]}

    def _current(self) -> tuple[SigningKey, ...]:
        if self._folder is None:
            sentence = "nobody can be told who you are: the API has no signing key, set DDMS_KEYS_DIRECTORY"
            raise DdmsError(Code.UNAVAILABLE, sentence)
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            file = self._folder / FILE
            seen = _stat(file)
            if seen != self._seen:
                self._keys, self._seen = read(self._folder), seen
            self._looked = time.monotonic()
        return self._keys


def _stat(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except FileNotFoundError as error:
        raise _missing(file) from error
    except OSError as error:
        raise _unreadable(file, error) from error
    return found.st_mtime_ns, found.st_ino


def read(folder: Path) -> tuple[SigningKey, ...]:
    """Return the keys of a folder, the oldest first; raises a sentence when others may read the file."""
    file = folder / FILE
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise _missing(file) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error
    if os.name == "posix" and mode & 0o077:
        sentence = Sentence("others may read {}, which holds a private key: run `chmod 600 {}`", file, file)
        raise DdmsError(Code.SETTINGS, sentence, field="DDMS_KEYS_DIRECTORY")
    try:
        rows = json.loads(text)["keys"]
        keys = [SigningKey(id=row["id"], since=row["since"], pair=ECKey.import_key(row["key"])) for row in rows]
        return tuple(sorted([keys[0], *keys[1:]], key=lambda key: key.since))  # without any it is no file of keys
    except Exception as error:
        raise _unreadable(file, error) from error


def _missing(file: Path) -> DdmsError:
    sentence = Sentence("there is no signing key in {}: `ddms init` or `ddms keys rotate` makes one", file.parent)
    return DdmsError(Code.UNAVAILABLE, sentence)


def _unreadable(file: Path, error: Exception) -> DdmsError:
    sentence = Sentence("the signing keys in {} cannot be read: {}", file, error)
    return DdmsError(Code.SETTINGS, sentence, field="DDMS_KEYS_DIRECTORY")


def ensure(folder: Path) -> bool:
    """Make the first key when there is none; say whether that was done. Of two who do it at once, one does."""
    if (folder / FILE).exists():
        return False
    temporary = _written(folder, (SigningKey.new(time.time()),))
    try:
        os.link(temporary, folder / FILE)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def rotate(folder: Path, *, at_once: bool = False) -> SigningKey:
    """Add a key that signs after `LEAD_SECONDS`; at once, it alone is left, and what the others signed is worth nothing."""
    now = time.time()
    if ensure(folder):
        return read(folder)[-1]
    new = SigningKey.new(now if at_once else now + LEAD_SECONDS)
    keys = (new,) if at_once else (*in_use(read(folder), now), new)
    _written(folder, keys).replace(folder / FILE)
    return new


def _written(folder: Path, keys: tuple[SigningKey, ...]) -> Path:
    """Write the keys into a file beside the one that counts, for its owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = folder / f".{FILE}.{secrets.token_hex(4)}"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        json.dump({"keys": [key.row() for key in keys]}, opened)
        opened.flush()
        os.fsync(opened.fileno())
    return temporary
