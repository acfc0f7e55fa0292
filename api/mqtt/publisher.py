"""The publisher: follows the collectors' stream as subscribers do, and tells the broker.

One program of all does it. It remembers in the database how far the broker has everything, by the numbers of the collectors'
commits (decision 0008), and goes on there: after a restart, when the broker was away, or when it is slower than the readings.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import numpy as np
import orjson

from api.ground.claims import while_claimed
from api.ground.database import Database
from api.live.mirror import Mirror, Readings
from api.live.resume import Heard, Missed, ResumeToken, Span, missed
from api.mqtt.broker import PATIENCE, Broker, Message, explain
from api.mqtt.catalogue import READ_MISSING_GROUPS, Catalogue
from api.mqtt.plain import Plain, Reading
from api.mqtt.sparkplug import Sparkplug
from ddms.database import secret_channel
from ddms.settings import MqttFormat, Settings
from ddms.stream import CHANNEL, Unpacker

CLAIM = "mqtt"
MOST_PENDING = 200_000
"""Readings that wait in memory for the broker; beyond, they are read from the database when it can take them."""
STEP = 64
"""Commits that are read from the database at once."""
NOTE_SECONDS, LOOK_SECONDS, REBIRTH_SECONDS = 1.0, 30.0, 1.0
DELAYS = (1, 2, 5, 10, 30)
"""Seconds until a broker that failed is tried again, by how often it did."""

READ_POSITION = "-- ddms:read_mqtt\nSELECT heard, topics, published_at FROM mqtt"
COUNT_BIRTH = "-- ddms:count_mqtt_birth\nUPDATE mqtt SET births = births + 1, seen_at = now() RETURNING births"
NOTE_POSITION = """-- ddms:note_mqtt_position
UPDATE mqtt SET heard = $1, published = published + $2, published_at = $3, seen_at = now(), failing_since = NULL, last_error = NULL
"""
NOTE_TOPICS = "-- ddms:note_mqtt_topics\nUPDATE mqtt SET topics = $1"
NOTE_FAILURE = """-- ddms:note_mqtt_failure
UPDATE mqtt SET failing_since = coalesce(failing_since, now()), last_error = left($1, 400), seen_at = now()
"""
NOTE_LOST = "-- ddms:note_mqtt_lost\nUPDATE mqtt SET lost_from = $1, lost_until = $2"
FIND_KEPT = """-- ddms:find_kept_flushes
SELECT collector, replayed, min(sequence) AS first, min(first_time) AS time FROM flushes GROUP BY 1, 2
"""

logger = logging.getLogger("api.mqtt")


class Publisher:
    """Publishes while this program has the claim."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self) -> None:
        """Do it, for ever."""
        await while_claimed(self._settings, "mqtt", CLAIM, self._publish, size=2, fewest=0, stateless=True)

    async def _publish(self, connection: asyncpg.Connection, database: Database) -> None:
        following = _Following(connection, database, self._settings)
        await following.begin()
        failures = 0
        while not connection.is_closed():
            began = time.monotonic()
            try:
                await _Telling(following).run()
            except OSError as error:  # a time-out is one
                failures = 0 if time.monotonic() - began > LOOK_SECONDS else failures
                sentence = explain(self._settings, error)
                if not failures:
                    logger.warning("%s; it is tried again", sentence)
                await database.value(NOTE_FAILURE, str(sentence))
                await asyncio.sleep(DELAYS[min(failures, len(DELAYS) - 1)])
                failures += 1


class _Following:
    """What the stream brings, whether the broker is there or not."""

    def __init__(self, connection: asyncpg.Connection, database: Database, settings: Settings) -> None:
        self.connection, self.database, self.settings = connection, database, settings
        self.mirror = Mirror()
        self.wake = asyncio.Event()
        self.pending: deque[tuple[str, int, Readings]] = deque()
        self.waiting = 0
        """Readings in `pending`."""
        self.behind = True
        """Whether the database has readings that are not in `pending`."""
        self.collecting = self.replayed = self.configured = False
        self.states: set[int] = set()
        self.position: dict[str, Heard] | None = None
        self.published_at = datetime.now(UTC)
        self.told: dict[int, int] = {}
        """Of each point the time of the newest reading that the broker has."""

    async def begin(self) -> None:
        unpacker = Unpacker()
        listeners = {
            CHANNEL: lambda payload: self._hear(unpacker, payload),
            "ddms_replays": self._hear_replay,
            "ddms_configuration": lambda _: self._note(configured=True),
            "ddms_sights": lambda _: self._note(configured=True),
            "ddms_states": lambda payload: self._note(states={int(payload)} if payload.isdecimal() else set()),
        }
        self.connection.add_termination_listener(lambda _: self.wake.set())
        for subject, hear in listeners.items():
            channel = await secret_channel(self.connection, subject)
            await self.connection.add_listener(channel, lambda _c, _p, _n, payload, hear=hear: hear(payload))
        await self.mirror.load(self.database)
        row = await self.database.row(READ_POSITION)
        assert row  # noqa: S101 - the table has one
        if row["heard"] is not None:
            self.position = {name: Heard(*pair) for name, pair in row["heard"].items()}
        self.published_at = row["published_at"] or self.published_at

    def _note(self, *, configured: bool = False, states: Iterable[int] = ()) -> None:
        self.configured |= configured
        self.states.update(states)
        self.wake.set()

    def _hear(self, unpacker: Unpacker, payload: str) -> None:
        flush = unpacker.feed(payload)
        if flush is None:
            return
        is_new = flush.sequence > self.mirror.heard.get(flush.collector, Heard(0, 0)).sequence
        arrived = self.mirror.apply(flush)
        if not self.collecting or not is_new:
            return
        if texts := self.mirror.texts:  # the stream has those that changed; each reading is told with its own
            arrived = replace(arrived, texts={p: texts[p] for p in arrived.points.tolist() if p in texts})
        self.pending.append((flush.collector, flush.sequence, arrived))
        self.waiting += len(arrived.points)
        if self.waiting > MOST_PENDING:
            self.drop()
        self.wake.set()

    def _hear_replay(self, payload: str) -> None:
        told = orjson.loads(payload)
        if told["collector"]:  # an import is of none
            self.mirror.hear(told["collector"], 0, told["sequence"])
            self.replayed = True
            self.wake.set()

    def drop(self) -> None:
        """Forget what waits: the database has it."""
        self.pending.clear()
        self.waiting, self.behind, self.collecting = 0, True, False


