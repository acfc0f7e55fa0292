"""Probe and scan through the API: a collector does the work, beside each other, with progress, cancelled at once."""

import asyncio

from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.devices import exception, foreign_server, scripted, words
from tests.support.field import POINTS, TEST, collector_fixture, meter_fixture  # noqa: F401 - fixtures
from tests.support.words import words_of

PROBE = """mutation ($endpoint: String!, $expected: Float) {
  probe(endpoint: $endpoint, registerTable: HOLDING, address: 10, expected: $expected) {
    errors { code field message } refused
    candidates { address offset dataType byteOrder length words value text scale score why } } }"""
SCAN = """mutation ($endpoint: String!, $unitTo: Int = 3) {
  scan(endpoint: $endpoint, tables: [HOLDING], unitTo: $unitTo, addressTo: 20, timeoutMs: 500) {
    errors { code field message } scan { id state progress } } }"""
LOOK = """query ($id: ID!) { scan(id: $id) { state progress error finishedAt requests notes
  units { unitId reason milliseconds notes ranges { registerTable address count } } } }"""
CANCEL = "mutation ($id: ID!) { cancelScan(id: $id) { errors { code message } scan { state } } }"


async def looked(api: Api, number: str, condition, seconds: float = 60):
    async with asyncio.timeout(seconds):
        while not condition(scan := await api.ask(LOOK, "admin", id=number)):
            await asyncio.sleep(0.1)
    return scan


async def asked(api: Api, document: str, **variables):
    return await api.ask(document, "admin", **variables)


async def test_a_probe_ranks_what_a_register_means(api: Api, collector):
    with foreign_server() as (port, bank):
        bank.set_holding_registers(10, words_of("f", 61.75, "CDAB"))
        answer = await asked(api, PROBE, endpoint=f"tcp://127.0.0.1:{port}")
        assert answer["errors"] == []
        best = answer["candidates"][0]
        assert (best["dataType"], best["byteOrder"], best["value"]) == ("FLOAT32", "CDAB", 61.75)


def unit_two(request):
    if request[1] != 2:
        return None
    return words(request) if request[3] + request[4] <= 10 else exception(request, 2)


async def test_a_scan_tells_what_it_finds(api: Api, collector):
    async with scripted(unit_two) as device:
        answer = await asked(api, SCAN, endpoint=f"tcp://127.0.0.1:{device.port}")
        scan = await looked(api, answer["scan"]["id"], lambda s: s["state"] not in {"PENDING", "RUNNING"})
    assert (scan["state"], scan["progress"], scan["error"]) == ("DONE", 1, None)
    (unit,) = scan["units"]
    assert unit["unitId"] == 2
    assert unit["ranges"] == [{"registerTable": "HOLDING", "address": 0, "count": 10}]


async def test_a_long_scan_holds_up_nobody_and_is_cancelled_at_once(api: Api, collector, meter):
    async with scripted(unit_two) as device:
        answer = await asked(api, SCAN, endpoint=f"tcp://127.0.0.1:{device.port}", unitTo=247)
        number = answer["scan"]["id"]
        await looked(api, number, lambda s: 0 < s["progress"] < 1 and s["units"])
        tested = await asked(api, TEST, endpoint=meter, points=POINTS[:1])
        assert tested["values"][0]["value"] == 26.0
        assert (await asked(api, CANCEL, id=number))["scan"]["state"] == "CANCELLED"
        before = 0
        async with asyncio.timeout(60):
            while before != len(device.requests):
                before = len(device.requests)
                await asyncio.sleep(1)
        assert max(request[1] for request in device.requests) < 247, "it went on to the end"
        scan = await looked(api, number, lambda _: True)
        assert scan["state"] == "CANCELLED"
        assert [unit["unitId"] for unit in scan["units"]] == [2], "what was found stays"


FOLLOW = "subscription ($id: ID!) { scanProgress(id: $id) { state progress requests units { unitId } } }"


async def test_a_scan_is_followed_to_its_end(api: Api, collector):
    async with scripted(unit_two) as device, api.socket("admin") as first, api.socket("admin") as second:
        answer = await asked(api, SCAN, endpoint=f"tcp://127.0.0.1:{device.port}", unitTo=8)
        told = []
        for socket in (first, second):
            await socket.subscribe(FOLLOW, id=answer["scan"]["id"])
        async with asyncio.timeout(60):
            while not told or told[-1]["state"] in {"PENDING", "RUNNING"}:
                told.append(await first.event("scanProgress", 15))
            while (await second.event("scanProgress", 15))["state"] != "DONE":
                pass
        assert told[-1]["progress"] == 1
        assert [unit["unitId"] for unit in told[-1]["units"]] == [2]
        steps = [event["progress"] for event in told]
        assert len(set(steps)) > 3
        assert steps == sorted(steps)
        await first.subscribe(FOLLOW, "again", id=answer["scan"]["id"])
        assert (await first.event("scanProgress"))["state"] == "DONE", "one that has ended is shown as it ended"


async def test_a_scan_that_is_cancelled_tells_its_followers(api: Api, collector):
    async with scripted(unit_two) as device, api.socket("admin") as socket:
        answer = await asked(api, SCAN, endpoint=f"tcp://127.0.0.1:{device.port}", unitTo=247)
        await socket.subscribe(FOLLOW, id=answer["scan"]["id"])
        while not (await socket.event("scanProgress", 15))["units"]:
            pass
        await asked(api, CANCEL, id=answer["scan"]["id"])
        while (last := await socket.event("scanProgress", 15))["state"] != "CANCELLED":
            pass
        assert [unit["unitId"] for unit in last["units"]] == [2]


async def test_a_scan_that_is_not_there_cannot_be_followed(api: Api):
    async with api.socket("admin") as socket:
        await socket.subscribe(FOLLOW, id="req_99")
        message = await socket.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "NOT_FOUND")


async def test_what_cannot_be_scanned_is_refused(api: Api, collector):
    answer = await asked(api, SCAN, endpoint="tcp://127.0.0.1:1", unitTo=256)
    assert answer["errors"][0]["field"] == "unitTo"
    answer = await asked(api, SCAN, endpoint="tcp://127.0.0.1:1")
    scan = await looked(api, answer["scan"]["id"], lambda s: s["state"] == "FAILED")
    assert "refused" in scan["error"]
    answer = await asked(api, CANCEL, id="req_9999")
    assert answer["errors"][0]["code"] == "NOT_FOUND"
