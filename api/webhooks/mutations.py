"""Changes of webhooks through GraphQL: validated, audited, in one transaction each."""

import secrets
from datetime import UTC, datetime
from typing import Annotated

import orjson
import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, given
from api.graphql.messages import told
from api.graphql.payloads import mutation
from api.graphql.versions import OptionalVersion
from api.ground import audit
from api.ground.ids import IdKind, from_id, from_ids, to_id
from api.webhooks import store
from api.webhooks.sending import Sender
from api.webhooks.types import (
    DeleteWebhookPayload,
    ReplayWebhookPayload,
    TestWebhookPayload,
    WebhookChanges,
    WebhookInput,
    WebhookPayload,
    by_number,
)
from ddms.errors import Code, DdmsError, Sentence

MOST_REPLAYED = 1_000
READ_TARGET = """-- ddms:read_webhook_target
SELECT url, array_remove(array[secret, CASE WHEN old_until > now() THEN old_secret END], NULL) AS keys FROM webhooks WHERE id = $1
"""


@strawberry.type
class WebhookMutations:
    """Changes of webhooks."""

    @mutation
    async def create_webhook(
        self,
        info: Info,
        input: Annotated[WebhookInput, argument("The webhook.")],  # noqa: A002 - GraphQL's word
    ) -> WebhookPayload:
        """Have a target told over HTTP what happens from now on. The secret that signs the messages is shown this once."""
        wanted = store.Webhook(
            **{
                name: getattr(input, name)
                for name in ("name", "url", "alarm_events", "device_states", "priorities", "enabled")
            },
            group_id=None if input.group is None else from_id(IdKind.GROUP, input.group, "group"),
        ).checked(info.context.settings.webhook_targets)
        async with info.context.database.transaction() as statements:
            number, secret = await store.create_webhook(statements, info.context.actor, wanted)
        return WebhookPayload(webhook=await by_number(info, number), secret=secret)

    @mutation
    async def update_webhook(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The webhook.")],  # noqa: A002 - GraphQL's word
        changes: Annotated[WebhookChanges, argument("What shall be different.")],
        version: OptionalVersion = None,
    ) -> WebhookPayload:
        """Change a webhook, or its secret; what is not named stays. A target that failed is tried at once."""
        number = from_id(IdKind.WEBHOOK, id)
        wanted = given(changes, nullable={"priorities", "group"})
        if "group" in wanted:
            group = wanted.pop("group")
            wanted["group_id"] = None if group is None else from_id(IdKind.GROUP, group, "group")
        async with info.context.database.transaction() as statements:
            secret = await store.change_webhook(
                statements,
                info.context.actor,
                number,
                wanted,
                version=version,
                targets=info.context.settings.webhook_targets,
            )
        return WebhookPayload(webhook=await by_number(info, number), secret=secret)

    @mutation
    async def delete_webhook(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The webhook.")],  # noqa: A002 - GraphQL's word
    ) -> DeleteWebhookPayload:
        """Delete a webhook with what waits for it."""
        number = from_id(IdKind.WEBHOOK, id)
        async with info.context.database.transaction() as statements:
            await store.delete_webhook(statements, info.context.actor, number)
        return DeleteWebhookPayload(deleted_id=id)

    @mutation
    async def test_webhook(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The webhook.")],  # noqa: A002 - GraphQL's word
    ) -> TestWebhookPayload:
        """Send a message of the type `webhook.test` at once, past the queue, and say how the target answered."""
        number = from_id(IdKind.WEBHOOK, id)
        async with info.context.database.transaction() as statements:
            row = await statements.row(READ_TARGET, number)
            if row is None:
                sentence = Sentence("there is no {} {}: it may have been deleted", "webhook", id)
                raise DdmsError(Code.NOT_FOUND, sentence, field="id")
            await audit.record(statements, info.context.actor, "webhook.test", to_id(IdKind.WEBHOOK, number))
        body = {"type": "webhook.test", "timestamp": datetime.now(UTC), "data": {"webhookId": id}}
        sender = Sender(info.context.settings.webhook_targets)
        try:
            sent = await sender.send(row["url"], row["keys"], f"test_{secrets.token_hex(8)}", orjson.dumps(body))
        finally:
            await sender.close()
        if sent.error is None:
            async with info.context.database.transaction() as statements:
                await store.note_well(statements, number)
        reason = sent.error and told(sent.error)
        return TestWebhookPayload(taken=reason is None, status=sent.status, reason=reason, seconds=sent.seconds)

    @mutation
    async def replay_webhook_deliveries(
        self,
        info: Info,
        webhook: Annotated[strawberry.ID, argument("The webhook.")],
        deliveries: Annotated[
            list[strawberry.ID] | None, argument(f"Which of the dead, at most {MOST_REPLAYED:,}; all when left out.")
        ] = None,
    ) -> ReplayWebhookPayload:
        """Try again, for another day, what was given up. It keeps its Webhook-Id, and comes before what happened later."""
        number = from_id(IdKind.WEBHOOK, webhook, "webhook")
        chosen = None if deliveries is None else from_ids(IdKind.DELIVERY, deliveries, "deliveries", MOST_REPLAYED)
        async with info.context.database.transaction() as statements:
            count = await store.replay(statements, info.context.actor, number, chosen)
        return ReplayWebhookPayload(replayed=count)
