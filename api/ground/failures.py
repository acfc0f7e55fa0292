"""Failures: what went wrong for whoever asked, counted, logged and kept for a while, under the number that they were told.

One caller's failures are listed as far as a person could have met them; what is beyond is only counted, so that nobody fills
the log or the table. The number itself is `ddms.logs.reference`.
"""

import asyncio
import logging
import time
import traceback
from collections import deque
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from api.ground.actor import Actor, client_name
from api.ground.database import Database
from api.ground.metrics import ERRORS, ERRORS_UNLISTED
from api.ground.turns import SERVED, Who
from ddms.database import TROUBLE
from ddms.logs import REQUEST_ID, reference, visible

LISTED, EACH_SECONDS = 20, 30.0
"""So many failures of one caller are listed at once, and one more each so many seconds."""
WAITING = 1_000
"""So many wait for the database at most; when it is away for longer, the oldest are in the log only."""
KEPT_EACH, KEPT = 2_000, 20_000
"""So many are kept of one account, and of all who have none together; and of everybody."""
_FLUSH_SECONDS, _TRIM_EVERY = 1.0, 500
_MANY = 10_000
_MESSAGE = 500

KEEP_FAILURES = """-- ddms:keep_failures
INSERT INTO errors (time, reference, place, code, message, caller, account, address, client, request_id)
SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::text[], $9::text[], $10::text[])
"""
TRIM_FAILURES = """-- ddms:trim_failures
DELETE FROM errors e USING (SELECT id, row_number() OVER (PARTITION BY account ORDER BY id DESC) AS of_account, row_number() OVER (ORDER BY id DESC) AS of_all FROM errors) n
 WHERE e.id = n.id AND (n.of_account > $1 OR n.of_all > $2)
"""

logger = logging.getLogger("api.errors")


class Place(StrEnum):
    """Where somebody met a failure."""

    GRAPHQL = "graphql"
    WEBSOCKET = "websocket"
    EVENTS = "events"
    PAGE = "page"
    BUTTON = "button"
    EXPORT = "export"
    GRAFANA = "grafana"
    BROWSER = "browser"
    PROGRAM = "program"


PLACE: ContextVar[Place] = ContextVar("place", default=Place.PROGRAM)
"""Where what is done now is seen."""
ASKER: ContextVar[Actor | None] = ContextVar("asker", default=None)
"""Who asked for it."""


class Failure(NamedTuple):
    """One failure, as the table has it."""

    time: datetime
    reference: str
    place: str
    code: str
    message: str
    caller: str | None
    account: int | None
    address: str | None
    client: str | None
    request_id: str | None


class _Listed:
    """Whose failures were listed how often: a bucket a caller, which time fills again."""

    def __init__(self) -> None:
        self._left: dict[Who, tuple[float, float]] = {}

    def take(self, who: Who) -> bool:
        """Whether one more may be listed."""
        now = time.monotonic()
        left, at = self._left.get(who, (float(LISTED), now))
        left = min(float(LISTED), left + (now - at) / EACH_SECONDS)
        if len(self._left) >= _MANY and who not in self._left:
            self._left.clear()  # so many callers fail only where somebody makes them
        self._left[who] = (left - 1 if left >= 1 else left), now
        return left >= 1


_listed = _Listed()
_waiting: deque[Failure] = deque(maxlen=WAITING)
_last: ContextVar[tuple[str, str, str] | None] = ContextVar("last", default=None)
_was_listed: ContextVar[bool] = ContextVar("was_listed", default=False)


def note(code: str, message: str, error: BaseException | None = None) -> str:
    """Count what failed, log it and have it kept, if its caller has not had too many; return its number.

    `message` is for those who run DDMS, in English, and holds nothing that may be a secret; `error` is what we did not expect.
    """
    number, place = reference(), PLACE.get()
    ERRORS.labels(place.value, code).inc()
    if _last.get() == (same := (number, code, message)):
        return number  # one answer often tells the same many times
    _last.set(same)
    _was_listed.set(_listed.take(SERVED.get()))
    if not was_listed():
        ERRORS_UNLISTED.inc()
        return number
    made = _failure(number, place, code, message, error)
    extra = {"reference": number, "place": made.place, "code": code, "caller": made.caller, "address": made.address}
    if error is None:
        logger.info("%s: %s", code, made.message, extra=extra)
    else:
        logger.error("unexpected error %s", number, exc_info=error, extra=extra)
    _waiting.append(made)
    return number


def was_listed() -> bool:
    """Whether the log has what was noted last, or it was only counted."""
    return _was_listed.get()


def is_noted() -> bool:
    """Whether something was noted under the number that holds now."""
    last = _last.get()
    return last is not None and last[0] == reference()


def _failure(number: str, place: Place, code: str, message: str, error: BaseException | None) -> Failure:
    asker, who = ASKER.get(), SERVED.get()
    text = message if error is None else f"{type(error).__name__} in {_where(error)}"
    client = asker.client if asker else None
    return Failure(
        datetime.now(UTC), number, place.value, code, visible(text[:_MESSAGE]), asker.name if asker else None,
        who if isinstance(who, int) else None, asker.address if asker else None, client and client_name(client), REQUEST_ID.get(),
    )  # fmt: skip


def _where(error: BaseException) -> str:
    """Return the function in which an error was raised; what it says stands in the log only, as it may hold what callers sent."""
    frames = traceback.extract_tb(error.__traceback__, -1)
    return f"{Path(frames[0].filename).name}, {frames[0].name}" if frames else "an unknown place"


class Keeper:
    """Puts what was noted into the database, a few at a time; what cannot be put there stays in the log."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._since_trimmed = _TRIM_EVERY
        self._keeping = asyncio.Lock()

    async def run(self) -> None:
        """Do it as long as the program runs."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            await self.keep()

    async def keep(self) -> None:
        """Keep what waits; what another call took is kept as well when this returns."""
        async with self._keeping:
            await self._keep()

    async def _keep(self) -> None:
        failures = [_waiting.popleft() for _ in range(len(_waiting))]
        if not failures:
            return
        try:
            async with self._database.transaction() as statements:
                await statements.rows(KEEP_FAILURES, *_columns(failures))
                self._since_trimmed += len(failures)
                if self._since_trimmed >= _TRIM_EVERY:
                    self._since_trimmed = 0
                    await statements.rows(TRIM_FAILURES, KEPT_EACH, KEPT)
        except TROUBLE:
            room = WAITING - len(_waiting)
            _waiting.extendleft(reversed(failures[-room:] if room else []))


def _columns(failures: Sequence[Failure]) -> list[list[object]]:
    return [list(column) for column in zip(*failures, strict=True)]
