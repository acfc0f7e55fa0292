"""Webhooks and what they were told, and the mutations' inputs."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, input_type, output_type, resolver
from api.graphql.pages import After, Before, Connection, Descending, First, Last, Listing, Page
from api.graphql.payloads import UserError
from api.ground.database import Row
from api.ground.ids import IdKind, from_id, to_id
from ddms.alarms import Event, Priority

_URL = "Where it leads: `https://host/path`, to a host or network of the server's setting DDMS_WEBHOOK_TARGETS."
_EVENTS = "Which events of alarms it is told of; those of `alarmJournal`."
_STATES = "Whether it is told when a device comes online, goes offline, has errors, is disabled."
_PRIORITIES = "Of which priorities the alarms are; null: of all."
_GROUP = "Of the devices of which group, and of the connections that they are behind; null: of all."


class DeliveryState(StrEnum):
    """What became of a message."""

    WAITING = "waiting"
    DONE = "done"
    DEAD = "dead"


describe_enum(
    DeliveryState,
    name="DeliveryState",
    description="What became of a message to a webhook.",
    values={
        "WAITING": "It has its turn when those before it are done; a target that fails is tried again, with growing pauses.",
        "DONE": "The target took it (an answer of 200 to 299).",
        "DEAD": "Given up: it was not taken within a day, or the target refused it three times as wrong. replayWebhookDeliveries tries it again.",
    },
)


class _Order(StrEnum):
    QUEUED = "queued"


_DELIVERY = "SELECT d.*, d.id AS queued FROM webhook_deliveries d"
DELIVERIES: Listing["WebhookDelivery"] = Listing(
    "webhook_deliveries",
    f"{_DELIVERY} WHERE d.webhook_id = $1 AND ($2::text[] IS NULL OR d.state = any($2))",
    parameters=2,
    orders={_Order.QUEUED: ("queued", "bigint")},
)
LIST_WEBHOOKS = """-- ddms:list_webhooks
SELECT w.*, g.name AS group_name,
       (SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.state = 'waiting') AS waiting,
       (SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.state = 'dead') AS dead,
       (SELECT to_jsonb(d) FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.tried_at IS NOT NULL ORDER BY d.tried_at DESC LIMIT 1) AS last_delivery
  FROM webhooks w LEFT JOIN groups g ON g.id = w.group_id WHERE $1::int IS NULL OR w.id = $1 ORDER BY lower(w.name)
