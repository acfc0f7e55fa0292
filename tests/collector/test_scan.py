"""Scans and probes against foreign devices, and against devices that refuse, starve and hang up."""

import pytest

from collector.field.probe import probe
from collector.field.routes import Route
from collector.field.scan import joined, scan
from collector.line.tcp import ReadError
from ddms.endpoints import Endpoint
from ddms.lines import LineSettings
from ddms.quality import Reason
from tests.support.devices import exception, foreign_server, scripted, words
from tests.support.ports import free_port
from tests.support.rtu_devices import foreign_rtu_server, serial_cable
from tests.support.words import words_of


def wanted(**changes):
    return {
        "timeout_ms": 5000, "unit_from": 1, "unit_to": 3, "tables": ["holding"], "address_from": 0, "address_to": 299,
    } | changes  # fmt: skip


async def found(port: int, work=scan, **changes):
    seen = []
    route = Route(LineSettings(endpoint=Endpoint.parse(f"tcp://127.0.0.1:{port}"), timeout=3.0))
    try:
        return await work(route, wanted(**changes), lambda p, r: seen.append(p)), seen
    finally:
        route.close()


def ranges(unit):
    return [(r["register_table"], r["address"], r["count"]) for r in unit["ranges"]]


def having(*spans, silent=(), most=125):
    """A device with these registers, that refuses a request for any other."""

    def behave(request):
        _, unit, _, address, count = request
        if unit in silent:
            return None
        if count > most:
            return exception(request, 3)
        whole = any(a <= address and address + count <= a + n for a, n in spans)
        return words(request) if whole else exception(request, 2)

    return behave


async def test_units_and_their_registers_are_found():
    async with scripted(having((0, 10), (20, 1), (32, 8), silent=(1, 3))) as device:
        result, progress = await found(device.port, address_to=39, timeout_ms=300)
    (unit,) = result["units"]
    assert unit["unit_id"] == 2
    assert ranges(unit) == [("holding", 0, 10), ("holding", 20, 1), ("holding", 32, 8)]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    assert result["requests"] == len(device.requests)


async def test_an_exception_is_an_answer():
    async with scripted(lambda r: exception(r, 1) if r[1] == 2 else exception(r, 11)) as device:
        result, _ = await found(device.port)
    (unit,) = result["units"]
    assert (unit["unit_id"], unit["reason"], unit["ranges"]) == (2, "illegal_function", [])
    assert "does not know this function" in unit["notes"][0]


async def test_a_lower_limit_of_words_is_learned():
    async with scripted(having((0, 300), most=32)) as device:
        result, _ = await found(device.port, unit_to=1)
    assert ranges(result["units"][0]) == [("holding", 0, 300)]
    assert result["units"][0]["notes"] == ["holding: a request for 124 is refused, for 32 answered"]
    assert len(device.requests) < 20


async def test_a_device_that_hangs_up_after_each_answer_is_scanned():
    async with scripted(having((0, 20))) as device:
        behave = device.behave

        def once(request):
            if len(device.requests) % 2 == 0:
                raise ConnectionResetError
            return behave(request)

        device.behave = once
        result, _ = await found(device.port, unit_to=1, address_to=19)
    assert ranges(result["units"][0]) == [("holding", 0, 20)]


async def test_a_table_that_never_answers_is_left_alone():
    async with scripted(lambda r: words(r) if r[4] == 1 else None) as device:
        result, _ = await found(device.port, unit_to=1, address_to=65_535, timeout_ms=300)
    assert len(device.requests) < 10
    assert result["units"][0]["notes"][-1] == "holding: the device did not answer in time"


async def test_where_nobody_listens_the_scan_ends_at_once():
    route = Route(LineSettings(endpoint=Endpoint.parse(f"tcp://127.0.0.1:{free_port()}"), timeout=0.2))
    with pytest.raises(ReadError) as caught:
        await scan(route, wanted(), lambda p, r: None)
    assert caught.value.reason is Reason.REFUSED


async def test_a_foreign_server_that_ignores_the_unit_id_is_told():
    with foreign_server() as (port, _):
        result, _ = await found(port, unit_to=20, address_to=10)
    assert len(result["units"]) == 20
    assert "every unit id answers" in result["notes"][0]
    assert ranges(result["units"][0]) == [("holding", 0, 11)]


async def test_the_unit_that_answers_unlike_all_others_is_the_one_that_is_scanned():
    async with scripted(lambda r: having((100, 5))(r) if r[1] == 7 else exception(r, 4)) as device:
        result, _ = await found(device.port, unit_to=20, address_to=199)
    assert [unit["unit_id"] for unit in result["units"]] == [7]
    assert ranges(result["units"][0]) == [("holding", 100, 5)]
    assert result["notes"][0].startswith("19 units answer with the same exception (device_failure)")


