"""The second place of the backups: another folder, or a bucket. A copy is whole or absent there, too."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from ddms.backups import folder
from ddms.backups.folder import BackupFiles
from ddms.backups.s3 import Store
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

_PIECE = 4 * 1024**2


def is_store(settings: Settings) -> bool:
    """Return whether the second place is a bucket."""
    return (settings.backup_copy or "").startswith("s3://")


async def copy(settings: Settings, files: BackupFiles, manifest: dict[str, Any]) -> None:
    """Copy a backup to the second place, its manifest last; one that is there already is left as it is."""
    if is_store(settings):
        store = Store(settings)
        try:
            if await store.size(files.data.name) != manifest["bytes"] or await store.size(files.manifest.name) is None:
                await store.put(files.data, files.data.name)
                await store.put(files.manifest, files.manifest.name)
        finally:
            await store.close()
    else:
        await asyncio.to_thread(_copy, Path(settings.backup_copy or ""), files, manifest)


def _copy(where: Path, files: BackupFiles, manifest: dict[str, Any]) -> None:
    if not where.is_dir():
        sentence = Sentence("the folder of the copies, {}, is not there: is its disk or share mounted?", where)
        raise DdmsError(Code.UNAVAILABLE, sentence)
    there = BackupFiles(folder=where, name=files.name, portable=files.portable, encrypted=files.encrypted)
    if there.manifest.exists() and there.data.exists() and there.data.stat().st_size == manifest["bytes"]:
        return
    folder.check_free(where, manifest["bytes"])
    hashed = hashlib.sha256()
    with folder.written(there.data) as part, files.data.open("rb") as source, part.open("wb") as target:
        while piece := source.read(_PIECE):
            hashed.update(piece)
            target.write(piece)
        target.flush()
        if hashed.hexdigest() != manifest["checksum"]:
            sentence = Sentence("{} is not what was written: its checksum differs, so it is not copied", files.data)
            raise DdmsError(Code.CONFLICT, sentence)
    folder.write_manifest(there.manifest, files.read_manifest())


async def remove(settings: Settings, files: BackupFiles) -> None:
    """Remove a copy, if it is there; the manifest first."""
    if is_store(settings):
        store = Store(settings)
        try:
            await store.remove(files.manifest.name)
            await store.remove(files.data.name)
        finally:
            await store.close()
    else:
        there = BackupFiles(
            folder=Path(settings.backup_copy or ""), name=files.name, portable=files.portable, encrypted=files.encrypted
        )
        if there.folder.is_dir():
            await asyncio.to_thread(there.remove)
