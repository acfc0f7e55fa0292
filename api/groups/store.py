"""Groups as they are stored, and the statements that change them."""

from collections.abc import Iterable
from typing import Any

from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, to_id
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence

LOCK_GROUP = """-- ddms:lock_group
SELECT name, description, version, array(SELECT device_id FROM device_groups WHERE group_id = g.id ORDER BY device_id) AS devices
  FROM groups g WHERE id = $1 FOR UPDATE
"""
INSERT_GROUP = "-- ddms:insert_group\nINSERT INTO groups (name, description) VALUES ($1, $2) RETURNING id"
UPDATE_GROUP = """-- ddms:update_group
UPDATE groups SET name = $2, description = $3, version = version + 1, updated_at = now() WHERE id = $1
"""
DELETE_GROUP = "-- ddms:delete_group\nDELETE FROM groups WHERE id = $1"
SHARE_DEVICES = """-- ddms:share_devices
SELECT id FROM devices WHERE id = any($1::int[]) AND deleted_at IS NULL ORDER BY id FOR KEY SHARE
"""
LEAVE_GROUP = "-- ddms:leave_group\nDELETE FROM device_groups WHERE group_id = $1 AND device_id = any($2::int[])"
LIST_OWN_GROUPS = "-- ddms:list_own_groups\nSELECT name FROM groups ORDER BY lower(name) LIMIT 20"
FIND_GROUPS = "-- ddms:find_groups\nSELECT id, lower(name) AS name FROM groups WHERE lower(name) = any($1::text[])"
LEAVE_OTHER_GROUPS = (
    "-- ddms:leave_other_groups\nDELETE FROM device_groups WHERE device_id = $1 AND group_id <> all($2::int[])"
)
JOIN_GROUPS = """-- ddms:join_groups
INSERT INTO device_groups (group_id, device_id) SELECT unnest($2::int[]), $1 ON CONFLICT DO NOTHING
"""
JOIN_GROUP = "-- ddms:join_group\nINSERT INTO device_groups (group_id, device_id) SELECT $1, unnest($2::int[])"


def _checked(name: str, description: str = "") -> tuple[str, str]:
    name = inputs.fit(inputs.name, name, "name")
    if ";" in name:
        raise DdmsError(Code.INVALID, "a group's name has no semicolon", field="name")
    return name, inputs.fit(inputs.text, description, "description")


async def create_group(
    statements: Statements, actor: Actor, name: str, description: str = "", devices: Iterable[int] = ()
) -> int:
    """Store a group; return its number."""
    name, description = _checked(name, description)
    number: int = await statements.value(INSERT_GROUP, name, description)
    await _join(statements, number, set(devices), "devices")
    after = {"name": name, "description": description, "devices": sorted(devices)}
    await audit.record(statements, actor, "group.create", to_id(IdKind.GROUP, number), after=after)
    return number


async def change_group(
    statements: Statements, actor: Actor, number: int, changes: dict[str, Any], version: int | None
) -> None:
    """Change what is named of name, description and either devices (all of them) or add_devices and remove_devices."""
    before = await _locked(statements, number)
    if version not in {None, before["version"]}:
        sentence = Sentence("somebody changed the group meanwhile (version {}): read it again", before["version"])
        raise DdmsError(Code.CONFLICT, sentence, field="version")
    old = {name: before[name] for name in ("name", "description", "devices")}
    name, description = _checked(*(changes.get(name, old[name]) for name in ("name", "description")))
    were = set(old["devices"])
    members = _members(were, changes)
    new = {"name": name, "description": description, "devices": sorted(members)}
    if new == old:
        return
    await statements.value(UPDATE_GROUP, number, name, description)
    await statements.value(LEAVE_GROUP, number, list(were - members))
    await _join(statements, number, members - were, "devices" if "devices" in changes else "add_devices")
    await audit.record(statements, actor, "group.update", to_id(IdKind.GROUP, number), before=old, after=new)


def _members(before: set[int], changes: dict[str, Any]) -> set[int]:
    come_and_go = {"add_devices", "remove_devices"} & changes.keys()
    if "devices" not in changes:
        return before.union(changes.get("add_devices", ())).difference(changes.get("remove_devices", ()))
    if come_and_go:
        raise DdmsError(Code.INVALID, "give all its devices, or those that come and leave, not both", field="devices")
    return set(changes["devices"])


async def delete_group(statements: Statements, actor: Actor, number: int) -> None:
    """Delete a group; its devices stay."""
    before = await _locked(statements, number)
    await statements.value(DELETE_GROUP, number)
    old: dict[str, Any] = {name: before[name] for name in ("name", "description", "devices")}
    await audit.record(statements, actor, "group.delete", to_id(IdKind.GROUP, number), before=old)


async def _locked(statements: Statements, number: int) -> Row:
    row = await statements.row(LOCK_GROUP, number)
    if row is None:
        raise DdmsError(
            Code.NOT_FOUND,
            Sentence("there is no group {}: it may have been deleted", to_id(IdKind.GROUP, number)),
            field="id",
        )
    return row


async def _join(statements: Statements, number: int, devices: set[int], field_name: str) -> None:
    found = {row["id"] for row in await statements.rows(SHARE_DEVICES, list(devices))} if devices else set()
    if missing := sorted(devices - found):
        sentence = Sentence("there is no device {}: it may have been deleted", to_id(IdKind.DEVICE, missing[0]))
        raise DdmsError(Code.NOT_FOUND, sentence, field=field_name)
    await statements.value(JOIN_GROUP, number, list(devices))


def checked_names(names: list[str]) -> list[str]:
    """Return names of groups in their one spelling and order, each once."""
    try:
        once = {name.lower(): name for name, _ in map(_checked, names)}
    except DdmsError as error:
        raise DdmsError(error.code, error.message, field="groups") from error
    return [once[name] for name in sorted(once)]


async def only_group(statements: Statements) -> list[str]:
    """Return the group of a limited person who has one: a new device of which nothing else is said comes into it."""
    names = [row["name"] for row in await statements.rows(LIST_OWN_GROUPS)]
    if len(names) == 1:
        return names
    raise DdmsError(
        Code.INVALID,
        Sentence("say in which of your groups it shall be: {}", ", ".join(names) or Sentence("you have none")),
        field="groups",
    )


def _stay_in_sight(found: dict[str, int], names: list[str]) -> None:
    """Refuse groups that a limited person has not, and to be in none: the device would be out of sight."""
    for name in names:
        if name.lower() not in found:
            raise DdmsError(Code.NOT_FOUND, Sentence("you have no group {!r}", name), field="groups")
    if not names:
        raise DdmsError(Code.FORBIDDEN, "the device must stay in one of your groups", field="groups")


async def put_in_groups(statements: Statements, actor: Actor, device: int, names: list[str]) -> None:
    """Put a device into the groups of these names and out of all others; one that is not there yet is made."""
    found = {row["name"]: row["id"] for row in await statements.rows(FIND_GROUPS, [name.lower() for name in names])}
    if statements.person is not None:
        _stay_in_sight(found, names)
    numbers = [found.get(name.lower()) or await create_group(statements, actor, name) for name in names]
    await statements.value(LEAVE_OTHER_GROUPS, device, numbers)
    await statements.value(JOIN_GROUPS, device, numbers)
