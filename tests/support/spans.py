"""The spans of a test, which ended."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ddms import tracing


@pytest.fixture(name="spans")
def spans_fixture() -> Iterator[InMemorySpanExporter]:
    """Trace everything while the test lasts."""
    exporter = InMemorySpanExporter()
    end = tracing.begin(SimpleSpanProcessor(exporter), "test")
    yield exporter
    end()
