"""The courier: tells the targets, of each device in order, a target that hangs or is away for itself alone.

One program of all has the claim and does it; when that one dies, another takes over within seconds. What is to be told
waits in the database, so that a restart loses none of it; what was under way then is told once more, under the same key.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg

from api.ground.claims import while_claimed
from api.ground.database import Database, Row
from api.ground.metrics import WEBHOOK_DELIVERIES
from api.webhooks.feed import Feed
from api.webhooks.sending import Outcome, Sender
from ddms.database import secret_channel
from ddms.settings import Settings

CHANNEL = "ddms_webhooks"
"""Who changes a target or wakes its dead says so here."""
WEBHOOKS = "webhooks"
LOOK_SECONDS, GATHER_SECONDS, FORGET_SECONDS, KEPT_DAYS = 2.0, 0.05, 60.0, 14
AT_ONCE, IN_FLIGHT, NOTE_SECONDS = 500, 8, 0.2
"""Messages of a target that are read at a time, and those of them that are under way; how often is written down what became of them."""
DELAYS = (5, 15, 60, 300, 900, 1800)
"""Seconds until a target that failed is tried again, by how often it did; then each hour. A fifth more or less."""
LAST_DELAY = 3600
REFUSED_FOR_GOOD, REFUSALS = {400, 413, 415, 422}, 3
"""Answers that speak of the message and not of the target: so many of them, and the next message has its turn."""

FIND_DUE = """-- ddms:find_due_webhooks
SELECT w.id FROM webhooks w WHERE w.enabled AND coalesce(w.next_at <= now(), true)
   AND EXISTS (SELECT FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.state = 'waiting')
"""
# What is due when its target could not be told for a day is not tried one by one.
EXPIRE = """-- ddms:expire_deliveries
UPDATE webhook_deliveries d SET state = 'dead', error = coalesce(d.error, w.last_error) FROM webhooks w
 WHERE w.id = d.webhook_id AND w.id = $1 AND d.state = 'waiting' AND d.expires_at < now() AND w.failing_since IS NOT NULL
"""
# After those before, so that what is done need not be looked through.
READ_NEXT = """-- ddms:read_next_deliveries
SELECT d.id, d.event, d.body, d.attempts, d.lane, w.url, w.failures, array_remove(array[w.secret, CASE WHEN w.old_until > now() THEN w.old_secret END], NULL) AS keys
  FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
 WHERE w.id = $1 AND w.enabled AND d.state = 'waiting' AND d.id > $2 ORDER BY d.id LIMIT $3
"""
# Not waited for until it is on the disk: if the database dies just then, the messages are told once more.
NOTE = """-- ddms:note_deliveries
WITH told AS (
    UPDATE webhook_deliveries d SET state = u.state, attempts = attempts + 1, tried_at = u.tried_at, status = u.status, error = u.error, seconds = u.seconds
      FROM unnest($1::bigint[], $2::text[], $3::int[], $4::text[], $5::real[], $6::timestamptz[]) AS u (id, state, status, error, seconds, tried_at)
     WHERE d.id = u.id AND d.state = 'waiting')
SELECT set_config('synchronous_commit', 'off', true)
"""
NOTE_WELL = """-- ddms:note_webhook_well
UPDATE webhooks SET failures = 0, failing_since = NULL, next_at = NULL, last_error = NULL WHERE id = $1 AND failing_since IS NOT NULL
"""
NOTE_FAILED = """-- ddms:note_webhook_failed
UPDATE webhooks SET failures = failures + 1, failing_since = coalesce(failing_since, now()), next_at = now() + $2, last_error = $3 WHERE id = $1
"""
FORGET = "-- ddms:forget_deliveries\nDELETE FROM webhook_deliveries WHERE created_at < now() - make_interval(days => $1) AND state <> 'waiting'"

logger = logging.getLogger("api.webhooks")


def delay(failures: int) -> timedelta:
    """Return how long a target is let alone that failed so often in a row."""
    seconds = DELAYS[failures] if failures < len(DELAYS) else LAST_DELAY
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - so that targets do not come all at once


class Courier:
    """Tells the targets while this program has the claim."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self) -> None:
        """Do it, for ever."""
        await while_claimed(self._settings, "api-webhooks", WEBHOOKS, self._tell, size=4, fewest=0, stateless=True)

    async def _tell(self, connection: asyncpg.Connection, database: Database) -> None:
        wake = asyncio.Event()
        connection.add_termination_listener(lambda _: wake.set())
        for subject in (CHANNEL, "ddms_alarms", "ddms_states"):
            await connection.add_listener(await secret_channel(connection, subject), lambda *_: wake.set())
        await _Round(self._settings, database, wake).run(lambda: not connection.is_closed())


