"""What the alarms of `bench.faults` became, against a computation of its own: from the readings that are stored.

Each unit's counter has a limit on bit 4, so its alarm is raised and cleared in turn, each 16 readings.
"""

from bisect import bisect_right
from collections import Counter
from itertools import pairwise

import asyncpg

BIT = 4
ADD_LIMITS = (
    f"INSERT INTO limits (point_id, key, kind, bit, priority) SELECT id, 'bit', 'bit', {BIT}, 'low' FROM points"
)
READ_READINGS = "SELECT point_id, extract(epoch FROM time)::float8 AS time, value FROM readings WHERE quality < 16 ORDER BY point_id, time"
READ_EVENTS = """
SELECT a.point_id, e.event, extract(epoch FROM e.time)::float8 AS time FROM alarm_events e JOIN alarms a ON a.id = e.alarm_id
 WHERE a.source = 'limit' AND e.event IN ('raised', 'cleared') ORDER BY a.point_id, e.time, e.id
"""

Moment = tuple[float, str]


def turns(readings: list[tuple[float, int]]) -> list[Moment]:
    """Return when the alarm of these readings is raised and cleared."""
    found: list[Moment] = []
    stands = False
    for time, value in readings:
        if bool(value >> BIT & 1) != stands:
            stands = not stands
            found.append((time, "raised" if stands else "cleared"))
    return found


async def check(url: str) -> int:
    """Print how journal and rows differ from the readings; return how many alarms were lost, stuck or told twice."""
    connection = await asyncpg.connect(url)
    readings: dict[int, list[tuple[float, int]]] = {}
    for row in await connection.fetch(READ_READINGS):
        readings.setdefault(row["point_id"], []).append((row["time"], int(row["value"])))
    told: dict[int, list[Moment]] = {point: [] for point in readings}
    for row in await connection.fetch(READ_EVENTS):
        told[row["point_id"]].append((row["time"], row["event"]))
    active = {
        r["point_id"]: r["active"]
        for r in await connection.fetch("SELECT point_id, active FROM alarms WHERE source = 'limit'")
    }
    hidden = await connection.fetchval(
        "SELECT count(*) FROM alarms WHERE suppressed_by IS NOT NULL AND source = 'limit'"
    )
    await connection.close()
    counted: Counter[str] = Counter()
    for point, series in readings.items():
        wanted = turns(series)
        counted += compare(wanted, told[point])
        counted["stuck"] += active[point] != bool(series[-1][1] >> BIT & 1)
    counted["stuck"] += hidden
    print("\n| alarms | |\n|---|---|")
    for what in ("turns", "told to the moment", "told later", "lost", "told twice", "stuck"):
        print(f"| {what} | {counted[what]} |")
    return counted["lost"] + counted["told twice"] + counted["stuck"]


def compare(wanted: list[Moment], told: list[Moment]) -> Counter[str]:
    """Count how each turn is told: to the moment, or later but before the next turn, or not at all."""
    counted = Counter(turns=len(wanted))
    counted["told twice"] = sum(one[1] == following[1] for one, following in pairwise(told))
    times = [time for time, _ in told]
    for place, (time, event) in enumerate(wanted):
        end = wanted[place + 1][0] if place + 1 < len(wanted) else float("inf")
        first = bisect_right(times, time - 1e-4)
        within = [one for one in told[first:] if one[0] < end and one[1] == event]
        if not within:
            counted["lost"] += 1
        else:
            counted["told to the moment" if within[0][0] - time < 1e-3 else "told later"] += 1
    return counted
