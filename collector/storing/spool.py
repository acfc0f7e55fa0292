"""The spool: batches of readings on disk while the database is away.

One file a batch, written under another name and renamed when it is whole and on the disk, so that a file that is
there is complete. Bounded; what does not fit is counted. Each collector has a folder of its own, and a lock in it.

Nothing can go missing in silence: batches are numbered, each says how many readings came before it, and a ledger of a
few bytes beside them knows how far writing and replaying came. What was written and is not there when it should be
replayed (lost with a folder, damaged) is counted as lost.
"""

import fcntl
import logging
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import orjson

from collector.storing.decode import READINGS, Batch, Text
from ddms.errors import Code, DdmsError

logger = logging.getLogger("ddms.collector")

_MAGIC, _UNNUMBERED = b"DDMS\x02", b"DDMS\x01"
_HEAD = struct.Struct(">QQQ")  # number, readings before it, bytes of its readings
_LEDGER = struct.Struct(">5QI")
_ASIDE = (".damaged", ".refused")
_TRIAL_BYTES = 4096


class SpoolFullError(Exception):
    """The spool, or its disk, is full."""


class SpoolUnreadableError(Exception):
    """The spool cannot be read at the moment."""


@dataclass(slots=True)
class Ledger:
    """How far a spool came: batches and readings ever written and ever taken out, losses nobody was told of yet."""

    written: int = 0
    written_readings: int = 0
    taken: int = 0
    taken_readings: int = 0
    untold: int = 0

    def pack(self) -> bytes:
        """Return it as bytes, with a check sum."""
        body = struct.pack(">5Q", *astuple(self))
        return body + zlib.crc32(body).to_bytes(4, "big")

    @classmethod
    def read(cls, path: Path) -> "Ledger | None":
        """Read it; None when there is none, or one that is damaged."""
        body = path.read_bytes() if path.exists() else b""
        if len(body) != _LEDGER.size or zlib.crc32(body[:-4]).to_bytes(4, "big") != body[-4:]:
            return None
        return cls(*_LEDGER.unpack(body)[:-1])


