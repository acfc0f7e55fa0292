"""A bad night on the demo's plant, in four minutes: twenty faults, a dead gateway, a flood, a shelf that returns.

`python -m bench.night [--grafana HOME]`; with a Grafana also the mails that it sends. Collector, API, database and plant are the real programs of the demo, with another
schedule of faults. Ann, who may act, looks at the alarms each second, acknowledges what calls and shelves what chatters; Bo,
who may only look, tries to. It prints what each of them saw when, and what came of each fault; it ends with 1 when an alarm
was missing, stuck or told twice.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import asyncpg
import httpx2

from demo import inventory, plant
from demo.inventory import Faults, Shift, Spell
from demo.processes import Child
from demo.run import Demo

HEAD_START, LAST_MAILS = 75.0, 45.0
NEVER_AGAIN = 1e7
BEFORE_FIRST, APART, LASTING, CHATTERING = 10, 5, 40, 90
DEAD_GATEWAY, DEAD_FROM, DEAD_FOR = "heat", 60, 45
FLOOD_FROM, FLOOD_FOR, END = 165, 45, 245
SHELF_SECONDS = 40
URGENT = {"CRITICAL", "HIGH"}
# Device, point, by how much, within how many seconds; a point that is none is a fault of the device.
SINGLES = (
    ("Compressor K-1", "oil_temperature", 45, 10), ("P-101 well pump", "trips", 0, 0), ("Chiller C-1", "supply_temperature", 3.5, 0),
    ("Conveyor B-1", "jam", 1, 0), ("P-102 transfer pump", "trips", 0, 0), ("Main incomer 1", "voltage_l1", -60, 0),
    ("TIC-202 oven zone 1", "process_value", 120, 5), ("T-104 waste water sump", "overfill", 1, 0), ("P-106 cooling water pump", "silent", 0, 0),
    ("Compressor K-2", "state", -2, 0), ("P-103 product pump", "trips", 0, 0), ("Conveyor B-2", "pull_cord", 1, 0),
    ("T-102 process water tank", "level", -1.2, 5), ("Compressor K-1", "pressure", -2.2, 5), ("Weather station", "wind_speed", 25, 0),
    ("P-104 waste water pump", "trips", 0, 0), ("Main incomer 2", "voltage_l1", -60, 0), ("T-104 waste water sump", "level", 2.2, 5),
    ("Conveyor B-2", "jam", 1, 0), ("P-105 booster pump", "pressure", -6, 2),
)  # fmt: skip
FLOOD = (
    *((f"{name}", "trips", 0, 0) for name in ("P-101 well pump", "P-102 transfer pump", "P-103 product pump", "P-104 waste water pump",
                                              "P-105 booster pump", "P-106 cooling water pump")),
    ("Main incomer 1", "voltage_l1", -60, 0), ("Main incomer 2", "voltage_l1", -60, 0), ("Conveyor B-1", "jam", 1, 0),
    ("Conveyor B-2", "jam", 1, 0), ("Compressor K-1", "pressure", -2.2, 1), ("Compressor K-2", "state", -2, 0),
    ("TIC-201 dryer", "process_value", 200, 0), ("TIC-202 oven zone 1", "process_value", 120, 0), ("TIC-203 oven zone 2", "process_value", 120, 0),
    ("TIC-204 oven zone 3", "process_value", 120, 0), ("Chiller C-1", "supply_temperature", 10, 0), ("T-104 waste water sump", "overfill", 1, 0),
)  # fmt: skip


def spell(first: float, lasting: float) -> Spell:
    """Return something that comes once."""
    return Spell(first=first, lasting=lasting, every=NEVER_AGAIN)


@cache
def table() -> inventory.Inventory:
    """Return the demo's plant with the faults of this night."""
    usual = inventory.read()
    gone_wrong: dict[str, list[Shift]] = defaultdict(list)
    others: dict[str, dict[str, Spell]] = defaultdict(dict)
    planned = [
        (one, BEFORE_FIRST + APART * n, CHATTERING if one[0] == "Chiller C-1" else LASTING)
        for n, one in enumerate(SINGLES)
    ]
    planned += [(one, FLOOD_FROM, FLOOD_FOR) for one in FLOOD]
    for (device, point, by, over), first, lasting in planned:
        if point == "trips" and "trips" in others[device]:  # the flood's, of a pump that tripped before
            gone_wrong[device].append(Shift(point="fault", by=1, spell=spell(first, lasting)))
        elif point in {"trips", "silent"}:
            others[device][point] = spell(first, lasting)
        else:
            wave = 12 if device.startswith("Chiller") and first < FLOOD_FROM else 0
            gone_wrong[device].append(Shift(point=point, by=by, over=over, wave=wave, spell=spell(first, lasting)))
    for device in usual.behind(DEAD_GATEWAY):
        others[device.name]["closes"] = spell(DEAD_FROM, DEAD_FOR)
    devices = tuple(
        replace(device, faults=Faults(shifts=tuple(gone_wrong[device.name]), **others[device.name]))
        for device in usual.devices
    )
    return replace(usual, devices=devices)


