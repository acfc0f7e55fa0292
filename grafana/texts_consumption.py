"""What the dashboard Consumption says."""

from grafana.texts import COLUMNS as SHARED
from grafana.texts import IMPORT, Words

TITLE = "Consumption"
DESCRIPTION = "What counters counted by hour, shift and day, and in total beside the time before."
BETWEEN = "between shifts"
OTHERS = "all others|counters"
_NONE = f"No increase in this range. Meters are marked as such by yes in the column counter. {IMPORT}"

_MOST = (
    "The eleven that counted most have a colour of their own; In total lists all. "
    "Of very many counters the hours are those of these eleven alone."
)
_WHOSE = "Of the site's time zone; the last bar still grows. What was counted while nothing was read is in the bar after the outage."

HOURS = Words("Per hour ${unit}", f"What each counter counted in each hour. {_MOST} {_WHOSE}",
         "Of more than two months there are too many hours: choose a shorter time above, or look at days. Or no counter counted in this range.")  # fmt: skip
SHIFTS = Words("Per shift ${unit}", f"What the chosen counters counted together in each shift. {_WHOSE}",
          "Too many counters for shifts: choose fewer above, or a shorter time. Or no shifts are configured: `ddms config set 'shifts=Early 06:00-14:00; Late 14:00-22:00; Night 22:00-06:00'`.")  # fmt: skip
DAYS = Words("Per day ${unit}", f"What each counter counted in each day. {_MOST} {_WHOSE}", _NONE)
TOTALS = Words("In total", "What each counter counted in the hours that begin in this range; beside it the same time before, and the difference. Set back: "
          "how often the counter began again without having been full (a reset, another meter).", _NONE)  # fmt: skip
DEVICES = ("Devices", "Devices that have counters")
UNIT = ("Unit", "The unit of the counters shown; what cannot be compared is not in one chart")
POINTS = ("Counters", "The counters shown; type to search")
COLUMNS = {name: SHARED[name] for name in ("device", "point", "unit")} | {
    "total": "In this range",
    "total_before": "The time before",
    "change": "Change",
    "restarts": "Set back",
}
