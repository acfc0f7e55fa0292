"""What the dashboard Consumption says, in English and Chinese."""

from grafana.texts import COLUMNS as SHARED
from grafana.texts import Words

TITLE = ("Consumption", "能耗与计数")
DESCRIPTION = (
    "What counters counted by hour, shift and day, and in total beside the time before.",
    "计数器每小时、每班、每天的增量，以及总量与上一时段的对比。",
)
BETWEEN = ("between shifts", "班次之间")
_NONE = "No increase in this range. Mark meters as counters: `counter: true` in their profile or in `updatePoint`."
_NONE_ZH = "此时段没有增量。请把电表等标记为计数器：在设备模板或 `updatePoint` 中设置 `counter: true`。"
_WHOSE = "Of the site's time zone; the last bar still grows. What was counted while nothing was read is in the bar after the outage."
_WHOSE_ZH = "按现场时区；最后一根柱仍在增长。通信中断期间的增量计入恢复后的那根柱。"
HOURS = (
    Words("Per hour in ${unit}", f"What each counter counted in each hour. {_WHOSE}", _NONE),
    Words("每小时（${unit}）", f"各计数器每小时的增量。{_WHOSE_ZH}", _NONE_ZH),
)
SHIFTS = (
    Words("Per shift in ${unit}", f"What the chosen counters counted together in each shift. {_WHOSE}",
          "No shifts are configured: `ddms config set 'shifts=Early 06:00-14:00; Late 14:00-22:00; Night 22:00-06:00'`."),
    Words("每班（${unit}）", f"所选计数器每班的增量之和。{_WHOSE_ZH}",
          "尚未设置班次：`ddms config set 'shifts=早班 06:00-14:00; 中班 14:00-22:00; 夜班 22:00-06:00'`。"),
)  # fmt: skip
DAYS = (
    Words("Per day in ${unit}", f"What each counter counted in each day. {_WHOSE}", _NONE),
    Words("每天（${unit}）", f"各计数器每天的增量。{_WHOSE_ZH}", _NONE_ZH),
)
TOTALS = (
    Words("In total", "What each counter counted in the hours that begin in this range; beside it the same time before, and the difference. Set back: "
          "how often the counter began again without having been full (a reset, another meter).", _NONE),
    Words("合计", "各计数器在此时段内（按整点小时计）的增量；旁边是之前同样长的时段及变化。重置：计数器未满而重新开始的次数（复位、更换电表）。", _NONE_ZH),
)  # fmt: skip
DEVICES = (("Devices", "Devices that have counters"), ("设备", "有计数器的设备"))
UNIT = (
    ("Unit", "The unit of the counters shown; what cannot be compared is not in one chart"),
    ("单位", "所显示计数器的单位；不可比较的不放在同一图中"),
)
POINTS = (("Counters", "The counters shown; type to search"), ("计数器", "所显示的计数器；可输入搜索"))
COLUMNS = {name: SHARED[name] for name in ("device", "point", "unit")} | {
    "total": ("In this range", "此时段"),
    "total_before": ("The time before", "上一时段"),
    "change": ("Change", "变化"),
    "restarts": ("Set back", "重置"),
}
