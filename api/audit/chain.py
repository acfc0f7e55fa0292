"""The chain of the audit, checked: every hash is computed anew from what the entries say (docs/audit.md).

The database only hands out lines; its functions are not asked, because who changed an entry may have changed those too.
"""

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from api.ground.database import Statements
from ddms.errors import Code, DdmsError

COLUMNS = (
    "number", "at", "actor", "actor_kind", "actor_id", "token", "address", "client", "transport", "action", "subject",
    "before", "after",
)  # fmt: skip
"""What is hashed of an entry, in this order; `at` as microseconds since 1970."""
COPY_ENTRIES = """-- ddms:copy_audit
SELECT number, (extract(epoch FROM at) * 1000000)::bigint, actor, actor_kind, actor_id, token, address, client, transport, action, subject,
       before::text, after::text, encode(hash, 'hex')
  FROM public.audit_log ORDER BY number
"""
READ_CHAIN = "-- ddms:read_audit_chain\nSELECT number, hash, erased, erased_hash FROM public.audit_chain"
ONE_MOMENT = "-- ddms:check_audit_of_one_moment\nSET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_MOST_SECONDS = 3600


class Break(StrEnum):
    """How a chain is broken."""

    CHANGED = "an entry was changed, or stands in another's place: its hash does not follow from what it says and the entry before"
    MISSING = "entries were removed here: the numbers have a gap"
    STRAY = "an entry stands here that the chain never took in: it was inserted around it"
    CUT = "the newest entries are gone: the chain had come further"
    OTHER_HEAD = "the chain's own end was changed: the newest entry has another hash"
    OTHER_NOTE = "the entry that was noted has another hash now: the chain was written anew, or it is another database"
    NOTE_AHEAD = "the noted entry is not there: the newest entries were cut off, or an older backup was restored"


class Note(NamedTuple):
    """A place of the chain that somebody noted elsewhere: `1234:9f86d0…`."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Note":
        """Read what `ddms audit head` prints; raises INVALID."""
        number, _, digits = text.strip().partition(":")
        try:
            note = cls(int(number), bytes.fromhex(digits))
        except ValueError:
            note = cls(-1, b"")
        if note.number < 0 or len(note.hash) != sha256().digest_size:
            raise DdmsError(Code.INVALID, "give what `ddms audit head` printed: a number, a colon and 64 digits")
        return note


@dataclass(kw_only=True)
class Verdict:
    """What a check found."""

    head: Note
    erased: int
    """Number of the last entry that its retention erased; 0 before."""
    entries: int = 0
    broken: Break | None = None
    at: int | None = None
    """Number of the first entry that is wrong, or missing."""
    note_erased: bool = False
    """Whether the noted entry was erased by its retention since, so that there is nothing to compare."""

    def breaks(self, how: Break, number: int) -> None:
        """Note the first break."""
        if self.broken is None:
            self.broken, self.at = how, number


async def head_of(statements: Statements) -> Note:
    """Return the end of the chain, to be noted elsewhere."""
    row: Any = await statements.row(READ_CHAIN)
    return Note(row["number"], row["hash"])


async def verify(statements: Statements, expected: Note | None = None) -> Verdict:
    """Check the whole chain, and whether a noted place is still in it; in a transaction that has done nothing else yet."""
    await statements.value(ONE_MOMENT)
    check = _Check(await statements.row(READ_CHAIN), expected)
    await statements.copy(COPY_ENTRIES, check.take, seconds=_MOST_SECONDS)
    return check.finished()


class _Check:
    def __init__(self, chain: Any, expected: Note | None) -> None:
        self._number: int = chain["erased"]
        self._hash: bytes = chain["erased_hash"]
        self._expected = expected
        self._rest = b""
        self.verdict = Verdict(head=Note(chain["number"], chain["hash"]), erased=chain["erased"])
        if expected and expected.number == self._number:
            self._compare()
        elif expected and expected.number < self._number:
            self.verdict.note_erased = True

    async def take(self, part: bytes) -> None:
        lines = (self._rest + part).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if self.verdict.broken:
                return
            self._entry(line)

    def _entry(self, line: bytes) -> None:
        said, _, digits = line.rpartition(b"\t")
        number = said[: said.index(b"\t")]
        if number == b"\\N" or int(number) <= self._number:
            self.verdict.breaks(Break.STRAY, self._number)
        elif int(number) > self._number + 1:
            self.verdict.breaks(Break.MISSING, self._number + 1)
        elif (found := sha256(self._hash + said)).hexdigest().encode() != digits:
            self.verdict.breaks(Break.CHANGED, int(number))
        else:
            self._number += 1
            self._hash = found.digest()
            self.verdict.entries += 1
            if self._expected and self._number == self._expected.number:
                self._compare()

    def _compare(self) -> None:
        if self._expected and self._hash != self._expected.hash:
            self.verdict.breaks(Break.OTHER_NOTE, self._number)

    def finished(self) -> Verdict:
        """Return what was found, the end compared."""
        head = self.verdict.head
        if self._number < head.number:
            self.verdict.breaks(Break.CUT, self._number + 1)
        elif self._number > head.number or self._hash != head.hash:
            self.verdict.breaks(Break.OTHER_HEAD, self._number)
        if self._expected and self._expected.number > self._number:
            self.verdict.breaks(Break.NOTE_AHEAD, self._number + 1)
        return self.verdict