async def test_a_block_that_is_not_answered_is_told():
    async with scripted(lambda r: words(r) if r[3] < 124 else None) as device:
        result, _ = await found(device.port, unit_to=1, address_to=199, timeout_ms=300)
    assert ranges(result["units"][0]) == [("holding", 0, 124)]
    assert result["units"][0]["notes"] == ["holding 124 – 199: the device did not answer in time"]


@pytest.mark.filterwarnings("ignore:isSet:DeprecationWarning")
async def test_a_serial_line_is_scanned():
    with serial_cable() as (ours, theirs, _), foreign_rtu_server(theirs, 2, 5):
        route = Route(LineSettings(endpoint=Endpoint.parse(f"serial://{ours}"), timeout=0.2, parity="none"))
        asked = wanted(unit_to=6, tables=["holding", "coil"], address_from=30, address_to=40, timeout_ms=300)
        try:
            result = await scan(route, asked, lambda p, r: None)
        finally:
            route.close()
    assert [u["unit_id"] for u in result["units"]] == [2, 5]
    assert ranges(result["units"][1]) == [("holding", 30, 11), ("coil", 30, 2)]


def test_spans_that_follow_each_other_are_joined():
    assert joined([(0, 2), (2, 3), (9, 1)]) == [(0, 5), (9, 1)]


async def probed(port: int, **changes):
    asked = {"unit_id": 1, "register_table": "holding", "address": 100, "timeout_ms": 3000} | changes
    return (await found(port, probe, **asked))[0]


async def test_a_probe_finds_what_a_foreign_device_means():
    with foreign_server() as (port, registers):
        registers.set_holding_registers(100, words_of("f", 61.25, "CDAB"))
        result = await probed(port)
        best = result["candidates"][0]
        assert (best["data_type"], best["byte_order"], best["value"], best["address"]) == (
            "float32",
            "CDAB",
            61.25,
            100,
        )
        assert best["words"] == words_of("f", 61.25, "CDAB")
        registers.set_coils(3, [True])
        bits = await probed(port, register_table="coil", address=3)
        assert [(c["offset"], c["value"]) for c in bits["candidates"]] == [(0, 1), (-1, 0), (1, 0)]


async def test_a_probe_goes_on_where_neighbours_are_refused():
    async with scripted(having((100, 2))) as device:
        result = await probed(device.port)
    assert result["words"] == [(100, 7), (101, 7)]
    assert 99 in result["refused"]
    assert {c["offset"] for c in result["candidates"]} == {0, 1}


async def test_a_probe_of_a_refused_register_says_so():
    async with scripted(having((98, 2))) as device:
        with pytest.raises(ReadError, match="no such register") as caught:
            await probed(device.port)
    assert caught.value.reason is Reason.ILLEGAL_ADDRESS


async def test_a_probe_at_the_ends_of_the_address_space_is_cut():
    with foreign_server() as (port, _):
        for address in (0, 65_535):
            result = await probed(port, address=address)
            assert all(0 <= a <= 65_535 for a, _ in result["words"])


def whole_values(first: int, last: int, size: int = 2):
    """A device of values of `size` registers from `first` to `last`, that answers whole values only."""

    def behave(request):
        _, _, _, address, count = request
        whole = first <= address and address + count <= last + 1
        return words(request) if whole and not ((address - first) % size or count % size) else exception(request, 2)

    return behave


@pytest.mark.parametrize(
    ("first", "last", "size"), [(100, 139, 2), (101, 140, 2), (96, 135, 4), (0, 399, 2), (1, 400, 2)]
)
async def test_a_device_that_answers_whole_values_only_is_scanned(first: int, last: int, size: int):
    async with scripted(whole_values(first, last, size)) as device:
        result, progress = await found(device.port, unit_to=1, address_to=last + 4)
    (unit,) = result["units"]
    assert ranges(unit) == [("holding", first, last - first + 1)]
    assert "read values whole" in unit["notes"][0]
    assert progress == sorted(progress)


async def test_a_single_register_between_values_of_two_is_found():
    singles, pairs = {10, 13}, {11, 14}

    def behave(request):
        _, _, _, address, count = request
        known = (count == 1 and address in singles) or (count == 2 and address in pairs)
        return words(request) if known else exception(request, 2)

    async with scripted(behave) as device:
        result, _ = await found(device.port, unit_to=1, address_to=19)
    assert ranges(result["units"][0]) == [("holding", 10, 6)]


@pytest.mark.parametrize(("first", "size"), [(100, 2), (99, 2), (100, 4), (97, 4)])
async def test_a_probe_of_a_part_of_a_value_reads_it_whole(first: int, size: int):
    async with scripted(whole_values(first, first + size - 1, size)) as device:
        result = await probed(device.port)
    assert {first, 100} <= {address for address, _ in result["words"]}
    assert result["candidates"]


async def test_a_probe_at_a_number_of_a_manual_names_the_address():
    async with scripted(having((0, 2))) as device:
        with pytest.raises(ReadError, match="if 40001 is a manual's number, the address is 0"):
            await probed(device.port, address=40_001)
