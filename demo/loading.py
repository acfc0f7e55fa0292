# ruff: noqa: S105 - the constants are statements
"""Brings the plant's devices into the database, and its token; what a person changed since stays."""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import astuple
from hashlib import sha256

import asyncpg

from ddms.value_names import stored
from demo import past
from demo.inventory import Inventory, PlantDevice, PlantLimit, PlantPoint

INSERT_CONNECTION = (
    "-- ddms:demo_insert_connection\nINSERT INTO connections (endpoint) VALUES ($1) ON CONFLICT DO NOTHING"
)
INSERT_DEVICE = """-- ddms:demo_insert_device
INSERT INTO devices (name, description, connection_id, unit_id)
SELECT $1, $2, id, $4 FROM connections WHERE endpoint = $3 RETURNING id
"""
INSERT_POINT = """-- ddms:demo_insert_point
INSERT INTO points (device_id, key, name, unit, register_table, address, data_type, byte_order, bit, length, scale,
                    value_offset, counter, interval_s, deadband, valid_min, valid_max, sentinels, value_names)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19::text::jsonb)
"""
INSERT_LIMIT = """-- ddms:demo_insert_limit
INSERT INTO limits (point_id, key, kind, threshold, direction, reference_key, period_s, bit, alarm_values, inverted, hysteresis, on_delay_s,
                    off_delay_s, priority, latched, cause, consequence, action, respond_within_s)
SELECT p.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20
  FROM points p WHERE p.device_id = $1 AND p.key = $2
"""
_LIMIT_FIELDS: dict[str, object] = {
    "key": None, "kind": None, "threshold": None, "direction": "either", "reference_key": None, "period_s": 60, "bit": None,
    "alarm_values": (), "inverted": False, "hysteresis": 0.0, "on_delay_s": 0, "off_delay_s": 0, "priority": None,
    "latched": False, "cause": None, "consequence": None, "action": None, "respond_within_s": None,
}  # fmt: skip
INSERT_GROUP = "-- ddms:demo_insert_group\nINSERT INTO groups (name, description) VALUES ($1, $2) RETURNING id"
JOIN_GROUP = "-- ddms:demo_join_group\nINSERT INTO device_groups (group_id, device_id) VALUES ($1, $2)"
HAS_DEVICES = "-- ddms:demo_has_devices\nSELECT EXISTS (SELECT FROM devices)"
# All gateways move at once, so that two that swap their ports do not meet.
MOVE_DEVICES = """-- ddms:demo_move_devices
UPDATE devices d SET connection_id = new.id
  FROM unnest($1::text[], $2::text[]) AS moved (old, new)
  JOIN connections old ON old.endpoint = moved.old
  JOIN connections new ON new.endpoint = moved.new
 WHERE d.connection_id = old.id
"""
FORGET_CONNECTIONS = """-- ddms:demo_forget_connections
DELETE FROM connections c WHERE endpoint = any($1) AND NOT EXISTS (SELECT FROM devices WHERE connection_id = c.id)
"""
TOKEN_IS_VALID = """-- ddms:demo_token_is_valid
SELECT EXISTS (SELECT FROM api_tokens WHERE hash = $1 AND revoked_at IS NULL AND expires_at > now() + interval '1 day')
"""
INSERT_TOKEN = """-- ddms:demo_insert_token
INSERT INTO api_tokens (name, role, hash, expires_at) VALUES ('demo', 'admin', $1, now() + interval '30 days')
"""


def endpoint(port: int, host: str = "127.0.0.1") -> str:
    """Return the endpoint of a gateway of the plant."""
    return f"tcp://{host}:{port}"


async def load(
    connection: asyncpg.Connection, inventory: Inventory, ports: Mapping[str, int], before: Mapping[str, int]
) -> bool:
    """Insert all devices at the first start, those of a gateway as a group; later let those of a gateway follow it from its port `before`.

    Returns whether they were inserted.
    """
    async with connection.transaction():
        for port in ports.values():
            await connection.execute(INSERT_CONNECTION, endpoint(port))
        if await connection.fetchval(HAS_DEVICES):
            await _move(connection, ports, before)
            return False
        await _insert_all(connection, inventory, {key: endpoint(port) for key, port in ports.items()})
    return True


async def load_once(connection: asyncpg.Connection, inventory: Inventory, host: str) -> bool:
    """Insert all devices, as behind gateways on `host`, with a past, unless there are devices; return whether they were inserted."""
    async with connection.transaction():
        if await connection.fetchval(HAS_DEVICES):
            return False
        endpoints = {gateway.key: endpoint(gateway.port, host) for gateway in inventory.gateways}
        await connection.executemany(INSERT_CONNECTION, [(where,) for where in endpoints.values()])
        await _insert_all(connection, inventory, endpoints)
        await past.store(connection, await asyncio.to_thread(past.remember, inventory, time.time()))
    return True


async def _insert_all(connection: asyncpg.Connection, inventory: Inventory, endpoints: Mapping[str, str]) -> None:
    groups = {
        gateway.key: await connection.fetchval(INSERT_GROUP, gateway.key.capitalize(), gateway.description)
        for gateway in inventory.gateways
    }
    for device in inventory.devices:
        number = await _insert(connection, device, endpoints[device.gateway])
        await connection.execute(JOIN_GROUP, groups[device.gateway], number)


async def _move(connection: asyncpg.Connection, ports: Mapping[str, int], before: Mapping[str, int]) -> None:
    moved = [(endpoint(before[key]), endpoint(port)) for key, port in ports.items() if before.get(key, port) != port]
    await connection.execute(MOVE_DEVICES, [old for old, _ in moved], [new for _, new in moved])
    gone = {old for old, _ in moved} - {endpoint(port) for port in ports.values()}
    await connection.execute(FORGET_CONNECTIONS, list(gone))


async def _insert(connection: asyncpg.Connection, device: PlantDevice, where: str) -> int:
    device_id: int = await connection.fetchval(INSERT_DEVICE, device.name, device.description, where, device.unit_id)
    await connection.executemany(INSERT_POINT, [(device_id, *_row(point)) for point in device.points])
    await connection.executemany(INSERT_LIMIT, [(device_id, *_limit_row(limit)) for limit in device.limits])
    return device_id


def _limit_row(limit: PlantLimit) -> tuple[object, ...]:
    return (limit.point, *(_LIMIT_FIELDS | dict(limit.fields)).values())


def _row(point: PlantPoint) -> tuple[object, ...]:
    table, address, data_type, byte_order, bit, length = astuple(point.register)
    return (
        point.key, point.name, point.unit, table, address, data_type, byte_order, bit, length, point.scale, point.offset,
        point.counter, point.interval_s, point.deadband, *point.valid, list(point.sentinels), json.dumps(stored(point.names)),
    )  # fmt: skip


async def token(connection: asyncpg.Connection, known: str) -> str:
    """Return the demo's API token (role admin): the known one, or a new one when that is not valid any more."""
    if known and await connection.fetchval(TOKEN_IS_VALID, sha256(known.encode()).digest()):
        return known
    new = f"ddms_{secrets.token_urlsafe(32)}"
    await connection.execute(INSERT_TOKEN, sha256(new.encode()).digest())
    return new
