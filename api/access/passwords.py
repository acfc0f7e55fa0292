"""Passwords: which are good enough, how they are kept (argon2id) and checked.

A password is Unicode in its form NFC, so that é is the same from every keyboard; nothing else of it is changed.
"""

import asyncio
import gzip
import os
import re
import secrets
import sys
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from api.ground.limits import HASH_SECONDS, HASHES, HASHES_WAITING
from api.ground.turns import Turns, Who
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence

LEAST, MOST = 8, 128
MOST_TYPED = 1024
"""A text that is longer is no attempt at a password."""
_OWN = 6
"""So many characters must be left of a password when the person's name is taken out."""
_DIFFERENT = 4
_ONE_TIME = "abcdefghjkmnpqrstuvwxyz23456789"
"""The characters of one-time passwords: none that looks like another when it is read out or written down."""


def _come_after_requests() -> None:
    """Give way to what else runs here: whoever guesses passwords must not slow down others (on Linux, where threads can)."""
    if sys.platform == "linux":
        own = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, own, max(3, os.getpriority(os.PRIO_PROCESS, own)))  # no right is needed to sink


_HASHERS = ThreadPoolExecutor(HASHES, "argon2", _come_after_requests)
TURNS = Turns(HASHES, each=1, waiting=HASHES_WAITING, seconds=HASH_SECONDS)
"""Whose password is hashed next: addresses take turns, so that one that tries many keeps nobody else waiting."""


def fit(raw: str, name: str, field: str = "password") -> str:
    """Return a new password of the person of this name as it is hashed; raises INVALID when it is easily guessed."""
    password = normal(raw[: MOST_TYPED + 1])
    if problem := _problem(password, name):
        raise DdmsError(Code.INVALID, problem, field=field)
    return password


def normal(password: str) -> str:
    """Return a password in the form in which it is hashed."""
    return unicodedata.normalize("NFC", password)


def _problem(password: str, name: str) -> Sentence | None:
    if not LEAST <= len(password) <= MOST:
        return Sentence("a password has {} to {} characters", LEAST, MOST)
    if problem := inputs.invisible(password):
        return problem
    folded = _folded(password)
    for part in (_folded(name), *_folded(name).split()):
        folded = folded.replace(part, "")
    if len(folded) < _OWN:
        return Sentence("a password is not the person's name: anybody would try that first")
    if len(set(password)) < _DIFFERENT or _folded(password) in common():
        return Sentence(
            "this password is among the commonest, which are tried first: choose another, such as four words"
        )
    return None


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


@cache
def common() -> frozenset[str]:
    """Return the 10,000 commonest passwords of at least 8 characters; `common_passwords.license` says where they are from."""
    packed = files("api.access").joinpath("common_passwords.gz").read_bytes()
    return frozenset(map(_folded, gzip.decompress(packed).decode().splitlines()))


def one_time() -> str:
    """Return a new password with 79 random bits, easy to read out: `k7rw-x3ma-9hq2-tbcd`."""
    return "-".join(re.findall("....", "".join(secrets.choice(_ONE_TIME) for _ in range(16))))


def kept(password: str) -> str:
    """Return what is kept of a password that fits; takes a tenth of a second."""
    return PasswordHasher().hash(password)


async def kept_aside(password: str, who: Who) -> str:
    """Return what is kept of a password that fits, made in a thread, in turn with others."""
    async with TURNS.place(who):
        return await asyncio.get_running_loop().run_in_executor(_HASHERS, kept, password)


async def verified(password_hash: str | None, password: str) -> bool:
    """Check a password in a thread; takes as long when there is none (None). The caller holds a place in TURNS."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_HASHERS, _verify, password_hash, password)


def _verify(password_hash: str | None, password: str) -> bool:
    nobodys = _nobodys()  # also when it is not needed, so that the first to need it does not wait for it
    try:
        PasswordHasher().verify(nobodys if password_hash is None else password_hash, normal(password))
    except (Argon2Error, InvalidHashError, UnicodeEncodeError):
        return False
    return password_hash is not None


@cache
def _nobodys() -> str:
    """Return a hash that takes as long to refuse as a real one."""
    return kept("nobody has this password")
