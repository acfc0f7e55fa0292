"""SunSpec: what we read of devices that pysunspec2 fills is what its own client reads; and devices that lie, loop and fall silent."""

import asyncio
import struct

import pytest

from api.devices.files import FileFormat, read
from collector.field.routes import Route
from collector.field.sunspec import MOST_MODELS, sunspec
from collector.field.trial import read_once
from collector.line.tcp import ReadError
from ddms import lines
from ddms.endpoints import Endpoint
from ddms.lines import LineSettings
from ddms.quality import Reason
from ddms.skeleton import Existing
from ddms.sunspec.files import device_file
from ddms.sunspec.proposal import propose
from tests.support.devices import answer, exception, scripted
from tests.support.ports import free_port
from tests.support.sunspec_device import MARK, as_pysunspec2_reads, common, of, registers, same, sunspec_server

INVERTERS = (101, 102, 103, 111, 113, 120, 121, 122, 123, 124, 160)
METERS = (201, 202, 203, 204, 211, 213, 214)
STORAGE = (302, 303, 304, 305, 307, 308, 401, 501, 502, 701, 702, 703, 704, 705, 707, 711, 713, 714, 802, 803, 804, 805)


def route_to(port):
    return Route(LineSettings(endpoint=Endpoint.parse(f"tcp://127.0.0.1:{port}"), timeout=10))


async def walked(port, work=None, **parameters):
    route = route_to(port)
    try:
        found = await sunspec(route, {"unit_id": 1, "timeout_ms": 10_000} | parameters, lambda _p, _r: None)
        return found if work is None else (found, await work(route, found))
    finally:
        route.close()


async def values(route, found):
    """Write the file, read it as the import does, and read its points as the collector does."""
    text = device_file(found, propose(found), {"endpoint": "tcp://10.0.0.9:502"}, 1, Existing())
    (entry,) = read(text, FileFormat.YAML).entries
    points = lines.linked(lines.point({"id": i} | one.row()) for i, one in enumerate(entry.device.points, 1))
    return {one["key"]: one for one in (await read_once(route, 1, points, 10))["values"]}


@pytest.mark.parametrize("models", [INVERTERS, METERS, STORAGE], ids=["inverters", "meters", "storage"])
async def test_each_value_is_what_pysunspec2_reads(models):
    with sunspec_server(of(*models)) as port:
        theirs = await asyncio.to_thread(as_pysunspec2_reads, port)
        found, ours = await walked(port, values)
    assert found["notes"] == []
    assert [model["id"] for model in found["models"]] == [1, *models]
    seen = {}
    for one in propose(found).points:
        got = ours[one.fields["key"]]
        seen[one.remark.partition(",")[0]] = got["text"] if one.fields["data_type"] == "string" else got["value"]
    assert {name: (seen[name], theirs[name]) for name in seen if not same(seen[name], theirs[name])} == {}
    unread = {name for name, value in theirs.items() if value is not None} - seen.keys()
    last = {name.split()[-1].split(".")[-1] for name in unread}
    assert {name for name in last if not name.startswith("Pad") and not name.endswith("_SF")} <= {"ID", "L"}


@pytest.mark.parametrize("base", [0, 50_000, 40_001, 39_999])
async def test_the_map_is_found_where_it_begins(base):
    with sunspec_server(of(103), base) as port:
        found = await walked(port)
    assert found["base"] == base
    assert bool(found["notes"]) == (base not in {0, 50_000}), "one beside its place is told"


async def test_a_device_without_sunspec_says_what_was_there():
    with sunspec_server([0x7553, 0x536E]) as port:
        found = await walked(port)
    assert found["base"] is None
    assert (
        "no SunS in holding registers of unit 1: 40000: 7553536e (SunS with the bytes of each register turned"
        in found["notes"][0]
    )


def behaving(words, base=40_000, *, most=125, silent=(), refused=()):
    """A device with these words; some of its registers are refused, or get no answer."""

    def behave(request):
        _, _, _, address, count = request
        wanted = range(address, address + count)
        if any(one - base in silent for one in wanted):
            return None
        first = address - base
        if first < 0 or first + count > len(words) or count > most or any(one - base in refused for one in wanted):
            return exception(request, 2)
        return answer(request, struct.pack(f">{count}H", *words[first : first + count]))

    return behave


