"""What a far collector may ask, by the names of statements: each runs for devices of its own site only."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from collector import app, report
from collector.far.connection import plain
from collector.field import requests as field
from collector.polling import leases, polled_lines
from collector.storing import alarms, store
from ddms.database import Connection
from ddms.errors import Code, DdmsError
from ddms.limits import READ_LIMITS
from ddms.lines import READ_LINES

_CONNECTIONS = "SELECT id FROM connections WHERE site = {site}"
_DEVICES = f"SELECT id FROM devices WHERE connection_id IN ({_CONNECTIONS})"  # noqa: S608 - constants
_POINTS = f"SELECT id FROM points WHERE device_id IN ({_DEVICES})"  # noqa: S608
_LIMITS = f"SELECT id FROM limits WHERE point_id IN ({_POINTS})"  # noqa: S608
_BY_CONNECTION = f"connection_id IN ({_CONNECTIONS})"
_BY_POINT = f"point_id IN ({_POINTS})"

READ_BELONGINGS = f"""-- ddms:read_belongings
SELECT array({_CONNECTIONS}) AS connections, array({_DEVICES}) AS devices, array({_POINTS}) AS points, array({_LIMITS}) AS limits
""".format(site="$1")
IS_CLAIMED_BY = "-- ddms:is_request_claimed_by\nSELECT collector = $2 FROM field_requests WHERE id = $1"
_MOST = 100_000


class Allowed(NamedTuple):
    """A statement; which of its rows a site may have (SQL over its columns), and whether its first value must be the collector's name, or a request of it."""

    sql: str
    rows: str = ""
    first: str = ""


STATEMENTS = {
    "read_digests": Allowed(polled_lines.READ_DIGESTS, _BY_CONNECTION),
    "read_limit_digests": Allowed(polled_lines.READ_LIMIT_DIGESTS, _BY_CONNECTION),
    "read_lines": Allowed(READ_LINES, _BY_CONNECTION),
    "read_limits": Allowed(READ_LIMITS, _BY_CONNECTION),
    "read_standings": Allowed(alarms.READ_STANDINGS, f"limit_id IN ({_LIMITS})"),
    "read_active_alarms": Allowed(
        alarms.READ_ACTIVE,
        f"CASE source WHEN 'limit' THEN number IN ({_LIMITS}) WHEN 'device' THEN number IN ({_DEVICES}) ELSE number IN ({_CONNECTIONS}) END",
    ),
    "read_newest_inputs": Allowed(
        store.READ_NEWEST,
        f"{_BY_POINT} OR point_id IN (SELECT input_id FROM point_inputs WHERE {_BY_POINT})",  # noqa: S608
    ),
    "ask_clock": Allowed(report.ASK_CLOCK),
    "tell_trouble": Allowed(report.TELL_TROUBLE, first="collector"),
    "are_other_collectors_alive": Allowed(app.ARE_OTHERS_ALIVE, first="collector"),
    "release_leases": Allowed(leases.RELEASE_LEASES, first="collector"),
    "release_all_leases": Allowed(leases.RELEASE_ALL, first="collector"),
    "fail_abandoned_requests": Allowed(field.FAIL_ABANDONED, first="collector"),
    "claim_request": Allowed(field.CLAIM_REQUEST, first="collector"),
    "is_any_request_pending": Allowed(field.IS_ANY_PENDING),
    "tell_request_progress": Allowed(field.TELL_PROGRESS, first="request"),
    "keep_what_a_request_found": Allowed(field.KEEP_FOUND, first="request"),
    "finish_request": Allowed(field.FINISH_REQUEST, first="request"),
    "read_line_settings": Allowed(field.READ_LINE_SETTINGS, f"id IN ({_CONNECTIONS})"),
}


async def answer(connection: Connection, site: str, collector: str, name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Run a statement for a collector of a site; raises `DdmsError` for what it may not ask."""
    allowed = STATEMENTS.get(name)
    if allowed is None or not isinstance(values, list):
        raise DdmsError(Code.FORBIDDEN, f"a far site may not ask for {name!r}: are both ends of one version of DDMS?")
    if allowed.first == "collector" and values[:1] != [collector]:
        raise DdmsError(Code.FORBIDDEN, f"{name} is for the collector itself")
    if allowed.first == "request" and not await connection.fetchval(IS_CLAIMED_BY, values[0], collector):
        raise DdmsError(Code.FORBIDDEN, f"{name} is for the collector that works on the request")
    if allowed.rows:
        condition = allowed.rows.format(site=f"${len(values) + 1}::text")
        rows = await connection.fetch(
            f"-- ddms:far_{name}\nSELECT * FROM ({allowed.sql}) asked WHERE {condition} LIMIT {_MOST}",
            *values,
            site,
        )
    else:
        rows = await connection.fetch(allowed.sql, *values)
    names = list(rows[0].keys()) if rows else []
    return {"names": names, "rows": [[plain(value) for value in row] for row in rows]}
