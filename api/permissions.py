"""Who may do what: one table, enforced at the roots of the schema, and how far rights reach that are limited to groups."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from graphql import GraphQLField, GraphQLResolveInfo, GraphQLSchema

from api.ground.roles import Role
from ddms.errors import Code, DdmsError, Sentence

EVERYONE = None
"""Also somebody without a token."""

PERMISSIONS: dict[str, Role | None] = {
    "Query.alarm": Role.VIEWER,
    "Query.alarmJournal": Role.VIEWER,
    "Query.alarmPerformance": Role.VIEWER,
    "Query.alarmPreview": Role.VIEWER,
    "Query.alarms": Role.VIEWER,
    "Query.annotations": Role.VIEWER,
    "Query.audit": Role.OWNER,
    "Query.auditActions": Role.OWNER,
    "Query.availability": Role.VIEWER,
    "Query.backup": Role.OWNER,
    "Query.backups": Role.OWNER,
    "Query.restore": Role.OWNER,
    "Query.restores": Role.OWNER,
    "Query.collectors": Role.VIEWER,
    "Query.combined": Role.VIEWER,
    "Query.connections": Role.VIEWER,
    "Query.configuration": Role.VIEWER,
    "Query.configurationFields": Role.VIEWER,
    "Query.configurationVersions": Role.OWNER,
    "Query.configurationYaml": Role.OWNER,
    "Query.device": Role.VIEWER,
    "Query.devices": Role.VIEWER,
    "Query.erasure": Role.ADMIN,
    "Query.erasures": Role.ADMIN,
    "Query.export": Role.VIEWER,
    "Query.exports": Role.VIEWER,
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
    "Query.sessions": Role.VIEWER,
    "Query.sites": Role.VIEWER,
    "Query.storage": Role.VIEWER,
    "Query.system": Role.VIEWER,
    "Query.tokens": Role.OWNER,
    "Query.users": Role.OWNER,
    "Query.webhookDeliveries": Role.ADMIN,
    "Query.webhooks": Role.ADMIN,
    "Query.valuesAt": Role.VIEWER,
    "Mutation.acknowledgeAlarms": Role.ADMIN,
    "Mutation.applyProfile": Role.ADMIN,
    "Mutation.cancelBackup": Role.OWNER,
    "Mutation.cancelExport": Role.VIEWER,
    "Mutation.cancelRestore": Role.OWNER,
    "Mutation.restoreBackup": Role.OWNER,
    "Mutation.cancelScan": Role.ADMIN,
    "Mutation.changePassword": Role.VIEWER,
    "Mutation.createAnnotation": Role.ADMIN,
    "Mutation.createBackup": Role.OWNER,
    "Mutation.createDevice": Role.ADMIN,
    "Mutation.createGroup": Role.ADMIN,
    "Mutation.createPoints": Role.ADMIN,
    "Mutation.createProfile": Role.ADMIN,
    "Mutation.createToken": Role.OWNER,
    "Mutation.createUser": Role.OWNER,
    "Mutation.deleteAnnotation": Role.ADMIN,
    "Mutation.deleteBackup": Role.OWNER,
    "Mutation.deleteDevice": Role.ADMIN,
    "Mutation.deleteGroup": Role.ADMIN,
    "Mutation.deleteLimits": Role.ADMIN,
    "Mutation.deletePoints": Role.ADMIN,
    "Mutation.deleteProfile": Role.ADMIN,
    "Mutation.deleteUser": Role.OWNER,
    "Mutation.endSession": Role.VIEWER,
    "Mutation.endSessions": Role.VIEWER,
    "Mutation.importConfiguration": Role.OWNER,
    "Mutation.importDevices": Role.ADMIN,
    "Mutation.keepBackup": Role.OWNER,
    "Mutation.noteAlarms": Role.ADMIN,
    "Mutation.probe": Role.ADMIN,
    "Mutation.removeCollector": Role.OWNER,
    "Mutation.resetPassword": Role.OWNER,
    "Mutation.returnToService": Role.ADMIN,
    "Mutation.revertConfiguration": Role.OWNER,
    "Mutation.revokeToken": Role.OWNER,
    "Mutation.runJob": Role.OWNER,
    "Mutation.pauseJob": Role.OWNER,
    "Mutation.resumeJob": Role.OWNER,
    "Mutation.scan": Role.ADMIN,
    "Mutation.setOutOfService": Role.ADMIN,
    "Mutation.sunspec": Role.ADMIN,
    "Mutation.setLimits": Role.ADMIN,
    "Mutation.setUserGroups": Role.OWNER,
    "Mutation.shelveAlarms": Role.ADMIN,
    "Mutation.signIn": EVERYONE,
    "Mutation.signOut": Role.VIEWER,
    "Mutation.startExport": Role.VIEWER,
    "Mutation.testConnection": Role.ADMIN,
    "Mutation.testDevice": Role.ADMIN,
    "Mutation.unshelveAlarms": Role.ADMIN,
    "Mutation.updateAnnotation": Role.ADMIN,
    "Mutation.updateConnection": Role.ADMIN,
    "Mutation.updateConfiguration": Role.OWNER,
    "Mutation.updateDevice": Role.ADMIN,
    "Mutation.updateGroup": Role.ADMIN,
    "Mutation.updateLimits": Role.ADMIN,
    "Mutation.updateMe": Role.VIEWER,
    "Mutation.updatePoint": Role.ADMIN,
    "Mutation.updateProfile": Role.ADMIN,
    "Mutation.updateUser": Role.OWNER,
    "Mutation.createWebhook": Role.ADMIN,
    "Mutation.deleteWebhook": Role.ADMIN,
    "Mutation.replayWebhookDeliveries": Role.ADMIN,
    "Mutation.testWebhook": Role.ADMIN,
    "Mutation.updateWebhook": Role.ADMIN,
    "Mutation.verifyBackup": Role.OWNER,
    "Mutation.writeReadings": Role.ADMIN,
    "Subscription.alarms": Role.VIEWER,
    "Subscription.backups": Role.OWNER,
    "Subscription.deviceStates": Role.VIEWER,
    "Subscription.exportProgress": Role.VIEWER,
    "Subscription.jobs": Role.VIEWER,
    "Subscription.readings": Role.VIEWER,
    "Subscription.scanProgress": Role.ADMIN,
}

BEFORE_PASSWORD = {"Query.me", "Mutation.changePassword", "Mutation.signOut"}
"""What somebody may do whose password was given by somebody else, and must be changed first."""


class Reach(StrEnum):
    """How far a root field reaches for a person whose rights are limited to groups of devices. Owners never are."""

    DEVICES = "the devices of the groups"
    SELF = "the person's own account"
    SITE = "what belongs to no device"
    REFUSED = "refused"


WHOLE_SITE = Sentence("it is about all devices together")
PROFILES_ARE_SHARED = Sentence("a profile changes all devices that follow it")
GROUPS_ARE_RIGHTS = Sentence("who chooses the devices of a group chooses who may see and change them")

ANNOTATIONS_OF_SITE = "and what is of the whole site, which only people without limits change"

ALARMS_OF_CONNECTIONS = "and of the connections that they are behind; nothing of others and of the system"
EXPORTS_IN_SIGHT = "those whose points are all in sight, also when it was made before the rights changed"
ALARMS_ARE_SHARED = "others are not there; an alarm of a connection that others share is seen, and not changed"

LIMITED: dict[str, tuple[Reach, str]] = {
    "Query.alarm": (Reach.DEVICES, ALARMS_OF_CONNECTIONS),
    "Query.alarmJournal": (Reach.DEVICES, ALARMS_OF_CONNECTIONS),
    "Query.alarmPerformance": (Reach.DEVICES, ALARMS_OF_CONNECTIONS),
    "Query.alarmPreview": (Reach.DEVICES, "others are not there"),
    "Query.alarms": (Reach.DEVICES, ALARMS_OF_CONNECTIONS),
    "Query.annotations": (Reach.DEVICES, ANNOTATIONS_OF_SITE),
    "Query.availability": (Reach.DEVICES, "others are not there"),
    "Query.collectors": (Reach.SITE, "whether collectors run; no device is named"),
    "Query.combined": (Reach.DEVICES, "others are not there"),
    "Query.connections": (Reach.DEVICES, "those of the devices; of a shared one only the own devices and their load"),
    "Query.configuration": (Reach.SITE, "time zone and language, without which nothing can be shown"),
    "Query.configurationFields": (Reach.SITE, "what can be configured; it is the same everywhere"),
    "Query.device": (Reach.DEVICES, "others are not there"),
    "Query.devices": (Reach.DEVICES, "others are not there"),
    "Query.erasure": (Reach.DEVICES, "those that the person asked for: what is erased is in no group any more"),
    "Query.erasures": (Reach.DEVICES, "those that the person asked for: what is erased is in no group any more"),
    "Query.export": (Reach.DEVICES, EXPORTS_IN_SIGHT),
    "Query.exports": (Reach.DEVICES, EXPORTS_IN_SIGHT),
    "Query.group": (Reach.DEVICES, "others are not there"),
    "Query.groups": (Reach.DEVICES, "others are not there"),
    "Query.jobs": (Reach.REFUSED, WHOLE_SITE),
    "Query.latest": (Reach.DEVICES, "others are not there"),
    "Query.me": (Reach.SELF, ""),
    "Query.notices": (Reach.DEVICES, "what expires of the own devices; nothing of the site"),
    "Query.plan": (Reach.DEVICES, "of a shared line only the own devices' part"),
    "Query.points": (Reach.DEVICES, "others are not there"),
    "Query.profile": (Reach.SITE, "a register map is no hall's; who follows it is told of the own devices only"),
    "Query.profiles": (Reach.SITE, "a register map is no hall's; who follows it is told of the own devices only"),
    "Query.retentionPreview": (Reach.DEVICES, "what the own devices lose"),
    "Query.retentionRuns": (Reach.REFUSED, WHOLE_SITE),
    "Query.scan": (Reach.DEVICES, "those that the person started"),
    "Query.series": (Reach.DEVICES, "others are not there"),
    "Query.sessions": (Reach.SELF, ""),
    "Query.sites": (Reach.REFUSED, WHOLE_SITE),
    "Query.storage": (Reach.REFUSED, WHOLE_SITE),
    "Query.system": (Reach.SITE, "versions and quality codes"),
    "Query.webhookDeliveries": (Reach.REFUSED, WHOLE_SITE),
    "Query.webhooks": (Reach.REFUSED, WHOLE_SITE),
    "Query.valuesAt": (Reach.DEVICES, "others are not there"),
    "Mutation.acknowledgeAlarms": (Reach.DEVICES, ALARMS_ARE_SHARED),
    "Mutation.applyProfile": (Reach.DEVICES, "others are not there"),
    "Mutation.cancelExport": (Reach.DEVICES, EXPORTS_IN_SIGHT),
    "Mutation.cancelScan": (Reach.DEVICES, "those that the person started"),
    "Mutation.changePassword": (Reach.SELF, ""),
    "Mutation.createAnnotation": (Reach.DEVICES, "of the own devices and groups"),
    "Mutation.createDevice": (Reach.DEVICES, "in one of the own groups, at an endpoint where no others are"),
    "Mutation.createGroup": (Reach.REFUSED, GROUPS_ARE_RIGHTS),
    "Mutation.createPoints": (Reach.DEVICES, "others are not there"),
    "Mutation.createProfile": (Reach.REFUSED, PROFILES_ARE_SHARED),
    "Mutation.deleteAnnotation": (Reach.DEVICES, "of the own devices and groups"),
    "Mutation.deleteDevice": (Reach.DEVICES, "others are not there"),
    "Mutation.deleteGroup": (Reach.REFUSED, GROUPS_ARE_RIGHTS),
    "Mutation.deleteLimits": (Reach.DEVICES, "others are not there"),
    "Mutation.deletePoints": (Reach.DEVICES, "others are not there"),
    "Mutation.deleteProfile": (Reach.REFUSED, PROFILES_ARE_SHARED),
    "Mutation.endSession": (Reach.SELF, ""),
    "Mutation.endSessions": (Reach.SELF, ""),
    "Mutation.importDevices": (Reach.DEVICES, "in the own groups; prune removes none of the others"),
    "Mutation.noteAlarms": (Reach.DEVICES, ALARMS_ARE_SHARED),
    "Mutation.probe": (Reach.DEVICES, "at endpoints where no other devices are"),
    "Mutation.sunspec": (Reach.DEVICES, "at endpoints where no other devices are"),
    "Mutation.returnToService": (Reach.DEVICES, ALARMS_ARE_SHARED),
    "Mutation.scan": (Reach.DEVICES, "at endpoints where no other devices are"),
    "Mutation.setOutOfService": (Reach.DEVICES, ALARMS_ARE_SHARED),
    "Mutation.shelveAlarms": (Reach.DEVICES, ALARMS_ARE_SHARED),
    "Mutation.setLimits": (Reach.DEVICES, "others are not there"),
    "Mutation.signIn": (Reach.SELF, ""),
    "Mutation.signOut": (Reach.SELF, ""),
    "Mutation.startExport": (Reach.DEVICES, "others are not there"),
    "Mutation.testDevice": (Reach.DEVICES, "others are not there"),
    "Mutation.testConnection": (Reach.DEVICES, "at endpoints where no other devices are"),
    "Mutation.unshelveAlarms": (Reach.DEVICES, ALARMS_ARE_SHARED),
    "Mutation.updateAnnotation": (Reach.DEVICES, "of the own devices and groups"),
    "Mutation.updateConnection": (Reach.DEVICES, "those that no other device shares"),
    "Mutation.updateDevice": (Reach.DEVICES, "it stays in one of the own groups"),
    "Mutation.updateGroup": (Reach.REFUSED, GROUPS_ARE_RIGHTS),
    "Mutation.updateLimits": (Reach.DEVICES, "others are not there"),
    "Mutation.updateMe": (Reach.SELF, ""),
    "Mutation.updatePoint": (Reach.DEVICES, "others are not there"),
    "Mutation.updateProfile": (Reach.REFUSED, PROFILES_ARE_SHARED),
    "Mutation.createWebhook": (Reach.REFUSED, WHOLE_SITE),
    "Mutation.deleteWebhook": (Reach.REFUSED, WHOLE_SITE),
    "Mutation.replayWebhookDeliveries": (Reach.REFUSED, WHOLE_SITE),
    "Mutation.testWebhook": (Reach.REFUSED, WHOLE_SITE),
    "Mutation.updateWebhook": (Reach.REFUSED, WHOLE_SITE),
    "Mutation.writeReadings": (Reach.DEVICES, "others are not there"),
    "Subscription.alarms": (Reach.DEVICES, "it ends, to be begun again, when other devices come in sight"),
    "Subscription.deviceStates": (Reach.DEVICES, "it ends, to be begun again, when other devices come in sight"),
    "Subscription.exportProgress": (Reach.DEVICES, EXPORTS_IN_SIGHT),
    "Subscription.jobs": (Reach.REFUSED, WHOLE_SITE),
    "Subscription.readings": (Reach.DEVICES, "it ends, to be begun again, when other devices come in sight"),
    "Subscription.scanProgress": (Reach.DEVICES, "those that the person started"),
}
"""What each root field that is not the owner's alone is for limited people, and why. One that is not here is refused."""


