"""What the wall of a control room says, in English and Chinese: few words, since they are read from afar."""

from grafana.texts import IF_ASKED, IF_ASKED_ZH, Words

DESCRIPTION = (
    "A page of the wall screen, to be read from five metres: open /wall, which turns the pages and says when they are old.",
    "大屏的一页，可在五米外看清：请打开 `/wall`，它会轮换各页，并在数据过旧时提示。",
)
PLANT_TITLE = ("Does the plant run?", "现场运行正常吗？")
ALARMS_TITLE = ("What needs somebody?", "哪里需要处理？")
GROUPS_TITLE = ("Where is it?", "问题在哪里？")
VALUES_TITLE = ("What are the values?", "数值如何？")

_NO_DEVICES = "No devices yet: add some with `ddms devices import`."
_NO_DEVICES_ZH = "还没有设备：请用 `ddms devices import` 添加。"

COUNTS = (
    Words("Devices", "How many devices are in each state; coloured where it is not as it should be.", _NO_DEVICES),
    Words("设备", "各状态的设备数；异常时着色。", _NO_DEVICES_ZH),
)
ALARMS = (
    Words(
        "Alarms", "Alarms that stand and nobody acknowledged yet, by priority; and how many are acknowledged.", IF_ASKED
    ),
    Words("报警", "各优先级未确认的报警数，以及已确认的报警数。", IF_ASKED_ZH),
)
OFFLINE = (
    Words(
        "Gone last",
        "The five devices that stopped answering last, and how long ago.",
        f"All devices answer. {IF_ASKED}",
    ),
    Words("最近离线", "最近停止应答的五台设备及离线时长。", f"所有设备均有应答。{IF_ASKED_ZH}"),
)
FRESH = (
    Words("Data", "How old the newest reading of the plant is: yellow after 30 seconds, red after two minutes.",
          "No readings yet: start a collector with `ddms collector`."),
    Words("数据", "现场最新读数的时间：超过 30 秒为黄色，超过两分钟为红色。", "还没有读数：请用 `ddms collector` 启动采集器。"),
)  # fmt: skip
NEWEST = (
    Words("Not acknowledged", "The eight worst alarms that nobody acknowledged, the newest of each priority first.",
          f"No alarm waits for anybody. {IF_ASKED}"),
    Words("未确认", "无人确认的八个最重报警；同一优先级中最新的在前。", f"没有待处理的报警。{IF_ASKED_ZH}"),
)  # fmt: skip
GROUPS = (
    Words("Groups", "Each group by its worst alarm, else by its worst device; grey is as it should be. Of more than 24 groups the worst.",
          "No groups yet: make one with the createGroup mutation, or by the column groups in `ddms devices import`."),
    Words("分组", "按最重的报警、其次按最差的设备状态显示各分组；灰色为正常。超过 24 个分组时显示最差的。",
          "还没有分组：请用变更 `createGroup` 建立，或在 `ddms devices import` 的表中填写 `groups` 列。"),
)  # fmt: skip
VALUES = (
    Words("Values", "The chosen points (/wall?points=12,15), at most 12; without a choice the first that have limits. Coloured while an alarm stands.",
          "No points have limits yet: set some with the setLimits mutation, or choose points in the address: /wall?points=12,15."),
    Words("数值", "所选测点（`/wall?points=12,15`），最多 12 个；未选择时为最先设有限值的测点。有报警时着色。",
          "还没有设有限值的测点：请用变更 `setLimits` 设置，或在地址中选择测点：`/wall?points=12,15`。"),
)  # fmt: skip
POINTS = (
    ("Points", "The points shown; without a choice those that have limits"),
    ("测点", "所显示的测点；未选择时为设有限值的测点"),
)
NOW = ("now ", "现值 ")
OFFLINE_OF = (" offline of ", " 台离线，共 ")
ERROR_OF = (" with errors of ", " 台异常，共 ")
UNKNOWN_OF = (" not read of ", " 台未读取，共 ")
FINE = ("all well", "正常")
COLUMNS = {"newest_reading": ("newest reading, old", "最新读数距今")}
