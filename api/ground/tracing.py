"""OpenTelemetry, where it is switched on: a span for each request, its execution and its statements.

Off, `TRACER` is None, nothing is imported, and all that is left is a look at it. Spans hold the hash of a document, never
its text nor its variables.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ddms import VERSION
from ddms.errors import Code, DdmsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, Tracer


TRACER: "Tracer | None" = None
"""What makes spans, or None when nobody wants them."""

EXPORT_SECONDS = 5


def export_to(endpoint: str) -> Callable[[], None]:
    """Send spans by OTLP over HTTP, in a thread of its own; return what sends the last ones and ends it."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        sentence = "DDMS_OTLP_ENDPOINT needs OpenTelemetry: pip install 'ddms[otel]', or remove the setting"
        raise DdmsError(Code.SETTINGS, sentence, field="DDMS_OTLP_ENDPOINT") from error
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    return begin(BatchSpanProcessor(exporter, export_timeout_millis=EXPORT_SECONDS * 1000))


def begin(processor: "SpanProcessor") -> Callable[[], None]:
    """Give all spans to a processor; return what ends that."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    global TRACER  # noqa: PLW0603 - there is one, for the whole program
    resource = Resource.create({"service.name": "ddms-api", "service.version": VERSION})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(processor)
    TRACER = provider.get_tracer("ddms", VERSION)

    def end() -> None:
        global TRACER  # noqa: PLW0603
        TRACER = None
        provider.shutdown()

    return end


@contextmanager
def request(method: str, *, address: str, request_id: str, traceparent: str) -> Iterator[None]:
    """Trace an HTTP request, as a part of the caller's trace if it names one (W3C Trace Context)."""
    from opentelemetry.trace import SpanKind  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    attributes = {
        "http.request.method": method,
        "url.path": "/graphql",
        "client.address": address,
        "ddms.request_id": request_id,
    }
    assert TRACER is not None  # noqa: S101 - asked before
    with TRACER.start_as_current_span(f"{method} /graphql", parent, SpanKind.SERVER, attributes):
        yield


@contextmanager
def execution(verb: str, label: str, name: str | None, *, document: str, cost: int, caller: str) -> Iterator["Span"]:
    """Trace the execution of an operation: its kind, its bounded label, its name, the hash of its document."""
    attributes: dict[str, Any] = {
        "graphql.operation.type": verb,
        "graphql.operation.name": name or label,
        "graphql.document.hash": f"sha256:{document}",
        "ddms.cost": cost,
        "ddms.caller": caller,
    }
    assert TRACER is not None  # noqa: S101
    with TRACER.start_as_current_span(f"{verb} {label}", attributes=attributes) as span:
        yield span


def finished(span: "Span", answer: Mapping[str, Any]) -> None:
    """Mark the span of an execution that had errors, by their codes; messages may hold what a caller sent."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    codes = sorted({problem["extensions"]["code"] for problem in answer.get("errors", ())})
    if codes:
        span.set_attribute("ddms.error_codes", codes)
        span.set_status(StatusCode.ERROR, ", ".join(codes))


def statement(name: str) -> "Span | None":
    """Begin the span of a statement, if somebody's request is traced; who begins it ends it."""
    from opentelemetry.trace import SpanKind, get_current_span  # noqa: PLC0415

    if TRACER is None or not get_current_span().is_recording():
        return None
    attributes = {"db.system.name": "postgresql", "db.query.summary": name}
    return TRACER.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