class NightDemo(Demo):
    """The demo with this night's plant, and without a past."""

    def __init__(self, directory: Path, begin: float) -> None:
        super().__init__(directory, None, dict.fromkeys(("api", "metrics", "grafana", "plant"), 0))
        self._begin = begin
        (directory / "token").touch()

    def _start_plant(self) -> Child:
        return self._child("Plant", ["bench.night", "--plant", str(self._begin)], stdout=subprocess.PIPE)


class Person:
    """Somebody who looks at the alarms through the API, and writes down what was new."""

    def __init__(self, name: str, url: str, token: str, begin: float) -> None:
        self.name, self.begin, self._url = name, begin, url
        self._client = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30)
        self.calling: dict[str, dict] = {}
        self.most, self.seen = 0, Counter()

    def say(self, text: str) -> None:
        print(f"{time.time() - self.begin:6.1f} s  {self.name}: {text}", flush=True)

    async def ask(self, query: str, **variables: object) -> dict:
        answer = (await self._client.post(self._url, json={"query": query, "variables": variables})).json()
        if answer.get("errors"):
            return {"errors": answer["errors"]}
        return answer["data"]

    async def look(self) -> list[dict]:
        """Return what calls and did not a moment ago."""
        data = await self.ask(LOOK)
        calling = {a["id"]: a for a in (edge["node"] for edge in data["alarms"]["edges"]) if a["calls"]}
        new = [alarm for number, alarm in calling.items() if number not in self.calling]
        self.calling, self.most = calling, max(self.most, len(calling))
        self.seen.update(alarm["id"] for alarm in new)
        return new


LOOK = """{ alarms(first: 100) { edges { node {
    id calls source priority deviceName pointName limitKey endpoint value detail cause action activeSince shelf { until } } } } }"""
ACKNOWLEDGE = "mutation ($ids: [ID!]!, $note: String) { acknowledgeAlarms(ids: $ids, note: $note) { results { result message } errors { message } } }"
SHELVE = """mutation ($ids: [ID!]!, $reason: String!, $until: DateTime) {
    shelveAlarms(ids: $ids, reason: $reason, until: $until) { results { result message } errors { message } } }"""


def named(alarm: dict) -> str:
    """Return what an alarm is about."""
    what = " ".join(
        part for part in (alarm["deviceName"] or alarm["endpoint"], alarm["pointName"], alarm["limitKey"]) if part
    )
    return f"{alarm['priority']} {what}"


