"""The first page of a long journal of alarms through GraphQL, with each filter, for all and for people limited to groups.

`DDMS_TEST_DATABASE_URL=… python -m bench.alarm_journal`. `DDMS_BENCH_JOURNAL` is the number of entries, 10 million unless
told otherwise. The peer in the same run is the page that finds nothing. Some devices had all their alarms long ago: what is looked for by time alone is not found there soon.
"""

import asyncio
import os
import statistics
import time
from typing import Any

import asyncpg
import httpx2

from api.access.tokens import create, lifetime
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from bench.collector import fill, fresh_database
from ddms.database import Connection, connect
from ddms.settings import Settings
from tests.support.api_server import serving

STEP = 500_000
ADD_LIMITS = """
INSERT INTO limits (point_id, key, kind, threshold) SELECT p.id, k.kind, k.kind, k.threshold
  FROM points p CROSS JOIN (VALUES ('low_low', 1), ('low', 2), ('high', 8), ('high_high', 9)) AS k (kind, threshold)
"""
# 39,600 limits on 990 devices; those of the other ten devices had their alarms in the oldest 2 % only. One entry in three is a
# person's, one in 100,000 a rare event.
FILL_JOURNAL = """
INSERT INTO alarm_events (time, recorded_at, alarm_id, device_id, kind, priority, event, state, actor, value, threshold)
SELECT t, t, a.id, a.device_id, a.kind, (ARRAY['low', 'low', 'low', 'low', 'medium', 'high'])[1 + n % 6],
       CASE WHEN n % 100000 = 7 THEN 'noted' ELSE (ARRAY['raised', 'acknowledged', 'cleared'])[1 + n % 3] END, 'returned',
       CASE WHEN n % 100000 = 7 THEN 'carl' WHEN n % 3 = 1 THEN (ARRAY['ann', 'bob'])[1 + n % 2] END, 90, 80
  FROM generate_series($1::bigint, $1 + $2 - 1) n CROSS JOIN LATERAL (SELECT now() - interval '300 days' + n * $3::float8 * interval '1 s') AS x (t)
  JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM alarms WHERE source = 'limit') a
    ON a.place = CASE WHEN n < $4 THEN 39600 + n % 400 ELSE n * 7919 % 39600 END
"""
GROUPS = """
INSERT INTO groups (name) VALUES ('twenty'), ('all'), ('asleep'), ('half');
INSERT INTO device_groups SELECT 1, id FROM devices WHERE id BETWEEN 100 AND 119;
INSERT INTO device_groups SELECT 2, id FROM devices;
INSERT INTO device_groups SELECT 3, id FROM devices WHERE id > 990;
INSERT INTO device_groups SELECT 4, id FROM devices WHERE id <= 500;
"""
PAGE = """query ($after: String, $alarm: ID, $device: ID, $point: ID, $group: ID, $priorities: [AlarmPriority!], $events: [AlarmEventKind!],
  $actor: String, $from: DateTime, $to: DateTime) {
  alarmJournal(first: 50, after: $after, alarm: $alarm, device: $device, point: $point, group: $group, priorities: $priorities,
               events: $events, actor: $actor, from: $from, to: $to) {
    pageInfo { endCursor } nodes { time event state priority deviceName pointName value threshold actor note } } }"""
FILTERS: dict[str, dict[str, Any]] = {
    "a device that is not there": {"device": "dev_99999"}, "none": {}, "alarm": {"alarm": "alm_5000"}, "device": {"device": "dev_17"}, "point": {"point": "pt_170"},
    "group of 20": {"group": "grp_1"}, "group of all 1,000": {"group": "grp_2"}, "group whose alarms are old": {"group": "grp_3"},
    "priority": {"priorities": ["HIGH"]}, "two priorities": {"priorities": ["HIGH", "MEDIUM"]}, "event": {"events": ["RAISED"]},
    "a rare event": {"events": ["NOTED"]}, "rare events of a group": {"events": ["NOTED", "SHELVED"], "group": "grp_4"},
    "actor": {"actor": "ann"}, "an actor who did little": {"actor": "carl"}, "actor who did nothing": {"actor": "x"},
    "actor in a group": {"actor": "ann", "group": "grp_1"}, "priority of a device": {"device": "dev_17", "priorities": ["HIGH"]},
    "event in a group whose alarms are old": {"group": "grp_3", "events": ["RAISED"]},
    "half a year ago": {"from": "{-181}", "to": "{-180}"}, "before a time, in a group": {"group": "grp_1", "to": "{-100}"},
}  # fmt: skip