def enforce(schema: GraphQLSchema) -> None:
    """Put the table's check before every root field; a field that is not in the table stops the program."""
    roots = [root for root in (schema.query_type, schema.mutation_type, schema.subscription_type) if root]
    found = {f"{root.name}.{name}": field for root in roots for name, field in root.fields.items()}
    if found.keys() != PERMISSIONS.keys():
        raise RuntimeError(f"api.permissions and the schema differ in {sorted(found.keys() ^ PERMISSIONS.keys())}")
    for name, field in found.items():
        if (least := PERMISSIONS[name]) is not EVERYONE:
            limits = LIMITED.get(name, (Reach.REFUSED, WHOLE_SITE))
            _guard(field, least, limits, before_password=name in BEFORE_PASSWORD)


def _guard(field: GraphQLField, least: Role, limits: tuple[Reach, str], *, before_password: bool) -> None:
    if field.subscribe:
        field.subscribe = _checked(field.subscribe, least, limits, before_password=before_password)
    elif field.resolve:
        field.resolve = _checked(field.resolve, least, limits, before_password=before_password)


def _checked(
    resolve: Callable[..., Any], least: Role, limits: tuple[Reach, str], *, before_password: bool
) -> Callable[..., Any]:
    reach, why = limits

    def check(root: object, info: GraphQLResolveInfo[Any], **arguments: object) -> Any:
        caller = info.context.require(least, before_password=before_password)
        if caller.limited and reach is Reach.REFUSED:
            raise DdmsError(
                Code.FORBIDDEN, Sentence("your rights reach to the devices of your groups only, and {}", why)
            )
        return resolve(root, info, **arguments)

    return check
