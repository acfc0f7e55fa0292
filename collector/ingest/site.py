"""One far site: its messages are stored, its questions are answered, and it is told of changes."""

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from nats.aio.msg import Msg
from nats.js.errors import ServiceUnavailableError

from collector.complaints import Complaints
from collector.far.link import TROUBLE as NATS_TROUBLE
from collector.far.link import Link, explain, pack, unpack
from collector.ingest import statements
from collector.ingest.storing import SiteStore
from collector.ingest.stream import BegunAnewError, SiteStream, is_late, trace_of
from collector.polling.leases import Leases
from collector.storing.alarms import Alarms
from collector.storing.flush import MAKE_INCOMING
from ddms import database
from ddms.database import Connection, connect
from ddms.errors import Code, DdmsError
from ddms.settings import Settings

RETRY_SECONDS, TELL_SECONDS = 2.0, 10.0
MOST_ASKED = 8
LEAF = "@leaf"

logger = logging.getLogger("ddms.ingest")

CLAIM_SITE = "-- ddms:claim_site\nSELECT claim('ingest ' || $1)"
# Who has the spool (`epoch` is its identity) has the name, until it is not seen any more.
SAY_HELLO = """-- ddms:say_hello
INSERT INTO collectors AS c (name, version, site, epoch) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET seen_at = now(), stopped_at = NULL, version = excluded.version, site = excluded.site, epoch = excluded.epoch,
       started_at = CASE WHEN c.epoch = excluded.epoch THEN c.started_at ELSE now() END
 WHERE (c.site = excluded.site AND c.epoch = excluded.epoch) OR c.stopped_at IS NOT NULL OR c.seen_at < now() - interval '20 s'
RETURNING name
"""
# One that does not reach the site says so only where no other one reaches it.
TELL_SITE = """-- ddms:tell_site
INSERT INTO site_states AS s (site, told_at, reached_at, newest_at, waiting_since, pending, stream_bytes, stream_max_bytes, trouble)
VALUES ($1, now(), CASE WHEN $2 THEN now() END, $3, $4, $5, $6, $7, left($8, 2000))
ON CONFLICT (site) DO UPDATE SET told_at = now(), reached_at = coalesce(excluded.reached_at, s.reached_at), newest_at = coalesce(excluded.newest_at, s.newest_at),
       waiting_since = excluded.waiting_since, pending = excluded.pending, stream_bytes = excluded.stream_bytes,
       stream_max_bytes = excluded.stream_max_bytes, trouble = excluded.trouble
 WHERE $2 OR coalesce(s.reached_at, '-infinity') < now() - interval '30 s'
"""
IS_KNOWN = (
    "-- ddms:is_collector_known\nSELECT EXISTS (SELECT FROM collectors WHERE name = $1 AND site = $2 AND epoch = $3)"
)


