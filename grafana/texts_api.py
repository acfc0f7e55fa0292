"""The words of the API's dashboard."""

from grafana.texts import NO_NUMBER, Words

_NO_METRICS = "No metrics: does Prometheus run, and does it reach the API's /metrics? (docs/monitoring.md)"

_ALL_EMPTY = "(If other panels are empty too: does Prometheus run, and does it reach the API?)"

_NOBODY_ASKED = f"Nobody asked anything in this time. {_ALL_EMPTY}"

RATE = Words("Each second", "Queries and mutations, of all replicas together.", NO_NUMBER)
P99 = Words("99 % within", "How long queries and mutations take, but for the slowest hundredth.", NO_NUMBER)
FAILED = Words("Failed|share", "Share of operations that were refused or whose answer held errors, also by a caller's own mistake.", NO_NUMBER)  # fmt: skip
IN_FLIGHT = Words("In flight", "Operations that are being executed now, over HTTP.", NO_NUMBER)
SUBSCRIPTIONS = Words("Subscriptions", "Subscriptions that are being served now.", NO_NUMBER)
SLOW = Words("Slow", "Operations over a second, in the chosen time; each is in the log with its document's hash.", NO_NUMBER)  # fmt: skip
RATES = Words("Operations by name", "The ten most frequent. Without a name, or without a token, an operation counts under its root field.", _NOBODY_ASKED)  # fmt: skip
DURATIONS = Words(
    "Duration", "Half of the operations take at most the lower line, 99 of 100 the upper one.", _NOBODY_ASKED
)
OPERATIONS = Words("Operations", "Each operation in the chosen time: how often, how long, what it costs (extensions.cost), how often it failed. "
          "unknown, refused: requests without a readable document.", _NOBODY_ASKED)  # fmt: skip
OPERATION_KINDS = {
    "query": "query",
    "mutation": "mutation",
    "subscription": "subscription",
    "unknown": "unknown",
}
REFUSED = {"refused": "refused|request"}
ERRORS = Words("Errors by place and code", "What callers were told: where they met it, and its code; INTERNAL is a fault of DDMS and in its log.", f"No error in this time. {_ALL_EMPTY}")  # fmt: skip
COST = Words("Cost a second", "The ten operations that ask for most; a unit is one field of one object.", _NOBODY_ASKED)
FOLLOWERS = Words("Subscribers", "Subscriptions, how many of them differ (each of these is executed once), and the connections that carry them.", _NO_METRICS)  # fmt: skip
FOLLOWER_LINES = {
    "subscriptions": "subscriptions",
    "broadcasts": "different ones",
    "websockets": "websockets",
    "event_streams": "event streams",
}
MESSAGES = Words("Messages a second", "Readings heard from the collectors, messages to subscribers, and how often one who read too slowly was skipped forward.", _NO_METRICS)  # fmt: skip
MESSAGE_LINES = {
    "readings": "readings",
    "messages": "messages",
    "skipped": "skipped forward",
}
LAG = Words("From reading to subscriber", "From the newest reading of a flush to the subscribers' queues. The promise for the whole way is 250 ms.",
          f"No readings came in this time: does a collector run? {_ALL_EMPTY}")  # fmt: skip
WAITING = Words(
    "What waits for clients",
    "Bytes of messages and of large answers that their clients have not read yet.",
    _NO_METRICS,
)
QUEUED, UNREAD = "messages", "large answers"
STATEMENTS = Words("Time in the database", "The ten statements that take most, by the name they begin with: seconds each second.", _NO_METRICS)  # fmt: skip
CONNECTIONS = Words("Connections to the database", "Connections of the pool, and operations that wait for one: more than 0 for long is too much load.", _NO_METRICS)  # fmt: skip
CONNECTION_STATES = {"idle": "idle", "busy": "busy|connection"}
WAITING_OPERATIONS = "operations that wait"
MEMORY = Words("Memory", "Resident memory of each replica.", _NO_METRICS)
CPU = Words("CPU", "Cores that each replica uses; it can use one.", _NO_METRICS)

_ALL_EDGE = "(If all panels of the edge are empty: does the service `edge` run? docs/monitoring.md)"
_NO_EDGE = f"Nobody asked through the edge in this time. {_ALL_EDGE}"

EDGE_REQUESTS = Words(
    "Edge: requests a second",
    "What browsers and programs ask of nginx, by place. Health checks are not among them.",
    _NO_EDGE,
)
EDGE_SECONDS = Words("Edge: 99 % within", "From the first byte of a request to the last of its answer, but for the slowest hundredth; without websockets.", _NO_EDGE)  # fmt: skip
EDGE_STATUS = Words("Edge: answers by status", "All answers by their HTTP status.", _NO_EDGE)
EDGE_REFUSED = Words("Edge: refused by the limits (429)", "Requests beyond the limit of their address, by place: who they come from is in the edge's log.", f"Nobody was refused in this time. {_ALL_EDGE}")  # fmt: skip
EDGE_FAILED = Words("Edge: failed (5xx)", "Answers that say that something behind the edge is away or broken, by place and status; 400 of grafana_query are panels that failed.", f"Nothing failed in this time. {_ALL_EDGE}")  # fmt: skip
EDGE_BYTES = Words("Edge: sent", "Bytes a second to clients, by place.", _NO_EDGE)

_NO_WEBHOOKS = "No webhook is enabled; `createWebhook` makes one (docs/webhooks.md)."

WEBHOOKS_WAITING = Words("Webhooks: what waits", "Messages that wait for each target, at most 100,000, and those that were given up in two weeks; `replayWebhookDeliveries` sends these again.", _NO_WEBHOOKS)  # fmt: skip
WEBHOOKS_OLDEST = Words("Webhooks: the oldest", "How long the oldest message of each target waits. It is given up after a day.", _NO_WEBHOOKS)  # fmt: skip
WEBHOOKS_TOLD = Words("Webhooks: told", "Messages each second: taken by their target, failed and tried again, given up.", _NO_WEBHOOKS)  # fmt: skip
WEBHOOK_DEAD = "given up"
WEBHOOK_OUTCOMES = {"done": "taken|message", "failed": "tried again", "dead": "given up"}
