"""What several dashboards say, in English: states, columns, variables, links. Other languages are in `ddms/languages`.

What only one kind of dashboards says is beside it: `texts_plant.py`, `texts_alarms.py`, `texts_api.py`, `texts_jobs.py`,
`inner_texts.py`; what the database says is in `ddms/languages/sentences.py`. What stands behind a `|` tells a translator which meaning it is.
"""

from typing import NamedTuple


class Words(NamedTuple):
    """What a panel says: its title, what it means, and what stands there when it has nothing to show."""

    title: str
    description: str
    empty: str


class Button(NamedTuple):
    """What a button says, and what is asked before it does anything."""

    title: str
    confirmation: str


IMPORT = "`ddms devices export plant.csv` writes the table, fill it in (docs/import.md), `ddms devices import plant.csv` takes it."
"""How devices, points, groups and limits come into DDMS: both commands work as they stand here, also with nothing in the database."""

FLEET_TITLE = "Fleet"
FLEET_DESCRIPTION = "All devices: which answer, which do not, and what is wrong now."
DEVICE_TITLE = "Device"
DEVICE_DESCRIPTION = "One device: how it does, its latest readings, their history and their quality."
HISTORY_TITLE = "History"
HISTORY_DESCRIPTION = "Points of several devices over any time: each reading when there is room for it, else means with the lowest and highest."
GROUP_TITLE = "Group"
GROUP_DESCRIPTION = "The devices of a group: how they do, their values side by side, their trends."
STORAGE_TITLE = "Storage"
STORAGE_DESCRIPTION = "What is stored in how many bytes, what will be erased because it is expired, what was erased."
API_TITLE = "API"
API_DESCRIPTION = (
    "The GraphQL API: what is asked, how long it takes, what it costs, what fails, who follows, what waits."
)
AUDIT_TITLE = "Audit"
AUDIT_DESCRIPTION = "Who changed what of the plant, and whether that record is still as it was written."
ALL_DEVICES = "All devices"
SHOW_CONSUMPTION = "Consumption"
SHOW_REPORT = "Report"
SHOW_HISTORY = "History"
SHOW_ALARMS_NOW = "Alarms now"
OPEN_TREND = "History of ${__data.fields.point}"
EXPORT = "Export"
OPEN_GROUP = "Open ${__data.fields.group_name}"
OPEN_DEVICE = "Open ${__data.fields.device}"
OPEN_DEVICE_OF_LINE = "Open ${__field.labels.point}"
SHOW_STATE = "Show these devices"
OPEN_ALARMS = "Alarms of ${__data.fields.device}"
OPEN_ALARMS_HERE = "Alarms of this device"
SHOW_ALARMS = "Show these alarms"

STATE_FILTER = ("State", "Shows devices in these states")
SEARCH = ("Search", "Part of a device's name or endpoint")
DEVICE = ("Device", "The device shown; type to search")
POINTS = ("Points", "The points in the trends; type to search")
DEVICES_SHOWN = ("Devices", "The devices whose points can be chosen; type to search")
NOUN = ("What", "Shows changes of these")
SEARCH_CHANGES = ("Search", "Part of the name of what was changed, or of who changed it")
GROUP = ("Group", "The group shown; type to search")
KEYS = ("Trends of", "Which points of the members are drawn")
UNIT = ("Unit", "One trend for each unit")
ALARMS_DRAWN = ("Alarms", "Which alarms the trends show, as bars from raised to cleared")
ANNOTATIONS = "Annotations"
OF_SITE = "the whole site"
WRITTEN_BY = "written by"
COMPARE = ("Compare with", "Draws the same points at the same time of an earlier day as well, dotted")
COMPARED = {"none": "nothing", "day": "yesterday", "week": "a week ago"}
HEAT = ("Heat map of", "The point whose hours and days are shown side by side")
HEAT_DAYS = ("over|days", "How many days the heat map shows")
DAYS = {"14d": "14 days", "28d": "28 days", "91d": "91 days"}
DRAWN = {"all": "all", "urgent": "critical and high", "none": "none"}

STATES = {
    "online": "online",
    "error": "error",
    "offline": "offline",
    "disabled": "disabled",
    "unknown": "unknown",
}
QUALITIES = {
    "good": "good|quality",
    "uncertain": "uncertain",
    "bad": "bad",
    "stale": "too old",
    "none": "not read yet",
    "disabled": "disabled",
}
COLLECTOR_STATES = {"running": "running", "silent": "silent"}
RUN_STATES = {
    "done": "done",
    "running": "running",
    "pending": "waiting",
    "interrupted": "cut off",
    "failed": "failed",
}
TEST_OUTCOMES = {
    "good": "good",
    "partly": "in part",
    "failed": "failed",
    "running": "running|test",
}
SWITCHES = {"0": "off", "1": "on", "0.5": "on and off"}
SWITCH_SHOWN = {"off": "off", "on": "on"}