class _Telling:
    """One connection to the broker."""

    def __init__(self, following: _Following) -> None:
        self._of, self._settings = following, following.settings
        self._published = 0
        self._noted = self._looked = self._reborn = -1e9
        self._wants_rebirth = False

    async def run(self) -> None:
        """Tell the broker, until it fails or the database does."""
        of = self._of
        of.drop()
        if of.position is None:  # nothing was published yet: it begins now
            of.position = dict(of.mirror.heard)
        births = await of.database.value(COUNT_BIRTH)
        topics = (await of.database.rows(READ_POSITION))[0]["topics"]
        kind = Sparkplug if self._settings.mqtt_format is MqttFormat.SPARKPLUG else Plain
        self._form: Sparkplug | Plain = kind(self._settings, of.mirror, births, topics)
        client = self._settings.mqtt_node.partition("/")[2]
        self._broker = await Broker.connect(self._settings, client, self._form.will)
        try:
            await self._begin()
            while not of.connection.is_closed():
                self._broker.check()
                of.wake.clear()
                await self._round()
                if not of.pending and not of.behind:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(NOTE_SECONDS):
                            await of.wake.wait()
        except OSError:
            await self._broker.abort()
            raise
        finally:
            await self._broker.close(self._form.end())

    async def _begin(self) -> None:
        self._broker.on_message = self._command
        if self._form.commands:
            await self._broker.subscribe(self._form.commands)
        catalogue = await self._read_catalogue()
        await self._publish(self._form.begin(catalogue))
        await self._note_topics()
        logger.info("the MQTT broker is told of %d points of %d devices", len(catalogue.points), len(catalogue.devices))

    def _command(self, topic: str, payload: bytes) -> None:
        if topic == self._form.commands and Sparkplug.asks_for_rebirth(payload):
            self._wants_rebirth = True
            self._of.wake.set()

    async def _round(self) -> None:
        of, now = self._of, time.monotonic()
        if of.configured or now - self._looked > LOOK_SECONDS:  # a group that is renamed tells nobody
            await self._renew()
        if self._wants_rebirth and now - self._reborn > REBIRTH_SECONDS:
            self._reborn, self._wants_rebirth = now, False
            await self._publish(self._form.begin(self._catalogue))
        if of.replayed or of.behind:
            await self._catch_up()
        if of.pending:
            await self._tell()
        if of.states:
            devices, of.states = of.states, set()
            await self._publish(self._form.settle(await of.mirror.load_states(of.database, sorted(devices))))
        if now - self._noted > NOTE_SECONDS:
            await self._note()

    async def _publish(self, messages: Iterable[Message]) -> None:
        await self._broker.publish(messages)
        self._spoke = time.monotonic()

    async def _tell(self) -> None:
        """Tell what waits. What cannot be told stays: the position is where it was."""
        of = self._of
        flushes, of.waiting = list(of.pending), 0
        of.pending.clear()
        readings = [one for _, _, arrived in flushes for one in _rows(arrived)]
        await self._publish(self._form.readings(readings))
        self._count(readings)
        for name, sequence, _ in flushes:
            self._move(name, Heard(sequence, 0))

    def _count(self, readings: list[Reading]) -> None:
        points = self._catalogue.points
        self._published += sum(one.point in points for one in readings)
        self._of.told.update((one.point, one.time) for one in readings)

    def _move(self, name: str, to: Heard) -> None:
        assert self._of.position is not None  # noqa: S101 - catching up comes first
        before = self._of.position.get(name, Heard(0, 0))
        self._of.position[name] = Heard(max(before.sequence, to.sequence), max(before.replays, to.replays))

    async def _catch_up(self) -> None:
        """Tell what the database has beyond our position, as of the past, a step at a time."""
        of = self._of
        until = dict(of.mirror.heard)
        if of.behind:
            of.collecting, of.behind = True, False  # what comes from now on waits
        else:  # only what came late: the rest waits already
            until = {
                name: Heard((of.position or {}).get(name, Heard(0, 0)).sequence, newest.replays)
                for name, newest in until.items()
            }
        if of.replayed:
            of.replayed = False
            await of.mirror.load_newest(of.database)
        await self._skip_forgotten(until)
        for replayed in (False, True):
            await self._read_on(until, replayed)
        await self._publish(self._form.settle(of.mirror.states.values()))

    async def _skip_forgotten(self, until: dict[str, Heard]) -> None:
        """Go on where the journal begins, and say what is lost by that."""
        rows = await self._of.database.rows(FIND_KEPT)
        kept = {(row["collector"], row["replayed"]): row for row in rows}
        for name, newest in until.items():
            for replayed in (False, True):
                at = (self._of.position or {}).get(name, Heard(0, 0))[replayed]
                first = kept.get((name, replayed))
                begins = min(first["first"] - 1, newest[replayed]) if first else newest[replayed]
                if at < begins:
                    self._move(name, Heard(0, begins) if replayed else Heard(begins, 0))
                    await self._lost(Span(self._of.published_at, first["time"] if first else datetime.now(UTC)))

    async def _lost(self, span: Span) -> None:
        first, last = min(span), max(span)
        logger.warning("readings from %s to %s were not told to the MQTT broker", first.isoformat(), last.isoformat())
        await self._of.database.value(NOTE_LOST, first, last)
        await self._publish(self._form.lost(first, last))

    async def _read_on(self, until: dict[str, Heard], replayed: bool) -> None:
        of, step = self._of, STEP
        assert of.position is not None  # noqa: S101 - catching up begins with one
        while reach := {
            name: min(newest[replayed], at + step)
            for name, newest in until.items()
            if (at := of.position.get(name, Heard(0, 0))[replayed]) < newest[replayed]
        }:
            token = ResumeToken(milliseconds=int(of.published_at.timestamp() * 1000), heard=of.position)
            to = {name: of.position.get(name, Heard(0, 0)) for name in reach}
            to = {
                name: Heard(to[name].sequence, number) if replayed else Heard(number, to[name].replays)
                for name, number in reach.items()
            }
            found = await missed(of.database, token, to, self._catalogue.numbers.tolist())
            if found.too_many and step > 1:
                step //= 2
                continue
            if gap := found.too_old or found.too_many:
                await self._lost(gap)
            readings = [one for one in _missed(found) if replayed or one.time > of.told.get(one.point, 0)]
            await self._publish(self._form.readings(readings, historical=True))
            if not replayed:
                self._count(readings)
            else:
                self._published += len(readings)
            for name, heard in to.items():
                self._move(name, heard)
            await self._note()

    async def _renew(self) -> None:
        """Look at what is published, and tell what is different."""
        before = self._catalogue.devices
        catalogue = await self._read_catalogue()
        await self._of.mirror.load_states(self._of.database, None)
        if catalogue.devices != before:
            await self._publish(self._form.renew(catalogue))
            await self._note_topics()

    async def _read_catalogue(self) -> Catalogue:
        self._of.configured, self._looked = False, time.monotonic()
        groups = [name.lower() for name in self._settings.mqtt_groups]
        self._catalogue = await Catalogue.read(self._of.database, groups)
        self._of.mirror.grow(int(np.max(self._catalogue.numbers, initial=np.int64(0))) + 1)
        if missing := await self._of.database.value(READ_MISSING_GROUPS, groups):
            logger.warning("DDMS_MQTT_GROUPS names groups that there are not: %s", ", ".join(missing))
        return self._catalogue

    async def _note_topics(self) -> None:
        await self._of.database.value(NOTE_TOPICS, sorted(self._form.kept))

    async def _note(self) -> None:
        """Write down how far the broker has everything; now and then ask it whether it is there."""
        of, self._noted = self._of, time.monotonic()
        if self._noted - self._spoke > PATIENCE:
            await self._broker.ping()
            self._spoke = self._noted
        if not of.pending and not of.behind:
            of.published_at = datetime.now(UTC)
        await of.database.value(
            NOTE_POSITION,
            {name: list(pair) for name, pair in (of.position or {}).items()},
            self._published,
            of.published_at,
        )
        self._published = 0


def _rows(readings: Readings) -> Iterator[Reading]:
    columns = (readings.points, readings.times, readings.values, readings.qualities)
    texts = readings.texts
    for point, at, value, quality in zip(*(column.tolist() for column in columns), strict=True):
        yield Reading(point, at, value, quality, texts.get(point))


def _missed(found: Missed) -> list[Reading]:
    columns = (found.points, found.times, found.numbers, found.qualities)
    rows = [Reading(p, t, v, q, None) for p, t, v, q in zip(*(column.tolist() for column in columns), strict=True)]
    for row in found.texts:
        number = float("nan") if row["value"] is None else row["value"]
        rows.append(Reading(row["point_id"], int(row["time"].timestamp() * 1000), number, row["quality"], row["text"]))
    return sorted(rows, key=lambda one: one.time)
