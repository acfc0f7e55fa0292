"""The spans of the API (`ddms.tracing`): one for each request, its execution and its statements.

Spans hold the hash of a document, never its text nor its variables.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ddms import tracing

if TYPE_CHECKING:
    from opentelemetry.trace import Span


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
    assert tracing.TRACER is not None  # noqa: S101 - asked before
    with tracing.TRACER.start_as_current_span(f"{method} /graphql", parent, SpanKind.SERVER, attributes):
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
    assert tracing.TRACER is not None  # noqa: S101
    with tracing.TRACER.start_as_current_span(f"{verb} {label}", attributes=attributes) as span:
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

    if tracing.TRACER is None or not get_current_span().is_recording():
        return None
    attributes = {"db.system.name": "postgresql", "db.query.summary": name}
    return tracing.TRACER.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
