"""Names of libraries that are theirs alone, and that we lean on nevertheless (docs/decisions/0011).

An upgrade that moves one fails here, with the file to look at, before it fails somewhere less plain.
"""

import inspect
import re

import pytest
from graphql import Executor, GraphQLSchema
from graphql.execution.collect_fields import collect_fields
from graphql.execution.executor import CollectedErrors
from starlette.requests import HTTPConnection
from strawberry import Schema
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import get_arguments
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver
from strawberry.types.info import Info
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXECUTOR, SELECTION = "api/graphql/executor.py", "api/graphql/selection.py"
HTTP, WEBSOCKET, SOCKET = "api/transport/uvicorn_http.py", "api/transport/uvicorn_websocket.py", "api/transport/websocket.py"  # fmt: skip
SIGNATURES = [
    (EXECUTOR, Executor.execute_operation, "self serially"),
    (EXECUTOR, Executor.execute_fields, "self parent_type source_value path grouped_field_set position_context"),
    (EXECUTOR, Executor.execute_root_grouped_field_set, "self root_type root_value grouped_field_set serially position_context"),
    (EXECUTOR, Executor.build_response, "self data"),
    ("api/execution/follow.py", Executor.build_per_event_executor, "self payload"),
    (EXECUTOR, collect_fields, "schema fragments variable_values runtime_type operation hide_suggestions"),
    (EXECUTOR, CollectedErrors.__init__, "self"),
    (EXECUTOR, CollectedErrors.add, "self error path"),
    (EXECUTOR, Info.__init__, "self _raw_info _field"),
    (EXECUTOR, get_arguments, "field source info kwargs config scalar_registry"),
    (EXECUTOR, StrawberryField.get_result, "self source info args kwargs"),
    (HTTP, HttpToolsProtocol.connection_made, "self transport"),
    (HTTP, HttpToolsProtocol.connection_lost, "self exc"),
    (HTTP, HttpToolsProtocol.on_response_complete, "self"),
    (HTTP, HttpToolsProtocol.pause_writing, "self"),
    (HTTP, HttpToolsProtocol.resume_writing, "self"),
    (HTTP, HttpToolsProtocol.handle_websocket_upgrade, "self"),
    (WEBSOCKET, WebSocketsSansIOProtocol.handle_connect, "self event"),
    (SOCKET, BaseGraphQLTransportWSHandler.handle, "self"),
    (SOCKET, BaseGraphQLTransportWSHandler.handle_message, "self message"),
    (SOCKET, BaseGraphQLTransportWSHandler.handle_connection_init, "self message"),
    (SOCKET, BaseGraphQLTransportWSHandler.handle_subscribe, "self message"),
    (SOCKET, BaseGraphQLTransportWSHandler.handle_invalid_message, "self error_message"),
    (SOCKET, BaseGraphQLTransportWSHandler.handle_task_exception, "self error"),
    (SOCKET, BaseGraphQLTransportWSHandler.run_operation, "self operation"),
    (SOCKET, BaseGraphQLTransportWSHandler.send_message, "self message"),
    (SOCKET, BaseGraphQLTransportWSHandler.cleanup_operation, "self operation_id"),
    (SOCKET, Operation.send_operation_message, "self message"),
]  # fmt: skip
ATTRIBUTES = [
    (EXECUTOR, Executor, "collected_errors pending_incremental_futures background_futures _relevant_sub_fields"),
    (EXECUTOR, Executor, "schema fragments variable_values operation root_value context_value"),
    ("api/schema.py", Schema, "_schema"),
    (EXECUTOR, Schema, "config schema_converter"),
    (HTTP, HttpToolsProtocol, "transport loop client"),
    (WEBSOCKET, WebSocketsSansIOProtocol, "scope writable disconnected close_sent transport"),
    (SOCKET, BaseGraphQLTransportWSHandler, "view websocket context operations connection_acknowledged"),
    (SOCKET, BaseGraphQLTransportWSHandler, "connection_init_wait_timeout"),
    (SOCKET, Operation, "id query variables operation_name"),
    (SOCKET, ASGIWebSocketAdapter, "ws"),
    (SOCKET, HTTPConnection, "scope"),
]
PROPERTIES = [
    (EXECUTOR, StrawberryField, "is_basic_field base_resolver arguments python_name extensions"),
    (EXECUTOR, StrawberryResolver, "self_parameter info_parameter wrapped_func"),
    (SELECTION, Info, "_raw_info _field"),
    (EXECUTOR, GraphQLSchema, "type_map get_root_type"),
]


@pytest.mark.parametrize(
    ("file", "function", "names"), SIGNATURES, ids=lambda given: getattr(given, "__qualname__", "")
)
def test_a_function_that_we_call_or_override_takes_what_it_took(file, function, names):
    first = list(inspect.signature(function).parameters)[: len(names.split())]
    assert first == names.split(), f"{function.__qualname__} takes other things since the upgrade: look at {file}"


@pytest.mark.parametrize(("file", "kind", "names"), ATTRIBUTES, ids=lambda given: getattr(given, "__name__", ""))
def test_an_attribute_that_we_read_or_set_is_still_set_by_the_library(file, kind, names):
    source = "".join(
        inspect.getsource(one)
        for one in kind.__mro__
        if one.__module__ not in {"builtins", "typing", "collections.abc"}
    )
    for name in names.split():
        known = (
            f"self.{name} =" in source or f"self.{name}:" in source or f"\n    {name}:" in source or hasattr(kind, name)
        )
        assert known, f"{kind.__name__}.{name} is gone since the upgrade: look at {file}"


@pytest.mark.parametrize(("file", "kind", "names"), PROPERTIES, ids=lambda given: getattr(given, "__name__", ""))
def test_a_property_that_we_read_is_still_there(file, kind, names):
    for name in names.split():
        known = hasattr(kind, name) or name in inspect.getsource(kind)
        assert known, f"{kind.__name__}.{name} is gone since the upgrade: look at {file}"


def test_strawberry_executes_with_the_class_that_ours_is_made_from():
    sentence = f"Strawberry's execution is no graphql-core Executor any more: look at {EXECUTOR}"
    assert issubclass(StrawberryGraphQLCoreExecutionContext, Executor), sentence


def test_executions_of_ours_copy_all_that_one_execution_holds():
    """What one execution collects must not be shared with the next one of the same document."""
    source = inspect.getsource(Executor.__init__)
    held = set(re.findall(r"self\.(\w+)(?:: [^=]*)? = (?:\{\}|\[\]|\w+\(\))", source))
    assert held == {
        "collected_errors", "pending_incremental_futures", "background_futures", "_relevant_sub_fields", "_stream_usages",
    }, f"graphql-core's Executor holds other things of one execution since the upgrade: look at `bound` in {EXECUTOR}"  # fmt: skip
