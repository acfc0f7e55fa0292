"""The API's view of itself: what is counted by operation, what stands in the log, and the traces of who asks for them."""

import asyncio
import logging
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from api.execution import observed
from api.ground.metrics import REGISTRY
from ddms import tracing
from ddms.errors import DdmsError
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.flushing import Collector, heard_by
from tests.support.spans import spans_fixture  # noqa: F401 - a fixture

SECRET = "Pump of the secret recipe"


def value(metric: str, /, **labels: str) -> float:
    """Return what a metric says now."""
    return REGISTRY.get_sample_value(metric, labels) or 0.0


async def emptied(metric: str) -> None:
    """Wait until a metric falls to 0; what the program does by itself may raise it for a moment."""
    async with asyncio.timeout(60):
        while value(metric):
            await asyncio.sleep(0.02)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "api.requests")
    return caplog


async def test_an_operation_is_counted_by_its_name_with_its_time_its_cost_and_its_errors(api: Api):
    asked = {"operation": "query", "name": "Seen"}
    before = value("ddms_api_cost_total", **asked), value("ddms_api_request_duration_seconds_count", **asked)
    answer = await api.post("query Seen { devices(first: 3) { nodes { name } } }")
    cost = answer["extensions"]["cost"]["requested"]
    assert cost > 0
    assert value("ddms_api_cost_total", **asked) == before[0] + cost
    assert value("ddms_api_request_duration_seconds_count", **asked) == before[1] + 1
    assert value("ddms_api_failed_operations_total", **asked) == 0
    await api.post('query Seen { device(id: "nonsense") { name } }')
    assert value("ddms_api_failed_operations_total", **asked) == 1
    refused = {"operation": "unknown", "name": "refused"}
    already = value("ddms_api_failed_operations_total", **refused)
    await api.post("{ nothing }")
    assert value("ddms_api_failed_operations_total", **refused) == already + 1
    await api.post("query Dear { devices(first: 1000000) { nodes { name } } }")
    assert value("ddms_api_failed_operations_total", operation="query", name="Dear") == 1


async def test_operations_over_a_websocket_are_counted_like_those_over_http(api: Api):
    query = {"operation": "query", "name": "OverSocket"}
    following = {"operation": "subscription", "name": "Followed"}
    device = await add(api)
    async with api.socket() as socket:
        await socket.subscribe("query OverSocket { me { name } }")
        assert (await socket.receive())["type"] == "next"
        assert (await socket.receive())["type"] == "complete"
        await socket.subscribe(
            "subscription Followed($d: [ID!]) { readings(devices: $d) { kind } }", "2", d=[device["id"]]
        )
        await socket.event("readings", 30)
    assert value("ddms_api_request_duration_seconds_count", **query) == 1
    assert value("ddms_api_cost_total", **query) > 0
    assert value("ddms_api_cost_total", **following) > 0


async def test_a_slow_operation_is_in_the_log_with_all_but_its_variables(api: Api, lines, monkeypatch):
    monkeypatch.setattr(observed, "SLOW_SECONDS", 0.0)
    before = value("ddms_api_slow_operations_total")
    document = "query Slow($search: String!) { devices(first: 3, text: $search) { nodes { name } } }"
    answer = await api.post(document, search=SECRET)
    assert "errors" not in answer
    (line,) = [record.__dict__ for record in lines.records if record.__dict__.get("operation") == "Slow"]
    assert (line["message"], line["field"], line["caller"]) == ("slow devices", "devices", "the owner's")
    assert len(line["document"]) == 64
    assert line["seconds"] >= 0
    assert line["cost"] == answer["extensions"]["cost"]["requested"]
    assert SECRET not in str(line)
    assert value("ddms_api_slow_operations_total") == before + 1


async def test_what_waits_is_measured(api: Api):
    api.parts.measure()
    assert value("ddms_database_connections", state="idle") + value("ddms_database_connections", state="busy") > 0
    await emptied("ddms_database_waiting")
    assert value("ddms_api_requests_in_flight") == value("ddms_api_unread_bytes") == 0
    assert value("ddms_live_queued_bytes") == value("ddms_live_waiting_subscribers") == 0
    families = {family.name for family in text_string_to_metric_families(generate_latest(REGISTRY).decode())}
    assert {"process_resident_memory_bytes", "process_cpu_seconds", "process_open_fds"} <= families