async def ann(person: Person, until: float) -> None:
    """Acknowledge what calls after some seconds, all of it at once, in the flood after half a minute; shelve what chatters; tell when a shelf is over."""
    due: dict[str, float] = {}
    times: Counter[str] = Counter()
    shelved: set[str] = set()
    while time.time() < until:
        new = await person.look()
        for alarm in new:
            times[alarm["id"]] += 1
            back = " (back from the shelf)" if alarm["id"] in shelved else ""
            person.say(
                f"{named(alarm)}{back}"
                + (f": {alarm['action']}" if times[alarm["id"]] == 1 and alarm["action"] else "")
            )
            patience = 30 if time.time() > person.begin + FLOOD_FROM else 3 if alarm["priority"] in URGENT else 8
            due.setdefault(alarm["id"], time.time() + patience)
            if times[alarm["id"]] == 3 and alarm["id"] not in shelved:
                await shelve(person, alarm)
                shelved.add(alarm["id"])
        ready = [number for number in due if due[number] < time.time()]
        if ready:
            for number in ready:
                del due[number]
            done = await person.ask(ACKNOWLEDGE, ids=ready, note="seen")
            if done.get("errors"):
                raise RuntimeError(done)
            person.say(
                f"acknowledged {sum(one['result'] == 'DONE' for one in done['acknowledgeAlarms']['results'])} of {len(ready)}"
            )
        await asyncio.sleep(1)


async def shelve(person: Person, alarm: dict) -> None:
    until = datetime.fromtimestamp(time.time() + SHELF_SECONDS, UTC).isoformat()
    done = await person.ask(SHELVE, ids=[alarm["id"]], reason="it chatters; the valve is looked at", until=until)
    if done.get("errors") or done["shelveAlarms"]["errors"]:
        raise RuntimeError(done)
    person.say(f"shelved {named(alarm)} for {SHELF_SECONDS} s")


async def bo(person: Person, until: float) -> None:
    """Look each five seconds; try once to acknowledge, which a viewer may not."""
    tried = False
    while time.time() < until:
        new = await person.look()
        if new and not tried:
            tried = True
            refused = await person.ask(ACKNOWLEDGE, ids=[new[0]["id"]], note=None)
            person.say(f"may not acknowledge: {json.dumps(refused)[:160]}")
        if new:
            person.say(f"{len(person.calling)} call, {len(new)} of them new")
        await asyncio.sleep(5)


class Entry(NamedTuple):
    """An entry of the journal; `after` counts seconds from the beginning of the night."""

    alarm: int
    source: str
    device: str | None
    event: str
    after: float
    actor: str | None


async def told(url: str, begin: float) -> list[Entry]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT e.alarm_id, a.source, a.device_name, e.event, extract(epoch FROM e.time)::float8 - $1, e.actor"
        " FROM alarm_events e JOIN alarms a ON a.id = e.alarm_id ORDER BY e.time, e.id",
        begin,
    )
    stuck = await connection.fetchval(
        "SELECT count(*) FROM alarms WHERE source <> 'system' AND (active AND pending_since IS NULL OR suppressed_by IS NOT NULL OR shelved IS NOT NULL)"
    )
    await connection.close()
    return [*(Entry(*row) for row in rows), Entry(0, "stuck", None, "stuck", float(stuck), None)]


def report(entries: list[Entry]) -> int:
    """Print what came of each fault; return how much went wrong."""
    stuck = entries.pop().after
    missing = 0
    print("\n| fault | began, s | alarm after s | raised |\n|---|---|---|---|")
    planned = [(d, p, BEFORE_FIRST + APART * n, LASTING) for n, (d, p, _, _) in enumerate(SINGLES)]
    for device, point, began, lasting in planned:
        raised = [
            e for e in entries if e.device == device and e.event == "raised" and began <= e.after <= began + lasting
        ]
        missing += not raised
        after = f"{raised[0].after - began:.1f}" if raised else "NONE"
        print(f"| {device}, {point} | {began} | {after} | {len(raised)} |")
    flood = {e.alarm for e in entries if e.event == "raised" and FLOOD_FROM <= e.after <= FLOOD_FROM + FLOOD_FOR}
    gateway = [e for e in entries if e.source == "connection" and e.event == "raised"]
    hushed = [e for e in entries if e.source == "device" and e.event == "suppressed"]
    woken = {e.alarm for e in entries if e.source == "device" and e.event == "acknowledged"}
    shelves = Counter(e.event for e in entries if e.event in {"shelved", "shelf_ended"})
    by_alarm: dict[int, list[str]] = defaultdict(list)
    for entry in entries:
        if entry.event in {"raised", "cleared"}:
            by_alarm[entry.alarm].append(entry.event)
    twice = sum(a == b for told in by_alarm.values() for a, b in pairwise(told))
    print(
        f"\nflood: {len(flood)} alarms of {len(FLOOD)} faults; gateway: {len(gateway)} alarm, {len(hushed)} times hushed, {len(woken)} devices called"
    )
    print(f"shelves: {dict(shelves)}; journal: {dict(Counter(e.event for e in entries))}")
    print(f"missing {missing}, told twice {twice}, stuck {stuck:.0f}")
    return int(missing + twice + stuck + (len(gateway) != 1) + (len(flood) < len(FLOOD) - 1))


