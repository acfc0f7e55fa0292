"""Trusted documents: registered once, called by the hash of their text; a token may be bound to them.

After the appendix on persisted documents of GraphQL over HTTP: `documentId` is `sha256:` and 64 hexadecimal digits. What
Apollo's clients send for it, `extensions.persistedQuery.sha256Hash`, is understood as well.
"""

import re
import time
from hashlib import sha256

from graphql import GraphQLError, OperationDefinitionNode, parse, validate

from api.ground import audit
from api.ground.actor import Actor
from api.ground.callers import Caller
from api.ground.database import Database, Row, Statements
from api.schema import build
from ddms.errors import Code, DdmsError, Sentence
from ddms.logs import visible

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)
_APOLLO = re.compile("[0-9a-f]{64}")
SEND_THE_TEXT = "PersistedQueryNotFound"
"""What Apollo's and urql's clients wait for to send the document itself."""
_REMEMBERED_SECONDS = 30.0
_REMEMBERED = 1_000

FIND_DOCUMENT = "-- ddms:find_document\nSELECT text FROM documents WHERE hash = $1"
PUT_DOCUMENT = """-- ddms:put_document
INSERT INTO documents (hash, name, text) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING RETURNING true
"""
LIST_DOCUMENTS = "-- ddms:list_documents\nSELECT hash, name, text, added_at FROM documents ORDER BY name, added_at"
REMOVE_DOCUMENT = "-- ddms:remove_document\nDELETE FROM documents WHERE hash = $1 RETURNING name"


class Trusted:
    """Finds registered documents; a found one is remembered for half a minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, tuple[float, str]] = {}

    async def text(self, query: str, document_id: str | None, caller: Caller | None) -> str:
        """Return the document to execute; raises what the caller may not do or nobody has registered."""
        bound = caller is not None and caller.trusted_only
        if not query and document_id is not None:
            text = await self._find(hash_of_id(document_id))
            if text is None and not bound and _APOLLO.fullmatch(document_id):
                raise DdmsError(Code.NOT_FOUND, SEND_THE_TEXT, field="extensions.persistedQuery")
            if text is None:
                raise DdmsError(
                    Code.NOT_FOUND, Sentence("no document is registered as {}: `ddms documents add` does it", document_id[:80]),
                    field="documentId",
                )  # fmt: skip
            return text
        if bound and await self._find(digest(query)) is None:
            raise DdmsError(
                Code.FORBIDDEN, "this token may only send registered documents: `ddms documents add` registers one"
            )
        return query

    async def _find(self, hash_: bytes) -> str | None:
        until, text = self._known.get(hash_, (0.0, ""))
        if until > time.monotonic():
            return text
        found: str | None = await self._database.value(FIND_DOCUMENT, hash_)
        if found is None:
            self._known.pop(hash_, None)
            return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[hash_] = time.monotonic() + _REMEMBERED_SECONDS, found
        return found


def digest(text: str) -> bytes:
    """Return the hash by which a document is called."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def id_of(hash_: bytes) -> str:
    """Return a document's id."""
    return f"sha256:{hash_.hex()}"


def hash_of_id(document_id: str) -> bytes:
    """Return the hash in a document's id."""
    match = _ID.fullmatch(document_id)
    if not match:
        raise DdmsError(
            Code.INVALID, "a documentId is `sha256:` and the 64 hexadecimal digits of the document's SHA-256",
            field="documentId",
        )  # fmt: skip
    return bytes.fromhex(match[1])


async def register(statements: Statements, actor: Actor, name: str, text: str) -> tuple[str, bool]:
    """Register a document that fits the schema; return its id, and whether it is new."""
    try:
        document = parse(text, max_tokens=2_000)
        problems = validate(build()._schema, document)
    except GraphQLError as error:
        problems = [error]
    if problems:
        raise DdmsError(Code.INVALID, Sentence("{}: {}", name, problems[0].message), field="text")
    operations = [d.name.value for d in document.definitions if isinstance(d, OperationDefinitionNode) and d.name]
    shown = ", ".join(operations) or visible(name)
    new = bool(await statements.value(PUT_DOCUMENT, digest(text), shown[:120], text))
    if new:
        await audit.record(statements, actor, "document.add", id_of(digest(text)), after={"name": shown})
    return id_of(digest(text)), new


async def remove(statements: Statements, actor: Actor, document_id: str) -> None:
    """Take a document out; callers may use it for half a minute more."""
    if await statements.value(REMOVE_DOCUMENT, hash_of_id(document_id)) is None:
        raise DdmsError(Code.NOT_FOUND, Sentence("no document is registered as {}", document_id), field="documentId")
    await audit.record(statements, actor, "document.remove", document_id)


async def stored(statements: Statements) -> list[Row]:
    """Return all documents, by name."""
    return await statements.rows(LIST_DOCUMENTS)
