"""A flood of a thousand alarms: none is lost, none comes twice, and whoever listens hears of each."""

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.polling.polled_lines import PolledLines
from collector.storing.spool import Spool
from collector.storing.store import Store
from ddms.database import listen
from ddms.plan import RequestLimits, plan
from ddms.quality import Reason
from tests.support.alarmed import START, connections
from tests.support.polled import point
from tests.support.running import until

ALARMS, REGISTERS = 1000, 100


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool", flush_interval=0.0)


@pytest.fixture
async def points(owner, make_device):
    """Give a device a thousand points with a limit each; return their ids."""
    device = await make_device()
    await owner.execute("DELETE FROM points")
    await owner.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
        " SELECT $1, 'p' || n, 'P' || n, 'holding', n, 'uint16', 1 FROM generate_series(0, $2::int - 1) n",
        device, ALARMS,
    )  # fmt: skip
    await owner.execute("INSERT INTO limits (point_id, key, kind, threshold) SELECT id, 'high', 'high', 80 FROM points")
    return [row["id"] for row in await owner.fetch("SELECT id FROM points ORDER BY id")]


async def test_a_thousand_alarms_in_ten_seconds_are_a_thousand_rows_and_entries_and_messages(settings, owner, points):
    store = Store(settings, Spool(settings.spool_folder, settings.spool_max_bytes))
    store.spool.open()
    await store.connect()
    lines = await PolledLines().read(owner, await connections(owner))
    store.alarms.fit(lines, await store.alarms.ask(owner, lines))
    blocks = []
    for first in range(0, ALARMS, REGISTERS):
        polled = [point(points[first + n], n) for n in range(REGISTERS)]
        ((block,),) = [poll.blocks for poll in plan(polled, RequestLimits())]
        block.slots = store.place(block.points, 1)
        blocks.append(block)
    told: list[str] = []
    async with listen(settings, "tests", {"ddms_alarms": lambda ids: told.extend(ids.split(","))}):
        for round_, value in enumerate((70, 90, 70)):
            for second, block in enumerate(blocks):
                moment = int((START + timedelta(seconds=100 * round_ + second)).timestamp() * 1e6)
                store.answer(block, moment, value.to_bytes(2, "big") * REGISTERS, Reason.GOOD)
                await store.flush()
            if value == 90:
                assert await owner.fetchval("SELECT count(*) FROM grafana.alarms WHERE calls") == ALARMS

        async def is_told():
            return len(told) >= 2 * ALARMS

        await until(is_told)
    await store.close()
    counted = await owner.fetch("SELECT alarm_id, array_agg(event ORDER BY id) AS events FROM alarm_events GROUP BY 1")
    assert [row["events"] for row in counted] == [["raised", "cleared"]] * ALARMS
    assert {int(number) for number in told} == {row["id"] for row in await owner.fetch("SELECT id FROM alarm_events")}