async def test_a_traced_request_holds_its_execution_and_that_its_statements_by_their_names(api: Api, spans):
    trace = "0af7651916cd43dd8448eb211c80319c"
    response = await api.client.post(
        f"{api.url}/graphql",
        json={"query": "query Traced($s: String) { devices(first: 2, text: $s) { nodes { name } } }", "variables": {"s": SECRET}},
        headers=api.headers("owner") | {"traceparent": f"00-{trace}-b7ad6b7169203331-01"},
    )  # fmt: skip
    assert "errors" not in response.json()
    found = {span.name: span for span in spans.get_finished_spans()}
    request, execution = found["POST /graphql"], found["query devices"]
    statements = [span for span in found.values() if span.kind is SpanKind.CLIENT and span.parent.span_id == execution.context.span_id]  # fmt: skip
    assert f"{request.context.trace_id:032x}" == trace
    assert request.kind is SpanKind.SERVER
    assert execution.parent.span_id == request.context.span_id
    assert execution.attributes["graphql.operation.name"] == "Traced"
    assert execution.attributes["ddms.cost"] > 0
    assert statements
    assert all(span.attributes["db.query.summary"] == span.name for span in statements)
    assert SECRET not in "".join(span.to_json() for span in spans.get_finished_spans())


async def test_a_trace_tells_errors_by_their_codes_and_follows_a_websocket_too(api: Api, spans):
    await api.post('{ device(id: "nonsense") { name } }')
    (failed,) = [span for span in spans.get_finished_spans() if span.name == "query device"]
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes["ddms.error_codes"]
    async with api.socket() as socket:
        await socket.subscribe("{ me { name } }")
        await socket.receive()
    assert "query me" in {span.name for span in spans.get_finished_spans()}


async def test_the_programs_own_statements_make_no_traces(api: Api, spans):
    await api.client.get(f"{api.url}/health")
    assert not spans.get_finished_spans()


async def test_a_flush_its_arrival_and_the_event_of_subscribers_are_one_trace(api: Api, owner, spans):
    point = (await add(api, "Pump"))["points"]["flow"]
    async with api.socket() as socket:
        await socket.subscribe("subscription ($p: [ID!]) { readings(points: $p) { kind } }", p=[f"pt_{point}"])
        await socket.receive()
        collector = await Collector.started(owner, "hall 2")
        spans.clear()
        await collector.flush((point, 4.5))
        await socket.receive()
    found = {span.name: span for span in spans.get_finished_spans()}
    flush, arrival, event = found["flush"], found["arrival"], found["event"]
    assert len({span.context.trace_id for span in (flush, arrival, event)}) == 1
    assert flush.parent is None
    assert arrival.parent.span_id == flush.context.span_id
    assert event.parent.span_id == arrival.context.span_id
    assert dict(flush.attributes) == {"ddms.collector": "hall 2", "ddms.flush": 1, "ddms.readings": 1}
    assert event.attributes["ddms.subscribers"] == 1


async def test_both_programs_choose_the_same_flushes(api: Api, owner, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    end = tracing.begin(SimpleSpanProcessor(exporter := InMemorySpanExporter()), "api")
    try:
        point = (await add(api, "Pump"))["points"]["flow"]
        collector = await Collector.started(owner, "hall 2")
        for value in range(20):
            await collector.flush((point, value))
        await heard_by(api, collector)
    finally:
        end()
    told = exporter.get_finished_spans()
    flushes, arrivals = ({span.context.trace_id for span in told if span.name == name} for name in ("flush", "arrival"))
    assert flushes == arrivals
    assert 0 < len(flushes) < 20


async def test_without_the_setting_nothing_of_opentelemetry_is_loaded():
    code = "import sys, api.app, collector.app; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    process = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=False)
    assert process.returncode == 0


async def test_a_collector_of_traces_that_is_away_holds_up_nothing(api: Api):
    end = tracing.export_to("http://127.0.0.1:9", "api")
    try:
        assert "errors" not in await api.post("{ me { name } }")
    finally:
        await asyncio.to_thread(end)
    assert tracing.TRACER is None


def test_the_setting_without_opentelemetry_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(DdmsError, match=r"pip install 'ddms\[otel\]'"):
        tracing.export_to("http://127.0.0.1:4318", "api")
