"""Streaming replicas, watched: which of them may tell history now.

How old it is what a replica has is measured without any clock but our own: each second the primary is asked for its position,
and a replica that has replayed so far has all that was there then. An idle database therefore makes nobody late.
"""

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress
from itertools import count
from math import inf
from typing import Any, NamedTuple

import asyncpg

from api.ground.database import Database
from api.ground.metrics import REPLICA_LAG, REPLICA_UP
from api.ground.pools import open_database
from api.ground.turns import Who
from ddms.database import TROUBLE, Edition, connect
from ddms.replicas import READ_PRIMARY, READ_REPLICA, ReplicaState, end_of, name_of, refused, why_of
from ddms.settings import Settings

LOOK_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""A server that takes longer for the simplest question hangs."""
KNOWN_SECONDS = 120.0
_MOMENTS = 3600
_WRITERS = 10_000

logger = logging.getLogger("api.replicas")


class Moment(NamedTuple):
    """Where the primary was at a time of our clock."""

    time: float
    position: int


class Replica:
    """One replica."""

    def __init__(self, settings: Settings, url: str) -> None:
        self.name, self.settings = name_of(url), settings.at(url)
        self.database: Database | None = None
        self.as_of = -inf
        """The time of our clock at which the primary had no more than this one has now."""
        self.trouble: ReplicaState | None = ReplicaState.GONE
        self.why = "it was not reached yet"
        self.is_paused = False
        self._bound = settings.replica_lag_seconds
        self._began = time.monotonic()
        self._said = ReplicaState.FRESH

    def forget(self) -> None:
        """Begin anew to find out what it has."""
        self.as_of, self._began = -inf, time.monotonic()

    @property
    def lag(self) -> float:
        """How old it is what it has, in seconds; counted from when we began to look while that is not known."""
        return time.monotonic() - max(self.as_of, self._began)

    @property
    def state(self) -> ReplicaState:
        """How it stands."""
        if self.trouble:
            return self.trouble
        return ReplicaState.FRESH if self.as_of > -inf and self.lag <= self._bound else ReplicaState.LAGGING

    def look(self, said: Any, primary: Any, moments: deque[Moment]) -> None:
        """Take in what it says of itself."""
        self.trouble = refused(primary, said)
        if self.trouble:
            self.as_of = -inf
        elif had := [moment.time for moment in moments if moment.position <= said["position"]]:
            self.as_of = max(self.as_of, had[-1])
        elif said["behind"]:  # it has been late for longer than we look; two machines' clocks tell roughly
            self._began = min(self._began, time.monotonic() - said["behind"])
        self.is_paused = said["paused"]
        self.tell()

    def lose(self, why: str) -> None:
        """It does not answer: whoever waits for it is told at once, and asks the primary."""
        self.trouble, self.why = ReplicaState.GONE, why
        if self.database:
            self.database.terminate()
            self.database = None
        self.tell()

    def tell(self) -> None:
        """Tell the metrics, and the log what changed."""
        REPLICA_LAG.labels(self.name).set(0.0 if self.state is ReplicaState.PRIMARY else self.lag)
        REPLICA_UP.labels(self.name).set(self.state is ReplicaState.FRESH)
        if self.state is not self._said:
            self._said = self.state
            logger.log(logging.INFO if self.is_well else logging.WARNING, "the replica %s: %s", self.name, self.detail)

    @property
    def is_known(self) -> bool:
        """Whether its lag is, or we have looked for so long that it cannot be small."""
        return self.as_of > -inf or self.lag > KNOWN_SECONDS

    @property
    def is_well(self) -> bool:
        """Whether nothing need be done: a replica that was promoted is the primary."""
        return self.state in {ReplicaState.FRESH, ReplicaState.PRIMARY}

    @property
    def detail(self) -> str:
        """What is the matter with it, in a few words."""
        match self.state:
            case ReplicaState.FRESH:
                return "history is read from it"
            case ReplicaState.PRIMARY:
                return "it is the primary now"
            case ReplicaState.FOREIGN:
                return "it is no copy of this database"
            case ReplicaState.LAGGING:
                return f"it lags {self.lag:.0f} s" + (", its replay is paused" if self.is_paused else "")
            case ReplicaState.GONE:
                return f"it does not answer: {self.why}"


class Replicas:
    """All of them and the primary, and who wrote lately: what somebody wrote, the same one can read."""

    def __init__(self, settings: Settings, edition: Edition, database: Database | None = None) -> None:
        self._settings, self._edition, self._database = settings, edition, database
        self.all = [Replica(settings, url) for url in settings.replica_urls]
        self._moments: deque[Moment] = deque(maxlen=_MOMENTS)
        self._primary: Any = None
        self._wrote: dict[Who, float] = {}
        self._others_wrote = -inf
        """When those may have written last who are not remembered any more."""
        self._turn = count()

    def fresh(self, seconds: float, who: Who = None) -> Replica | None:
        """Return a replica, each in turn, whose history is at most so old, and has what `who` wrote here; None without one."""
        if not seconds:
            return None
        since = max(time.monotonic() - seconds, self._wrote.get(who, self._others_wrote))
        found = [replica for replica in self.all if replica.as_of >= since and replica.database and not replica.trouble]
        return found[next(self._turn) % len(found)] if found else None

    def places(self, seconds: float, who: Who) -> list[Settings]:
        """Return where to connect for history that is read at length: such a replica, then the primary."""
        replica = self.fresh(seconds, who)
        return [replica.settings, self._settings] if replica else [self._settings]

    def wrote(self, who: Who) -> None:
        """Note that somebody wrote just now."""
        if len(self._wrote) >= _WRITERS:
            self._wrote.clear()
            self._others_wrote = time.monotonic()
        self._wrote[who] = time.monotonic()

    async def run(self) -> None:
        """Watch the primary and the replicas, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_primary())
            for replica in self.all:
                tasks.create_task(self._follow(replica))

    async def _follow_primary(self) -> None:
        while True:
            with suppress(*TROUBLE):  # while it is away replicas grow old by themselves
                connection = await connect(self._settings, "replicas")
                # It may be another one than before, and what was not replicated is lost: old positions mean nothing.
                self._moments.clear()
                for replica in self.all:
                    replica.forget()
                try:
                    while True:
                        before, old = time.monotonic(), self._primary
                        self._primary = await _asked(connection, READ_PRIMARY)
                        if old and _place(old) != _place(self._primary):
                            await self._move()
                        self._moments.append(Moment(before, end_of(self._primary["position"])))
                        await asyncio.sleep(LOOK_SECONDS)
                finally:
                    connection.terminate()
            await asyncio.sleep(LOOK_SECONDS)

    async def _move(self) -> None:
        """Leave the old primary: one whose machine is gone would keep whoever asks it waiting until a time-out."""
        logger.warning("another server is the primary now: %s port %s", *_place(self._primary))
        if self._database:
            self._database.move(await open_database(self._settings, self._edition, fewest=0))

    async def _follow(self, replica: Replica) -> None:
        while True:
            try:
                connection = await connect(replica.settings, "replicas")
                try:
                    replica.database = await open_database(replica.settings, self._edition, fewest=0)
                    replica.database.patience = ANSWER_SECONDS
                    while True:
                        said = await _asked(connection, READ_REPLICA)
                        if self._primary:
                            replica.look(said, self._primary, self._moments)
                        await asyncio.sleep(LOOK_SECONDS)
                finally:
                    connection.terminate()
            except TROUBLE as error:
                replica.lose(why_of(error))
            finally:
                if replica.database:
                    replica.database.terminate()
            await asyncio.sleep(LOOK_SECONDS)


def _place(primary: Any) -> tuple[Any, Any]:
    return primary["address"], primary["port"]


async def _asked(connection: asyncpg.Connection, sql: str) -> Any:
    async with asyncio.timeout(ANSWER_SECONDS):
        return await connection.fetchrow(sql)
