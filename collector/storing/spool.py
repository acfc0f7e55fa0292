"""The spool: batches of readings on disk while the database is away.

One file a batch, written under another name and renamed when it is whole and on the disk, so that a file that is
there is complete. Names sort by age. Bounded; what does not fit is counted by the caller.
"""

import logging
import os
import time
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import orjson

from collector.storing.decode import READINGS, Batch, Text

logger = logging.getLogger("ddms.collector")

_MAGIC = b"DDMS\x01"


class SpoolFullError(Exception):
    """The spool, or the disk, takes no more."""


class SpoolUnreadableError(Exception):
    """The spool cannot be read at the moment."""


class Spool:
    """A folder of batches. The methods block: call them in a thread."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self.directory = directory
        self.max_bytes = max_bytes
        self._files: dict[Path, int] = {}
        self._number = 0

    def open(self) -> None:
        """Make the folder, count what an earlier run left, and remove what it did not finish writing."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for unfinished in self.directory.glob("*.part"):
            unfinished.unlink()
        found = sorted(self.directory.glob("*.batch"))
        self._files = {path: path.stat().st_size for path in found}
        self._number = int(found[-1].stem) if found else 0

    @property
    def bytes(self) -> int:
        """Size of all batches."""
        return sum(self._files.values())

    @property
    def count(self) -> int:
        """Number of batches."""
        return len(self._files)

    def age(self) -> float:
        """Return the age of the oldest batch in seconds; 0 when there is none."""
        path = self.oldest()
        try:
            return max(0.0, time.time() - path.stat().st_mtime) if path else 0.0
        except FileNotFoundError:  # replayed just now
            return 0.0

    def oldest(self) -> Path | None:
        """Return the batch to replay next."""
        return next(iter(self._files), None)

    def append(self, batch: Batch) -> None:
        """Write a batch; raises `SpoolFullError` and keeps nothing when it does not fit."""
        body = _encode(batch)
        if self.bytes + len(body) > self.max_bytes:
            raise SpoolFullError(f"the spool has reached its limit of {self.max_bytes} bytes (DDMS_SPOOL_MAX_BYTES)")
        self._number += 1
        path = self.directory / f"{self._number:016d}.batch"
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise SpoolFullError(f"{self.directory} cannot be written ({error.strerror})") from error
        self._files[path] = len(body)

    def read(self, path: Path) -> Batch | None:
        """Read a batch; None when it is gone, or not as it was written, and then set aside as `.damaged`.

        Raises `SpoolUnreadableError` when it may be read later.
        """
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            logger.error("a batch of readings is gone from the spool: %s", path)  # noqa: TRY400 - the sentence says all
            self._files.pop(path, None)
            return None
        except OSError as error:
            raise SpoolUnreadableError(f"{self.directory} cannot be read ({error.strerror})") from error
        batch = _decode(body)
        if batch is None:
            logger.error("a damaged batch of readings was set aside: %s", path.with_suffix(".damaged"))
            self.set_aside(path, ".damaged")
        return batch

    def remove(self, path: Path) -> None:
        """Forget a batch that is in the database."""
        path.unlink(missing_ok=True)
        self._files.pop(path, None)

    def set_aside(self, path: Path, suffix: str) -> None:
        """Keep a batch that cannot be replayed for a person to look at, out of the way of the others."""
        path.rename(path.with_suffix(suffix))
        self._files.pop(path, None)


def _encode(batch: Batch) -> bytes:
    texts = orjson.dumps([list(text) for text in batch.texts])
    readings = batch.readings.tobytes()
    body = len(readings).to_bytes(8, "big") + readings + texts
    return _MAGIC + zlib.crc32(body).to_bytes(4, "big") + body


def _decode(file: bytes) -> Batch | None:
    head = len(_MAGIC) + 4
    body = file[head:]
    if file[: len(_MAGIC)] != _MAGIC or zlib.crc32(body).to_bytes(4, "big") != file[len(_MAGIC) : head]:
        return None
    size = int.from_bytes(body[:8], "big")
    readings = np.frombuffer(body[8 : 8 + size], READINGS)
    return Batch(readings, [Text(*fields) for fields in orjson.loads(body[8 + size :])])
