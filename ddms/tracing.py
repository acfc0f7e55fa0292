"""OpenTelemetry, where it is switched on (DDMS_OTLP_ENDPOINT): what makes spans and where they go, for every program.

Off, `TRACER` is None, nothing is imported, and all that is left is a look at it.

A flush and what the API makes of it are one trace, though nothing of it travels with the readings: both know the collector
and the number of the flush, and compute the ids of the trace of these. Which flushes are traced is told by the trace's id
too (`OTEL_TRACES_SAMPLER=parentbased_traceidratio`), so that both programs choose the same.

What a far site publishes is stored with what else waits, so it is a trace of its own, which the flush links to: its
`traceparent` goes with the message, as W3C has it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ddms import VERSION
from ddms.errors import Code, DdmsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.trace import Tracer


TRACER: "Tracer | None" = None
"""What makes spans, or None when nobody wants them."""

EXPORT_SECONDS = 5

_GIVEN: ContextVar[tuple[int, int] | None] = ContextVar("given", default=None)
_OFF: AbstractContextManager[None] = nullcontext()


def export_to(endpoint: str, program: str) -> Callable[[], None]:
    """Send spans of this program by OTLP over HTTP, in a thread of its own; return what sends the last ones and ends it."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        sentence = "DDMS_OTLP_ENDPOINT needs OpenTelemetry: pip install 'ddms[otel]', or remove the setting"
        raise DdmsError(Code.SETTINGS, sentence, field="DDMS_OTLP_ENDPOINT") from error
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    return begin(BatchSpanProcessor(exporter, export_timeout_millis=EXPORT_SECONDS * 1000), program)


@contextmanager
def exported(endpoint: str | None, program: str) -> Iterator[None]:
    """Send spans while the block lasts, if there is somewhere to send them to."""
    end = export_to(endpoint, program) if endpoint else None
    try:
        yield
    finally:
        if end:
            end()


def begin(processor: "SpanProcessor", program: str) -> Callable[[], None]:
    """Give all spans to a processor; return what ends that."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    global TRACER  # noqa: PLW0603 - there is one, for the whole program
    resource = Resource.create({"service.name": f"ddms-{program}", "service.version": VERSION})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False, id_generator=_ids())
    provider.add_span_processor(processor)
    TRACER = provider.get_tracer("ddms", VERSION)

    def end() -> None:
        global TRACER  # noqa: PLW0603
        TRACER = None
        provider.shutdown()

    return end


def _ids() -> "IdGenerator":
    """Return what makes ids: the given ones for the span of a flush, others by chance."""
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            given = _GIVEN.get()
            return given[0] if given else super().generate_trace_id()

        def generate_span_id(self) -> int:
            given = _GIVEN.get()
            return given[1] if given else super().generate_span_id()

    return Ids()


@contextmanager
def published(collector: str, number: int, *, readings: int, late: bool) -> Iterator[dict[str, str]]:
    """Trace a message on its way into a site's stream, until it is kept there; give the headers that tell of the trace."""
    headers: dict[str, str] = {}
    if TRACER is None:
        yield headers
        return
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace import SpanKind  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    attributes: dict[str, Any] = {
        "ddms.collector": collector,
        "ddms.message": number,
        "ddms.readings": readings,
        "ddms.late": late,
    }
    with TRACER.start_as_current_span("publish", Context(), SpanKind.PRODUCER, attributes):
        TraceContextTextMapPropagator().inject(headers)
        yield headers


def flush(
    collector: str, sequence: int, *, readings: int, published: Sequence[str] = ()
) -> AbstractContextManager[None]:
    """Trace the storing of a flush, from its first statement to its commit; `published`: the traces of what is in it."""
    return _OFF if TRACER is None else _flush(collector, sequence, readings, published)


@contextmanager
def _flush(collector: str, sequence: int, readings: int, published: Sequence[str]) -> Iterator[None]:
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace import Link, SpanKind, get_current_span  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    attributes: dict[str, Any] = {"ddms.collector": collector, "ddms.flush": sequence, "ddms.readings": readings}
    come = (TraceContextTextMapPropagator().extract({"traceparent": told}, Context()) for told in published)
    contexts = (get_current_span(context).get_span_context() for context in come)
    links = [Link(context) for context in contexts if context.is_valid and context.trace_flags.sampled]
    assert TRACER is not None  # noqa: S101 - asked before
    token = _GIVEN.set(_ids_of(collector, sequence))
    try:
        span = TRACER.start_span("flush", Context(), SpanKind.PRODUCER, attributes, links)
    finally:
        _GIVEN.reset(token)
    from opentelemetry.trace import use_span  # noqa: PLC0415

    with use_span(span, end_on_exit=True):
        yield


def arrival(collector: str, sequence: int) -> AbstractContextManager[None]:
    """Trace what a program does with a flush that it was told of, in the trace of that flush."""
    return _OFF if TRACER is None else _arrival(collector, sequence)


@contextmanager
def _arrival(collector: str, sequence: int) -> Iterator[None]:
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import Decision  # noqa: PLC0415
    from opentelemetry.trace import (  # noqa: PLC0415
        NonRecordingSpan,
        SpanContext,
        SpanKind,
        TraceFlags,
        set_span_in_context,
    )  # fmt: skip

    trace, parent = _ids_of(collector, sequence)
    assert TRACER is not None  # noqa: S101
    if TRACER.sampler.should_sample(Context(), trace, "flush").decision is not Decision.RECORD_AND_SAMPLE:  # type: ignore[attr-defined]
        yield
        return
    told = NonRecordingSpan(SpanContext(trace, parent, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
    with TRACER.start_as_current_span("arrival", set_span_in_context(told, Context()), SpanKind.CONSUMER):
        yield


def event(*, subscribers: int, size: int) -> AbstractContextManager[Any]:
    """Trace an event that goes to subscribers of one subscription, if what brought it is traced."""
    return _OFF if TRACER is None else _event(subscribers, size)


@contextmanager
def _event(subscribers: int, size: int) -> Iterator[None]:
    from opentelemetry.trace import SpanKind, get_current_span  # noqa: PLC0415

    if TRACER is None or not get_current_span().is_recording():
        yield
        return
    attributes = {"ddms.subscribers": subscribers, "messaging.message.body.size": size}
    with TRACER.start_as_current_span("event", kind=SpanKind.PRODUCER, attributes=attributes):
        yield


def _ids_of(collector: str, sequence: int) -> tuple[int, int]:
    """Return the id of the trace of a flush, and of the flush in it; neither is 0, which OpenTelemetry forbids."""
    told = blake2b(f"{collector}\0{sequence}".encode(), digest_size=24).digest()
    return int.from_bytes(told[:16]) or 1, int.from_bytes(told[16:]) or 1
