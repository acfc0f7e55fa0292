"""The file that is restored: found, checked against its manifest, decrypted, and what it is."""

import asyncio
import hashlib
import io
import os
import tarfile
import tempfile
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from ddms.backups import folder, sealed
from ddms.backups.archive import Archive, Contents, Entry, columns_of
from ddms.backups.folder import MANIFEST, SEALED
from ddms.backups.manifest import HISTORY
from ddms.backups.programs import Program
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

Rows: TypeAlias = AsyncGenerator[tuple[tuple[str, ...], bytes], None]
"""The rows of a table: its columns, and a piece of what COPY writes (text format)."""
Report: TypeAlias = Callable[[float | None, str], None]
"""Is told how much is done, 0 to 1 or None, and what is done just now."""

PIECE = 1 << 20
_PACKED = "compress_hyper_", "_compressed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The file of a backup, and its manifest if that lies beside it."""

    data: Path
    manifest: dict[str, Any] | None

    @property
    def name(self) -> str:
        """The name of the backup."""
        return str(self.manifest["name"]) if self.manifest else self.data.name.partition(".")[0]


def find(settings: Settings, named: str) -> Found:
    """Find a backup by its name in the folder of backups, or by the path of its file or its manifest."""
    path = Path(named)
    if not path.is_file() and "/" not in named:
        path = settings.backup_directory / f"{named}{MANIFEST}"
    if path.suffix == MANIFEST:
        manifest = folder.read_manifest(path)
        data = path.parent / Path(manifest["file"]).name
        if not data.is_file():
            raise DdmsError(
                Code.NOT_FOUND, Sentence("the file {} of this backup is gone; its copy may be elsewhere", data)
            )
        return Found(data=data, manifest=manifest)
    if not path.is_file():
        raise DdmsError(Code.NOT_FOUND, Sentence("there is no file {}: `ddms backup list` shows what there is", path))
    beside = path.with_name(path.name.removesuffix(SEALED).rpartition(".")[0] + MANIFEST)
    return Found(data=path, manifest=folder.read_manifest(beside) if beside.is_file() else None)


def check(found: Found, report: Report) -> str:
    """Compare the file with its manifest; return its SHA-256. One that was changed or cut off raises."""
    size = found.data.stat().st_size
    expected = found.manifest["bytes"] if found.manifest else size
    if size != expected:
        sentence = "the file {} is {}: it has {} bytes, its manifest says {}; take another backup, or its copy"
        raise DdmsError(
            Code.CONFLICT,
            Sentence(sentence, found.data, "truncated" if size < expected else "too long", size, expected),
        )
    digest, done = hashlib.sha256(), 0
    with found.data.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            done += len(piece)
            if done % (64 * PIECE) == 0:
                report(None, f"reads the file to see whether it is whole, {done / max(size, 1):.0%}")
    if found.manifest and digest.hexdigest() != found.manifest["checksum"]:
        sentence = "the file {} is not as it was written: its SHA-256 is {}, its manifest says {}; take another backup, or its copy"
        raise DdmsError(Code.CONFLICT, Sentence(sentence, found.data, digest.hexdigest(), found.manifest["checksum"]))
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A backup that can be read: the dump, and with a portable one the tar with its history."""

    found: Found
    checksum: str
    archive: Archive
    contents: Contents
    tar: Path | None
    schema: str
    timescaledb: str | None
    """The version of the extension in it; None: it has none, or is portable."""
    is_packed: bool
    """Whether chunks lie compressed in it, which only the community edition reads."""
    is_community: bool

    @property
    def bytes_needed(self) -> int | None:
        """About how large the database is; None without a manifest."""
        manifest = self.found.manifest
        return int(manifest["database"]["bytes"]) if manifest else None


@asynccontextmanager
async def open_backup(
    settings: Settings, found: Found, program: Program, keys: Sequence[Any], report: Report
) -> AsyncIterator[Opened]:
    """Open a backup; a file that is none, is damaged or sealed for another key raises. Nothing readable is left behind."""
    checksum = await asyncio.to_thread(check, found, report)
    with _plain(found.data, keys, report) as plain, _unpacked(plain, found.data) as (dump, tar):
        archive = Archive(dump, program, settings)
        contents = await archive.contents()
        if not (contents.has("TABLE", "public", "alembic_version") and contents.has("TABLE", "public", "readings")):
            sentence = "the file {} is a dump of the database {}, which is none of DDMS"
            raise DdmsError(Code.INVALID, Sentence(sentence, found.data, contents.database or "?"))
        version = await archive.table("public", "alembic_version")
        told = {row["key"]: row["value"] for row in await archive.table("_timescaledb_catalog", "metadata")}
        jobs = await archive.table("_timescaledb_catalog", "bgw_job")
        yield Opened(
            found=found, checksum=checksum, archive=archive, contents=contents, tar=tar, schema=version[0]["version_num"] or "",
            timescaledb=told.get("timescaledb_version"), is_packed=any(_is_packed(entry) for entry in contents.data()),
            is_community=any(job["proc_name"] == "policy_compression" for job in jobs),
        )  # fmt: skip


def _is_packed(entry: Entry) -> bool:
    return entry.schema == "_timescaledb_internal" and (
        entry.name.startswith(_PACKED[0]) or entry.name.endswith(_PACKED[1])
    )


@contextmanager
def _plain(path: Path, keys: Sequence[Any], report: Report) -> Iterator[Path]:
    """Give a path at which the file can be read: what is sealed is opened into a file without a name, which nobody finds."""
    with path.open("rb") as file:
        head = file.read(64)
        if not head.startswith((b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE")):
            yield path
            return
        if not keys:
            raise DdmsError(
                Code.INVALID,
                "the backup is encrypted: give the file of its secret key with --identity",
                field="identity",
            )
        report(None, "decrypts the file")
        file.seek(0)
        where = path.parent if os.access(path.parent, os.W_OK) else Path(tempfile.gettempdir())
        folder.check_free(where, path.stat().st_size)
        with _nameless(where) as (plain, at):
            sealed.open_sealed(file, plain, keys)
            plain.flush()
            yield at


@contextmanager
def _nameless(where: Path) -> Iterator[tuple[Any, Path]]:
    """Make a file that is gone with this program, even a killed one; a program that we start can read it."""
    if Path("/proc/self/fd").is_dir():
        with tempfile.TemporaryFile(dir=where) as file:
            yield file, Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
    else:
        with tempfile.NamedTemporaryFile(prefix=".ddms-", dir=where) as file:
            yield file, Path(file.name)


@contextmanager
def _unpacked(plain: Path, named: Path) -> Iterator[tuple[Path, Path | None]]:
    """Give the dump, and the tar if it is in one."""
    with plain.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PGDMP"):
        yield plain, None
        return
    if head[257:262] != b"ustar":
        sentence = (
            "the file {} is no backup of DDMS: it is neither a dump of pg_dump in custom format nor a portable backup"
        )
        raise DdmsError(Code.INVALID, Sentence(sentence, named))
    with _nameless(Path(tempfile.gettempdir())) as (dump, at):
        try:
            with tarfile.open(plain) as tar:
                for member in tar:
                    if not member.name.startswith("database.dump."):
                        break
                    dump.write(_content(tar, member))
        except (tarfile.TarError, EOFError) as error:
            raise DdmsError(
                Code.CONFLICT, Sentence("the file {} is truncated or damaged ({}): take another backup", named, error)
            ) from error
        dump.flush()
        yield at, plain


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise tarfile.ReadError("unexpected end of data")
    return content


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Some rows of a table of history, loaded at once: a chunk of a native file, a member of a portable one."""

    item: str
    table: str
    share: float
    """How much of all parts come before this one, 0 to 1."""
    rows: Callable[[], Rows]