PRIORITIES = {
    "critical": "critical",
    "high": "high",
    "medium": "medium",
    "low": "low",
}
LIMIT_KINDS = {
    "low_low": "Low-low",
    "low": "Low|limit",
    "high": "High|limit",
    "high_high": "High-high",
    "deviation": "Deviation above",
    "rate": "Change above",
    "bit": "Bit",
    "value": "State|limit",
}
ALARM_STATES = {
    "unacknowledged": "● active",
    "acknowledged": "✓ acknowledged",
    "returned": "↩ returned",
    "latched_unacknowledged": "● latched",
    "latched_acknowledged": "✓ latched",
    "shelved": "shelved|state",
    "suppressed": "suppressed",
    "out": "out of service",
}
IN_MAINTENANCE = "maintenance"
HIDDEN = "hidden"
OUT_OF_VIEW = ", out of view"
NO_ANSWER = " does not answer"
RAISED_AT = "raised at"
TIMES = " times"
STILL_THERE = "still there"
FOR = "for "
COLON = ": "
OPEN_HISTORY = "Alarm history"
MARK_OF_NOTHING = "∅ "
"""How the name of a line begins that has no values to show."""
NOTHING_HERE = "no reading in this time range, the newest is "
ONLY_BAD_HERE = "only bad readings in this time range"
NEVER_READ = "not read yet"
AGO = " old"
UNITS_OF_TIME = {"s": " s", "min": " min", "h": " h", "d": " d"}

COLUMNS: dict[str, str] = {
    "database_bytes": "Size|database",
    "reading_bytes": "A reading",
    "growth_bytes": "Growth a day",
    "disk_free_bytes": "Free on the disk",
    "full_on": "Disk full",
    "job": "Job",
    "last_started": "Last start",
    "last_success": "Last success",
    "next_start": "Next run",
    "devices": "Devices",
    "bad_points": "Bad points",
    "device": "Device",
    "state": "State",
    "last_seen": "Last seen",
    "offline_seconds": "Offline for",
    "failures": "Failures",
    "last_error": "Last error",
    "answer_seconds": "Answers in",
    "points": "Points|count",
    "endpoint": "Endpoint",
    "unit_id": "Unit id",
    "description": "Description",
    "collector": "Collector",
    "seen_at": "Last sign",
    "version": "Version",
    "point": "Point",
    "quality": "Quality",
    "explanation": "Why",
    "time": "Read",
    "shown": "Value",
    "trend": "Trend",
    "group_name": "Group",
    "unit": "Unit",
    "lowest": "Lowest",
    "highest": "Highest",
    "device\\point": "Device",
    "changed": "Changed",
    "text": "Text",
    "stored": "Table",
    "rows": "Rows",
    "bytes": "Size",
    "row_bytes": "A row",
    "saved": "Saved",
    "chunks": "Chunks",
    "compressed_chunks": "Compressed",
    "oldest": "Since",
    "compressed_at": "Last compressed",
    "due_at": "Erased at",
    "before": "Older than",
    "retention_days": "Kept, days",
    "began": "Began",
    "seconds": "Took",
    "run_state": "State",
    "progress": "Done",
    "subject": "What",
    "requested_by": "By",
    "do_test": "\u00a0",
    "do_run": "\u00a0",
    "tested_at": "When",
    "outcome": "Result",
    "good_points": "Gave a value",
    "tested_points": "of points",
    "took_seconds": "Took",
    "error": "Error",
    "actor": "Who",
    "action": "Action",
    "changes": "Changes",
    "changed_at": "When",
    "last_change": "Last",
    "checked_at": "Checked",
    "entries": "Entries",
    "name": "Operation",
    "operation": "Kind",
    "alarm": "Alarm",
    "worst_alarm": "Worst alarm",
    "alarm_since": "Alarm since",
    "alarm_state": "State",
    "priority": "Priority",
    "what": "What|content",
    "value_now": "Now",
    "advice": "Cause and what to do",
    "out_of_service_until": "Maintenance|until",
    "critical": "Critical",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "acknowledged": "Acknowledged",
    "returned": "Returned",
    "shelved": "Shelved",
    "in_maintenance": "Maintenance|devices",
    "Value #A": "Times",
    "Value #B": "Mean",
    "Value #C": "99 % within",
    "Value #D": "Cost, mean",
    "Value #E": "Failed",
    **{state: word.capitalize() for state, word in STATES.items()},
}
COLUMNS["error"] += "|state"  # in other languages the number of devices has another word than what went wrong

# Grafana shows a panel's no-data text also when the question failed, with a mark in the panel's corner.
IF_ASKED = "(With a red mark in the corner the database could not be asked.)"
# A number's place has no room for a long sentence, which would be too small to read; the panels below it have one.
NO_NUMBER = "No metrics: see below"
# What is about all devices together is empty for people whose rights are limited to groups: docs/rights.md.
IF_LIMITED = "To people whose rights are limited to groups of devices it is not shown."
TAILS = (IF_ASKED, IF_LIMITED)
"""What stands at the end of many texts: each has one translation, and stands in no other."""
