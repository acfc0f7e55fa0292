"""Rights that reach to groups of devices: who has which, and the mutation that gives them."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, output_type
from api.graphql.payloads import UserError, mutation
from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Database, Statements
from api.ground.ids import IdKind, from_id, from_ids, to_id
from api.ground.roles import Role
from api.groups.types import Group
from ddms.errors import Code, DdmsError, Sentence

MOST_GROUPS = 100

LOCK_USER = "-- ddms:lock_user_rights\nSELECT id, name, role, limited FROM users WHERE id = $1 FOR UPDATE"
LIST_USER_GROUPS = """-- ddms:list_user_groups
SELECT g.id, g.name FROM user_groups u JOIN groups g ON g.id = u.group_id WHERE u.user_id = $1 ORDER BY lower(g.name)
"""
SHARE_GROUPS = (
    "-- ddms:share_groups\nSELECT id, name FROM groups WHERE id = any($1::int[]) ORDER BY lower(name) FOR KEY SHARE"
)
FIND_GROUPS = "-- ddms:find_groups_by_name\nSELECT id, lower(name) AS key FROM groups WHERE lower(name) IN (SELECT lower(unnest($1::text[])))"
LIMIT_USER = "-- ddms:limit_user\nUPDATE users SET limited = $2 WHERE id = $1"
TAKE_GROUPS = "-- ddms:take_user_groups\nDELETE FROM user_groups WHERE user_id = $1 AND group_id <> all($2::int[])"
GIVE_GROUPS = """-- ddms:give_user_groups
INSERT INTO user_groups (user_id, group_id) SELECT $1, unnest($2::int[]) ON CONFLICT DO NOTHING
"""
LIST_LIMITS = """-- ddms:list_limits
SELECT u.id, coalesce(array_agg(g.name ORDER BY lower(g.name)) FILTER (WHERE g.id IS NOT NULL), ARRAY[]::text[]) AS groups
  FROM users u LEFT JOIN user_groups n ON n.user_id = u.id LEFT JOIN groups g ON g.id = n.group_id
 WHERE u.limited GROUP BY u.id
"""
GROUPS_OF_USERS = """-- ddms:groups_of_users
SELECT u.id AS user_id, g.*, (SELECT count(*) FROM device_groups n JOIN devices d ON d.id = n.device_id
                               WHERE n.group_id = g.id AND d.deleted_at IS NULL) AS device_count
  FROM users u LEFT JOIN user_groups m ON m.user_id = u.id LEFT JOIN groups g ON g.id = m.group_id
 WHERE u.id = any($1::int[]) AND u.limited ORDER BY lower(g.name)
"""


async def groups_of(database: Database, users: list[int]) -> dict[int, list[Group]]:
    """Return the groups to which the rights of people are limited; whose are not is left out."""
    found: dict[int, list[Group]] = {}
    for row in await database.rows(GROUPS_OF_USERS, users):
        groups = found.setdefault(row["user_id"], [])
        if row["id"] is not None:
            groups.append(Group.of(row))
    return found


async def set_groups(statements: Statements, actor: Actor, user: int, groups: list[int] | None) -> None:
    """Limit the rights of a person to the devices of these groups, or to none with an empty list; None lifts the limits."""
    before = await statements.row(LOCK_USER, user)
    subject = to_id(IdKind.USER, user)
    if before is None:
        raise DdmsError(Code.NOT_FOUND, Sentence("there is no user {}", subject), field="user")
    if groups is not None and before["role"] == Role.OWNER:
        raise DdmsError(Code.INVALID, "an owner's rights have no limits: change the role first", field="user")
    had = [row["name"] for row in await statements.rows(LIST_USER_GROUPS, user)] if before["limited"] else None
    found = await statements.rows(SHARE_GROUPS, groups or [])
    if missing := sorted({*(groups or [])} - {row["id"] for row in found}):
        told = Sentence("there is no group {}: it may have been deleted", to_id(IdKind.GROUP, missing[0]))
        raise DdmsError(Code.NOT_FOUND, told, field="groups")
    gets = None if groups is None else [row["name"] for row in found]
    if had == gets:
        return
    await statements.value(LIMIT_USER, user, groups is not None)
    await statements.value(TAKE_GROUPS, user, groups or [])
    await statements.value(GIVE_GROUPS, user, groups or [])
    await audit.record(statements, actor, "user.update", subject, before={"groups": had}, after={"groups": gets})


@output_type
class SetUserGroupsPayload:
    """The answer of setUserGroups."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    groups: list[Group] | None = field(
        default=None, description="The groups to whose devices the rights reach now; null when they have no limits."
    )


@strawberry.type
class RightsMutations:
    """Changes of how far rights reach."""

    @mutation
    async def set_user_groups(
        self,
        info: Info,
        user: Annotated[strawberry.ID, argument("The person; no owner.")],
        groups: Annotated[
            list[strawberry.ID] | None,
            argument(
                "All groups to whose devices the rights shall reach: what is in none of them is not there for this person. "
                "None with an empty list; null: the rights reach to everything."
            ),
        ],
    ) -> SetUserGroupsPayload:
        """Limit a person's rights to the devices of some groups; it acts at once, also on what is watched live."""
        number = from_id(IdKind.USER, user, "user")
        chosen = None if groups is None else from_ids(IdKind.GROUP, groups, "groups", MOST_GROUPS)
        async with info.context.everything.transaction() as statements:
            await set_groups(statements, info.context.actor, number, chosen)
        info.context.callers.forget()  # others are told by the database, we need not wait for that
        return SetUserGroupsPayload(groups=(await groups_of(info.context.everything, [number])).get(number))