"""


@output_type
class WebhookDelivery:
    """A message to a webhook, and what became of it."""

    id: strawberry.ID = field(description="Opaque and stable, `whd_12`.")
    event_id: str = field(description="The header Webhook-Id: the same however often it is sent.")
    type: str = field(description="What happened: `alarm.raised`, `device.state`.")
    body: str = field(description="The message, as it is sent.")
    state: DeliveryState = field(description="What became of it.")
    created_at: datetime = field(description="When it was queued.")
    expires_at: datetime = field(description="Until when it is tried.")
    attempts: int = field(description="How often it was sent.")
    tried_at: datetime | None = field(description="When it was sent last.")
    status: int | None = field(description="The status of the last answer; null when none came.")
    error: str | None = field(description="Why the last attempt failed; null when it did not.")
    seconds: float | None = field(description="How long the last attempt took.")

    @classmethod
    def of(cls, row: Row | dict[str, Any]) -> "WebhookDelivery":
        """Make it of its row."""
        return cls(
            id=to_id(IdKind.DELIVERY, row["id"]),
            event_id=row["event"],
            state=DeliveryState(row["state"]),
            **{name: _time(row[name]) for name in ("created_at", "expires_at", "tried_at")},
            **{name: row[name] for name in ("type", "body", "attempts", "status", "error", "seconds")},
        )


def _time(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


@output_type
class Webhook:
    """A target that is told over HTTP what happens, signed, in order, at least once (docs/webhooks.md)."""

    id: strawberry.ID = field(description="Opaque and stable, `wh_3`.")
    name: str = field(description="Unique; upper and lower case are the same.")
    url: str = field(description=_URL)
    alarm_events: list[Event] = field(description=_EVENTS)
    device_states: bool = field(description=_STATES)
    priorities: list[Priority] | None = field(description=_PRIORITIES)
    group_id: strawberry.ID | None = field(description=_GROUP)
    group_name: str | None = field(description="The group's name.")
    enabled: bool = field(description="Whether it is told; what happens meanwhile is not queued.")
    old_secret_until: datetime | None = field(
        description="Until when what is sent is signed by the secret before, too."
    )
    failing_since: datetime | None = field(description="Since when it takes nothing; null: the last message was taken.")
    last_error: str | None = field(description="Why it does not.")
    next_attempt_at: datetime | None = field(description="When it is tried again; null: at once.")
    waiting: int = field(description="How many messages wait, at most 100,000.")
    dead: int = field(description="How many were given up in the last two weeks.")
    lost: int = field(description="How many found no room in the queue and were never sent; alarmJournal has them.")
    last_delivery: WebhookDelivery | None = field(description="What was sent last.")
    created_by: str = field(description="Who made it, by name.")
    created_at: datetime = field(description="When it was made.")
    updated_at: datetime = field(description="When it was last changed.")
    version: int = field(description="Grows with each change; updateWebhook may ask for it.")

    @classmethod
    def of(cls, row: Row) -> "Webhook":
        """Make it of its row."""
        return cls(
            id=to_id(IdKind.WEBHOOK, row["id"]),
            alarm_events=[Event(one) for one in row["alarm_events"]],
            priorities=None if row["priorities"] is None else [Priority(one) for one in row["priorities"]],
            group_id=None if row["group_id"] is None else to_id(IdKind.GROUP, row["group_id"]),
            old_secret_until=row["old_until"],
            next_attempt_at=row["next_at"],
            last_delivery=row["last_delivery"] and WebhookDelivery.of(row["last_delivery"]),
            **{name: row[name] for name in _AS_THEY_ARE},
        )


_AS_THEY_ARE = (
    "name", "url", "device_states", "group_name", "enabled", "failing_since", "last_error", "waiting", "dead", "lost", "created_by",
    "created_at", "updated_at", "version",
)  # fmt: skip


@input_type
class WebhookInput:
    """A webhook, as it shall be."""

    name: str = field(description="1 to 120 characters, unique; upper and lower case are the same.")
    url: str = field(description=_URL)
    alarm_events: list[Event] = field(default_factory=lambda: [Event.RAISED, Event.CLEARED], description=_EVENTS)
    device_states: bool = field(default=True, description=_STATES)
    priorities: list[Priority] | None = field(default=None, description=_PRIORITIES)
    group: strawberry.ID | None = field(default=None, description=_GROUP)
    enabled: bool = field(default=True, description="Whether it is told.")


@input_type
class WebhookChanges:
    """What shall be different; what is left out stays."""

    name: str | None = field(default=strawberry.UNSET, description="1 to 120 characters, unique.")
    url: str | None = field(default=strawberry.UNSET, description=_URL)
    alarm_events: list[Event] | None = field(default=strawberry.UNSET, description=_EVENTS)
    device_states: bool | None = field(default=strawberry.UNSET, description=_STATES)
    priorities: list[Priority] | None = field(default=strawberry.UNSET, description=_PRIORITIES)
    group: strawberry.ID | None = field(default=strawberry.UNSET, description=_GROUP)
    enabled: bool | None = field(default=strawberry.UNSET, description="Whether it is told.")
    rotate_secret: bool | None = field(
        default=strawberry.UNSET,
        description="Make a new secret, which the answer shows once. For a day what is sent is signed by both.",
    )


@output_type
class WebhookPayload:
    """The answer of createWebhook and updateWebhook."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    webhook: Webhook | None = field(default=None, description="As it is now; null when there were errors.")
    secret: str | None = field(
        default=None, description="What signs the messages, `whsec_…`: shown this once; null when it was not made anew."
    )


@output_type
class DeleteWebhookPayload:
    """The answer of deleteWebhook."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    deleted_id: strawberry.ID | None = field(
        default=None, description="The webhook that is gone; null when there were errors."
    )


@output_type
class TestWebhookPayload:
    """The answer of testWebhook."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was sent.")
    taken: bool = field(default=False, description="Whether the target took it.")
    status: int | None = field(default=None, description="The status of the answer; null when none came.")
    reason: str | None = field(default=None, description="Why it did not take it.")
    seconds: float | None = field(default=None, description="How long it took.")


@output_type
class ReplayWebhookPayload:
    """The answer of replayWebhookDeliveries."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    replayed: int | None = field(default=None, description="How many wait again; null when there were errors.")


@strawberry.type
class WebhookQueries:
    """Queries about webhooks."""

    @resolver
    async def webhooks(self, info: Info) -> list[Webhook]:
        """All webhooks, at most 100, by name."""
        return [Webhook.of(row) for row in await info.context.database.rows(LIST_WEBHOOKS, None)]

    @resolver
    async def webhook_deliveries(
        self,
        info: Info,
        *,
        webhook: Annotated[strawberry.ID, argument("Of which webhook.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        states: Annotated[list[DeliveryState] | None, argument("Only those of which this became.")] = None,
        descending: Descending = True,
    ) -> Connection[WebhookDelivery]:
        """What a webhook was and will be told, a page at a time, the newest first; kept for two weeks."""
        page = Page(first=first, after=after, last=last, before=before, order=_Order.QUEUED, descending=descending)
        number = from_id(IdKind.WEBHOOK, webhook, "webhook")
        return await DELIVERIES.page(
            info.context.database, page, (number, states), lambda rows: [WebhookDelivery.of(row) for row in rows]
        )


async def by_number(info: Info, number: int) -> Webhook | None:
    """Return a webhook, or None when it is gone."""
    row = await info.context.database.row(LIST_WEBHOOKS, number)
    return row and Webhook.of(row)
