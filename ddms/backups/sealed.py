"""Sealing a backup with age: who has the secret key reads it, and nobody else, this server included.

`pyrage` is the age format of https://age-encryption.org/v1 in Rust: what is written here opens with `age -d` as well.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyrage

from ddms.errors import Code, DdmsError, Sentence
from ddms.inputs import shortened

MOST_RECIPIENTS = 20
_FIELD = "backup_recipients"
_SECRET = "AGE-SECRET-KEY-"  # noqa: S105 - how one begins


def recipients(text: str) -> list[str]:
    """Return the public keys of a text, one a line, each once; raises `DdmsError`. A secret key is not repeated in it."""
    lines = [line.strip() for line in text.splitlines()]
    found = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if len(found) > MOST_RECIPIENTS:
        raise DdmsError(Code.INVALID, Sentence("there are at most {} recipients", MOST_RECIPIENTS), field=_FIELD)
    for one in found:
        if one.upper().startswith(_SECRET):
            sentence = "this is a secret key, which must not be here: write its public key, which `age-keygen -y` shows"
            raise DdmsError(Code.INVALID, sentence, field=_FIELD)
        _recipient(one)
    return found


def _recipient(key: str) -> Any:
    try:
        if key.startswith(
            "age1"
        ):  # Bech32 means the same in capitals; each key has one way to be written, so that it is there once
            return pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError:
        pass
    sentence = Sentence(
        "{!r} is not a public key of age: such a key is age1 and 58 letters and digits", shortened(key, 70)
    )
    raise DdmsError(Code.INVALID, sentence, field=_FIELD)


def seal(reader: Any, writer: Any, keys: Sequence[str]) -> None:
    """Seal all that `reader` reads into `writer`; blocks, so it wants a thread."""
    pyrage.encrypt_io(reader, writer, [_recipient(key) for key in keys])


def identities(lines: Iterable[str]) -> list[Any]:
    """Return the secret keys of a file as `age-keygen` writes it."""
    found = []
    for line in lines:
        if line.strip().upper().startswith(_SECRET):
            try:
                found.append(pyrage.x25519.Identity.from_str(line.strip()))
            except pyrage.IdentityError as error:
                raise DdmsError(Code.INVALID, "the file holds a secret key of age that is damaged") from error
    if not found:
        raise DdmsError(Code.INVALID, "the file holds no secret key of age: such a line begins with AGE-SECRET-KEY-1")
    return found


def read_identities(path: Path) -> list[Any]:
    """Read the file with the secret keys, which `age-keygen` or `ddms backup keygen` wrote."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DdmsError(Code.INVALID, Sentence("the file of the secret key cannot be read: {}", error)) from error
    return identities(text.splitlines())


def open_sealed(reader: BinaryIO, writer: Any, keys: Sequence[Any]) -> None:
    """Open what was sealed, from `reader` into `writer`; blocks, so it wants a thread. A wrong key raises."""
    try:
        pyrage.decrypt_io(reader, writer, list(keys))
    except pyrage.DecryptError as error:
        sentence = Sentence(
            "the backup cannot be decrypted ({}): is it the right secret key, and is the file whole?", error
        )
        raise DdmsError(Code.INVALID, sentence) from error


def new_pair() -> tuple[str, str]:
    """Return a new secret key and its public one."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())