async def live_through(demo: NightDemo, url: str, begin: float) -> int:
    tokens = {"Ann": "ADMIN", "Bo": "VIEWER"}
    connection = await asyncpg.connect(demo.postgres.url(database="ddms"))
    people = []
    for name, role in tokens.items():
        secret = f"ddms_{name.lower()}_of_the_night_{int(begin)}"
        await connection.execute(
            "INSERT INTO api_tokens (name, role, hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')",
            name, role.lower(), sha256(secret.encode()).digest(),
        )  # fmt: skip
        people.append(Person(name, url, secret, begin))
    await connection.close()
    end = begin + END
    await asyncio.gather(ann(people[0], end), bo(people[1], end))
    print()
    for person in people:
        print(f"{person.name} saw {len(person.seen)} alarms call, at most {person.most} at once")
    return report(await told(demo.postgres.url(database="ddms"), begin))


@contextmanager
def mailed(demo: NightDemo, folder: Path, home: Path | None, begin: float) -> Iterator[None]:
    """Let a Grafana notify, if there is one, and print in the end which mails came when."""
    if home is None:
        yield
        return
    os.environ["DDMS_TEST_GRAFANA"] = str(home)  # read when the module is
    from tests.support.notified import complaints, notifying  # noqa: PLC0415

    own = {"GRAFANA_DATABASE_HOST": str(demo.postgres.socket_directory), "GRAFANA_DATABASE_PASSWORD": "none"}
    own |= {"GRAFANA_DATABASE_SSLMODE": "disable"}
    wishes = {"NOTIFY_MAIL_TO": "night@plant.example"}
    (folder / "notified").mkdir()
    with notifying(
        folder / "notified",
        "postgresql://here:1/ddms",
        lambda hook: wishes | {"NOTIFY_WEBHOOK_URL": f"{hook}/all"},
        **own,
    ) as notified:
        yield
        time.sleep(LAST_MAILS)
        print(f"\n{len(notified.received.mails)} mails, {len(notified.received.posted('/all'))} webhooks:")
        for mail in notified.received.mails:
            print(f"{mail.at - begin:6.1f} s  {mail.subject}")
        in_flood = [m for m in notified.received.mails if FLOOD_FROM <= m.at - begin <= FLOOD_FROM + FLOOD_FOR + 60]
        print(f"{len(in_flood)} of them from the flood on, within its length and a minute")
        print("\n".join(complaints(notified.log)))


async def serve(begin: float) -> None:
    """Serve the plant of this night until it is killed."""
    ports = {gateway.key: 0 for gateway in table().gateways}
    await plant.serve("127.0.0.1", ports, asyncio.Event(), table=table(), begun=begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plant", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--grafana", type=Path)
    arguments = parser.parse_args()
    if arguments.plant:
        asyncio.run(serve(arguments.plant))
        return
    with tempfile.TemporaryDirectory(prefix="ddms-night-") as folder:
        begin = time.time() + HEAD_START
        demo = NightDemo(Path(folder), begin)
        try:
            running = demo.start()
            with mailed(demo, Path(folder), arguments.grafana, begin):
                print(f"The night begins in {begin - time.time():.0f} s", flush=True)
                wrong = asyncio.run(live_through(demo, running.graphql, begin))
        finally:
            demo.stop()
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
