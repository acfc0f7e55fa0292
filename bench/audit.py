"""What the audit's chain costs a change, and how fast a million entries are paged through and checked.

`DDMS_TEST_DATABASE_URL=… python -m bench.audit`. The peers, in the same run: the same change with the chain's trigger off,
and with the indexes of its filters dropped too, which is the table as it was before.
"""

import asyncio
import os
import statistics
import sys
import time

import httpx2

from api.access.tokens import create, lifetime
from api.audit.chain import verify
from api.ground import audit
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from bench.collector import fresh_database
from bench.latest import free_port, until_ready
from bench.processes import TRUSTING, running
from ddms.database import connect
from ddms.settings import Settings

ENTRIES = 1_000_000
CLIENTS, ROUNDS = 200, 5
RENAME = "mutation ($id: ID!, $name: String!) { updateGroup(id: $id, changes: {name: $name}) { errors { message } } }"
PAGE = "query ($from: DateTime, $to: DateTime, $who: String, $action: String, $subject: String, $address: String, $text: String) { audit(first: 50, from: $from, to: $to, actor: $who, action: $action, subject: $subject, address: $address, text: $text) { nodes { number at actor address client action subject before after } } }"
FILTERS = {
    "none": {}, "actor": {"who": "person 7"}, "action": {"action": "device.update"}, "noun": {"action": "device"},
    "subject": {"subject": "dev_77"}, "address": {"address": "10.0.1.7"}, "a day a year ago": {"from": "{-366}", "to": "{-365}"},
    "text, rare": {"text": "pump 777"}, "text, in each": {"text": "pump"}, "text, in none": {"text": "gibberish"},
    "actor and text": {"who": "person 7", "text": "pump 777"}, "actor that never was": {"who": "x"},
}  # fmt: skip
FILL = """
INSERT INTO audit_log (at, actor, actor_kind, actor_id, token, address, client, transport, action, subject, before, after)
SELECT now() - interval '700 days' + g * interval '60 s', 'person ' || g % 40, 'person', 'usr_' || g % 40, 'tok_' || g % 90,
       '10.0.' || g % 3 || '.' || g % 97, 'Mozilla/5.0 (X11; Linux x86_64) Chrome/130', 'graphql',
       (ARRAY['device.update', 'device.create', 'token.create', 'point.update', 'configuration.update'])[1 + g % 5], 'dev_' || (g::bigint * 7919) % 2000,
       jsonb_build_object('name', 'Pump ' || g % 2000, 'endpoint', 'tcp://10.1.2.' || g % 250, 'interval', 10),
       jsonb_build_object('name', 'Pump ' || g % 2000, 'interval', 5)
  FROM generate_series($1::int + 1, $1::int + 50000) g
"""
OFF = "ALTER TABLE audit_log DISABLE TRIGGER audit_log_chained"
ON = "ALTER TABLE audit_log ENABLE TRIGGER audit_log_chained"
PLAIN = f"""{OFF}; DROP INDEX audit_log_actor_idx, audit_log_action_idx, audit_log_subject_idx, audit_log_address_idx, audit_log_words_idx,
audit_log_unchained_idx, audit_log_number_key"""


async def changes(address: str, secrets: list[str]) -> tuple[list[float], list[float], float]:
    """Return milliseconds of changes one after the other, of many at once, and how many those were a second."""
    async with httpx2.AsyncClient(limits=httpx2.Limits(max_connections=CLIENTS), timeout=60) as client:

        async def one(place: int, name: str) -> float:
            began = time.perf_counter()
            body = {"query": RENAME, "variables": {"id": f"grp_{place + 1}", "name": name}}
            headers = {"Authorization": f"Bearer {secrets[place]}"}
            answer = await client.post(f"{address}/graphql", json=body, headers=headers)
            assert answer.json()["data"]["updateGroup"]["errors"] == [], answer.text
            return (time.perf_counter() - began) * 1000

        alone = [await one(0, f"alone {time.time_ns()}") for _ in range(200)]
        together: list[float] = []
        began = time.perf_counter()
        for round_ in range(ROUNDS):
            together += await asyncio.gather(*(one(n, f"{n} {round_} {time.time_ns()}") for n in range(CLIENTS)))
        return sorted(alone[20:]), sorted(together), len(together) / (time.perf_counter() - began)


