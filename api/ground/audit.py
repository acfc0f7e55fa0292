"""The audit: who did what, when, from where, and what it was before and after (docs/audit.md)."""

from collections.abc import Sequence
from typing import Any

from api.ground.actor import Actor
from api.ground.database import Statements

ACTIONS = {
    "alarm.acknowledge": "Somebody took note of an alarm.",
    "alarm.note": "Somebody wrote a note to an alarm.",
    "alarm.out_of_service": "An alarm, or all of a device, were put out of service.",
    "alarm.return_to_service": "An alarm, or all of a device, were returned to service by a person.",
    "alarm.shelve": "An alarm was shelved.",
    "alarm.unshelve": "An alarm was taken from the shelf by a person.",
    "annotation.create": "Somebody wrote down what there is to know of a time.",
    "annotation.delete": "An annotation was deleted.",
    "annotation.update": "An annotation was changed.",
    "audit.erase": "Entries that were older than `audit_days` were erased.",
    "audit.export": "Somebody took the audit as a file.",
    "backup.cancel": "A backup, or its verification, was cancelled.",
    "backup.create": "Somebody asked for a backup.",
    "backup.delete": "The files of a backup were removed by a person.",
    "backup.keep": "A backup is kept however many follow, or not any more.",
    "backup.restore": "A backup was asked to be restored into a new database; in that database, that it was.",
    "backup.cancel_restore": "A restore was cancelled.",
    "backup.verify": "Somebody asked for a backup to be verified.",
    "collector.remove": "A collector that does not run any more was forgotten.",
    "configuration.import": "The configuration of the site was taken from a file.",
    "configuration.revert": "The configuration of the site was taken back to an earlier version.",
    "configuration.update": "The configuration of the site was changed.",
    "connection.update": "A connection's settings or address were changed.",
    "device.create": "A device was added.",
    "device.delete": "A device was deleted, with or without its history.",
    "device.profile": "A device follows a profile now, or none any more.",
    "device.test": "The points of a device were read once, by `testDevice` or a button.",
    "device.update": "A device was changed.",
    "document.add": "A trusted document was registered.",
    "document.remove": "A trusted document was taken out.",
    "export.cancel": "An export in the background was cancelled, or its file removed.",
    "export.fetch": "Somebody fetched the file of an export that was made in the background.",
    "export.history": "Somebody took history as a file.",
    "export.start": "Somebody asked for history as a file, to be made in the background.",
    "field.cancel": "A scan was cancelled.",
    "field.probe": "Registers of a device were read in every type and byte order.",
    "field.scan": "Units and registers were looked for at an endpoint.",
    "field.sunspec": "The models of a SunSpec device were read.",
    "field.test_connection": "A device was read before it was saved.",
    "group.create": "A group was made.",
    "group.delete": "A group was deleted; its devices stay.",
    "group.update": "A group was changed, or devices came to it or left it.",
    "history.archive": "History was written into an archive, by the command line.",
    "history.import": "Readings were brought in from a file, by the command line.",
    "job.run": "A scheduled job was told to run at once.",
    "job.pause": "A scheduled job was paused.",
    "job.resume": "A paused job runs again.",
    "limit.delete": "Limits of a device's points were deleted.",
    "limit.set": "Points of a device got limits, or others of the same keys.",
    "limit.update": "A limit was changed.",
    "point.create": "Points were added to a device.",
    "point.delete": "Points were deleted with their readings.",
    "point.update": "A point was changed.",
    "profile.create": "A profile was made.",
    "profile.delete": "A profile was deleted; its devices keep their points.",
    "openid.refuse": "A provider vouched for somebody who has no account or no role here.",
    "openid.sign_in": "A person signed in by a provider.",
    "profile.update": "A profile was changed, and the devices that follow it.",
    "reading.write": "Somebody wrote readings of a point by hand.",
    "retention.run": "What was expired was erased at once, by the command line.",
    "token.create": "A key was made: an API token, or somebody signed in.",
    "token.revoke": "A key was revoked, or somebody signed out.",
    "session.begin": "A browser was signed in.",
    "session.end": "A browser was signed out.",
    "session.end_all": "All browsers of a person were signed out.",
    "session.renew": "A browser got a new key, after a change of rights.",
    "user.change_password": "A person chose another password.",
    "user.create": "Somebody got an account.",
    "user.delete": "An account was deleted.",
    "user.reset_password": "A person got a one-time password.",
    "user.sign_in": "A person signed in.",
    "user.sign_in_failed": "A sign-in was refused.",
    "user.sign_in_locked": "Sign-ins were locked for a while after failures.",
    "user.unlock": "A lock of sign-ins was taken away.",
    "user.update": "An account was changed: name, role, language, groups, whether it is enabled.",
    "webhook.create": "A target is told over HTTP what happens.",
    "webhook.delete": "A webhook was deleted with what waited for it.",
    "webhook.replay": "What a webhook was not told is tried again.",
    "webhook.test": "A webhook was sent a message to try it.",
    "webhook.update": "A webhook, or its secret, was changed.",
}
"""Every action that is recorded, with its meaning; docs/audit.md and the tests hold it to the code."""

_WHO = "actor, actor_kind, actor_id, token, address, client, transport, action"
INSERT_AUDIT = f"""-- ddms:insert_audit
INSERT INTO audit_log ({_WHO}, subject, before, after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""  # noqa: S608 - a constant
INSERT_AUDIT_OF_EACH = f"""-- ddms:insert_audit_of_each
INSERT INTO audit_log ({_WHO}, subject, before, after)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, subject, before, $11 FROM unnest($9::text[], $10::jsonb[]) AS each (subject, before)
"""  # noqa: S608 - a constant


async def record(
    statements: Statements,
    actor: Actor,
    action: str,
    subject: str,
    *,
    before: Any = None,
    after: Any = None,
) -> None:
    """Write one entry, in the transaction of the change; at its commit it is chained to the one before."""
    await statements.value(INSERT_AUDIT, *_who(actor), action, subject, before, after)


async def record_each(
    statements: Statements,
    actor: Actor,
    action: str,
    subjects: list[str],
    *,
    before: Sequence[Any] = (),
    after: Any,
) -> None:
    """Write one entry for each of many subjects, to which the same was done; `before` has what each of them was."""
    await statements.value(INSERT_AUDIT_OF_EACH, *_who(actor), action, subjects, list(before), after)


def _who(actor: Actor) -> tuple[str | None, ...]:
    return actor.name, actor.kind, actor.id, actor.token, actor.address, actor.client, actor.transport