class Site:
    """A site, served by this program while it has the claim; others wait to take over."""

    def __init__(self, settings: Settings, name: str, pool: asyncpg.Pool) -> None:
        self.name = name.removesuffix(LEAF)
        self._settings, self._pool = settings, pool
        self.link = Link(settings, self.name, f"ingest-{self.name}")
        self.stream = SiteStream(self.link, leaf=name.endswith(LEAF), max_bytes=settings.ingest_stream_max_bytes)
        self.store = SiteStore(self.name)
        self.complaints = Complaints()
        self.is_served = False
        self._asked = asyncio.Semaphore(MOST_ASKED)
        self._answering: set[asyncio.Task[None]] = set()
        self._due = Alarms(Path(), self.complaints, "ingest")

    async def run(self) -> None:
        """Serve the site whenever NATS and the database are there, for ever."""
        while True:
            try:
                await self._serve()
            except BegunAnewError as error:
                logger.info("the messages of the site %s are begun anew: %s", self.name, error)
            except ServiceUnavailableError:
                self.complaints.about("site", f"{self.name}: {self.stream.missing}")
            except NATS_TROUBLE as error:
                self.complaints.about("site", f"{self.name}: {explain(error).message}")
            except database.TROUBLE as error:
                self.complaints.about("site", f"{self.name}: {database.explain(error).message}")
            finally:
                self.is_served = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _serve(self) -> None:
        connection = await connect(self._settings, f"ingest-{self.name}")
        try:
            while not await connection.fetchval(CLAIM_SITE, self.name):
                self.stream.is_known = False
                self.complaints.over("site")
                await asyncio.sleep(RETRY_SECONDS)
            await connection.execute(MAKE_INCOMING)
            if not self.link.connected:
                await self._open()
            await self.stream.begin()
            self.store.is_stale = self.is_served = True
            self.complaints.over("site")
            while True:
                taken = await self.stream.take()
                if taken:
                    came = [self.store.read(one.data, late=is_late(one), trace=trace_of(one)) for one in taken]
                    await self.store.store(connection, came)
                    await self.stream.done(taken)
                await self._due.end_what_is_due(connection)
        finally:
            await self.stream.end()
            connection.terminate()

    async def _open(self) -> None:
        if self.link.client.is_reconnecting:
            raise DdmsError(Code.UNAVAILABLE, "the connection to NATS was lost, and is tried again each second")
        await self.link.open()
        await self.link.client.subscribe(self.link.subject("ask"), queue="ingest", cb=self._take_question)

    async def watch(self) -> None:
        """See how much waits in the stream, and tell the database; for ever."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            is_reached = False
            if self.link.connected and self.stream.is_known:
                with suppress(*NATS_TROUBLE):  # whoever serves the site says it
                    await self.stream.measure()
                    is_reached = True
            said = self.complaints.current.get("site")
            if is_reached or said:
                with suppress(*database.TROUBLE):
                    await self._tell(said, is_reached=is_reached)

    async def _tell(self, said: str | None, *, is_reached: bool) -> None:
        stream = self.stream
        seen = [stream.pending, stream.bytes, stream.max_bytes] if is_reached else [None, None, None]
        trouble = said and said.removeprefix(f"{self.name}: ")
        async with asyncio.timeout(TELL_SECONDS), self._pool.acquire() as connection:
            await connection.execute(
                TELL_SITE, self.name, is_reached, stream.newest, stream.waiting_since, *seen, trouble
            )

    # -- questions

    async def _take_question(self, message: Msg) -> None:
        """Answer beside the others: some questions wait for the database."""
        task = asyncio.create_task(self._answer(message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, message: Msg) -> None:
        async with self._asked:
            try:
                found = {"found": await self._find(unpack(message.data, 16 * 1024**2))}
            except DdmsError as error:
                found = {"error": str(error.message), "code": error.code.value}
            except database.TROUBLE as error:
                found = {"error": database.explain(error).message, "code": Code.UNAVAILABLE.value}
            except Exception:
                logger.exception("a question of the site %s could not be answered", self.name)
                found = {
                    "error": "it could not be answered: the log of `ddms ingest` says why",
                    "code": Code.INVALID.value,
                }
            try:
                await message.respond(pack(found))
            except (*NATS_TROUBLE, orjson.JSONEncodeError) as error:
                logger.warning("an answer did not reach the site %s: %r", self.name, error)

    async def _find(self, question: dict[str, Any]) -> Any:
        collector, identity = str(question["collector"]), str(question["identity"])
        async with self._pool.acquire() as connection:
            if question["ask"] == "hello":
                version = str(question["version"])
                if not await connection.fetchval(SAY_HELLO, collector, version, self.name, identity):
                    sentence = (
                        f"another collector runs under the name {collector!r}: stop it, or set DDMS_COLLECTOR_NAME"
                    )
                    raise DdmsError(Code.CONFLICT, sentence)
                return None
            if not await connection.fetchval(IS_KNOWN, collector, self.name, identity):
                raise DdmsError(Code.UNAVAILABLE, "this collector is not known here: it says hello again")
            return await self._ask(connection, collector, question)

    async def _ask(self, connection: Connection, collector: str, question: dict[str, Any]) -> Any:
        if question["ask"] == "leases":
            held, share = await Leases(collector, self.name).take(connection)
            return {"held": sorted(held), "share": share}
        return await statements.answer(connection, self.name, collector, str(question["statement"]), question["values"])

    # -- changes

    async def tell(self, channel: str, payload: str) -> None:
        """Tell the site's collectors what the database told; one that is away looks when it is back."""
        self.store.is_stale = True
        if self.link.connected:
            try:
                await self.link.client.publish(self.link.subject("told"), f"{channel} {payload}".encode())
            except NATS_TROUBLE as error:
                logger.debug("the site %s was not told: %r", self.name, error)
