"""Every word that a person reads on the dashboards, in one place, so that another language is another file."""

from typing import NamedTuple


class Words(NamedTuple):
    """What a panel says: its title, what it means, and what stands there when it has nothing to show."""

    title: str
    description: str
    empty: str


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
ALL_DEVICES = "All devices"
SHOW_HISTORY = "History"
EXPORT = "Export"
OPEN_GROUP = "Open ${__data.fields.group_name}"
OPEN_DEVICE = "Open ${__data.fields.device}"
SHOW_STATE = "Show these devices"

STATE_FILTER = ("State", "Shows devices in these states")
SEARCH = ("Search", "Part of a device's name or endpoint")
DEVICE = ("Device", "The device shown; type to search")
POINTS = ("Points", "The points in the trends; type to search")
DEVICES_SHOWN = ("Devices", "The devices whose points can be chosen; type to search")
POINTS_SHOWN = ("Points", "The points in the trends; type to search")
GROUP = ("Group", "The group shown; type to search")
KEYS = ("Trends of", "Which points of the members are drawn")
UNIT = ("Unit", "One trend for each unit")

STATES = {"online": "online", "error": "error", "offline": "offline", "disabled": "disabled", "unknown": "unknown"}
QUALITIES = {
    "good": "good",
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
SWITCHES = {"0": "off", "1": "on", "0.5": "on and off"}

COLUMNS: dict[str, str] = {
    "database_bytes": "Size",
    "reading_bytes": "A reading",
    "growth_bytes": "Growth a day",
    "disk_free_bytes": "Free on the disk",
    "full_on": "Disk full",
    "job": "Job",
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
    "points": "Points",
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
    "due_at": "Erased at",
    "before": "Older than",
    "retention_days": "Kept, days",
    "began": "Began",
    "seconds": "Took",
    "run_state": "State",
    "progress": "Done",
    "subject": "What",
    "requested_by": "By",
    "error": "Error",
    "name": "Operation",
    "operation": "Kind",
    "Value #A": "Times",
    "Value #B": "Mean",
    "Value #C": "99 % within",
    "Value #D": "Cost, mean",
    "Value #E": "Failed",
} | {state: text.capitalize() for state, text in STATES.items()}

# Grafana shows a panel's no-data text also when the question failed, with a mark in the panel's corner.
IF_ASKED = "(With a red mark in the corner the database could not be asked.)"
_NO_DEVICES = "No devices yet: add one with `ddms devices import` or the createDevice mutation."
_NO_DEVICE = f"No such device. {_NO_DEVICES}"

COUNTS = Words(
    "Devices by state",
    "How many devices are in each state; a number is a link to them. Offline: 3 failures in a row. Error: it answers, but "
    "refuses some registers. Unknown: not polled yet, or no collector reports it. Bad points: of devices that answer.",
    _NO_DEVICES,
)
COLLECTORS = Words(
    "Collectors",
    "The programs that read the devices. One that gave no sign for 30 seconds is silent: its devices are not being read.",
    f"No collector has run yet: start one with `ddms collector`. {IF_ASKED}",
)
OFFLINE = Words(
    "Offline now",
    "Devices that failed to answer 3 times in a row, the longest first. They are tried again every 60 seconds.",
    f"No device is offline. {IF_ASKED}",
)
BAD_NOW = Words(
    "Bad now",
    "Points without a trustworthy value, of devices that do answer; the first 200.",
    f"Every device that answers gives good values. {IF_ASKED}",
)
DEVICES = Words(
    "Devices",
    "All devices that pass the filters above; a name opens the device in the same time range.",
    f"No device passes the filters above. {_NO_DEVICES.replace('No devices yet:', 'If there are none yet,')}",
)

HEADER = Words(
    "${device:text}",
    "How the device does now. Failures: in a row; offline is counted from the first of them.",
    _NO_DEVICE,
)
CONNECTION = Words(
    "Connection",
    "Where the device is, how fast it answers, what went wrong last, and whether its polls keep their intervals.",
    _NO_DEVICE,
)
LATEST = Words(
    "Latest readings",
    "The newest reading of each point, its quality, and why it is not good. Too old: a collector should have read it since.",
    "This device has no points yet: add some with `ddms devices import` or the updateDevice mutation.",
)
TREND = Words(
    "Trend: ${unit}",
    "Readings as they were taken; in wide ranges the mean of each step, with the lowest (↓) and the highest (↑) as grey lines. "
    "Outages and bad readings are gaps.",
    "No readings of the chosen points in this time range: choose a wider one, or other points.",
)
SWITCHES_OVER_TIME = Words(
    "Switches",
    "On and off over time; yellow where a step of a wide range holds both.",
    "No switches (coils, discrete inputs, bits) with readings in this time range.",
)
QUALITY_OVER_TIME = Words(
    "Quality",
    "Green is good, yellow uncertain, red bad with its reason; empty where nothing was read.",
    "No readings of this device in this time range: choose a wider one.",
)
TEXTS = Words(
    "Texts",
    "Texts that the device gave, such as modes and serial numbers: the newest 20 of each point up to the end of the range.",
    "This device has no texts (points of the type string).",
)

_NO_GROUPS = "No groups yet: make one with the createGroup mutation, or by the column groups in `ddms devices import`."
GROUPS = Words("Groups", "How many devices of each group are in each state; a name opens the group.", _NO_GROUPS)
GROUP_COUNTS = Words(
    "${group:text}",
    "How many devices of the group are in each state. Bad points: of devices that answer.",
    _NO_GROUPS,
)
_NO_MEMBERS = (
    "This group has no devices yet: put some in with the updateGroup mutation (addDevices). "
    + _NO_GROUPS.replace("No groups yet:", "If there are no groups yet,")
)
MEMBERS = Words("Devices", "The devices of the group; a name opens the device in the same time range.", _NO_MEMBERS)
KEY_VALUES = Words(
    "Values now",
    "The newest value of the twelve points that most members have. ✗: bad, and why. ⌛: a collector should have read it since.",
    "The devices of this group have no points yet: add some with `ddms devices import` or the updateDevice mutation.",
)
_ZOOM = "Drag over a part to zoom in; each zoom shows as much detail as the panel has room for."
GROUP_TREND = Words(
    "Trend: ${unit}",
    "The chosen points of all members. ⌀ after a name: means of steps of this length, with the lowest (↓) and the highest (↑) as "
    f"grey lines; without it each reading. Outages and bad readings are gaps. {_ZOOM}",
    "No readings of the chosen points in this time range: choose a wider one, or other points.",
)
HISTORY_TREND = Words(
    "Trend: ${unit}",
    "⌀ after a name: means of steps of this length, with the lowest (↓) and the highest (↑) as grey lines; without it each "
    f"reading. Outages and bad readings are gaps. {_ZOOM}",
    f"No readings in this time range: choose points above, or a wider range. {_NO_DEVICES.replace('No devices yet:', 'If there are no devices yet,')}",
)
HISTORY_SHOWN = Words(
    "In this range",
    "The lowest and highest reading of each point, not of means: at every zoom. Where the trend shows steps, of all steps "
    "that touch the range.",
    "Nothing was read in this time range: choose points above, or a wider range.",
)
HISTORY_QUALITY = Words(
    "Quality",
    "Green is good, yellow uncertain, red bad with its reason, of a step its worst; empty where nothing was read.",
    "Nothing was read in this time range: choose points above, or a wider range.",
)
