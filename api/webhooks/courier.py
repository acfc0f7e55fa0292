"""The courier: tells the targets, in order each, a target that hangs or is away for itself alone.

One program of all has the claim and does it; when that one dies, another takes over within seconds. What is to be told
waits in the database, so that a restart loses none of it; what was under way then is told once more, under the same key.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

import asyncpg

from api.ground.claims import while_claimed
from api.ground.database import Database, Row
from api.ground.metrics import WEBHOOK_DELIVERIES, WEBHOOK_WAITING
from api.webhooks.feed import Feed
from api.webhooks.sending import Outcome, Sender
from ddms.database import secret_channel
from ddms.settings import Settings

CHANNEL = "ddms_webhooks"
"""Who changes a target or wakes its dead says so here."""
WEBHOOKS = "webhooks"
LOOK_SECONDS, GATHER_SECONDS, COUNT_SECONDS, KEPT_DAYS = 2.0, 0.05, 60.0, 14
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
# After the one before, so that what is done need not be looked through.
READ_NEXT = """-- ddms:read_next_delivery
SELECT d.id, d.event, d.body, d.attempts, w.url, w.failures, array_remove(array[w.secret, CASE WHEN w.old_until > now() THEN w.old_secret END], NULL) AS keys
  FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
 WHERE w.id = $1 AND w.enabled AND d.state = 'waiting' AND d.id > $2 ORDER BY d.id LIMIT 1
"""
_NOTE = """WITH told AS (
    UPDATE webhook_deliveries SET state = $3, attempts = attempts + 1, tried_at = now(), status = $4, error = $5, seconds = $6
     WHERE id = $2 AND state = 'waiting')"""
# Not waited for until it is on the disk: if the database dies just then, the message is told once more.
NOTE_ENDED = f"""-- ddms:note_delivery_ended
{_NOTE}, well AS (
    UPDATE webhooks SET failures = 0, failing_since = NULL, next_at = NULL, last_error = NULL WHERE id = $1 AND failing_since IS NOT NULL)
SELECT set_config('synchronous_commit', 'off', true)
"""  # noqa: S608 - a constant
NOTE_FAILED = f"""-- ddms:note_delivery_failed
{_NOTE}
UPDATE webhooks SET failures = failures + 1, failing_since = coalesce(failing_since, now()), next_at = now() + $7, last_error = $5 WHERE id = $1
"""  # noqa: S608 - a constant
COUNT_WAITING = "-- ddms:count_waiting_deliveries\nSELECT count(*) FROM webhook_deliveries WHERE state = 'waiting'"
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
        await while_claimed(self._settings, "api-webhooks", WEBHOOKS, self._tell, size=4, fewest=0)

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
        self._count_at = 0.0

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
            while row := await self._database.row(READ_NEXT, number, before):
                before = row["id"]
                outcome = await sender.send(row["url"], row["keys"], row["event"], row["body"].encode())
                if not await self._noted(number, row, outcome):
                    return
        finally:
            await sender.close()

    async def _noted(self, number: int, row: Row, outcome: Outcome) -> bool:
        """Write down what became of a delivery; return whether the next one may be told."""
        refused = outcome.status in REFUSED_FOR_GOOD and row["attempts"] + 1 >= REFUSALS
        state = "done" if outcome.error is None else "dead" if refused else "waiting"
        WEBHOOK_DELIVERIES.labels("failed" if state == "waiting" else state).inc()
        noted = number, row["id"], state, outcome.status, outcome.error and str(outcome.error), outcome.seconds
        if state != "waiting":
            await self._database.value(NOTE_ENDED, *noted)
            return True
        await self._database.value(NOTE_FAILED, *noted, delay(row["failures"]))
        if not row["failures"]:
            logger.warning("the webhook wh_%s fails: %s", number, outcome.error)
        return False

    async def _keep_house(self) -> None:
        """Forget what is old, and tell the metrics how much waits, now and then."""
        now = asyncio.get_running_loop().time()
        if now >= self._count_at:
            self._count_at = now + COUNT_SECONDS
            await self._database.value(FORGET, KEPT_DAYS)
            WEBHOOK_WAITING.set(await self._database.value(COUNT_WAITING))
