"""The words of notifications: what an alarm is called, and how a message says it."""

KINDS = {"low_low": "low-low", "low": "low", "high": "high", "high_high": "high-high"}
"""Kinds of limits that are levels."""

PRIORITIES = {"critical": "critical", "high": "high", "medium": "medium", "low": "low"}

PHRASES = {
    "limit": "limit",
    "deviates": "is off by",
    "changes": "changes too fast:",
    "within": "within",
    "offline": "does not answer",
    "nothing": "nothing behind it answers",
    "cleared": "cleared",
    "withdrawn": "withdrawn",
    "acknowledged": "acknowledged",
    "shelved": "shelved",
    "suppressed": "explained by",
    "out_of_service": "in maintenance",
    "until": "until",
    "by": "by",
    "colon": ": ",
    "minutes": " min",
    "seconds": " s",
}
"""What SQL puts together into titles and ends."""

MESSAGES = {
    "flood": "flood",
    "escalated": "escalated",
    "ended": "no longer calling",
    "alarms": "alarms",
    "recovered": "recovered",
    "priority": "Priority",
    "since": "since",
    "groups": "groups",
    "now": "Now",
    "why": "Cause",
    "consequence": "Consequence",
    "action": "What to do",
    "within": "Within",
    "note": "Detail",
    "look": "Acknowledge or shelve",
    "history": "What happened",
    "device": "Device at that time",
    "and": ", ",
    "more": "and %d more",
    "all": "All alarms",
    "unknown": "calls no more; the alarm's page says why",
    "nobody": "Nobody has acknowledged this alarm.",
}
"""What the templates of messages say."""

WATCH = {
    "database": (
        "Grafana cannot ask the database for alarms",
        "No alarm is notified until the database answers again.",
        "See whether the server runs, `docker compose ps`, and its log.",
    ),
    "standstill": (
        "Alarms are not judged: no collector reports",
        "Readings and alarms stand still since then.",
        "See whether a collector runs: `docker compose logs collector`.",
    ),
    "heartbeat": ("Grafana evaluates its rules", "", ""),
}
"""Title, consequence and what to do of the rules that watch the watching itself."""