class Spool:
    """A folder of batches. The methods block: call them in a thread."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self.directory = directory
        self.max_bytes = max_bytes
        self.on_lost: Callable[[int], None] = lambda _: None
        """Called with the number of readings whenever some are lost."""
        self._files: dict[Path, int] = {}
        self._ends: dict[Path, tuple[int, int]] = {}  # what the ledger says when a batch that was read is taken out
        self._ledger = Ledger()
        self._change, self._writing = Lock(), Lock()
        self._held: int | None = None

    def open(self, *, inherit: Iterable[Path] = ()) -> None:
        """Make and lock the folder, count what an earlier run left, take over what lies loose in folders of old.

        Raises `DdmsError` when the folder cannot be used, or another collector uses it.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._hold()
            self._look()
        except OSError as error:
            self.close()
            raise DdmsError(
                Code.UNAVAILABLE,
                f"the spool folder {self.directory} cannot be used ({error.strerror or error}): let this user write "
                "there, or let DDMS_SPOOL_DIRECTORY name another",
            ) from error
        self._settle()
        for folder in inherit:
            self._inherit(folder)

    def close(self) -> None:
        """Let another collector use the folder."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _hold(self) -> None:
        held = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(held, 20).decode(errors="replace").strip()
            os.close(held)
            raise DdmsError(
                Code.CONFLICT,
                f"another collector (process {holder}) keeps its spool in {self.directory}: end it, or give this one "
                "another DDMS_COLLECTOR_NAME or DDMS_SPOOL_DIRECTORY",
            ) from error
        os.ftruncate(held, 0)
        os.pwrite(held, f"{os.getpid()}\n".encode(), 0)
        self._held = held

    def _look(self) -> None:
        for unfinished in _files(self.directory, "*.part"):
            unfinished.unlink()
        found = _files(self.directory, "*.batch")
        self._files = {path: path.stat().st_size for path in found}
        ledger = Ledger.read(self.directory / "ledger")
        if ledger is None:
            first = _numbers(found[0]) if found else (0, 0, 0)
            ledger = Ledger(taken=max(0, first[0] - 1), taken_readings=first[1])
            ledger.written, ledger.written_readings = ledger.taken, ledger.taken_readings
        for path in reversed(found):  # those written after the ledger was
            number, before, readings = _numbers(path)
            if number <= ledger.written:
                break
            ledger.written = max(ledger.written, number)
            ledger.written_readings = max(ledger.written_readings, before + readings)
        aside = [int(path.stem) for path in self.directory.iterdir() if path.suffix in _ASIDE and path.stem.isdigit()]
        ledger.written = max([ledger.written, *aside])
        self._ledger = ledger

    def _inherit(self, folder: Path) -> None:
        """Take over batches that were written before each collector had its folder, as far as there is room."""
        for path in _files(folder, "*.batch"):
            try:
                body = path.read_bytes()
                if body.startswith(_UNNUMBERED) and (batch := decode(body)):
                    self.append(batch)
                    path.unlink()
            except (SpoolFullError, OSError) as error:
                logger.warning("batches of readings wait in %s: %s", folder, error)
                return

    @property
    def bytes(self) -> int:
        """Size of all batches."""
        return sum(list(self._files.values()))

    @property
    def count(self) -> int:
        """Number of batches."""
        return len(self._files)

    @property
    def untold(self) -> int:
        """Readings that were lost, and of which the database was not told yet."""
        return self._ledger.untold

    def age(self) -> float:
        """Return the age of the oldest batch in seconds; 0 when there is none."""
        path = self.oldest()
        try:
            return max(0.0, time.time() - path.stat().st_mtime) if path else 0.0
        except OSError:  # replayed just now, or the folder is gone
            return 0.0

    def oldest(self) -> Path | None:
        """Return the batch to replay next."""
        return next(iter(self._files), None)

    def newest(self) -> Path | None:
        """Return the batch that came last."""
        return next(reversed(self._files), None)

    def append(self, batch: Batch) -> None:
        """Write a batch; raises `SpoolFullError` and keeps nothing when it does not fit."""
        with self._writing:
            self._append(batch)

    def _append(self, batch: Batch) -> None:
        number, before = self._ledger.written + 1, self._ledger.written_readings
        body = encode(batch, number, before)
        if self.bytes + len(body) > self.max_bytes:
            raise SpoolFullError(f"the spool has reached its limit of {self.max_bytes} bytes (DDMS_SPOOL_MAX_BYTES)")
        path = self.directory / f"{number:016d}.batch"
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
        with self._change:
            self._files[path] = len(body)
            self._ledger.written, self._ledger.written_readings = number, before + len(batch.readings)
            self._note()

    def lose(self, readings: int) -> None:
        """Count readings that were lost; they are told to the database when it is back."""
        with self._change:
            self._lose(readings)
            self._note()

    def told(self, readings: int) -> None:
        """Take note that the database knows of so many lost readings."""
        if readings:
            with self._change:
                self._ledger.untold -= readings
                self._note()

    def read(self, path: Path) -> Batch | None:
        """Read a batch; None when it is gone, or not as it was written, and then set aside as `.damaged`.

        Raises `SpoolUnreadableError` when it may be read later.
        """
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            logger.error("a batch of readings is gone from the spool: %s", path)  # noqa: TRY400 - the sentence says all
            self._files.pop(path, None)
            self._settle()
            return None
        except OSError as error:
            raise SpoolUnreadableError(f"{self.directory} cannot be read ({error.strerror})") from error
        batch = decode(body)
        if batch is None:
            logger.error("a damaged batch of readings was set aside: %s", path.with_suffix(".damaged"))
            self.set_aside(path, ".damaged")
            return None
        if body.startswith(_MAGIC):
            number, before, _ = _HEAD.unpack_from(body, len(_MAGIC) + 4)
            self._ends[path] = (number, before + len(batch.readings))
            self._miss(number - 1, before)
        return batch

    def peek(self, path: Path) -> Batch | None:
        """Read a batch whose turn it is not; None when it cannot be read."""
        try:
            return decode(path.read_bytes())
        except OSError:
            return None

    def remove(self, path: Path) -> None:
        """Forget a batch that is in the database."""
        self._take(path)
        with suppress(OSError):  # a file that stays is replayed again after a restart, which does no harm
            path.unlink(missing_ok=True)
        self._files.pop(path, None)
        self._settle()

    def set_aside(self, path: Path, suffix: str) -> None:
        """Keep a batch that cannot be replayed for a person to look at, out of the way of the others."""
        self._take(path)
        with suppress(OSError):
            path.rename(path.with_suffix(suffix))
        self._files.pop(path, None)
        self._settle()

    def try_out(self) -> tuple[int, str | None]:
        """Return how many bytes can still be written, and why nothing can be, if so: found out by writing a little."""
        trial = self.directory / "trial"
        try:
            disk = os.statvfs(self.directory)
            with trial.open("wb") as file:
                file.write(bytes(_TRIAL_BYTES))
                file.flush()
                os.fsync(file.fileno())
            trial.unlink()
        except OSError as error:
            with suppress(OSError):
                trial.unlink(missing_ok=True)
            return 0, f"{self.directory} cannot be written ({error.strerror})"
        return max(0, min(self.max_bytes - self.bytes, disk.f_bavail * disk.f_frsize)), None

    # -- the ledger

    def _take(self, path: Path) -> None:
        if end := self._ends.pop(path, None):  # a damaged one says nothing: the next one shows what is missing
            with self._change:
                self._ledger.taken = max(self._ledger.taken, end[0])  # one that is replayed again counts once
                self._ledger.taken_readings = max(self._ledger.taken_readings, end[1])
                self._note()

    def _settle(self) -> None:
        """When nothing is left, all that was written must have been taken out."""
        with self._change:
            if self._files:
                return
            written, readings = self._ledger.written, self._ledger.written_readings
        self._miss(written, readings)

    def _miss(self, taken: int, readings: int) -> None:
        """Count what should have been taken out by now."""
        with self._change:
            missing = readings - self._ledger.taken_readings
            if missing <= 0:
                return
            self._ledger.taken, self._ledger.taken_readings = taken, readings
            self._lose(missing)
            self._note()
        logger.error("%d readings that were written to the spool %s are gone from it", missing, self.directory)

    def _lose(self, readings: int) -> None:
        self._ledger.untold += readings
        self.on_lost(readings)

    def _note(self) -> None:
        """Write the ledger where it is, which needs no room on the disk."""
        with suppress(OSError):
            file = os.open(self.directory / "ledger", os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(file, self._ledger.pack(), 0)
                os.fsync(file)
            finally:
                os.close(file)


def _files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder by name; a pipe, a folder or a link to nothing is none, whatever it is called."""
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def abandoned(own: Path, seconds: float) -> list[Path]:
    """Return the folders beside a spool's own in which batches lie and nothing was done for so long."""
    found = []
    with suppress(OSError):
        for folder in sorted(own.parent.iterdir()):
            if folder != own and folder.is_dir() and _files(folder, "*.batch"):
                newest = max(path.stat().st_mtime for path in folder.iterdir())
                if time.time() - newest > seconds:
                    found.append(folder)
    return found


