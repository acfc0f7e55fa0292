"""Webhooks as they are stored, and the statements that change them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, to_id
from api.webhooks.courier import CHANNEL, NOTE_WELL
from api.webhooks.sending import new_secret
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence
from ddms.targets import Targets

MOST_WEBHOOKS, MOST_URL = 100, 2_000
_COLUMNS = "name, url, alarm_events, device_states, priorities, group_id, enabled"
LOCK_WEBHOOK = f"-- ddms:lock_webhook\nSELECT {_COLUMNS}, version FROM webhooks WHERE id = $1 FOR UPDATE"
COUNT_WEBHOOKS = "-- ddms:count_webhooks\nSELECT count(*) FROM webhooks"
INSERT_WEBHOOK = f"""-- ddms:insert_webhook
INSERT INTO webhooks ({_COLUMNS}, secret, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id
"""  # noqa: S608 - a constant
UPDATE_WEBHOOK = """-- ddms:update_webhook
UPDATE webhooks SET name = $2, url = $3, alarm_events = $4, device_states = $5, priorities = $6, group_id = $7, enabled = $8,
       version = version + 1, updated_at = now(), next_at = NULL,
       old_secret = CASE WHEN $9::text IS NULL THEN old_secret ELSE secret END,
       old_until = CASE WHEN $9::text IS NULL THEN old_until ELSE now() + interval '1 day' END, secret = coalesce($9, secret)
 WHERE id = $1
"""
DELETE_WEBHOOK = "-- ddms:delete_webhook\nDELETE FROM webhooks WHERE id = $1"
FIND_GROUP = "-- ddms:find_group_of_webhook\nSELECT 1 FROM groups WHERE id = $1 FOR KEY SHARE"
REPLAY = """-- ddms:replay_deliveries
WITH woken AS (UPDATE webhook_deliveries SET state = 'waiting', expires_at = now() + interval '1 day', attempts = 0
 WHERE webhook_id = $1 AND state = 'dead' AND ($2::bigint[] IS NULL OR id = any($2)) RETURNING 1)
SELECT count(*) FROM woken
"""
TRY_NOW = "-- ddms:try_webhook_now\nUPDATE webhooks SET next_at = NULL WHERE id = $1"
TELL = "-- ddms:tell_of_webhooks\nSELECT pg_notify(channel($1), '')"


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A webhook as it shall be stored."""

    name: str
    url: str
    alarm_events: Sequence[str]
    device_states: bool
    priorities: Sequence[str] | None
    group_id: int | None
    enabled: bool

    def checked(self, targets: Iterable[str], url: str = "") -> "Webhook":
        """Return it in its one spelling; raises INVALID and FORBIDDEN. `url`: the address that it has already."""
        name = inputs.fit(inputs.name, self.name, "name")
        if self.url != url:
            check_url(self.url, Targets.of(targets))
        if not self.alarm_events and not self.device_states:
            raise DdmsError(
                Code.INVALID, "say what it shall tell: alarmEvents, deviceStates or both", field="alarm_events"
            )
        wanted = {f.name: getattr(self, f.name) for f in fields(self)}
        priorities = None if self.priorities is None else sorted(self.priorities)
        return Webhook(**wanted | {"name": name, "alarm_events": sorted(self.alarm_events), "priorities": priorities})

    @property
    def audited(self) -> dict[str, Any]:
        """What the audit says of it; where it leads without its path, which may be a secret."""
        parts = urlsplit(self.url)
        return vars(self) | {"url": f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}/…"}


def check_url(url: str, targets: Targets) -> None:
    """Refuse an address that is none, or that the owner of the server does not allow."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        right = parts.scheme in {"http", "https"} and host and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        right = False
    if not right or len(url) > MOST_URL or parts.username is not None or parts.fragment:
        sentence = Sentence(
            "write an address as https://host/path, at most {} characters, without a name and a password", MOST_URL
        )
        raise DdmsError(Code.INVALID, sentence, field="url")
    if not targets.may_name(host or ""):
        sentence = Sentence(
            "webhooks may not lead to {}: the owner of the server allows hosts and networks by DDMS_WEBHOOK_TARGETS",
            host,
        )
        raise DdmsError(Code.FORBIDDEN, sentence, field="url")


async def create_webhook(statements: Statements, actor: Actor, wanted: Webhook) -> tuple[int, str]:
    """Store a webhook; return its number and the secret that signs what it is sent."""
    if await statements.value(COUNT_WEBHOOKS) >= MOST_WEBHOOKS:
        raise DdmsError(Code.INVALID, Sentence("there are at most {} webhooks", MOST_WEBHOOKS))
    await _check_group(statements, wanted.group_id)
    secret = new_secret()
    number: int = await statements.value(INSERT_WEBHOOK, *_row(wanted), secret, actor.name)
    await audit.record(statements, actor, "webhook.create", to_id(IdKind.WEBHOOK, number), after=wanted.audited)
    await statements.value(TELL, CHANNEL)
    return number, secret


async def change_webhook(
    statements: Statements,
    actor: Actor,
    number: int,
    changes: dict[str, Any],
    *,
    version: int | None,
    targets: Iterable[str],
) -> str | None:
    """Change what is named, and the secret when `rotate_secret` is; return the new one. The old one signs too, for a day."""
    row = await _locked(statements, number)
    if version not in {None, row["version"]}:
        sentence = Sentence("somebody changed the webhook meanwhile (version {}): read it again", row["version"])
        raise DdmsError(Code.CONFLICT, sentence, field="version")
    secret = new_secret() if changes.pop("rotate_secret", False) else None
    before = Webhook(**{name: row[name] for name in _COLUMNS.split(", ")})
    after = Webhook(**vars(before) | changes).checked(targets, before.url)
    if "group_id" in changes:
        await _check_group(statements, after.group_id)
    await statements.value(UPDATE_WEBHOOK, number, *_row(after), secret)
    told = after.audited | {"url_changed": after.url != before.url, "secret_rotated": secret is not None}
    await audit.record(
        statements, actor, "webhook.update", to_id(IdKind.WEBHOOK, number), before=before.audited, after=told
    )
    await statements.value(TELL, CHANNEL)
    return secret


async def delete_webhook(statements: Statements, actor: Actor, number: int) -> None:
    """Delete a webhook with what it was told and what waits."""
    row = await _locked(statements, number)
    before = Webhook(**{name: row[name] for name in _COLUMNS.split(", ")})
    await statements.value(DELETE_WEBHOOK, number)
    await audit.record(statements, actor, "webhook.delete", to_id(IdKind.WEBHOOK, number), before=before.audited)


async def replay(statements: Statements, actor: Actor, number: int, deliveries: list[int] | None) -> int:
    """Let what is dead wait again, all of it or these; return how many those are. They keep their keys and their order."""
    await _locked(statements, number)
    count: int = await statements.value(REPLAY, number, deliveries)
    await statements.value(TRY_NOW, number)
    await audit.record(statements, actor, "webhook.replay", to_id(IdKind.WEBHOOK, number), after={"deliveries": count})
    await statements.value(TELL, CHANNEL)
    return count


async def note_well(statements: Statements, number: int) -> None:
    """Write down that a target takes messages again: what waits is sent at once."""
    await statements.value(NOTE_WELL, number)
    await statements.value(TELL, CHANNEL)


def _row(webhook: Webhook) -> tuple[Any, ...]:
    return tuple(getattr(webhook, name) for name in _COLUMNS.split(", "))


async def _check_group(statements: Statements, group: int | None) -> None:
    if group is not None and not await statements.value(FIND_GROUP, group):
        sentence = Sentence("there is no {} {}: it may have been deleted", "group", to_id(IdKind.GROUP, group))
        raise DdmsError(Code.NOT_FOUND, sentence, field="group")


async def _locked(statements: Statements, number: int) -> Row:
    row = await statements.row(LOCK_WEBHOOK, number)
    if row is None:
        sentence = Sentence("there is no {} {}: it may have been deleted", "webhook", to_id(IdKind.WEBHOOK, number))
        raise DdmsError(Code.NOT_FOUND, sentence, field="id")
    return row
