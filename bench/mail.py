"""How long after a violation the mail comes, and how many mails a flood of 1,000 alarms is: the real Grafana, a real mail server.

`DDMS_TEST_DATABASE_URL=… DDMS_TEST_GRAFANA=… python -m bench.mail`; without Grafana it says so. `DDMS_BENCH_MAIL_SECONDS` is for
how long alarms come one by one, 480 s unless told otherwise.
"""

import asyncio
import os
import re
import tempfile
import time
from pathlib import Path

import asyncpg
import numpy as np

from bench.alarms import store_running, with_limits
from bench.collector import fill, fresh_database
from collector.storing.store import Store
from ddms.plan import RequestLimits, plan
from ddms.quality import Reason
from ddms.settings import Settings
from tests.support import grafana
from tests.support.notified import Mail, Notifying, notifying
from tests.support.polled import point

UNITS, FLOOD, FLOOD_SECONDS = 1_000, 1_000, 10
APART = 12.9  # seconds: five within a minute would be a flood
SECONDS = int(os.environ.get("DDMS_BENCH_MAIL_SECONDS", "480"))
ADD_LIMITS = """
INSERT INTO limits (point_id, key, kind, threshold, priority, cause, action)
SELECT id, 'high', 'high', 120, CASE WHEN id % 20 = 1 THEN 'high' ELSE 'critical' END, 'The filter is clogged', 'Change over to the other filter'
  FROM points WHERE id % 10 = 1
"""
QUIET, LOUD = (50).to_bytes(2, "big"), (160).to_bytes(2, "big")


async def prepared() -> str:
    url = await fresh_database(os.environ["DDMS_TEST_DATABASE_URL"], "ddms_bench_mail")
    await fill(url)
    owner = await asyncpg.connect(url)
    await owner.execute(ADD_LIMITS)
    await grafana.let_in(owner)
    await owner.close()
    return url


def block_of(store: Store, unit: int):
    """Return what is read of a unit: ten registers, the first of which has a limit."""
    ((block,),) = [poll.blocks for poll in plan([point(unit * 10 + n + 1, n) for n in range(10)], RequestLimits())]
    block.slots = store.place(block.points, 1)
    return block


def violate(store: Store, unit: int) -> None:
    store.answer(block_of(store, unit), int(time.time() * 1e6), LOUD + QUIET * 9, Reason.GOOD)


async def one_by_one(store: Store, first: int) -> int:
    """Violate a limit of another unit every few seconds; return the next unit."""
    dice, end, unit = np.random.default_rng(1), time.time() + SECONDS, first
    while time.time() < end:
        violate(store, unit)
        unit += 1
        await asyncio.sleep(APART + dice.uniform(0, 3))
    return unit


def told(mails: list[Mail]) -> dict[int, float]:
    """Return when each alarm was first in a mail with its link."""
    found: dict[int, float] = {}
    for mail in mails:
        for number in re.findall(r"var-alarm=(\d+)", mail.text):
            found.setdefault(int(number), mail.at)
    return found


async def measure(url: str, notified: Notifying) -> None:
    owner = await asyncpg.connect(url)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=url, collector_name="mail", spool_directory=Path(folder))
        async with store_running(settings) as store:
            await with_limits(store.alarms, owner)
            unit = await one_by_one(store, 0)
            await asyncio.sleep(60)
            await report(owner, notified)
            before, begin = len(notified.received.mails), time.time()
            for second in range(FLOOD_SECONDS):
                for number in range(FLOOD // FLOOD_SECONDS):
                    violate(store, (unit + second * FLOOD // FLOOD_SECONDS + number) % UNITS)
                await asyncio.sleep(max(0.0, begin + second + 1 - time.time()))
            await asyncio.sleep(110)
    calling = await owner.fetchval("SELECT count(*) FROM grafana.alarms WHERE calls")
    mails = notified.received.mails[before:]
    print(
        f"\nFlood of {FLOOD:,} alarms in {FLOOD_SECONDS} s: {len(mails)} mails within 2 minutes, {calling:,} alarms call"
    )
    for mail in mails:
        print(f"| {mail.at - begin:.0f} s | {mail.subject} | {len(mail.text):,} characters |")
    print(f"\n{mails[-1].text}")
    await owner.close()


async def report(owner: asyncpg.Connection, notified: Notifying) -> None:
    rows = await owner.fetch(
        "SELECT alarm_id, extract(epoch FROM time)::float8 AS time FROM alarm_events WHERE event = 'raised'"
    )
    arrived = told(notified.received.mails)
    delays = [arrived[row["alarm_id"]] - row["time"] for row in rows if row["alarm_id"] in arrived]
    p50, p99 = np.percentile(delays, [50, 99])
    print(f"From the reading to the mail: {len(delays)} of {len(rows)} alarms: median {p50:.1f} s, p99 {p99:.1f} s, worst {max(delays):.1f} s")  # fmt: skip


def main() -> None:
    if grafana.HOME is None:
        print("bench.mail needs a Grafana: DDMS_TEST_GRAFANA names its home folder")
        return
    url = asyncio.run(prepared())
    wishes = {"NOTIFY_MAIL_TO": "night@plant.example"}
    with tempfile.TemporaryDirectory() as folder, notifying(Path(folder), url, lambda _: wishes) as notified:
        asyncio.run(measure(url, notified))


if __name__ == "__main__":
    main()