async def walked_over(words, timeout_ms=5000, **trouble):
    async with scripted(behaving(words, **trouble)) as device:
        return await walked(device.port, timeout_ms=timeout_ms)


def ids(found):
    return [model["id"] for model in found["models"]]


async def test_a_model_that_is_not_known_is_named_and_left_out():
    words = [*registers(common())[:-2], 64_900, 3, 1, 2, 3, *of(103)[70:]]
    found = await walked_over(words)
    assert ids(found) == [1, 64_900, 103]
    assert found["notes"] == ["model 64900 at 40070, 3 registers long, is not known here: left out"]
    assert {one.model for one in propose(found).points} == {1, 103}


async def test_a_common_model_of_65_registers_is_right():
    words = of(103)
    found = await walked_over([*words[:3], 65, *words[4:69], *words[70:]])
    assert ids(found) == [1, 103]
    assert found["notes"] == []


async def test_a_wrong_length_is_told_and_what_was_found_stays():
    words = of(103, 160, absent=0)
    words[71] = 48
    found = await walked_over(words)
    assert ids(found)[:2] == [1, 103]
    assert "model 103 at 40070 is 48 registers long, by SunSpec 50: what is missing is left out" in found["notes"][0]
    assert len(found["notes"]) > 1
    points = propose(found).points
    assert any(one.fields["address"] == 40_072 for one in points)
    assert all(one.fields["address"] < 40_120 for one in points if one.model == 103)


@pytest.mark.parametrize(
    ("after", "note"),
    [
        ([103, 60_000], "model 103 at 40070 says that it is 60000 registers long, which is beyond the last address"),
        ([0, 0], "address 40070 holds model 0, which is none"),
        ([], "the list of models ends without its mark (65535) at 40070: exception 2"),
        ([7], "the list of models ends without its mark (65535) at 40070"),
    ],
)
async def test_an_end_that_is_none_is_told(after, note):
    found = await walked_over([*registers(common())[:-2], *after])
    assert ids(found)[0] == 1
    assert found["notes"][-1].startswith(note)
    assert propose(found).points


async def test_the_mark_of_the_end_may_be_the_last_register():
    assert (await walked_over(of(103)[:-1]))["notes"] == []


async def test_models_without_an_end_are_ended():
    words = [*MARK, *[64_900, 0] * 3000]
    found = await walked_over(words)
    assert len(found["models"]) == MOST_MODELS
    assert "the walk was ended" in found["notes"][-1]


async def test_refused_registers_in_the_middle_cost_themselves_only():
    found = await walked_over(of(103, absent=0), refused={84})
    assert found["notes"] == ["1 of 52 registers from 40070 cannot be read"]
    (power,) = [one for one in propose(found).points if one.fields["address"] == 40_084]
    assert power.remark == "103 W, could not be read"
    assert len(propose(found).points) > 30


async def test_a_device_that_falls_silent_keeps_what_was_found():
    found = await walked_over(of(103, 160), silent=range(122, 400), timeout_ms=300)
    assert ids(found) == [1, 103]
    assert found["notes"] == [
        "the list of models ends without its mark (65535) at 40122: the device did not answer in time"
    ]


async def test_a_small_device_is_read_in_small_parts():
    found = await walked_over(of(103), most=40)
    assert found["notes"] == []
    assert None not in found["models"][1]["words"]


async def test_nobody_is_an_error():
    with pytest.raises(ReadError) as refused:
        await walked(free_port())
    assert refused.value.reason is Reason.REFUSED
    async with scripted(lambda _: None) as device:
        with pytest.raises(ReadError) as silent:
            await walked(device.port, timeout_ms=100)
    assert silent.value.reason is Reason.TIMEOUT
    assert len(device.requests) == 2, "it is asked twice, and not at each place"


async def test_a_base_that_is_given_is_the_only_one():
    async with scripted(behaving(of(103), 1000)) as device:
        found = await walked(device.port, base=1000)
    assert (found["base"], device.requests[0][3]) == (1000, 1000)


async def test_two_of_one_model_have_keys_of_their_own():
    keys = [one.fields["key"] for one in propose(await walked_over(of(103, 160, 160, absent=0))).points]
    assert len(keys) == len(set(keys))
    assert {"dca", "dca_1", "dca_1_160", "evt", "evt_160"} <= {*keys}
