"""Who may do what: one table, enforced at the roots of the schema."""

from collections.abc import Callable
from typing import Any

from graphql import GraphQLField, GraphQLResolveInfo, GraphQLSchema

from api.ground.roles import Role

EVERYONE = None
"""Also somebody without a token."""

PERMISSIONS: dict[str, Role | None] = {
    "Query.collectors": Role.VIEWER,
    "Query.connections": Role.VIEWER,
    "Query.configuration": Role.VIEWER,
    "Query.device": Role.VIEWER,
    "Query.devices": Role.VIEWER,
    "Query.erasure": Role.ADMIN,
    "Query.erasures": Role.ADMIN,
    "Query.group": Role.VIEWER,
    "Query.groups": Role.VIEWER,
    "Query.jobs": Role.VIEWER,
    "Query.latest": Role.VIEWER,
    "Query.me": Role.VIEWER,
    "Query.notices": Role.ADMIN,
    "Query.plan": Role.VIEWER,
    "Query.points": Role.VIEWER,
    "Query.profile": Role.VIEWER,
    "Query.profiles": Role.VIEWER,
    "Query.retentionPreview": Role.ADMIN,
    "Query.retentionRuns": Role.ADMIN,
    "Query.scan": Role.ADMIN,
    "Query.series": Role.VIEWER,
    "Query.storage": Role.VIEWER,
    "Query.system": Role.VIEWER,
    "Query.tokens": Role.OWNER,
    "Query.users": Role.OWNER,
    "Mutation.applyProfile": Role.ADMIN,
    "Mutation.cancelScan": Role.ADMIN,
    "Mutation.createDevice": Role.ADMIN,
    "Mutation.createGroup": Role.ADMIN,
    "Mutation.createPoints": Role.ADMIN,
    "Mutation.createProfile": Role.ADMIN,
    "Mutation.createToken": Role.OWNER,
    "Mutation.deleteDevice": Role.ADMIN,
    "Mutation.deleteGroup": Role.ADMIN,
    "Mutation.deletePoints": Role.ADMIN,
    "Mutation.deleteProfile": Role.ADMIN,
    "Mutation.importDevices": Role.ADMIN,
    "Mutation.probe": Role.ADMIN,
    "Mutation.revokeToken": Role.OWNER,
    "Mutation.runJob": Role.OWNER,
    "Mutation.scan": Role.ADMIN,
    "Mutation.signIn": EVERYONE,
    "Mutation.signOut": Role.VIEWER,
    "Mutation.testConnection": Role.ADMIN,
    "Mutation.updateConnection": Role.ADMIN,
    "Mutation.updateConfiguration": Role.OWNER,
    "Mutation.updateDevice": Role.ADMIN,
    "Mutation.updateGroup": Role.ADMIN,
    "Mutation.updatePoint": Role.ADMIN,
    "Mutation.updateProfile": Role.ADMIN,
    "Subscription.deviceStates": Role.VIEWER,
    "Subscription.readings": Role.VIEWER,
    "Subscription.scanProgress": Role.ADMIN,
}


def enforce(schema: GraphQLSchema) -> None:
    """Put the table's check before every root field; a field that is not in the table stops the program."""
    roots = [root for root in (schema.query_type, schema.mutation_type, schema.subscription_type) if root]
    found = {f"{root.name}.{name}": field for root in roots for name, field in root.fields.items()}
    if found.keys() != PERMISSIONS.keys():
        raise RuntimeError(f"api.permissions and the schema differ in {sorted(found.keys() ^ PERMISSIONS.keys())}")
    for name, field in found.items():
        if (least := PERMISSIONS[name]) is not EVERYONE:
            _guard(field, least)


def _guard(field: GraphQLField, least: Role) -> None:
    if field.subscribe:
        field.subscribe = _checked(field.subscribe, least)
    elif field.resolve:
        field.resolve = _checked(field.resolve, least)


def _checked(resolve: Callable[..., Any], least: Role) -> Callable[..., Any]:
    def check(root: object, info: GraphQLResolveInfo[Any], **arguments: object) -> Any:
        info.context.require(least)
        return resolve(root, info, **arguments)

    return check