class _Round:
    """The telling, while the claim holds."""

    def __init__(self, settings: Settings, database: Database, wake: asyncio.Event) -> None:
        self._settings, self._database, self._wake = settings, database, wake
        self._telling: dict[int, asyncio.Task[None]] = {}
        self._forget_at = 0.0

    async def run(self, goes_on: Callable[[], bool]) -> None:
        async with self._database.connection() as statements:
            feed = await Feed.load(statements)
        try:
            while goes_on():
                self._wake.clear()
                behind = await self._queue(feed)
                await self._tell()
                await self._keep_house()
                await asyncio.sleep(GATHER_SECONDS)  # what comes in a burst is queued together
                if not behind:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._wake.wait()
        finally:
            for task in self._telling.values():
                task.cancel()
            await asyncio.gather(*self._telling.values(), return_exceptions=True)

    async def _queue(self, feed: Feed) -> bool:
        async with self._database.transaction() as statements:
            return await feed.queue(statements)

    async def _tell(self) -> None:
        """Begin to tell each target that is due and is not being told."""
        due = await self._database.rows(FIND_DUE)
        for number in {row["id"] for row in due} - self._telling.keys():
            task = self._telling[number] = asyncio.create_task(self._told(number))
            task.add_done_callback(partial(self._ended, number))

    def _ended(self, number: int, done: asyncio.Task[None]) -> None:
        del self._telling[number]
        if not done.cancelled() and (error := done.exception()):
            logger.warning("the webhook wh_%s is told no more for now: %s", number, error)

    async def _told(self, number: int) -> None:
        """Tell a target all that waits, until it fails."""
        sender = Sender(self._settings.webhook_targets)
        try:
            await self._database.value(EXPIRE, number)
            before = 0
            while rows := await self._database.rows(READ_NEXT, number, before, AT_ONCE):
                before = rows[-1]["id"]
                if not await _Batch(self._database, sender, number).tell(rows):
                    return
        finally:
            await sender.close()

    async def _keep_house(self) -> None:
        """Forget what is old, now and then."""
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_SECONDS
            await self._database.value(FORGET, KEPT_DAYS)


class _Batch:
    """Some messages to one target, several under way at a time; of one device, or one alarm without, each after the one before."""

    def __init__(self, database: Database, sender: Sender, number: int) -> None:
        self._database, self._sender, self._number = database, sender, number
        self._failed: Outcome | None = None
        self._note_at = time.monotonic() + NOTE_SECONDS
        self._outcomes: list[tuple[int, str, int | None, str | None, float, datetime]] = []

    async def tell(self, rows: list[Row]) -> bool:
        """Tell them until one fails; return whether none did. What was told is written down, whatever comes."""
        lanes: dict[str, list[Row]] = {}
        for row in rows:
            lanes.setdefault(row["lane"], []).append(row)
        waiting = iter(lanes.values())
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(IN_FLIGHT, len(lanes))):
                    tasks.create_task(self._tell(waiting))
        finally:
            await self._note()
        if self._failed is None:
            await self._database.value(NOTE_WELL, self._number)
            return True
        await self._database.value(NOTE_FAILED, self._number, delay(rows[0]["failures"]), str(self._failed.error))
        if not rows[0]["failures"]:
            logger.warning("the webhook wh_%s fails: %s", self._number, self._failed.error)
        return False

    async def _tell(self, lanes: Iterator[list[Row]]) -> None:
        """Tell one lane after the other, until something fails."""
        for lane in lanes:
            for row in lane:
                if self._failed:
                    return
                outcome = await self._sender.send(row["url"], row["keys"], row["event"], row["body"].encode())
                self._take(row, outcome)
                if time.monotonic() > self._note_at:  # so that little is told twice when this program dies
                    await self._note()

    def _take(self, row: Row, outcome: Outcome) -> None:
        refused = outcome.status in REFUSED_FOR_GOOD and row["attempts"] + 1 >= REFUSALS
        state = "done" if outcome.error is None else "dead" if refused else "waiting"
        WEBHOOK_DELIVERIES.labels("failed" if state == "waiting" else state).inc()
        if state == "waiting":
            self._failed = self._failed or outcome
        error = outcome.error and str(outcome.error)
        self._outcomes.append((row["id"], state, outcome.status, error, outcome.seconds, datetime.now(UTC)))

    async def _note(self) -> None:
        self._note_at = time.monotonic() + NOTE_SECONDS
        outcomes, self._outcomes = self._outcomes, []
        if outcomes:
            await self._database.value(NOTE, *map(list, zip(*outcomes, strict=True)))
