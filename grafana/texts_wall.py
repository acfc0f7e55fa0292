"""What the wall of a control room says, in English and Chinese: few words, since they are read from afar."""

from grafana.texts import Words

DESCRIPTION = (
    "A page of the wall screen, to be read from five metres: open /wall, which turns the pages and says when they are old.",
    "大屏的一页，可在五米外看清：请打开 `/wall`，它会轮换各页，并在数据过旧时提示。",
)
PLANT_TITLE = ("Does the plant run?", "现场运行正常吗？")
ALARMS_TITLE = ("What needs somebody?", "哪里需要处理？")
GROUPS_TITLE = ("Where is it?", "问题在哪里？")
VALUES_TITLE = ("What are the values?", "数值如何？")

# What stands there when a question failed. What is merely empty says so by its SQL.
_NO_ANSWER = "No answer from the database"
_NO_ANSWER_ZH = "数据库无应答"

COUNTS = (
    Words("Devices", "How many devices are in each state; coloured where it is not as it should be.", _NO_ANSWER),
    Words("设备", "各状态的设备数；异常时着色。", _NO_ANSWER_ZH),
)
ALARMS = (
    Words("Alarms", "Alarms that stand and nobody acknowledged yet, by priority; and how many are acknowledged.", _NO_ANSWER),
    Words("报警", "各优先级未确认的报警数，以及已确认的报警数。", _NO_ANSWER_ZH),
)  # fmt: skip
OFFLINE = (
    Words("Gone last", "The five devices that stopped answering last, and how long ago.", _NO_ANSWER),
    Words("最近离线", "最近停止应答的五台设备及离线时长。", _NO_ANSWER_ZH),
)
FRESH = (
    Words("Data", "How old the newest reading of the plant is: yellow after 30 seconds, red after two minutes.",
          "No readings yet: start `ddms collector`"),
    Words("数据", "现场最新读数的时间：超过 30 秒为黄色，超过两分钟为红色。", "还没有读数：请启动 `ddms collector`"),
)  # fmt: skip
NEWEST = (
    Words("Not acknowledged", "The eight worst alarms that nobody acknowledged, the newest of each priority first.", _NO_ANSWER),
    Words("未确认", "无人确认的八个最重报警；同一优先级中最新的在前。", _NO_ANSWER_ZH),
)  # fmt: skip
GROUPS = (
    Words("Groups", "Each group by its worst alarm, else by its worst device; grey is as it should be. Of more than 24 groups the worst.", _NO_ANSWER),
    Words("分组", "按最重的报警、其次按最差的设备状态显示各分组；灰色为正常。超过 24 个分组时显示最差的。", _NO_ANSWER_ZH),
)  # fmt: skip
VALUES = (
    Words("Values", "The chosen points (/wall?points=12,15), at most 8; without a choice the first that have limits. Coloured while an alarm stands.", _NO_ANSWER),
    Words("数值", "所选测点（`/wall?points=12,15`），最多 8 个；未选择时为最先设有限值的测点。有报警时着色。", _NO_ANSWER_ZH),
)  # fmt: skip
POINTS = (
    ("Points", "The points shown; without a choice those that have limits"),
    ("测点", "所显示的测点；未选择时为设有限值的测点"),
)
NO_DEVICES = ("No devices yet: add some with `ddms devices import`", "还没有设备：请用 `ddms devices import` 添加")
ALL_ANSWER = ("All devices answer", "所有设备均有应答")
NO_LIMITS = ("No limits yet: set some with the setLimits mutation", "还没有限值：请用变更 `setLimits` 设置")
CALM = ("No alarm waits for anybody", "没有待处理的报警")
NO_GROUPS = ("No groups yet: make one with the createGroup mutation", "还没有分组：请用变更 `createGroup` 建立")
NO_VALUES = (
    "No points have limits yet: choose points in the address, /wall?points=12,15",
    "还没有设限值的测点：请在地址中选择测点，`/wall?points=12,15`",
)
GONE = ("gone for ", "已离线 ")
NOW = ("now ", "现值 ")
OFFLINE_OF = (" offline of ", " 台离线，共 ")
ERROR_OF = (" with errors of ", " 台异常，共 ")
UNKNOWN_OF = (" not read of ", " 台未读取，共 ")
FINE = ("all well", "正常")
COLUMNS = {"newest_reading": ("Newest reading", "最新读数距今")}
