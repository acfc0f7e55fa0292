"""What the dashboard Report says."""

from grafana.texts import COLUMNS as SHARED
from grafana.texts import IF_ASKED, Words

TITLE = "Report"
DESCRIPTION = (
    "Means, percentiles, running hours and starts by shift, day, week or month, and the devices that answered least."
)
_NO_VALUES = (
    f"No value of the chosen points in this range; or no shifts are configured that it could be told by. {IF_ASKED}"
)
_WHOSE = "Of the site's time zone; the last one still grows."

MEANS = Words("Mean by ${by:text}", f"The mean of each chosen point, in which each value counts by how long it held. {_WHOSE} Of more than eleven points the first eleven; the table lists all.", _NO_VALUES)  # fmt: skip
_STATES = "Of no chosen point can this be said: write above `> 0`, `<= 5`, a number, or the name of a value, `Running`. Or there is no value in this range, or no shift is configured."
HOURS = Words("Hours ${condition} by ${by:text}", f"For how many hours the value of each chosen point was in the state that stands above, as running hours of a motor are those of `> 0`. {_WHOSE}", _STATES)  # fmt: skip
STARTS = Words("Times it became ${condition}, by ${by:text}", f"How often the value of each chosen point came into the state that stands above: the starts of a motor. {_WHOSE}", _STATES)  # fmt: skip
VALUES = Words("Values by ${by:text}", "Of each chosen point, the newest first: mean by how long each value held, lowest and highest, the values below which 5, 50 and 95 % of its readings lay, "
          "standard deviation, first and last value; hours in the state that stands above, and how often it came into it.", _NO_VALUES)  # fmt: skip
AVAILABILITY = Words("The ten devices that answered least", "Of all devices, for how much of the time in which it was known and to be read each one answered; "
          "how long it did not, how often, and the longest time at one stretch.", f"Nothing is known of the state of devices in this range. {IF_ASKED}")  # fmt: skip

DEVICES = ("Devices", "The devices whose points can be chosen")
POINTS = ("Points", "The points shown; type to search")
UNIT = ("Unit", "The unit of the means shown; what cannot be compared is not in one chart")
BY = ("By|time", "What is put together, by the site's calendar; where there would be too many rows, days or months")
BUCKETS = {"shift": "shift", "day": "day", "week": "week", "month": "month", "quarter": "quarter", "year": "year"}
STATE = ("State", "What hours and starts are about: > 0, <= 5, a number, or the name of a value, Running")
COLUMNS = {name: SHARED[name] for name in ("device", "point", "unit", "lowest", "highest")} | {
    "bucket": "Begins",
    "mean": "Mean",
    "p5": "5 %",
    "p50": "Median",
    "p95": "95 %",
    "deviation": "Deviation",
    "first": "First|value",
    "last": "Last|value",
    "hours": "Hours",
    "starts": "Starts|count",
    "share": "Answered",
    "offline_hours": "Offline, hours",
    "outages": "Outages|count",
    "longest": "Longest outage",
    "online_hours": "Online, hours",
}
