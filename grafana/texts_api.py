"""The words of the API's dashboard."""

from grafana.texts import Words

_NO_METRICS = "No metrics: does Prometheus run, and does it reach the API's /metrics? (docs/monitoring.md)"
_NOBODY_ASKED = "Nobody asked anything in this time. (If other panels are empty too: does Prometheus run, and does it reach the API?)"

RATE = Words("Each second", "Queries and mutations, of all replicas together.", _NO_METRICS)
P99 = Words("99 % within", "How long queries and mutations take, but for the slowest hundredth.", _NOBODY_ASKED)
FAILED = Words(
    "Failed",
    "Share of operations that were refused or whose answer held errors, also by a caller's own mistake.",
    _NOBODY_ASKED,
)
IN_FLIGHT = Words("In flight", "Operations that are being executed now, over HTTP.", _NO_METRICS)
SUBSCRIPTIONS = Words("Subscriptions", "Subscriptions that are being served now.", _NO_METRICS)
SLOW = Words(
    "Slow", "Operations over a second, in the chosen time; each is in the log with its document's hash.", _NO_METRICS
)
RATES = Words(
    "Operations by name",
    "The ten most frequent. Without a name, or without a token, an operation counts under its root field.",
    _NOBODY_ASKED,
)
DURATIONS = Words(
    "Duration", "Half of the operations take at most the lower line, 99 of 100 the upper one.", _NOBODY_ASKED
)
OPERATIONS = Words(
    "Operations",
    "Each operation in the chosen time: how often, how long, what it costs (extensions.cost), how often it failed. "
    "unknown, refused: requests without a readable document.",
    _NOBODY_ASKED,
)
ERRORS = Words(
    "Errors by code",
    "Errors in answers; INTERNAL is a fault of DDMS and in its log.",
    "No error in this time. (If other panels are empty too: does Prometheus run, and does it reach the API?)",
)
COST = Words("Cost a second", "The ten operations that ask for most; a unit is one field of one object.", _NOBODY_ASKED)
FOLLOWERS = Words(
    "Subscribers",
    "Subscriptions, how many of them differ (each of these is executed once), and the connections that carry them.",
    _NO_METRICS,
)
MESSAGES = Words(
    "Messages a second",
    "Readings heard from the collectors, messages to subscribers, and how often one who read too slowly was skipped forward.",
    _NO_METRICS,
)
LAG = Words(
    "From reading to subscriber",
    "From the newest reading of a flush to the subscribers' queues. The promise for the whole way is 250 ms.",
    "No readings came in this time: does a collector run? (If other panels are empty too: does Prometheus run, and does it reach the API?)",
)
WAITING = Words(
    "What waits for clients",
    "Bytes of messages and of large answers that their clients have not read yet.",
    _NO_METRICS,
)
STATEMENTS = Words(
    "Time in the database",
    "The ten statements that take most, by the name they begin with: seconds each second.",
    _NO_METRICS,
)
CONNECTIONS = Words(
    "Connections to the database",
    "Connections of the pool, and operations that wait for one: more than 0 for long is too much load.",
    _NO_METRICS,
)
MEMORY = Words("Memory", "Resident memory of each replica.", _NO_METRICS)
CPU = Words("CPU", "Cores that each replica uses; it can use one.", _NO_METRICS)
