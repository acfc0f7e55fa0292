"""What comes through a pipe is sealed if it is to be, hashed, and written to the disk, in a thread of its own."""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddms.backups import sealed
from ddms.backups.folder import disk_trouble

PIECE = 1024**2
"""Read from the pipe at once, and its size."""
SYNC_EVERY = 32 * 1024**2
"""So much is written before the disk is waited for: more that is still to be written would stall the database's own writes."""


@dataclass(slots=True)
class Written:
    """What was written by now; the checksum is right at the end."""

    bytes: int = 0
    checksum: str = ""


class _Disk:
    """A file as `pyrage` writes to it, which counts and hashes; what went wrong is kept, because pyrage forgets it."""

    def __init__(self, path: Path, told: Written) -> None:
        self._file = path.open("wb", buffering=0)
        self._hash = hashlib.sha256()
        self._unsynced = 0
        self.told = told
        self.trouble: OSError | None = None

    def write(self, data: Any) -> int:
        piece = memoryview(data)
        try:
            while piece:
                piece = piece[self._file.write(piece) or 0 :]
            self._sync(len(data))
        except OSError as error:
            self.trouble = error
            raise
        self._hash.update(data)
        self.told.bytes += len(data)
        return len(data)

    def _sync(self, more: int) -> None:
        self._unsynced += more
        if self._unsynced >= SYNC_EVERY:
            os.fdatasync(self._file.fileno())
            self._unsynced = 0

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        self.told.checksum = self._hash.hexdigest()
        self._file.close()


class _Pipe:
    """The end of a pipe that is read from, as `pyrage` reads."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ahead = b""

    def read(self, most: int = -1) -> bytes:
        if not self._ahead:
            self._ahead = os.read(self._descriptor, PIECE)
        most = len(self._ahead) if most < 0 else most
        piece, self._ahead = self._ahead[:most], self._ahead[most:]
        return piece


def _write(descriptor: int, path: Path, keys: Sequence[str], told: Written) -> None:
    try:
        disk = _Disk(path, told)
        try:
            if keys:
                sealed.seal(_Pipe(descriptor), disk, keys)
            else:
                while piece := os.read(descriptor, PIECE):
                    disk.write(piece)
        except Exception as error:
            if disk.trouble is None:
                raise
            raise disk_trouble(disk.trouble, path.parent) from error
        finally:
            disk.close()
    finally:
        os.close(descriptor)  # who still writes into the pipe notices


class PipeEnd:
    """The end of a pipe that is written into; closing it a second time does nothing, as the number may be another's then."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._is_open = True

    def close(self) -> None:
        """Let the reader see the end, once nobody else holds it."""
        if self._is_open:
            self._is_open = False
            os.close(self.descriptor)


@asynccontextmanager
async def through_a_pipe(
    path: Path, keys: Sequence[str]
) -> AsyncIterator[tuple[PipeEnd, Written, "asyncio.Future[None]"]]:
    """Give the end of a pipe to write into; all of it is in the file when it was closed and the future is done."""
    source, descriptor = os.pipe()
    target = PipeEnd(descriptor)
    with suppress(OSError, AttributeError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIECE)
    told = Written()
    writing = asyncio.ensure_future(asyncio.to_thread(_write, source, path, keys, told))
    try:
        yield target, told, writing
    finally:
        target.close()
        await asyncio.gather(asyncio.shield(writing), return_exceptions=True)