async def parts(source: Opened) -> AsyncIterator[Part]:
    """Give the parts of history."""
    if source.tar:
        for part in _of_tar(source.tar):
            yield part
        return
    prefixes = {
        row["associated_table_prefix"]: row["table_name"]
        for row in await source.archive.table("_timescaledb_catalog", "hypertable")
    }
    entries = [(entry, table) for entry in source.contents.data() if (table := _table_of(entry, prefixes)) in HISTORY]
    for place, (entry, table) in enumerate(entries):
        yield Part(
            item=entry.name, table=table, share=place / len(entries), rows=partial(_of_dump, source.archive, entry)
        )


def _table_of(entry: Entry, prefixes: dict[str | None, str | None]) -> str:
    if entry.schema == "public":
        return entry.name
    prefix = entry.name.removesuffix("_chunk").rpartition("_")[0]
    return prefixes.get(prefix) or "" if entry.schema == "_timescaledb_internal" else ""


async def _of_dump(archive: Archive, entry: Entry) -> Rows:
    columns: tuple[str, ...] = ()
    async with aclosing(archive.rows(entry)) as pieces:
        async for piece in pieces:
            if columns:
                yield columns, piece
            else:
                columns = columns_of(piece)


def _of_tar(path: Path) -> Iterator[Part]:
    whole = path.stat().st_size
    columns: tuple[str, ...] = ()
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                kind, _, rest = member.name.partition("/")
                table, _, name = rest.partition("/")
                if kind != "history" or table not in HISTORY:
                    continue
                if name == "columns":
                    columns = tuple(_content(tar, member).decode().split("\n"))
                    continue
                rows = partial(_of_member, tar, member, columns)
                yield Part(item=member.name, table=table, share=member.offset / whole, rows=rows)
    except (tarfile.TarError, EOFError) as error:
        raise DdmsError(
            Code.CONFLICT, Sentence("the file is truncated or damaged ({}): take another backup", error)
        ) from error


async def _of_member(tar: tarfile.TarFile, member: tarfile.TarInfo, columns: tuple[str, ...]) -> Rows:
    packed, gzip = io.BytesIO(await asyncio.to_thread(_content, tar, member)), zlib.decompressobj(wbits=31)
    try:
        while piece := packed.read(PIECE):
            yield columns, await asyncio.to_thread(gzip.decompress, piece)
        yield columns, gzip.flush()
    except zlib.error as error:
        raise DdmsError(
            Code.CONFLICT, Sentence("the file is truncated or damaged ({}): take another backup", error)
        ) from error
    if not gzip.eof:
        raise DdmsError(
            Code.CONFLICT, Sentence("the file is truncated or damaged ({}): take another backup", member.name)
        )
