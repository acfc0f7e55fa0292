"""Idempotency keys: a mutation that is sent again by the same caller with the same key is not done again.

The first answer is kept for 24 hours and given again. The transaction of the change marks the key as done, so that a
change whose answer was lost (the API was killed) is known to have happened and is never done twice.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from api.graphql.context import Context
from api.ground.database import BEFORE_COMMIT, Row, Statements
from api.ground.limits import DEADLINE_SECONDS
from ddms.errors import Code, DdmsError

_KEY = re.compile(r"[!-~]{1,255}")
_SECRET = re.compile(r"\b(?:createToken|signIn|createUser|resetPassword|changePassword|createWebhook|updateWebhook)\b")
_WAIT_SECONDS = 0.05

CLAIM_KEY = """-- ddms:claim_key
INSERT INTO idempotency_keys AS k (token_id, key, request) VALUES ($1, $2, $3)
ON CONFLICT (token_id, key) DO UPDATE SET request = excluded.request, at = now(), done = false, answer = NULL
 WHERE k.at < now() - interval '1 day'
    OR (k.request = excluded.request AND k.answer IS NULL AND NOT k.done AND k.at < now() - interval '1 minute')
RETURNING true
"""
READ_KEY = "-- ddms:read_key\nSELECT request, done, answer FROM idempotency_keys WHERE token_id = $1 AND key = $2"
MARK_DONE = "-- ddms:mark_done\nUPDATE idempotency_keys SET done = true WHERE token_id = $1 AND key = $2"
KEEP_ANSWER = "-- ddms:keep_answer\nUPDATE idempotency_keys SET answer = $3 WHERE token_id = $1 AND key = $2"
FREE_KEY = "-- ddms:free_key\nDELETE FROM idempotency_keys WHERE token_id = $1 AND key = $2 AND NOT done"
FORGET_KEYS = "-- ddms:forget_keys\nDELETE FROM idempotency_keys WHERE at < now() - interval '1 day'"


@dataclass(kw_only=True)
class Claim:
    """A key in use: `answer` is the first one's, or is put here by the one who does it."""

    answer: bytes | None = None
    keep: bool = False


def key_of(header: str) -> str | None:
    """Return the key of the header Idempotency-Key, which is a quoted string or the bare text; None without one."""
    key = header.strip().removeprefix('"').removesuffix('"')
    if not header:
        return None
    if not _KEY.fullmatch(key):
        raise _wrong("a key has 1 to 255 visible ASCII characters, as a UUID has")
    return key


def fingerprint(document: str, name: str | None, variables: dict[str, Any] | None) -> bytes:
    """Return what makes two requests the same."""
    return sha256(orjson.dumps([document, name, variables or {}], option=orjson.OPT_SORT_KEYS)).digest()


@asynccontextmanager
async def claimed(context: Context, key: str, document: str, request: bytes) -> AsyncIterator[Claim]:
    """Hold a key while its mutation is done; without an answer in the claim the caller does it and puts it there."""
    if context.caller is None:
        raise _wrong("an idempotency key belongs to a token: send one")
    if _SECRET.search(document):
        raise _wrong("an answer with a secret is kept nowhere: send what makes or takes one without a key")
    mine = context.caller.token_id, key
    if kept := await _kept(context, mine, request):
        yield Claim(answer=kept)
        return
    claim = Claim()

    async def mark(statements: Statements) -> None:
        await statements.value(MARK_DONE, *mine)

    token = BEFORE_COMMIT.set(mark)
    try:
        yield claim
    finally:
        BEFORE_COMMIT.reset(token)
        await asyncio.shield(_settle(context, mine, claim))


async def _settle(context: Context, mine: tuple[int, str], claim: Claim) -> None:
    async with context.everything.connection() as statements:
        if not claim.keep:  # nothing was done, so that it may be tried again; what was done stays marked
            await statements.value(FREE_KEY, *mine)
        if claim.answer is not None:
            await statements.value(KEEP_ANSWER, *mine, claim.answer)
        await statements.value(FORGET_KEYS)


async def _kept(context: Context, mine: tuple[int, str], request: bytes) -> bytes | None:
    """Claim the key and return None, or wait for the answer of the one who has it."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await context.everything.value(CLAIM_KEY, *mine, request):
        row = await context.everything.row(READ_KEY, *mine)
        if row and (answer := _answer(row, request)):
            return answer
        if time.monotonic() > deadline:
            sentence = (
                "the first request with this key has no answer yet: look at what is there before you send it again"
            )
            raise DdmsError(Code.CONFLICT, sentence, field="Idempotency-Key")
        await asyncio.sleep(_WAIT_SECONDS)
    return None


def _answer(row: Row, request: bytes) -> bytes | None:
    if row["request"] != request:
        raise _wrong("this key was used for another request: choose a new key")
    answer: bytes | None = row["answer"]
    return answer


def succeeded(answer: dict[str, Any]) -> bool:
    """Whether a mutation's answer tells of nothing that went wrong."""
    payloads = (answer.get("data") or {}).values()
    return "errors" not in answer and not any(isinstance(p, dict) and p.get("errors") for p in payloads)


def _wrong(sentence: str) -> DdmsError:
    return DdmsError(Code.INVALID, sentence, field="Idempotency-Key")
