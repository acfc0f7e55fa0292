"""Connections as they are stored: what may be set on which, and the statement that changes one."""

from collections.abc import Iterable
from typing import Any

from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Statements
from api.ground.database_errors import foreign
from api.ground.ids import IdKind, to_id
from ddms.endpoints import SITE, Endpoint, Frames, Transport
from ddms.errors import Code, DdmsError, Sentence

LOCK_CONNECTION = """-- ddms:lock_connection
SELECT endpoint, baud_rate, data_bits, parity, stop_bits, timeout_ms, connect_pause_ms, request_pause_ms, max_in_flight,
       close_after_cycle, site, version
  FROM connections WHERE id = $1 FOR UPDATE
"""
SEE_CONNECTION = "-- ddms:see_connection\nSELECT id FROM connections WHERE id = $1"
IS_FOREIGN = "-- ddms:is_foreign\nSELECT is_foreign($1)"
LIST_SETTINGS = """-- ddms:list_settings
SELECT * FROM connections c
 WHERE EXISTS (SELECT FROM devices d WHERE d.connection_id = c.id AND d.deleted_at IS NULL) ORDER BY endpoint
"""
FIND_SETTINGS = "-- ddms:find_settings\nSELECT * FROM connections WHERE endpoint = $1 FOR UPDATE"
UPDATE_CONNECTION = """-- ddms:update_connection
UPDATE connections SET endpoint = $2, baud_rate = $3, data_bits = $4, parity = $5, stop_bits = $6, timeout_ms = $7,
       connect_pause_ms = $8, request_pause_ms = $9, max_in_flight = $10, close_after_cycle = $11, site = $12, version = version + 1
 WHERE id = $1
"""

SETTINGS = (
    "endpoint", "baud_rate", "data_bits", "parity", "stop_bits", "timeout_ms", "connect_pause_ms", "request_pause_ms",
    "max_in_flight", "close_after_cycle", "site",
)  # fmt: skip
RANGES = {
    "baud_rate": (300, 4_000_000),
    "data_bits": (7, 8),
    "stop_bits": (1, 2),
    "timeout_ms": (50, 30_000),
    "connect_pause_ms": (0, 10_000),
    "request_pause_ms": (0, 10_000),
    "max_in_flight": (1, 16),
}
_OF_SERIAL_LINES = ("baud_rate", "data_bits", "parity", "stop_bits")


def settings_of(endpoint: str) -> list[str]:
    """Return the names of the settings that a connection to there has."""
    serial = Endpoint.parse(endpoint).transport.is_serial
    return [name for name in SETTINGS if name != "endpoint" and (serial or name not in _OF_SERIAL_LINES)]


def problems(endpoint: Endpoint, in_flight: int, changes: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Give what is wrong with changed settings, with the field of each."""
    if not SITE.fullmatch(changes.get("site", "")):
        yield "site", "a site is named by lower-case letters, digits and -, at most 32; none is ''"
    for name, (low, high) in RANGES.items():
        if name in changes and not low <= changes[name] <= high:
            yield name, Sentence("it must be from {} to {}", low, high)
    if not endpoint.transport.is_serial:
        for name in _OF_SERIAL_LINES:
            if name in changes:
                yield name, Sentence("{} is no serial line: its gateway has this setting, DDMS does not", endpoint)
    if endpoint.transport is Transport.SERIAL and changes.get("data_bits") == 7:
        yield "data_bits", "RTU frames are made of whole bytes: only ASCII frames go with 7 bits"
    if endpoint.transport.frames is not Frames.MBAP and in_flight > 1:
        yield (
            "max_in_flight",
            "RTU and ASCII answers carry no number, so one request must be answered before the next: make it 1",
        )


async def change_connection(
    statements: Statements, actor: Actor, number: int, *, version: int, changes: dict[str, Any]
) -> None:
    """Change what is named of a connection's settings; raises `DdmsError`."""
    row = await statements.row(LOCK_CONNECTION, number)
    subject = to_id(IdKind.CONNECTION, number)
    if row is None and await statements.value(SEE_CONNECTION, number):
        raise DdmsError(
            Code.FORBIDDEN,
            "devices outside of your groups share this connection: whoever may change all devices changes it",
            field="id",
        )
    if row is None:
        raise DdmsError(
            Code.NOT_FOUND, Sentence("there is no connection {}: `connections` lists them", subject), field="id"
        )
    if row["version"] != version:
        raise DdmsError(
            Code.CONFLICT,
            Sentence("somebody changed the connection meanwhile (version {}): read it again", row["version"]),
            field="version",
        )
    before = {name: row[name] for name in SETTINGS}
    if "endpoint" in changes:
        changes["endpoint"] = str(Endpoint.parse(changes["endpoint"]))
    after = before | changes
    different = {name: value for name, value in changes.items() if before[name] != value}
    for name, sentence in problems(Endpoint.parse(after["endpoint"]), after["max_in_flight"], different):
        raise DdmsError(Code.INVALID, sentence, field=name)
    if (
        statements.person is not None
        and "endpoint" in different
        and await statements.value(IS_FOREIGN, after["endpoint"])
    ):
        raise foreign()
    if different:
        await statements.value(UPDATE_CONNECTION, number, *after.values())
        old = {name: before[name] for name in different}
        await audit.record(statements, actor, "connection.update", subject, before=old, after=different)