async def prepared(server: str, entries: int) -> str:
    url = await fresh_database(server, "ddms_bench_journal")
    await fill(url)
    owner = await asyncpg.connect(url)
    await owner.execute(ADD_LIMITS)
    await owner.execute(GROUPS)
    await owner.execute("ALTER TABLE alarm_events DISABLE TRIGGER alarm_events_told")
    indexes = await owner.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'alarm_events' AND indexname <> 'alarm_events_pkey'"
    )
    for row in indexes:
        await owner.execute(f"DROP INDEX {row['indexname']}")
    pace = 300 * 86_400 / entries
    for first in range(0, entries, STEP):
        await owner.execute(FILL_JOURNAL, first, min(STEP, entries - first), pace, entries // 50)
    for row in indexes:
        await owner.execute(row["indexdef"])
    await owner.execute("ALTER TABLE alarm_events ENABLE TRIGGER alarm_events_told")
    await owner.execute("VACUUM ANALYZE")
    await owner.close()
    return url


async def person(owner: Connection, name: str, group: int | None) -> str:
    """Add somebody who may read everything, or one group; return a token."""
    add = "INSERT INTO users (name, role, limited) VALUES ($1, 'viewer', $2) RETURNING id"
    number = await owner.fetchval(add, f"{name}, {time.time():.0f}", group is not None)
    if group is not None:
        await owner.execute("INSERT INTO user_groups VALUES ($1, $2)", number, group)
    made = {"name": name, "role": Role.VIEWER, "lifetime": lifetime(1), "user_id": number}
    _, token = await create(Statements(owner), COMMAND_LINE, **made)
    return token


async def measure(url: str, entries: int) -> None:
    owner = await connect(Settings(database_url=url), "bench")
    people = {"everybody else": None, "of 20 devices": 1, "of 500": 4, "of ten whose alarms are old": 3}
    tokens = {name: await person(owner, name, group) for name, group in people.items()}
    ago = "SELECT now() - make_interval(days => $1)"
    days = {f"{{-{n}}}": (await owner.fetchval(ago, n)).isoformat() for n in (100, 180, 181)}
    print(
        f"\nFirst page (50 entries) of a journal of {entries:,} through GraphQL, least and median of 7 in ms (entries found)"
    )
    print(f"| filter | {' | '.join(tokens)} |\n|---|{'---|' * len(tokens)}")
    async with serving(Settings(database_url=url)) as (address, parts), httpx2.AsyncClient(timeout=60) as client:
        for label, filters in FILTERS.items():
            variables = {name: days.get(str(value), value) for name, value in filters.items()}
            cells = []
            for token in tokens.values():
                took = []
                for _ in range(7):
                    parts.budgets._left.clear()
                    began = time.perf_counter()
                    answer = await client.post(
                        f"{address}/graphql",
                        json={"query": PAGE, "variables": variables},
                        headers={"Authorization": f"Bearer {token}"},
                    )
                    took.append((time.perf_counter() - began) * 1000)
                    assert "errors" not in answer.json(), answer.text
                rows = len(answer.json()["data"]["alarmJournal"]["nodes"])
                cells.append(f"{min(took):.0f}, {statistics.median(took):.0f} ({rows})")
            print(f"| {label} | {' | '.join(cells)} |", flush=True)
    await owner.close()


def main() -> None:
    entries = int(os.environ.get("DDMS_BENCH_JOURNAL", "10_000_000"))
    url = os.environ.get("DDMS_BENCH_FILLED") or asyncio.run(prepared(os.environ["DDMS_TEST_DATABASE_URL"], entries))
    asyncio.run(measure(url, entries))


if __name__ == "__main__":
    main()
