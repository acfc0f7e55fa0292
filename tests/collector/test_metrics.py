"""The collector's /metrics and /health, scraped from a running collector as Prometheus does."""

import asyncio
from dataclasses import replace

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from collector import metrics
from collector.app import CollectorProgram
from collector.metrics import OTHER, Bounded
from collector.polling.units import Statistics
from tests.support.devices import exception, scripted, words
from tests.support.ports import free_port
from tests.support.running import background, database_away, until


@pytest.fixture
def settings(settings, tmp_path):
    port = free_port()
    return replace(
        settings, collector_name="line 1", spool_directory=tmp_path / "spool", flush_interval=0.0, collector_metrics_port=port
    )  # fmt: skip


@pytest.fixture
async def client(settings):
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{settings.collector_metrics_port}", timeout=60) as client:
        yield client


async def scraped(client) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return the samples by name."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families((await client.get("/metrics")).text):
        assert family.documentation, family.name
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def of(samples, name: str, **labels: str) -> float:
    """Return the one sample that has these labels."""
    (value,) = [value for found, value in samples.get(name, []) if labels.items() <= found.items()]
    return value


def half_broken(request):
    return exception(request, 2) if request[1] == 2 else words(request)


async def test_each_connection_and_each_device_tells_its_requests_errors_times_and_demotions(
    settings, client, owner, make_device
):
    nowhere = free_port()
    async with scripted(half_broken) as device:
        await make_device("Good", port=device.port, unit_id=1)
        await owner.execute("INSERT INTO devices (name, connection_id, unit_id) VALUES ('Broken', 1, 2)")
        await owner.execute(
            "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
            " VALUES (2, 'a', 'A', 'holding', 0, 'uint16', 1)"
        )
        await make_device("Gone", port=nowhere)
        await owner.execute("UPDATE connections SET timeout_ms = 5000")  # none of them is silent
        async with background(CollectorProgram(settings).run()):

            async def gone_is_offline() -> bool:
                states = await owner.fetch("SELECT device_id FROM device_states WHERE state = 'offline'")
                return bool(states) and len([r for r in device.requests if r[1] == 1]) >= 3

            await until(gone_is_offline)
            samples = await scraped(client)
    here, there = f"tcp://127.0.0.1:{device.port}", f"tcp://127.0.0.1:{nowhere}"
    good = {"endpoint": here, "device": "Good"}
    assert of(samples, "ddms_device_requests_total", **good) >= 3
    assert of(samples, "ddms_device_readings_total", **good) == of(samples, "ddms_device_answers_total", **good)
    assert of(samples, "ddms_device_answer_seconds_total", **good) > 0
    assert of(samples, "ddms_device_polls_total", **good) >= 3
    assert of(samples, "ddms_device_late_seconds_total", **good) >= 0
    assert of(samples, "ddms_device_demotions_total", **good) == 0
    broken = {"endpoint": here, "device": "Broken", "reason": "illegal_address"}
    assert of(samples, "ddms_device_errors_total", **broken) >= 1
    assert of(samples, "ddms_connection_errors_total", endpoint=here, reason="illegal_address") >= 1
    assert of(samples, "ddms_connection_requests_total", endpoint=here) >= 4
    assert of(samples, "ddms_connection_demotions_total", endpoint=there) == 1
    assert of(samples, "ddms_device_errors_total", endpoint=there, reason="refused") >= 3
    states = {labels["state"]: value for labels, value in samples["ddms_collector_devices"]}
    assert states == {"online": 1, "error": 1, "offline": 1}
    assert of(samples, "ddms_collector_readings_total") >= 3
    assert of(samples, "ddms_collector_info", collector=settings.collector_name) == 1
    assert of(samples, "process_cpu_seconds_total") > 0


async def test_the_spool_is_seen_filling_and_emptying(settings, client, owner, database_url, make_device):
    async with scripted(words) as device:
        await make_device(port=device.port)
        async with background(CollectorProgram(settings).run()):
            await until(lambda: asyncio.sleep(0, len(device.requests) > 1))
            assert (await client.get("/health")).json()["status"] == "ok"
            assert of(await scraped(client), "ddms_collector_database_connected") == 1

            async def spooled() -> bool:
                return of(await scraped(client), "ddms_spool_batches") > 0

            async with database_away(owner, database_url):
                await until(spooled)
                samples = await scraped(client)
                assert of(samples, "ddms_collector_database_connected") == 0
                assert 0 < of(samples, "ddms_spool_bytes") < of(samples, "ddms_spool_limit_bytes")
                health = (await client.get("/health")).json()
                assert (health["status"], health["database"], health["connections"]) == ("degraded", "away", 1)
                assert any("readings go to the spool" in reason for reason in health["reasons"])

            async def replayed() -> bool:
                samples = await scraped(client)
                empty = of(samples, "ddms_spool_bytes") == of(samples, "ddms_spool_age_seconds") == 0
                return empty and of(samples, "ddms_collector_replayed_readings_total") > 0

            await until(replayed, 40)
        with pytest.raises(httpx2.ConnectError):
            await client.get("/metrics")


async def test_the_number_of_series_is_bounded_and_the_rest_is_told_together(
    settings, client, owner, make_device, monkeypatch
):
    monkeypatch.setattr(metrics, "MOST_DEVICES", 2)
    async with scripted(words) as device:
        await make_device("Pump 1", port=device.port)
        await owner.execute(
            "INSERT INTO devices (name, connection_id, unit_id) SELECT 'Pump ' || n, 1, n FROM generate_series(2, 5) n"
        )
        await owner.execute(
            "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
            " SELECT id, 'a', 'A', 'holding', 0, 'uint16', 1 FROM devices WHERE id > 1"
        )  # fmt: skip
        async with background(CollectorProgram(settings).run()):
            await until(lambda: asyncio.sleep(0, len(device.requests) >= 10))
            samples = await scraped(client)
            assert (await client.get("/")).status_code == 404
    requests = {labels["device"]: value for labels, value in samples["ddms_device_requests_total"]}
    assert len(requests) == 3
    assert requests[OTHER] >= 6
    assert sum(requests.values()) == of(samples, "ddms_connection_requests_total")


async def test_a_connection_that_says_nothing_holds_up_no_health_check(settings, client):
    async with background(CollectorProgram(settings).run()):
        reader, silent = await connected(settings.collector_metrics_port)
        assert (await client.get("/health")).json()["status"] == "ok"
        silent.close()
        assert await reader.read() == b""


async def connected(port: int):
    async with asyncio.timeout(60):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)


def test_what_is_counted_under_other_never_falls():
    bounded = Bounded(1, OTHER)
    first, second, third = (Statistics(requests=n) for n in (1, 10, 100))
    assert bounded({"a": first, "b": second}) == {"a": first, OTHER: Statistics(requests=10)}
    assert bounded({"a": first}) == {"a": first, OTHER: Statistics(requests=10)}, "b is gone"
    assert bounded({"b": second, "c": third}) == {"c": third, OTHER: Statistics(requests=10)}, "a made room for c"
    second.requests = 11
    assert bounded({"b": second, "c": third})[OTHER].requests == 11
