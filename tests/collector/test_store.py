"""The way to the database: all or nothing, once and only once, also when the database goes away."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from collector.polling.units import DeviceCondition
from collector.storing import store as store_module
from collector.storing.decode import READINGS, Batch, Text
from collector.storing.spool import Spool, SpoolFullError, SpoolUnreadableError
from collector.storing.store import Store
from ddms.database import listen
from ddms.errors import DdmsError
from ddms.plan import PolledPoint, RequestLimits, plan
from ddms.quality import Reason
from ddms.registers import DataType, Register, RegisterTable
from ddms.settings import Settings
from ddms.stream import CHANNEL, Unpacker
from tests.support.polled import configuration, point
from tests.support.running import background, database_away


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool", flush_interval=0.0)


@asynccontextmanager
async def opened(settings: Settings):
    store = Store(settings, Spool(settings.spool_directory, settings.spool_max_bytes))
    store.spool.open()
    await store.connect()
    try:
        yield store
    finally:
        await store.close()


class Device:
    """A unit with two numbers and a string, whose answers go straight to a store."""

    def __init__(self, store: Store, first_id: int = 1):
        self.store = store
        points = [
            point(first_id, 0),
            point(first_id + 1, 1, deadband=10.0),
            point(first_id + 2, 2, DataType.STRING, length=2),
        ]
        ((self.block,),) = [poll.blocks for poll in plan(points, RequestLimits())]
        self.block.slots = store.place(self.block.points, 10)
        self.time = int(time.time() * 1e6)

    def answers(self, number: int, text: bytes = b"ok\0\0", *, time: int | None = None):
        self.time = self.time + 1_000_000 if time is None else time
        data = number.to_bytes(2, "big") * 2 + text
        self.store.answer(self.block, self.time, data, Reason.GOOD)

    def fails(self, reason: Reason = Reason.TIMEOUT):
        self.time += 1_000_000
        self.store.answer(self.block, self.time, None, reason)


async def numbers(owner, point_id: int = 1) -> list[float | None]:
    rows = await owner.fetch("SELECT value FROM readings WHERE point_id = $1 ORDER BY time", point_id)
    return [row["value"] for row in rows]


async def test_a_flush_stores_readings_latest_and_texts(settings, owner):
    async with opened(settings) as store:
        device = Device(store)
        device.answers(5)
        device.answers(6, b"new\0")
        await store.flush()
        assert await numbers(owner, 1) == [5, 6]
        assert await numbers(owner, 2) == [5], "within the deadband"
        latest = await owner.fetch("SELECT value, quality, text FROM latest ORDER BY point_id")
        assert [tuple(row) for row in latest] == [(6, 0, None), (6, 0, None), (None, 0, "new")]
        assert await owner.fetchval("SELECT array_agg(text ORDER BY time) FROM texts") == ["ok", "new"]


async def test_times_are_stored_to_the_microsecond(settings, owner):
    async with opened(settings) as store:
        Device(store).answers(1, time=1_790_000_000_123_457)
        await store.flush()
        stored = await owner.fetchval("SELECT (extract(epoch FROM time) * 1000000)::bigint FROM readings LIMIT 1")
        assert stored == 1_790_000_000_123_457


async def test_a_failed_read_is_a_row_without_a_value(settings, owner):
    async with opened(settings) as store:
        Device(store).fails(Reason.REFUSED)
        await store.flush()
        assert await owner.fetchrow("SELECT value, quality FROM readings WHERE point_id = 1") == (None, 17)


async def test_one_notify_tells_all_that_was_read(settings, owner):
    heard, unpacker = asyncio.Queue(), Unpacker()
    async with opened(settings) as store, listen(settings, "test", {CHANNEL: heard.put_nowait}):
        device = Device(store)
        device.answers(7)
        device.fails()
        await store.flush()
        parts = [await asyncio.wait_for(heard.get(), 60) for _ in range(2)]
        flush = [unpacker.feed(part) for part in parts][-1]
        assert flush.texts == {3: None}, "it was ok, then it was not read"
        assert (flush.collector, flush.sequence) == ("line 1", 1)
        assert flush.readings["point_id"].tolist() == [1, 2, 3, 1, 2, 3]
        assert np.nan_to_num(flush.readings["value"], nan=-1).tolist() == [7, 7, -1, -1, -1, -1]
        assert flush.readings["quality"].tolist() == [0, 0, 0, 16, 16, 16]
        assert await owner.fetchval("SELECT sequence FROM collectors") == 1


async def test_the_sequence_goes_on_after_a_restart(settings, owner):
    for expected in (1, 2):
        async with opened(settings) as store:
            Device(store).answers(expected, time=expected * 1_000_000)
            await store.flush()
        assert await owner.fetchval("SELECT sequence FROM collectors") == expected


async def test_states_of_devices_are_stored_and_told(settings, owner, make_device):
    device_id = await make_device()
    heard = asyncio.Queue()
    async with opened(settings) as store, listen(settings, "test", {"ddms_states": heard.put_nowait}):
        store.state(DeviceCondition(device_id, "offline", 3, None, "no answer"))
        store.state(DeviceCondition(987_654, "offline", 3, None, "deleted meanwhile"))
        await store.flush()
        assert await asyncio.wait_for(heard.get(), 60) == str(device_id)
        rows = await owner.fetch("SELECT device_id, state, failures, last_error FROM device_states")
        assert [tuple(row) for row in rows] == [(device_id, "offline", 3, "no answer")]


async def test_what_is_read_while_the_database_is_away_is_replayed_once_and_in_order(settings, owner, database_url):
    async with opened(settings) as store:
        device = Device(store)
        device.answers(1)
        await store.flush()
        async with database_away(owner, database_url):
            for number in (2, 3):
                device.answers(number)
                await store.flush()
            assert not store.connected
            assert (store.spool.count, store.statistics.spooled) == (2, 6)
            with pytest.raises(DdmsError):
                await store.connect()
        await store.connect()
        device.answers(4, b"new\0")
        await store.flush()
        async with background(store.replay_spool()), asyncio.timeout(60):
            while store.spool.count:
                await asyncio.sleep(0.05)
        assert await numbers(owner) == [1, 2, 3, 4]
        assert await owner.fetchval("SELECT value FROM latest WHERE point_id = 1") == 4, "old data renew no latest"
        assert await owner.fetchval("SELECT text FROM latest WHERE point_id = 3") == "new"
        assert store.statistics.replayed == 6


async def test_a_batch_whose_commit_was_cut_off_is_not_stored_twice(settings, owner):
    async with opened(settings) as store:
        device = Device(store)
        device.answers(1)
        await store.flush()
        device.answers(2)
        batch = batch_of(device.time, 1, 2.0)
        await store.flush()
        store.spool.append(batch)  # as after a commit of which nobody learned whether it happened
        store.spool.append(batch)
        async with background(store.replay_spool()), asyncio.timeout(60):
            while store.spool.count:
                await asyncio.sleep(0.05)
        assert await numbers(owner) == [1, 2]


def batch_of(time: int, point_id: int, value: float) -> Batch:
    return Batch(np.array([(point_id, time, value, 0, True)], READINGS), [Text(9, time, "x", 0)])


async def test_a_reading_with_the_time_of_another_does_not_stop_its_flush(settings, owner):
    async with opened(settings) as store:
        device = Device(store)
        device.answers(1, time=5_000_000)
        await store.flush()
        device.answers(2, time=5_000_000)
        device.answers(3, time=6_000_000)
        await store.flush()
        assert await numbers(owner) == [1, 3]
        assert store.connected


async def test_two_collectors_of_one_name_are_refused(settings):
    async with opened(settings):
        with pytest.raises(DdmsError, match="DDMS_COLLECTOR_NAME"):
            await Store(settings, Spool(settings.spool_directory, 1)).connect()


def test_a_spool_survives_a_restart_and_forgets_what_was_not_finished(tmp_path):
    spool = Spool(tmp_path, 10_000)
    spool.open()
    for value in (1.0, 2.0):
        spool.append(batch_of(5, 1, value))
    (tmp_path / "0000000000000003.part").write_bytes(b"cut off")
    spool.close()
    again = Spool(tmp_path, 10_000)
    again.open()
    assert (again.count, again.bytes) == (2, spool.bytes)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []
    again.append(batch_of(6, 1, 3.0))
    values = []
    while path := again.oldest():
        batch = again.read(path)
        values.append(batch.readings["value"][0])
        assert batch.texts[0].text == "x"
        again.remove(path)
    assert values == [1.0, 2.0, 3.0]
    assert (again.bytes, again.age()) == (0, 0.0)


def test_a_full_spool_says_so_and_keeps_what_it_has(tmp_path):
    spool = Spool(tmp_path, 100)
    spool.open()
    spool.append(batch_of(5, 1, 1.0))
    with pytest.raises(SpoolFullError, match="DDMS_SPOOL_MAX_BYTES"):
        spool.append(batch_of(6, 1, 2.0))
    assert spool.count == 1


async def test_what_is_lost_is_logged_once_counted_and_told_to_the_database(
    settings, owner, database_url, caplog, monkeypatch
):
    monkeypatch.setattr(store_module, "SEEN_SECONDS", 0.0)
    async with opened(replace(settings, spool_max_bytes=10)) as store:
        device = Device(store)
        async with database_away(owner, database_url):
            for number in (1, 2, 3):
                device.answers(number)
                await store.flush()
        assert store.statistics.lost == 9
        told = [r.message for r in caplog.records if "readings are lost" in r.message]
        assert len(told) == 1
        await store.connect()
        for _ in range(2):
            device.answers(4)
            await store.flush()
        row = await owner.fetchrow("SELECT lost_readings, lost_at, spool_bytes, spool_since FROM collectors")
        assert (row["lost_readings"], row["spool_bytes"], row["spool_since"]) == (9, 0, None)
        assert row["lost_at"] is not None


def test_a_spool_whose_folder_cannot_be_used_waits_and_one_whose_file_is_gone_goes_on(tmp_path):
    spool = Spool(tmp_path / "spool", 10_000)
    spool.open()
    for value in (1.0, 2.0):
        spool.append(batch_of(5, 1, value))
    spool.directory.rename(tmp_path / "aside")
    spool.directory.write_text("")
    with pytest.raises(SpoolFullError, match="Not a directory"):
        spool.append(batch_of(5, 1, 3.0))
    with pytest.raises(SpoolUnreadableError, match="Not a directory"):
        spool.read(spool.oldest())
    assert spool.count == 2
    spool.directory.unlink()
    (tmp_path / "aside").rename(spool.directory)
    spool.oldest().unlink()
    assert spool.read(spool.oldest()) is None
    assert spool.read(spool.oldest()).readings["value"][0] == 2.0


def test_a_disk_that_is_full_is_a_full_spool():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    spool = Spool(full, 10_000)
    with pytest.raises(SpoolFullError, match="cannot be written"):
        spool.append(batch_of(5, 1, 1.0))


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:30] + b"\xff" + b[31:]])
def test_a_damaged_batch_is_set_aside(tmp_path, damage):
    spool = Spool(tmp_path, 10_000)
    spool.open()
    spool.append(batch_of(5, 1, 1.0))
    path = spool.oldest()
    path.write_bytes(damage(path.read_bytes()))
    assert spool.read(path) is None
    assert spool.oldest() is None
    assert path.with_suffix(".damaged").exists()


async def test_what_another_collector_reads_is_asked_of_the_database(settings, owner, monkeypatch):
    monkeypatch.setattr(store_module, "OTHERS_SECONDS", 0.0)
    none = Register(table=RegisterTable.CALCULATED, address=0, data_type=DataType.FLOAT64)
    links = {"expression": "a * 2", "inputs": (77,), "input_intervals": (1,), "interval_s": 1}
    twice = PolledPoint(id=5, key="twice", register=none, **links)
    line = replace(configuration(1), calculated=(twice,))
    told = "INSERT INTO latest (point_id, time, value, quality) VALUES (77, now() + $1 * interval '1 s', $2, 0) ON CONFLICT (point_id) DO UPDATE SET time = excluded.time, value = excluded.value"
    async with opened(settings) as store:
        await store.calculate({1: line}, store._connection)
        for second, value in ((2, 21.0), (4, 22.0)):
            await owner.execute(told, second, value)
            await store.flush()
        await store.flush()
        assert await numbers(owner, 5) == [42, 44]
