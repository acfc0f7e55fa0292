"""A site behind NATS: its collector reaches no database, and each reading comes into it once, in order."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import chain, repeat

import nats.aio.client
import numpy as np
import pytest

from collector.far import link as link_module
from collector.far.connection import FarConnection
from collector.far.link import Link
from collector.far.program import FarCollector
from collector.field.requests import READ_LINE_SETTINGS
from collector.ingest.app import Ingest
from collector.ingest.metrics import IngestMetrics
from collector.storing.decode import READINGS, Batch
from collector.storing.spool import encode
from ddms.errors import DdmsError
from ddms.lines import READ_LINES
from tests.support.devices import Counter, scripted
from tests.support.far import AFTER, SITE, at_site, every_one_once, hasten, more, running, served
from tests.support.nats import NatsServer, Wire, nats_server
from tests.support.running import database_away, until
from tests.support.spans import spans_fixture  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    hasten(monkeypatch)


@pytest.fixture
async def server(tmp_path):
    async with nats_server(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def central(settings, server):
    """The settings of `ddms ingest`."""
    return replace(settings, nats_url=server.url, ingest_sites=(SITE,), ingest_metrics_port=0)


@pytest.fixture
def far(settings, server, tmp_path):
    """The settings of a collector that knows no database."""
    return replace(
        settings, database_url="postgresql://nobody@127.0.0.1:1/none", nats_url=server.url, site=SITE,
        collector_name="shaft 1", spool_directory=tmp_path / "far", flush_interval=0.0,
    )  # fmt: skip


@asynccontextmanager
async def speaking(far):
    link = Link(far, SITE, "test")
    await link.open()
    yield link
    await link.close()


async def test_readings_come_from_a_collector_without_a_database_and_changes_reach_it(owner, make_device, central, far):
    async with scripted(Counter()) as device, running(central, Ingest), running(far, FarCollector) as collector:
        number = await make_device(port=device.port)
        await at_site(owner, number)
        assert every_one_once(await more(owner, 3))
        assert await owner.fetchval("SELECT state FROM device_states WHERE device_id = $1", number) == "online"
        row = await owner.fetchrow("SELECT c.site, l.collector FROM leases l JOIN collectors c ON c.name = l.collector")
        assert tuple(row) == (SITE, "shaft 1")
        assert collector.store.spool.count == 0
        await owner.execute("UPDATE devices SET enabled = false")
        await until(lambda: asyncio.sleep(0, not collector.tasks))


async def test_what_is_published_is_traced_and_the_flush_that_stores_it_links_to_it(
    owner, make_device, central, far, spans
):
    async with scripted(Counter()) as device, running(central, Ingest), running(far, FarCollector):
        await at_site(owner, await make_device(port=device.port))
        await more(owner, 3)
        spans.clear()
        await more(owner, 8)
    told = spans.get_finished_spans()
    published = {
        span.context.span_id: span for span in told if span.name == "publish" and not span.attributes["ddms.late"]
    }
    flushes = [span for span in told if span.name == "flush"]
    found = [
        published[link.context.span_id]
        for flush in flushes
        for link in flush.links
        if link.context.span_id in published
    ]
    assert found
    assert len(found) == len({span.context.span_id for span in found}), "each message is of one flush"
    assert all(span.parent is None and span.attributes["ddms.collector"] == "shaft 1" for span in found)
    assert all(span.attributes["ddms.readings"] > 0 for span in found)


async def test_a_line_that_is_being_made_again_ends_though_it_forgets_that_it_was_told(far, server, monkeypatch):
    connecting = asyncio.Event()

    async def forgets(self, s):
        connecting.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        raise OSError("gone")

    async with speaking(far) as link:
        monkeypatch.setattr(nats.aio.client.Client, "_connect_to_server", forgets)
        await server.stop()
        await connecting.wait()
        attempt = link.client._reconnection_task
    done, _ = await asyncio.wait([attempt], timeout=60)
    assert done


async def test_a_first_attempt_is_given_up_though_it_forgets_that_its_time_is_over(far, server, monkeypatch):
    del server
    monkeypatch.setattr(link_module, "CONNECT_SECONDS", 0.1)
    waits = chain([60.0], repeat(0.1))  # the client bounds each attempt; it is the first that is told to end

    async def forgets(self, s):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(next(waits))
        raise OSError("gone")

    monkeypatch.setattr(nats.aio.client.Client, "_connect_to_server", forgets)
    opening = asyncio.create_task(Link(far, SITE, "test").open())
    await asyncio.wait([opening], timeout=60)
    assert opening.done()
    assert isinstance(opening.exception(), DdmsError)


async def test_a_program_that_is_told_to_end_just_when_an_answer_comes_ends(owner, central, far):
    del owner
    async with running(central, Ingest) as ingest, speaking(far) as link:
        await served(ingest)
        asking = asyncio.create_task(
            link.ask({"collector": "shaft 2", "identity": "e", "ask": "hello", "version": "0"})
        )
        while not link.client._resp_map:
            await asyncio.sleep(0)
        answer, *_ = link.client._resp_map.values()
        answer.add_done_callback(lambda _: asking.cancel())
        await asyncio.wait([asking])
        assert asking.cancelled()


async def test_a_line_that_dies_with_much_on_its_way_is_given_up(owner, server, central, far, monkeypatch):
    del owner
    monkeypatch.setattr(link_module, "DEAD_MS", 1000)
    wire = Wire(server.port)
    async with running(central, Ingest) as ingest, wire.open() as port:
        await served(ingest)
        async with speaking(replace(far, nats_url=f"nats://127.0.0.1:{port}")) as link:
            wire.die()
            bodies = [link.publish(bytes(900_000), f"{number}", late=False) for number in range(10)]
            await asyncio.gather(*bodies, return_exceptions=True)
            await until(lambda: asyncio.sleep(0, link.generation == 1 and link.connected))


async def test_a_collector_that_ends_gives_its_leases_back(owner, make_device, central, far):
    async with scripted(Counter()) as device, running(central, Ingest):
        await at_site(owner, await make_device(port=device.port))
        async with running(far, FarCollector):
            await more(owner, 1)
        assert await owner.fetchval("SELECT count(*) FROM leases") == 0
        assert await owner.fetchval("SELECT stopped_at FROM collectors") is not None


async def test_what_belongs_to_a_site_is_polled_there_alone(owner, make_device, settings, central, far):
    async with scripted(Counter()) as device, running(central, Ingest), running(far, FarCollector) as collector:
        await make_device("Here", port=device.port)
        there = await make_device("There", port=device.port + 1)
        await at_site(owner, there)
        await until(lambda: asyncio.sleep(0, len(collector.leases.held) == 1))
        assert await owner.fetchval("SELECT count(*) FROM leases") == 1


async def test_with_the_server_away_the_spool_keeps_all_in_order(owner, make_device, server, central, far):
    async with scripted(Counter()) as device, running(central, Ingest), running(far, FarCollector) as collector:
        await at_site(owner, await make_device(port=device.port))
        await more(owner, 2)
        await server.stop()
        await until(lambda: asyncio.sleep(0, collector.store.spool.count >= 2))
        await server.start()
        await until(lambda: asyncio.sleep(0, collector.store.spool.count == 0))
        assert every_one_once(await more(owner, collector.store.statistics.stored + 2), 5)


async def test_with_ingest_or_the_database_away_the_stream_keeps_all_in_order(
    owner, database_url, make_device, central, far
):
    async with scripted(Counter()) as device, running(far, FarCollector) as collector:
        async with running(central, Ingest):
            await at_site(owner, await make_device(port=device.port))
            await more(owner, 2)
        before = await owner.fetchval("SELECT count(*) FROM readings")
        await until(lambda: asyncio.sleep(0, collector.store.statistics.stored > before + 2))
        assert collector.store.spool.count == 0
        async with running(central, Ingest) as ingest:
            await more(owner, before + 3)
            async with database_away(owner, database_url):
                stored = collector.store.statistics.stored
                await until(lambda: asyncio.sleep(0, collector.store.statistics.stored > stored + 2))
            assert every_one_once(await more(owner, stored + 3))
            assert ingest.sites[0].store.counted.missing == 0


async def test_a_collector_that_starts_with_nobody_at_the_centre_polls_as_it_last_knew(
    owner, make_device, central, far
):
    async with scripted(Counter()) as device:
        async with running(central, Ingest), running(far, FarCollector):
            await at_site(owner, await make_device(port=device.port))
            await more(owner, 2)
            await until(lambda: asyncio.sleep(0, (far.spool_folder / "configuration.json").exists()))
        async with running(far, FarCollector) as collector:
            await until(lambda: asyncio.sleep(0, collector.store.statistics.stored >= 2))
            before = len(await owner.fetchval(AFTER))
            async with running(central, Ingest):
                values = await more(owner, before + 2)
        assert every_one_once(values[before:]), "of those before, one may have been read just when the program ended"


async def test_two_ingests_store_each_reading_once(owner, make_device, central, far):
    async with scripted(Counter()) as device, running(far, FarCollector), running(central, Ingest) as one:
        await at_site(owner, await make_device(port=device.port))
        await more(owner, 2)
        async with running(central, Ingest) as other:
            await until(lambda: asyncio.sleep(0, other.sites))
            await more(owner, len(await more(owner, 1)) + 2)
            assert [site.is_served for program in (one, other) for site in program.sites] == [True, False]
            await one.sites[0].link.client.close()
            assert every_one_once(await more(owner, 7))


def message(point: int, number: int, *, time: int = 1_700_000_000_000_000, collector: str = "shaft 2", **told) -> bytes:
    """A message as a collector sends it, with one reading of a point."""
    told = {"collector": collector, "version": "0", "epoch": "e", "number": number} | told
    return encode(Batch(np.array([(point, time + number, number, 0, True)], READINGS), [], told))


async def test_a_message_twice_and_one_that_is_none_do_no_harm(owner, make_device, central, far):
    await at_site(owner, await make_device())
    point = await owner.fetchval("SELECT id FROM points")
    async with running(central, Ingest) as ingest, speaking(far) as link:
        counted = (await served(ingest)).store.counted
        unknown_state = message(point, 3, states=[[1, "on fire", 0, None, None]])
        endless_time = message(point, 4, time=9_000_000_000_000_000_000)
        bodies = [message(point, 1), b"nonsense", message(point, 2), message(point, 1), message(point, 2)[:-3], b"", unknown_state, endless_time, message(point, 5)]  # fmt: skip
        for number, body in enumerate(bodies):
            await link.publish(body, f"test {number}", late=False)
        await until(lambda: asyncio.sleep(0, counted.messages == 3))
        assert (counted.again, counted.set_aside) == (1, 5)
        assert await owner.fetchval(AFTER) == [1, 2, 5]
        assert await owner.fetchval("SELECT count(*) FROM set_aside WHERE site = $1", SITE) == 5


async def test_how_far_a_site_is_behind_is_told(owner, database_url, make_device, central, far):
    number = await make_device()
    await at_site(owner, number)
    point = await owner.fetchval("SELECT id FROM points")

    async def told(condition):
        return await until(lambda: owner.fetchrow(f"SELECT * FROM grafana.sites WHERE {condition}"))

    async with running(central, Ingest) as ingest, speaking(far) as link:
        site = await served(ingest)
        await link.publish(message(point, 1), "1", late=False)
        row = await told("newest_at IS NOT NULL AND pending = 0")
        assert (row["site"], row["devices"], row["reached"], row["behind_seconds"]) == (SITE, 1, True, 0)
        assert row["stream_max_bytes"] == central.ingest_stream_max_bytes
        async with database_away(owner, database_url):
            await until(lambda: asyncio.sleep(0, not site.is_served))
            await link.publish(message(point, 2), "2", late=False)
            await until(lambda: asyncio.sleep(0, site.stream.pending == 1 and site.stream.lag))
            figures = {(one.name, sample.value > 0) for one in IngestMetrics(ingest.sites).collect() for sample in one.samples}  # fmt: skip
            assert figures >= {("ddms_ingest_served", False), ("ddms_ingest_lag_seconds", True), ("ddms_ingest_stream_bytes", True)}  # fmt: skip
        await told("pending = 0 AND behind_seconds = 0")
        await link.publish(b"nonsense", "3", late=False)
        row = await told("set_aside = 1")
        assert row["set_aside_reason"] == "it is damaged, or no collector sent it"


async def test_a_site_stores_nothing_for_devices_of_others(owner, make_device, central, far):
    await at_site(owner, await make_device())
    await make_device("Of others", port=2)
    mine, other = [row[0] for row in await owner.fetch("SELECT id FROM points ORDER BY id")]
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('line 1', '0')")
    async with running(central, Ingest) as ingest, speaking(far) as link:
        counted = (await served(ingest)).store.counted
        bodies = message(other, 1), message(mine, 2), message(mine, 3, collector="line 1")
        for number, body in enumerate(bodies):
            await link.publish(body, f"test {number}", late=False)
        await until(lambda: asyncio.sleep(0, counted.set_aside == 2))
        assert await owner.fetchval(AFTER) == [2]
        assert [row[0].split(":")[0] for row in await owner.fetch("SELECT reason FROM set_aside ORDER BY id")] == [
            "1 things in it are not of this site",
            "it cannot be stored",
        ]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (("drop_everything", []), "may not ask for"),
        (("release_all_leases", ["line 1"]), "for the collector itself"),
        (("finish_request", [1, "done", {}, None]), "works on the request"),
    ],
)
async def test_a_site_may_not_ask_for_what_is_not_its_own(owner, central, far, values, what):
    await owner.execute("INSERT INTO field_requests (kind, parameters, requested_by) VALUES ('scan', '{}', 'Ann')")
    async with running(central, Ingest) as ingest, speaking(far) as link:
        await served(ingest)
        who = {"collector": "shaft 2", "identity": "e"}
        await link.ask(who | {"ask": "hello", "version": "0"})
        with pytest.raises(DdmsError, match=what):
            await link.ask(who | {"ask": "statement", "statement": values[0], "values": values[1]})
        with pytest.raises(DdmsError, match="another collector runs under the name"):
            await link.ask(who | {"identity": "f", "ask": "hello", "version": "0"})


async def test_the_configuration_of_another_site_is_not_told(owner, make_device, central, far):
    await at_site(owner, await make_device("Mine"))
    await make_device("Of others", port=2)
    async with running(central, Ingest) as ingest, speaking(far) as link:
        await served(ingest)
        asks = FarConnection(link, "shaft 2", "e")
        await asks.ask(ask="hello", version="0")
        assert {row["device"] for row in await asks.fetch(READ_LINES, None, None)} == {"Mine"}
        assert await asks.fetchrow(READ_LINE_SETTINGS, "tcp://127.0.0.1:2") is None


async def test_a_device_of_a_site_is_tried_out_from_there_saved_or_not(owner, make_device, central, far):
    point = {"key": "a", "register_table": "holding", "address": 0, "data_type": "uint16", "byte_order": "ABCD", "bit": None, "length": None, "scale": 1.0, "value_offset": 0.0}  # fmt: skip
    answered = "SELECT * FROM field_requests WHERE id = $1 AND state IN ('done', 'failed')"
    async with scripted(Counter()) as saved, scripted(Counter()) as new, running(central, Ingest), running(far, FarCollector):  # fmt: skip
        await at_site(owner, await make_device(port=saved.port))
        await more(owner, 1)
        for asked in ({"endpoint": f"tcp://127.0.0.1:{saved.port}"}, {"endpoint": f"tcp://127.0.0.1:{new.port}", "site": SITE}):  # fmt: skip
            number = await owner.fetchval(
                "INSERT INTO field_requests (kind, parameters, requested_by) VALUES ('test_connection', $1, 'Ann') RETURNING id",
                asked | {"unit_id": 1, "timeout_ms": 500, "points": [point]},
            )
            row = await until(lambda number=number: owner.fetchrow(answered, number))
            assert (row["state"], row["collector"], row["error"]) == ("done", "shaft 1", None)
            assert row["result"]["values"][0]["value"] > 0


async def test_a_full_stream_refuses_and_the_spool_takes_over(owner, make_device, server, central, far):
    small = replace(central, ingest_stream_max_bytes=2_000)
    async with scripted(Counter()) as device, running(far, FarCollector) as collector:
        async with running(small, Ingest):
            await at_site(owner, await make_device(port=device.port))
            await more(owner, 1)
        await until(lambda: asyncio.sleep(0, collector.store.spool.count >= 2))
        assert any("stream" in said for said in collector.store.troubles())
        stored = collector.store.statistics.stored
        async with running(small, Ingest):
            assert every_one_once(await more(owner, stored))


async def test_kill_nine_of_the_server_loses_nothing(owner, make_device, server: NatsServer, central, far):
    async with scripted(Counter()) as device, running(central, Ingest), running(far, FarCollector) as collector:
        await at_site(owner, await make_device(port=device.port))
        for count in (2, 5, 8):
            await more(owner, count)
            await server.stop()
            await server.start()
        assert every_one_once(await more(owner, collector.store.statistics.stored), 8)