async def measure_changes(url: str, address: str, secrets: list[str]) -> None:
    await until_ready(address)
    owner = await connect(Settings(database_url=url), "bench")
    await changes(address, secrets)
    print(f"\nA change (updateGroup), alone and {CLIENTS} at once; durable")
    print("| | alone, median ms | at once, median ms | p99 ms | a second |\n|---|---|---|---|---|")
    for label, statement in (("chained", ON), ("without the chain", OFF), ("and without indexes, as before", PLAIN)):
        await owner.execute(statement)
        alone, together, rate = await changes(address, secrets)
        print(
            f"| {label} | {statistics.median(alone):.1f} | {statistics.median(together):.0f} | {together[int(0.99 * len(together))]:.0f} | {rate:.0f} |",
            flush=True,
        )
    await owner.close()


async def measure_bulk(url: str) -> None:
    owner = await connect(Settings(database_url=url), "bench")
    print("\nEntries of one transaction\n| entries | recorded ms | commit ms |\n|---|---|---|")
    for count in (1, 100, 5000):
        transaction = owner.transaction()
        await transaction.start()
        subjects = [f"dev_{number}" for number in range(count)]
        began = time.perf_counter()
        await audit.record_each(Statements(owner), COMMAND_LINE, "device.profile", subjects, after={"profile": None})
        recorded = time.perf_counter()
        await transaction.commit()
        print(f"| {count:,} | {(recorded - began) * 1000:.1f} | {(time.perf_counter() - recorded) * 1000:.1f} |")
    for number in range(ENTRIES // 50_000):
        await owner.execute(FILL, number * 50_000)
    await owner.execute("VACUUM ANALYZE audit_log")
    size = await owner.fetchval("SELECT pg_size_pretty(pg_total_relation_size('audit_log'))")
    async with owner.transaction():
        began = time.perf_counter()
        found = await verify(Statements(owner))
    assert found.broken is None, found
    print(f"\n{found.entries:,} entries ({size}) are checked in {time.perf_counter() - began:.1f} s")
    await owner.close()


async def measure_pages(address: str, secret: str) -> None:
    await until_ready(address)
    day = 86400
    print(
        f"\nThe newest 50 of {ENTRIES:,} through GraphQL (goal: 50 ms)\n| filter | median ms | longest ms |\n|---|---|---|"
    )
    async with httpx2.AsyncClient(timeout=60) as client:
        for label, filters in FILTERS.items():
            given = {}
            for name, value in filters.items():
                past = time.time() + int(value.strip("{}")) * day if value.startswith("{") else None
                given[name] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(past)) if past else value
            taken = []
            for _ in range(25):
                began = time.perf_counter()
                answer = await client.post(
                    f"{address}/graphql",
                    json={"query": PAGE, "variables": given},
                    headers={"Authorization": f"Bearer {secret}"},
                )
                assert "errors" not in answer.json(), answer.text
                taken.append((time.perf_counter() - began) * 1000)
            taken = sorted(taken[5:])
            print(f"| {label} | {statistics.median(taken):.1f} | {taken[-1]:.1f} |", flush=True)


async def prepared(server: str, name: str) -> tuple[str, list[str]]:
    url = await fresh_database(server, name)
    connection = await connect(Settings(database_url=url), "bench")
    await connection.execute(f"INSERT INTO groups (name) SELECT 'group ' || g FROM generate_series(1, {CLIENTS}) g")
    secrets = []
    for number in range(CLIENTS):
        made = await create(
            Statements(connection), COMMAND_LINE, name=f"bench {number}", role=Role.OWNER, lifetime=lifetime(1)
        )
        secrets.append(made[1])
    await connection.close()
    return url, secrets


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    pages, secrets = asyncio.run(prepared(server, "ddms_bench_audit"))
    plain, others = asyncio.run(prepared(server, "ddms_bench_audit_plain"))
    port = free_port()
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    settings = {"DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    with running(sys.executable, "-m", "ddms", "api", env={"DDMS_DATABASE_URL": plain} | settings):
        asyncio.run(measure_changes(plain, f"http://127.0.0.1:{port}", others))
    asyncio.run(measure_bulk(pages))
    with running(sys.executable, "-m", "ddms", "api", env={"DDMS_DATABASE_URL": pages} | settings):
        asyncio.run(measure_pages(f"http://127.0.0.1:{port}", secrets[0]))


if __name__ == "__main__":
    main()
