"""What the panels of the plant say (fleet, group, device, history)."""

from grafana.texts import IF_ASKED, IMPORT, Button, Words

_NO_DEVICES = f"No devices yet: {IMPORT}"

_NO_DEVICE = f"No such device. If there is none yet: {IMPORT}"

_IF_NO_DEVICES = _NO_DEVICES.replace("No devices yet:", "If there are no devices yet,")

COUNTS = Words("Devices by state", "How many devices are in each state; a number is a link to them. Offline: 3 failures in a row. Error: it answers, but "
          "refuses some registers. Unknown: not polled yet, or no collector reports it. Bad points: of devices that answer.", _NO_DEVICES)  # fmt: skip
COLLECTORS = Words("Collectors", "The programs that read the devices. One that gave no sign for 30 seconds is silent: its devices are not being read.",
          f"No collector has run yet: start one with `ddms collector`. {IF_ASKED}")  # fmt: skip
OFFLINE = Words("Offline now", "Devices that failed to answer 3 times in a row, the longest first. They are tried again every 60 seconds.", f"No device is offline. {IF_ASKED}")  # fmt: skip
BAD_NOW = Words("Bad now", "Points without a trustworthy value, of devices that do answer; the first 200.", f"Every device that answers gives good values. {IF_ASKED}")  # fmt: skip
DEVICES = Words("Devices|list", "All devices that pass the filters above, the worst alarm first: its priority, how many stand; ✓ when acknowledged, ↩ when gone "
          "and not acknowledged. Value and trend are of the point that stands for the device (`trendPoint`), in the time range above. A name opens the device, a "
          "point its history.",
          f"No device passes the filters above. {_NO_DEVICES.replace('No devices yet:', 'If there are none yet,')}")  # fmt: skip

FLEET_STATES = Words("State over time: devices with trouble", "When devices did not answer (red), refused registers (yellow) or were not reported by any collector (blue), of those "
          "that pass the filters above; who had trouble longest comes first, at most 10. Click a line to open its device.",
          f"No device had trouble in this time range. {IF_ASKED}")  # fmt: skip
_NO_STATES = f"Nothing is known of its state in this time range: choose a later one. {IF_ASKED}"

DEVICE_STATES = Words("State over time", "When the device was online (green), refused registers (yellow), did not answer (red), was not reported by any collector (blue) or was "
          "switched off (grey). Offline begins with the first of the failures.", _NO_STATES)  # fmt: skip
GROUP_STATES = Words("State over time", "When each member was online (green), refused registers (yellow), did not answer (red), was not reported by any collector (blue) or was "
          "switched off (grey); who had trouble longest comes first, at most 10. Click a line to open its device.", _NO_STATES)  # fmt: skip

_STANDING = (
    "How many alarms stand that nobody acknowledged yet, by priority; how many are acknowledged; gone before anybody did (returned); "
    "shelved. What is suppressed by an alarm that explains it is not counted. Maintenance: devices."
)

ALARM_COUNTS = Words("Alarms", f"{_STANDING} A number is a link to the list.", IF_ASKED)
GROUP_ALARM_COUNTS = Words("Alarms", f"{_STANDING} Those of the group's devices.", IF_ASKED)
DEVICE_ALARMS = Words("Alarms now", "What is not normal on this device, the worst first, what is shelved, suppressed or out of service last; a row leads to the "
          "alarms, where they are acknowledged and shelved.", f"No alarm stands on this device. {IF_ASKED}")  # fmt: skip

HEADER = Words("${device:text}", "How the device does now. Failures: in a row; offline is counted from the first of them.", _NO_DEVICE)  # fmt: skip
CONNECTION = Words("Connection", "Where the device is, how fast it answers, what went wrong last, and whether its polls keep their intervals.", _NO_DEVICE)  # fmt: skip
TEST = Words("Last test", "Admins and owners read the device's points once, outside their turn, by the button; it takes up to 15 seconds. What came of "
          "it stands here after the next refresh, and the values below. Every test is in the audit.", _NO_DEVICE)  # fmt: skip
