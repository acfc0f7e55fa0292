"""The collector program: one task per endpoint, one store, one ear for changes."""

import asyncio
import logging
import signal
import time
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop

from collector import metrics
from collector.field import requests as field
from collector.line import tls
from collector.polling.clock import Clock
from collector.polling.leases import TICK_SECONDS, Leases
from collector.polling.polled_lines import PolledLines
from collector.polling.poller import ConnectionTask
from collector.report import Report
from collector.storing.known import Known
from collector.storing.spool import Spool
from collector.storing.store import Store
from ddms import tracing
from ddms.addresses import listen_on
from ddms.database import EMPTY, SESSION_SECONDS, TROUBLE, Connection, connect, explain, listen
from ddms.endpoints import Endpoint
from ddms.errors import Code, DdmsError
from ddms.lines import ConnectionConfiguration
from ddms.settings import Settings

RELOAD_SECONDS = 30.0  # a look at the configuration even if no NOTIFY came
NAME_SECONDS = 6.0  # for which the name may still be another's
SETTLE_SECONDS = 0.2  # a change of many rows comes as many notifications

ARE_OTHERS_ALIVE = """-- ddms:are_other_collectors_alive
SELECT EXISTS (SELECT FROM collectors WHERE name <> $1 AND site = (SELECT site FROM collectors WHERE name = $1) AND stopped_at IS NULL AND seen_at > now() - interval '20 s')
"""

logger = logging.getLogger("ddms.collector")


