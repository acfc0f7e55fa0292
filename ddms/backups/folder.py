"""The folder of the backups: their names, writing them so that each is whole or absent, which are kept, and room."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ddms.errors import Code, DdmsError, Sentence

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MANIFEST, SEALED, PART = ".json", ".age", ".part"
RIGHTS = 0o600
"""Only the account that makes the backups may read them: they hold all that the database holds."""
SPARE_BYTES = 256 * 1024**2
"""So much of the disk is left to others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupFiles:
    """The two files of a backup: what was read from the database, and the manifest that tells what that is."""

    folder: Path
    name: str
    portable: bool
    encrypted: bool

    @property
    def data(self) -> Path:
        """The dump, or the tar of a portable one."""
        end = (".tar" if self.portable else ".dump") + (SEALED if self.encrypted else "")
        return self.folder / f"{self.name}{end}"

    @property
    def manifest(self) -> Path:
        """Its manifest, as JSON."""
        return self.folder / f"{self.name}{MANIFEST}"

    def read_manifest(self) -> dict[str, Any]:
        """Return the manifest; one that is missing or no manifest raises."""
        return read_manifest(self.manifest)

    def remove(self) -> None:
        """Remove both; the manifest first, so that no backup is ever listed whose file is gone."""
        for path in (self.manifest, self.data):
            path.unlink(missing_ok=True)
        sync_folder(self.folder)


def new_name(moment: datetime) -> str:
    """Return the name of a backup that was asked for at a moment: the names stand in the order of time."""
    return f"ddms-{moment:%Y%m%d-%H%M%S}"


def files_of(folder: Path, manifest: dict[str, Any]) -> BackupFiles:
    """Return the files that a manifest in a folder tells of."""
    return BackupFiles(
        folder=folder, name=manifest["name"], portable=manifest["portable"], encrypted=manifest["encrypted"]
    )


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest from its file."""
    try:
        found = json.loads(path.read_bytes())
        if found["format"] == 1 and NAME.fullmatch(found["name"]) and found["file"]:
            return dict(found)
        sentence = Sentence("{} is the manifest of a newer DDMS: its format is {}", path, found["format"])
    except FileNotFoundError:
        sentence = Sentence("there is no manifest {}: it lies beside the file of each backup", path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sentence = Sentence("{} is no manifest of a backup: {}", path, str(error) or type(error).__name__)
    raise DdmsError(Code.NOT_FOUND, sentence)


def find(folder: Path) -> Iterator[dict[str, Any]]:
    """Give the manifests of the whole backups in a folder, those whose file is there with its size."""
    for path in sorted(folder.glob(f"*{MANIFEST}")):
        with suppress(DdmsError, OSError):
            manifest = read_manifest(path)
            files = files_of(folder, manifest)
            if path == files.manifest and files.data.stat().st_size == manifest["bytes"]:
                yield manifest


def remove_parts(folder: Path, name: str | None = None) -> None:
    """Remove what was begun and not ended: of one backup, or all."""
    for path in folder.glob(f".{name or '*'}{'.*' if name else ''}{PART}"):
        path.unlink(missing_ok=True)


def prepare(folder: Path) -> None:
    """Make the folder, if it is not there; one that cannot be written to raises."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DdmsError(
            Code.UNAVAILABLE,
            Sentence("the folder of the backups cannot be made ({}): make it, or set DDMS_BACKUP_DIRECTORY", error),
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        sentence = Sentence("the folder {} cannot be written to: give it to the account that makes the backups", folder)
        raise DdmsError(Code.UNAVAILABLE, sentence)


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give the path of a part to write; at the end it is on the disk under its name, after an error it is gone."""
    part = path.with_name(f".{path.name}{PART}")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, RIGHTS))
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise disk_trouble(error, path.parent) from error
    finally:
        part.unlink(missing_ok=True)


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest: the last step, with which the backup is there."""
    with written(path) as part:
        part.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def sync_folder(folder: Path) -> None:
    """Let the disk know what the folder holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_trouble(error: OSError, folder: Path) -> DdmsError:
    """Say what an error of the disk means."""
    return DdmsError(
        Code.UNAVAILABLE,
        Sentence(
            "the backup cannot be written to {} ({}): is there room, and is the disk well?",
            folder,
            error.strerror or error,
        ),
    )


def check_free(folder: Path, needed: int) -> None:
    """Refuse to begin what will not fit."""
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        sentence = Sentence(
            "the backup needs about {} and leaves {} to others, and {} has {} free: make room, keep fewer backups, or choose another folder",
            size(needed),
            size(SPARE_BYTES),
            folder,
            size(free),
        )
        raise DdmsError(Code.UNAVAILABLE, sentence)


def size(bytes_: float) -> str:
    """Return a size as people read it."""
    for unit in ("B", "kB", "MB", "GB"):
        if bytes_ < 1000:
            return f"{bytes_:.0f} {unit}" if bytes_ >= 10 or unit == "B" else f"{bytes_:.1f} {unit}"
        bytes_ /= 1000
    return f"{bytes_:.1f} TB"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A backup, as far as it matters for whether it is kept."""

    name: str
    made_at: datetime
    is_kept: bool = False
    is_verified: bool = False


def surplus(backups: Iterable[Kept], *, newest: int, monthly: int, zone: str, now: datetime) -> list[str]:
    """Return which may go, the oldest first.

    Kept are the newest, the first of each of the last months in the site's time zone, those that a person keeps, and
    the newest that was verified.
    """
    ordered = sorted(backups, key=lambda backup: (backup.made_at, backup.name))
    stay = {backup.name for backup in ordered[len(ordered) - min(newest, len(ordered)) :]}
    stay |= {backup.name for backup in ordered if backup.is_kept}
    stay |= {backup.name for backup in [b for b in ordered if b.is_verified][-1:]}
    stay |= {backup.name for backup in _first_of_months(ordered, monthly, ZoneInfo(zone), now)}
    return [backup.name for backup in ordered if backup.name not in stay]


def _first_of_months(ordered: Sequence[Kept], months: int, zone: ZoneInfo, now: datetime) -> Iterable[Kept]:
    month: Callable[[datetime], int] = lambda moment: moment.astimezone(zone).year * 12 + moment.astimezone(zone).month  # noqa: E731
    oldest = month(now) - months
    first: dict[int, Kept] = {}
    for backup in ordered:
        if month(backup.made_at) > oldest:
            first.setdefault(month(backup.made_at), backup)
    return first.values()