def _numbers(path: Path) -> tuple[int, int, int]:
    """Return a batch's number, the readings before it, and its readings, without checking it."""
    with path.open("rb") as file:
        head = file.read(len(_MAGIC) + 4 + _HEAD.size)
    if not head.startswith(_MAGIC) or len(head) < len(_MAGIC) + 4 + _HEAD.size:
        return (int(path.stem) if path.stem.isdigit() else 0), 0, 0
    number, before, size = _HEAD.unpack_from(head, len(_MAGIC) + 4)
    return number, before, size // READINGS.itemsize


def encode(batch: Batch, number: int = 0, before: int = 0) -> bytes:
    """Return a batch as it lies in the spool, and as it travels; 0: it has no place in a spool."""
    listed = [list(text) for text in batch.texts]
    texts = orjson.dumps(listed if batch.told is None else {"texts": listed, "told": batch.told})
    readings = batch.readings.tobytes()
    body = _HEAD.pack(number, before, len(readings)) + readings + texts
    return _MAGIC + zlib.crc32(body).to_bytes(4, "big") + body


def decode(file: bytes) -> Batch | None:
    """Return a batch; None when it is not as it was written."""
    head = len(_MAGIC) + 4
    body = file[head:]
    if zlib.crc32(body).to_bytes(4, "big") != file[len(_MAGIC) : head]:
        return None
    if file.startswith(_MAGIC):
        start, size = _HEAD.size, _HEAD.unpack_from(body)[2]
    elif file.startswith(_UNNUMBERED):
        start, size = 8, int.from_bytes(body[:8], "big")
    else:
        return None
    readings = np.frombuffer(body[start : start + size], READINGS)
    rest = orjson.loads(body[start + size :])
    texts, told = (rest["texts"], rest["told"]) if isinstance(rest, dict) else (rest, None)
    return Batch(readings, [Text(*fields) for fields in texts], told)