class CollectorProgram:
    """Holds the running tasks and fits them to the configuration."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        tls.use(settings.modbus_tls_directory)
        self.clock = Clock()
        self.store = self._make_store(Spool(settings.spool_folder, settings.spool_max_bytes))
        self.known = Known(settings.spool_folder)
        self.tasks: dict[int, tuple[ConnectionTask, asyncio.Task[None]]] = {}
        self.leases = Leases(settings.collector_name, settings.site or "")
        self.report = Report(settings, self.store, self.clock)
        self._configuration = PolledLines()
        self._changed = asyncio.Event()
        self._lease_wanted = asyncio.Event()
        self._asked = asyncio.Event()
        self._has_leases = False

    def _make_store(self, spool: Spool) -> Store:
        return Store(self.settings, spool)

    async def _connect(self, program: str) -> Connection:
        """Open a connection to where the configuration, the leases and the requests are."""
        return await connect(self.settings, program)

    async def run(self) -> None:
        """Run until cancelled; a side task that dies ends the program.

        Raises `DdmsError` when something is wrong that no waiting mends: the spool, the port, the schema, the name.
        """
        inherited = (self.settings.spool_directory, Path("spool"))  # where they lay before each had its own folder
        await asyncio.to_thread(lambda: self.store.spool.open(inherit=inherited))
        try:
            listener = listen_on(
                self.settings.collector_metrics_host, self.settings.collector_metrics_port, "DDMS_COLLECTOR_METRICS"
            )
            server = metrics.serve(listener, self.store, lambda: [task for task, _ in list(self.tasks.values())])
        except BaseException:
            self.store.spool.close()
            raise
        try:
            await self._work()
        finally:
            server.shutdown()
            server.server_close()
            # In a task of its own: in one that was cancelled, Python 3.11.2 takes each time-out for being cancelled again.
            await asyncio.create_task(self._end())

    async def _end(self) -> None:
        await self.store.close()
        await self._give_leases_back()

    async def _work(self) -> None:
        known = await asyncio.to_thread(self.known.read)
        await asyncio.to_thread(self.store.alarms.open)
        await self._begin(has_work=bool(known))
        async with asyncio.TaskGroup() as group:
            if known and not self.store.is_known:
                logger.info("%d connections are polled as they were last known", len(known))
                self.leases.held = frozenset(known)
                self.store.alarms.fit(known, None)
                await self.store.calculate(known, None)
                self._fit(known, group)
            group.create_task(self.store.run(), name="flush")
            group.create_task(self.store.stay_connected(), name="stay connected")
            group.create_task(self.store.replay_spool(), name="replay")
            group.create_task(self._watch_clock(), name="clock")
            group.create_task(self._listen(), name="listen")
            group.create_task(self._follow_configuration(group), name="configuration")
            group.create_task(self._answer_requests(), name="field requests")
            group.create_task(self._keep_leases(), name="leases")

    async def _begin(self, *, has_work: bool) -> None:
        """Connect for the first time; a database that is away is waited for, by those with work into the spool."""
        until = time.monotonic() + NAME_SECONDS
        while True:
            try:
                return await self.store.connect()
            except DdmsError as error:
                if error.code is not Code.CONFLICT or time.monotonic() > until:
                    # A database with nothing in it is being restored, when there was something to poll before.
                    if error.code is Code.UNAVAILABLE or (has_work and error.message == EMPTY):
                        return self.store.away(error)
                    raise
            await asyncio.sleep(1)  # the database may not know yet that the one before was killed

    def task_of(self, endpoint: Endpoint) -> ConnectionTask | None:
        """Return the task that polls an endpoint, if one does."""
        return next((t for t, _ in self.tasks.values() if t.configuration.line.endpoint == endpoint), None)

    async def _watch_clock(self) -> None:
        while True:
            await asyncio.sleep(1)
            if step := self.clock.look():
                logger.warning("the server's clock was set by %+.1f s", step)

    async def _listen(self) -> None:
        """Hear of changes; when the connection was lost, look at everything, since something may have been missed."""
        while True:
            try:
                listeners = {
                    "ddms_configuration": lambda _: self._hear_change(),
                    "ddms_field_requests": lambda told: self._asked.set() if told.endswith(":pending") else None,
                }
                async with listen(self.settings, "collector-listen", listeners) as lost:
                    self._changed.set()
                    self._asked.set()
                    await lost.wait()
            except TROUBLE:  # the store says so already
                await asyncio.sleep(2)

    def _hear_change(self) -> None:
        self._changed.set()
        self._lease_wanted.set()  # a new connection belongs to nobody yet

    async def _follow_configuration(self, group: asyncio.TaskGroup) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(RELOAD_SECONDS):
                    await self._changed.wait()
                    await asyncio.sleep(SETTLE_SECONDS)
            self._changed.clear()
            if (wanted := await self._read_configuration()) is not None:
                self._fit(wanted, group)
                await self._remember(wanted)

    async def _remember(self, lines: dict[int, ConnectionConfiguration]) -> None:
        """Keep what is polled for a start without the database."""
        if not self._has_leases:  # it is not known yet what is ours
            return
        try:
            await asyncio.to_thread(self.known.write, lines)
            self.store.complaints.over("known")
        except OSError as error:
            self.store.complaints.about("known", f"the configuration cannot be kept in {self.known.path}: {error}")

    async def _keep_leases(self) -> None:
        """Renew and balance the leases; without the database they stay as they are, and so does the polling."""
        while True:
            try:
                connection = await self._connect("collector-leases")
            except DdmsError:
                await self._wait_for_leases()
                continue
            try:
                while True:
                    async with asyncio.timeout(2 * TICK_SECONDS):
                        if await self.leases.tick(connection, self._stop):
                            self._changed.set()
                        self._has_leases = True
                        await self.report.tell(connection)
                    await self._wait_for_leases()
            except TROUBLE as error:
                logger.debug("the leases wait: %r", error)
                await asyncio.sleep(1)
            finally:
                connection.terminate()

    async def _wait_for_leases(self) -> None:
        """Wait for the next look at the leases, which is at once when something changed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK_SECONDS):
                await self._lease_wanted.wait()
        self._lease_wanted.clear()

    async def _stop(self, connection_ids: frozenset[int]) -> None:
        """End the polling of connections that another collector takes over."""
        self.store.alarms.drop(connection_ids)
        ended = [self.tasks.pop(connection_id)[1] for connection_id in connection_ids & self.tasks.keys()]
        for task in ended:
            task.cancel()
        if ended:
            logger.info("%d connections go to another collector", len(ended))
            await asyncio.wait(ended)

    async def _give_leases_back(self) -> None:
        """Let others poll at once; what they poll now is not ours to poll at a start without the database."""
        with suppress(*TROUBLE):
            async with asyncio.timeout(SESSION_SECONDS):
                connection = await self._connect("collector-leases")
                try:
                    await self.leases.release(connection)
                    if await connection.fetchval(ARE_OTHERS_ALIVE, self.settings.collector_name):
                        await asyncio.to_thread(self.known.forget)
                finally:
                    connection.terminate()

    async def _read_configuration(self) -> dict[int, ConnectionConfiguration] | None:
        """Return what is to be polled; None when it cannot be read, and polling goes on with what is known."""
        try:
            connection = await self._connect("collector-configuration")
        except DdmsError:  # the store says so already
            return None
        try:
            async with asyncio.timeout(20):
                wanted = await self._configuration.read(connection, self.leases.held)
                self.store.alarms.fit(wanted, await self.store.alarms.ask(connection, wanted))
                await self.store.calculate(wanted, connection)
            self.store.complaints.over("configuration")
        except TROUBLE as error:
            sentence = f"the configuration could not be read, so the last one is kept: {explain(error).message}"
            self.store.complaints.about("configuration", sentence)
            return None
        finally:
            connection.terminate()
        return wanted

    def _fit(self, wanted: dict[int, ConnectionConfiguration], group: asyncio.TaskGroup) -> None:
        """Start, change and end connection tasks; those whose configuration is the same notice nothing."""
        for connection_id in self.tasks.keys() - wanted.keys():
            self.tasks.pop(connection_id)[1].cancel()
        for connection_id, new in wanted.items():
            if connection_id in self.tasks:
                task, _ = self.tasks[connection_id]
                if task.configuration != new:
                    task.configure(new)
            else:
                task = ConnectionTask(new, self.store, self.clock)
                running = group.create_task(task.run(), name=str(new.line.endpoint))
                self.tasks[connection_id] = (task, running)

    async def _answer_requests(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                connection = await self._connect("collector-field")
            except DdmsError:
                await asyncio.sleep(2)
                continue
            try:
                await field.answer_requests(connection, self.settings.collector_name, self.task_of)
            except TROUBLE as error:
                logger.warning("a field request could not be answered: %s", explain(error).message)
                await asyncio.sleep(2)
                self._asked.set()
            finally:
                connection.terminate()


async def _run_until_stopped(program: Coroutine[Any, Any, None]) -> None:
    running = asyncio.create_task(program)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    with suppress(asyncio.CancelledError):
        await running


def serve(settings: Settings) -> int:
    """Run the collector until it is stopped; return the exit code."""
    with tracing.exported(settings.otlp_endpoint, "collector"):
        return run(CollectorProgram(settings).run())


def run(program: Coroutine[Any, Any, None]) -> int:
    """Run a program until it is stopped; return the exit code."""
    code = 0
    try:
        uvloop.run(_run_until_stopped(program))
    except* DdmsError as group:
        for error in group.exceptions:
            logger.error("stopping: %s", error)  # noqa: TRY400 - the sentence says all
        code = 1
    return code