TEST_NOW = Button("Test now", "Read the points of ${device:text} now, through its collector?")
LATEST = Words("Latest readings", "The newest reading of each point, its quality, and why it is not good. Too old: a collector should have read it since.",
          f"This device has no points yet: {IMPORT}")  # fmt: skip
_LIMITS = (
    "Dashed lines are limits; where all points have the same, their sides are tinted in the colour of the priority. Bars are alarms of "
    "these points and of their devices, at most 50 of each priority, the longest; one that comes again and again is one bar."
)

_NO_READINGS = "No readings of the chosen points in this time range: choose a wider one, or other points."

TREND = Words("Trend: ${unit}", "Readings as they were taken; in wide ranges the mean of each step, with the lowest (↓) and the highest (↑) as grey lines. "
          f"Outages and bad readings are gaps. {_LIMITS}", _NO_READINGS)  # fmt: skip
SWITCHES_OVER_TIME = Words("States", "States by their names, switches as on and off, over time; yellow where a step of a wide range holds several.",
          "No states and no switches were read in this time range.")  # fmt: skip
HISTORY_STATES = Words("States", "The chosen points whose values have names, over time; yellow where a step of a wide range holds several.",
          "None of the chosen points has names for its values, or none was read in this time range.")  # fmt: skip
_QUALITY_EMPTY = "Nothing was read in this time range: choose points above, or a wider range."

QUALITY_OVER_TIME = Words("Quality", "Green is good, yellow uncertain, red bad with its reason; empty where nothing was read.",
          "No readings of this device in this time range: choose a wider one.")  # fmt: skip
TEXTS = Words("Texts", "Texts that the device gave, such as modes and serial numbers: the newest 20 of each point up to the end of the range.",
          "This device has no texts (points of the type string).")  # fmt: skip

_NO_GROUPS = f"No groups yet: they come with the devices, in the column groups. {IMPORT}"

GROUPS = Words("Groups", "How many devices of each group are in each state; a name opens the group.", _NO_GROUPS)
GROUP_COUNTS = Words("${group:text}", "How many devices of the group are in each state. Bad points: of devices that answer.", _NO_GROUPS)  # fmt: skip
MEMBERS = Words("Devices|list", "The devices of the group, the worst alarm first; a name opens the device in the same time range.",
          f"This group has no devices yet: they come by the column groups of the table of devices. {IMPORT}")  # fmt: skip
KEY_VALUES = Words("Values now", "The newest value of the twelve points that most members have. ✗: bad, and why. ⌛: a collector should have read it since.",
          f"The devices of this group have no points yet: {IMPORT}")  # fmt: skip
_ZOOM = "Drag over a part to zoom in; each zoom shows as much detail as the panel has room for."
_MEANS = (
    "⌀ after a name: means of steps of this length, with the lowest (↓) and the highest (↑) as grey lines; without it each reading. "
    f"Outages and bad readings are gaps. {_LIMITS} {_ZOOM}"
)

GROUP_TREND = Words("Trend: ${unit}", f"The chosen points of all members. {_MEANS}", _NO_READINGS)
HISTORY_TREND = Words("Trend: ${unit}", _MEANS, f"No readings in this time range: choose points above, or a wider range. {_IF_NO_DEVICES}")  # fmt: skip
HISTORY_SHOWN = Words("In this range", "The lowest and highest reading of each point, not of means: at every zoom. Where the trend shows steps, of all steps "
          "that touch the range.", _QUALITY_EMPTY)  # fmt: skip
HISTORY_QUALITY = Words("Quality", "Green is good, yellow uncertain, red bad with its reason, of a step its worst; empty where nothing was read.", _QUALITY_EMPTY)  # fmt: skip
HEAT = Words("By hour and day: ${heat:text}", "The mean of each hour, a column for each day, both by the site's clock: what comes back each day is a stripe, what is unusual stands "
          "out. Which point and how many days is chosen above; with a fixed time range its days are shown.",
          "No readings of this point in these days: choose another point, or more days, above.")  # fmt: skip
