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
ALL_DEVICES = "All devices"
OPEN_DEVICE = "Open ${__data.fields.device}"
SHOW_STATE = "Show these devices"

STATE_FILTER = ("State", "Shows devices in these states")
SEARCH = ("Search", "Part of a device's name or endpoint")
DEVICE = ("Device", "The device shown; type to search")
POINTS = ("Points", "The points in the trends; type to search")
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
SWITCHES = {"0": "off", "1": "on", "0.5": "on and off"}

COLUMNS: dict[str, str] = {
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
    "changed": "Changed",
    "text": "Text",
} | {state: text.capitalize() for state, text in STATES.items()}

# Grafana shows a panel's no-data text also when the question failed, with a mark in the panel's corner.
_IF_ASKED = "(With a red mark in the corner the database could not be asked.)"
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
    f"No collector has run yet: start one with `ddms collector`. {_IF_ASKED}",
)
OFFLINE = Words(
    "Offline now",
    "Devices that failed to answer 3 times in a row, the longest first. They are tried again every 60 seconds.",
    f"No device is offline. {_IF_ASKED}",
)
BAD_NOW = Words(
    "Bad now",
    "Points without a trustworthy value, of devices that do answer; the first 200.",
    f"Every device that answers gives good values. {_IF_ASKED}",
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
