"""What is in a file that pg_dump wrote: its table of contents, the rows of its tables, and its way into a database."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from ddms.backups.programs import Program, Words, connection_of, running
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

PIECE = 1 << 18
# Kinds of entries, longest first where one begins like another; a schema and a name follow, then the owner.
_ENTRY = re.compile(
    r"\d+; \d+ \d+ (?P<kind>TABLE DATA|SEQUENCE SET|SEQUENCE OWNED BY|FK CONSTRAINT|[A-Z]+(?: [A-Z]+)*) "
    r"(?P<schema>\S+) (?P<name>.+?) ?(?P<owner>\S*)"
)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# What a second run says of what the first one made.
_MADE_BEFORE = re.compile(r"already exists|multiple primary keys for table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the table of contents, and the line that `pg_restore --use-list` takes for it."""

    line: str
    kind: str
    schema: str
    name: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The table of contents, and of which database the file was made."""

    database: str
    postgresql: int
    """The major version of the server."""
    entries: tuple[Entry, ...]

    def data(self) -> tuple[Entry, ...]:
        """Return what holds rows."""
        return tuple(entry for entry in self.entries if entry.kind == "TABLE DATA")

    def has(self, kind: str, schema: str, name: str) -> bool:
        """Say whether there is such an entry."""
        return any((e.kind, e.schema, e.name) == (kind, schema, name) for e in self.entries)

    @property
    def owner(self) -> str:
        """Who owned the tables."""
        return next((e.owner for e in self.entries if (e.kind, e.name) == ("TABLE", "readings")), "")


class Archive:
    """A file in pg_dump's custom format, and the pg_restore that reads it."""

    def __init__(self, path: Path, program: Program, settings: Settings) -> None:
        self.path, self._program, self._settings = path, program, settings
        self._contents: Contents | None = None

    async def contents(self) -> Contents:
        """Read the table of contents; raises `DdmsError` when the file is none of pg_dump's."""
        self._contents = self._contents or await self._read_contents()
        return self._contents

    async def _read_contents(self) -> Contents:
        text = b"".join([piece async for piece in self._read("--list")]).decode(errors="replace")
        database = re.search(r"^;\s+dbname: (.*)$", text, re.MULTILINE)
        found = ((line, _ENTRY.fullmatch(line)) for line in text.splitlines() if not line.startswith(";"))
        entries = tuple(Entry(line=line, **match.groupdict()) for line, match in found if match)
        version = re.search(r"^;\s+Dumped from database version: (\d+)", text, re.MULTILINE)
        return Contents(
            database=database[1] if database else "", postgresql=int(version[1]) if version else 0, entries=entries
        )

    async def rows(self, entry: Entry) -> AsyncGenerator[bytes, None]:
        """Read the rows of a table as COPY writes them (text format); first comes its head, the line `COPY …`."""
        with _listed([entry]) as listed:
            rest, begun, ended = b"", False, False
            async with aclosing(self._read("--data-only", *listed, "--file=-")) as pieces:
                async for piece in pieces:
                    if ended:
                        continue  # what follows is no row; that it can be read says that the file is whole
                    rest += piece
                    if not begun:
                        begin = rest.find(b"\nCOPY ")
                        end = rest.find(b"\n", begin + 1) if begin >= 0 else -1
                        if end < 0:
                            continue
                        yield rest[begin + 1 : end]
                        begun, rest = True, rest[end:]  # the line break before the first row stays for what follows
                    end = rest.find(b"\n\\.\n")
                    ended = end >= 0
                    # A line that may be the last is kept until more of it is there; so is the break before it.
                    whole = end if ended else rest.rfind(b"\n", 0, len(rest) - 3)
                    if whole > 0:
                        yield rest[1 : whole + 1]
                        rest = rest[whole:]
            if not ended:
                raise DdmsError(
                    Code.CONFLICT, Sentence("the rows of {} end in the middle: the file is truncated", entry.name)
                )

    async def table(self, schema: str, name: str) -> list[dict[str, str | None]]:
        """Read a small table whole; an empty list where the file has none."""
        entry = next((e for e in (await self.contents()).data() if (e.schema, e.name) == (schema, name)), None)
        if entry is None:
            return []
        pieces = [piece async for piece in self.rows(entry)]
        columns = columns_of(pieces[0])
        lines = b"".join(pieces[1:]).decode().splitlines()
        return [dict(zip(columns, map(_value, line.split("\t")), strict=True)) for line in lines]

    async def restore(
        self,
        database: str,
        *arguments: str,
        entries: Iterable[Entry] | None = None,
        hear: Callable[[str], None] = lambda _: None,
        again: bool = False,
        quietly: bool = False,
    ) -> None:
        """Run pg_restore into a database of the server; raises `DdmsError` after its first error. Cancelled, it is ended.

        `again`: what an earlier run has made already is no error. `quietly`: no trigger fires and no key is checked.
        """
        address, environment = connection_of(self._settings, database)
        if quietly:
            environment["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} -c session_replication_role=replica"
        with _listed(entries) as listed:
            command = (f"--dbname={address}", *arguments, *listed, str(self.path))
            async with running(self._program, command, environment, stdout=asyncio.subprocess.DEVNULL) as process:
                assert process.stderr is not None  # noqa: S101 - it is a pipe
                words = Words(hear)
                await words.follow(process.stderr)
                code = await process.wait()
        errors = [
            said for said in words.complaints if said.startswith("error") and not (again and _MADE_BEFORE.search(said))
        ]
        if errors or (code and not words.complaints):
            raise failed(errors[0] if errors else f"pg_restore ended with {code}")

    async def _read(self, *arguments: str) -> AsyncGenerator[bytes, None]:
        _, environment = connection_of(self._settings)
        command = (*arguments, str(self.path))
        async with running(self._program, command, environment, stdout=asyncio.subprocess.PIPE) as process:
            assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - they are pipes
            words = Words()
            said = asyncio.create_task(words.follow(process.stderr))
            while piece := await process.stdout.read(PIECE):
                yield piece
            await said
            if await process.wait():
                raise failed(next(iter(words.complaints), "pg_restore failed"))


def failed(line: str) -> DdmsError:
    """Turn what pg_restore said into a sentence that says what to do."""
    said = re.sub(r"^.*?error: ", "", line).strip()[:300]
    if "No space left" in said or "could not extend file" in said or "could not write to" in said:
        sentence = "the disk of the database is full, and the old database is as it was: make room, then go on with --again ({})"
        return DdmsError(Code.UNAVAILABLE, Sentence(sentence, said))
    if "does not support compression" in said:
        sentence = "this pg_restore cannot read how the file is compressed ({}): install one that can, or let DDMS_POSTGRES_PROGRAMS name its folder"
        return DdmsError(Code.CONFLICT, Sentence(sentence, said))
    if re.search(
        r"end of file|corrupt|could not (uncompress|decompress|read)|zstd|unexpected section|out-of-order|not appear to be",
        said,
    ):
        return DdmsError(Code.CONFLICT, Sentence("the file is truncated or damaged ({}): take another backup", said))
    if "unsupported version" in said:
        sentence = "the file was made by a newer PostgreSQL ({}): install its pg_restore, or let DDMS_POSTGRES_PROGRAMS name its folder"
        return DdmsError(Code.CONFLICT, Sentence(sentence, said))
    return DdmsError(
        Code.CONFLICT,
        Sentence(
            "the database did not take it ({}); a portable backup holds nothing but rows, which every server takes",
            said,
        ),
    )


def columns_of(head: bytes) -> tuple[str, ...]:
    """Return the columns that a line `COPY schema.table (a, "b", c) FROM stdin;` names."""
    names = head.decode().rpartition(" FROM ")[0].partition("(")[2].rstrip(")")
    return tuple(
        quoted.replace('""', '"') or plain for quoted, plain in re.findall(r'"((?:[^"]|"")+)"|([^,\s"]+)', names)
    )


def _value(text: str) -> str | None:
    if text == "\\N":
        return None
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)


@contextmanager
def _listed(entries: Iterable[Entry] | None) -> Iterator[list[str]]:
    """Give the argument that names the entries to restore, whose list is a file for as long; none for all."""
    if entries is None:
        yield []
        return
    with NamedTemporaryFile("w", prefix="ddms-", suffix=".list", encoding="utf-8") as file:
        file.writelines(f"{entry.line}\n" for entry in entries)
        file.flush()
        yield [f"--use-list={file.name}"]
