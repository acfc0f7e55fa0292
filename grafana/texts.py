"""What several dashboards say, in each language: states, columns, variables, links. Each text is a pair, English and Chinese.

A test holds all tables complete. What only one kind of dashboards says is beside it: `texts_plant.py`, `texts_alarms.py`,
`texts_api.py`, `texts_jobs.py`, `inner_texts.py`; what the database says in English is in `sentences.py`.
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


FLEET_TITLE = ("Fleet", "设备总览")
FLEET_DESCRIPTION = (
    "All devices: which answer, which do not, and what is wrong now.",
    "全部设备：哪些有应答，哪些没有，当前有什么问题。",
)
DEVICE_TITLE = ("Device", "设备")
DEVICE_DESCRIPTION = (
    "One device: how it does, its latest readings, their history and their quality.",
    "单台设备：运行状况、最新读数、历史趋势与质量。",
)
HISTORY_TITLE = ("History", "历史趋势")
HISTORY_DESCRIPTION = (
    "Points of several devices over any time: each reading when there is room for it, else means with the lowest and highest.",
    "多台设备的测点在任意时段的趋势：空间足够时显示每个读数，否则显示平均值及最低、最高值。",
)
GROUP_TITLE = ("Group", "分组")
GROUP_DESCRIPTION = (
    "The devices of a group: how they do, their values side by side, their trends.",
    "分组中的设备：运行状况、并排对比的数值、趋势。",
)
STORAGE_TITLE = ("Storage", "存储")
STORAGE_DESCRIPTION = (
    "What is stored in how many bytes, what will be erased because it is expired, what was erased.",
    "存储了什么、占用多少空间；哪些数据因过期将被清除，哪些已被清除。",
)
API_TITLE = ("API", "API 接口")
API_DESCRIPTION = (
    "The GraphQL API: what is asked, how long it takes, what it costs, what fails, who follows, what waits.",
    "GraphQL API：请求内容、耗时、开销、失败、订阅者与排队情况。",
)
AUDIT_TITLE = ("Audit", "操作审计")
AUDIT_DESCRIPTION = (
    "Who changed what of the plant, and whether that record is still as it was written.",
    "何人对现场设备与配置做了什么更改，以及审计记录是否仍与写入时一致。",
)
ALL_DEVICES = ("All devices", "全部设备")
SHOW_CONSUMPTION = ("Consumption", "能耗与计数")
SHOW_HISTORY = ("History", "历史趋势")
SHOW_ALARMS_NOW = ("Alarms now", "当前报警")
OPEN_TREND = ("History of ${__data.fields.point}", "${__data.fields.point} 的历史趋势")
EXPORT = ("Export", "导出")
OPEN_GROUP = ("Open ${__data.fields.group_name}", "打开分组 ${__data.fields.group_name}")
OPEN_DEVICE = ("Open ${__data.fields.device}", "打开设备 ${__data.fields.device}")
OPEN_DEVICE_OF_LINE = ("Open ${__field.labels.point}", "打开设备 ${__field.labels.point}")
SHOW_STATE = ("Show these devices", "显示这些设备")
OPEN_ALARMS = ("Alarms of ${__data.fields.device}", "${__data.fields.device} 的报警")
OPEN_ALARMS_HERE = ("Alarms of this device", "此设备的报警")
SHOW_ALARMS = ("Show these alarms", "显示这些报警")

STATE_FILTER = (("State", "Shows devices in these states"), ("状态", "只显示这些状态的设备"))
SEARCH = (("Search", "Part of a device's name or endpoint"), ("搜索", "设备名或端点的一部分"))
DEVICE = (("Device", "The device shown; type to search"), ("设备", "所显示的设备；可输入搜索"))
POINTS = (("Points", "The points in the trends; type to search"), ("测点", "趋势中的测点；可输入搜索"))
DEVICES_SHOWN = (
    ("Devices", "The devices whose points can be chosen; type to search"),
    ("设备", "可选择其测点的设备；可输入搜索"),
)
NOUN = (("What", "Shows changes of these"), ("对象", "只显示对这些对象的更改"))
SEARCH_CHANGES = (
    ("Search", "Part of the name of what was changed, or of who changed it"),
    ("搜索", "被更改对象或操作人名称的一部分"),
)
GROUP = (("Group", "The group shown; type to search"), ("分组", "所显示的分组；可输入搜索"))
KEYS = (("Trends of", "Which points of the members are drawn"), ("趋势测点", "绘制成员设备的哪些测点"))
UNIT = (("Unit", "One trend for each unit"), ("单位", "每个单位一张趋势图"))
ALARMS_DRAWN = (
    ("Alarms", "Which alarms the trends show, as bars from raised to cleared"),
    ("报警", "趋势中显示哪些报警（从发生到恢复的条带）"),
)
COMPARE = (
    ("Compare with", "Draws the same points at the same time of an earlier day as well, dotted"),
    ("对比", "同时以点线绘制这些测点在较早一天同一时间的趋势"),
)
COMPARED = {"none": ("nothing", "无"), "day": ("yesterday", "昨天"), "week": ("a week ago", "上周")}
HEAT = (
    ("Heat map of", "The point whose hours and days are shown side by side"),
    ("热图测点", "按小时与日期并排显示的测点"),
)
HEAT_DAYS = (("over", "How many days the heat map shows"), ("天数", "热图显示多少天"))
DAYS = {"14d": ("14 days", "14 天"), "28d": ("28 days", "28 天"), "91d": ("91 days", "91 天")}
DRAWN = {"all": ("all", "全部"), "urgent": ("critical and high", "紧急和高"), "none": ("none", "不显示")}

STATES = {
    "online": ("online", "在线"),
    "error": ("error", "异常"),
    "offline": ("offline", "离线"),
    "disabled": ("disabled", "已停用"),
    "unknown": ("unknown", "未知"),
}
QUALITIES = {
    "good": ("good", "好"),
    "uncertain": ("uncertain", "不确定"),
    "bad": ("bad", "坏"),
    "stale": ("too old", "过旧"),
    "none": ("not read yet", "尚未读取"),
    "disabled": ("disabled", "已停用"),
}
COLLECTOR_STATES = {"running": ("running", "运行中"), "silent": ("silent", "无声息")}
RUN_STATES = {
    "done": ("done", "完成"),
    "running": ("running", "运行中"),
    "pending": ("waiting", "等待中"),
    "interrupted": ("cut off", "中断"),
    "failed": ("failed", "失败"),
}
TEST_OUTCOMES = {
    "good": ("good", "正常"),
    "partly": ("in part", "部分成功"),
    "failed": ("failed", "失败"),
    "running": ("running", "测试中"),
}
SWITCHES = {"0": ("off", "关"), "1": ("on", "开"), "0.5": ("on and off", "有开有关")}
SWITCH_SHOWN = {"off": ("off", "关"), "on": ("on", "开")}

PRIORITIES = {
    "critical": ("critical", "紧急"),
    "high": ("high", "高"),
    "medium": ("medium", "中"),
    "low": ("low", "低"),
}
LIMIT_KINDS = {
    "low_low": ("Low-low", "低低限"),
    "low": ("Low", "低限"),
    "high": ("High", "高限"),
    "high_high": ("High-high", "高高限"),
    "deviation": ("Deviation above", "偏差超过"),
    "rate": ("Change above", "变化率超过"),
    "bit": ("Bit", "位"),
    "value": ("State", "取值"),
}
ALARM_STATES = {
    "unacknowledged": ("● active", "● 报警中"),
    "acknowledged": ("✓ acknowledged", "✓ 已确认"),
    "returned": ("↩ returned", "↩ 已恢复"),
    "latched_unacknowledged": ("● latched", "● 锁存"),
    "latched_acknowledged": ("✓ latched", "✓ 锁存"),
    "shelved": ("shelved", "已搁置"),
    "suppressed": ("suppressed", "被抑制"),
    "out": ("out of service", "停用检修"),
}
IN_MAINTENANCE = ("maintenance", "检修中")
HIDDEN = ("hidden", "已隐藏")
OUT_OF_VIEW = (", out of view", "，超出视图")
NO_ANSWER = (" does not answer", " 无应答")
RAISED_AT = ("raised at", "报警值")
TIMES = (" times", " 次")
STILL_THERE = ("still there", "仍在报警")
FOR = ("for ", "持续 ")
COLON = (": ", "：")
OPEN_HISTORY = ("Alarm history", "报警历史")
MARK_OF_NOTHING = "∅ "
"""How the name of a line begins that has no values to show."""
NOTHING_HERE = ("no reading in this time range, the newest is ", "该时段没有读数，最新读数在 ")
ONLY_BAD_HERE = ("only bad readings in this time range", "该时段只有坏读数")
NEVER_READ = ("not read yet", "尚未读取")
AGO = (" old", " 前")
UNITS_OF_TIME = {"s": (" s", " 秒"), "min": (" min", " 分"), "h": (" h", " 小时"), "d": (" d", " 天")}

COLUMNS: dict[str, tuple[str, str]] = {
    "database_bytes": ("Size", "数据库大小"),
    "reading_bytes": ("A reading", "每个读数"),
    "growth_bytes": ("Growth a day", "每天增长"),
    "disk_free_bytes": ("Free on the disk", "磁盘剩余"),
    "full_on": ("Disk full", "磁盘占满"),
    "job": ("Job", "任务"),
    "last_started": ("Last start", "上次启动"),
    "last_success": ("Last success", "上次成功"),
    "next_start": ("Next run", "下次运行"),
    "devices": ("Devices", "设备"),
    "bad_points": ("Bad points", "坏测点"),
    "device": ("Device", "设备"),
    "state": ("State", "状态"),
    "last_seen": ("Last seen", "上次通信"),
    "offline_seconds": ("Offline for", "离线时长"),
    "failures": ("Failures", "失败次数"),
    "last_error": ("Last error", "最近错误"),
    "answer_seconds": ("Answers in", "应答时间"),
    "points": ("Points", "测点数"),
    "endpoint": ("Endpoint", "端点"),
    "unit_id": ("Unit id", "单元号"),
    "description": ("Description", "说明"),
    "collector": ("Collector", "采集器"),
    "seen_at": ("Last sign", "最近信号"),
    "version": ("Version", "版本"),
    "point": ("Point", "测点"),
    "quality": ("Quality", "质量"),
    "explanation": ("Why", "原因"),
    "time": ("Read", "读取时间"),
    "shown": ("Value", "数值"),
    "trend": ("Trend", "趋势"),
    "group_name": ("Group", "分组"),
    "unit": ("Unit", "单位"),
    "lowest": ("Lowest", "最低"),
    "highest": ("Highest", "最高"),
    "device\\point": ("Device", "设备"),
    "changed": ("Changed", "变化时间"),
    "text": ("Text", "文本"),
    "stored": ("Table", "数据表"),
    "rows": ("Rows", "行数"),
    "bytes": ("Size", "大小"),
    "row_bytes": ("A row", "每行"),
    "saved": ("Saved", "压缩节省"),
    "chunks": ("Chunks", "数据块"),
    "compressed_chunks": ("Compressed", "已压缩"),
    "oldest": ("Since", "起始时间"),
    "compressed_at": ("Last compressed", "最近压缩"),
    "due_at": ("Erased at", "清除时间"),
    "before": ("Older than", "早于"),
    "retention_days": ("Kept, days", "保留天数"),
    "began": ("Began", "开始时间"),
    "seconds": ("Took", "用时"),
    "run_state": ("State", "状态"),
    "progress": ("Done", "进度"),
    "subject": ("What", "对象"),
    "requested_by": ("By", "操作人"),
    "do_test": ("\u00a0", "\u00a0"),
    "do_run": ("\u00a0", "\u00a0"),
    "tested_at": ("When", "测试时间"),
    "outcome": ("Result", "结果"),
    "good_points": ("Gave a value", "取得数值"),
    "tested_points": ("of points", "测点总数"),
    "took_seconds": ("Took", "用时"),
    "error": ("Error", "错误"),
    "actor": ("Who", "操作人"),
    "action": ("Action", "操作"),
    "changes": ("Changes", "更改次数"),
    "changed_at": ("When", "时间"),
    "last_change": ("Last", "最近一次"),
    "checked_at": ("Checked", "检查时间"),
    "entries": ("Entries", "条目数"),
    "name": ("Operation", "操作名称"),
    "operation": ("Kind", "类型"),
    "alarm": ("Alarm", "报警"),
    "worst_alarm": ("Worst alarm", "最重报警"),
    "alarm_since": ("Alarm since", "报警自"),
    "alarm_state": ("State", "状态"),
    "priority": ("Priority", "优先级"),
    "what": ("What", "内容"),
    "value_now": ("Now", "现值"),
    "advice": ("Cause and what to do", "原因与处理"),
    "out_of_service_until": ("Maintenance", "检修至"),
    "critical": ("Critical", "紧急"),
    "high": ("High", "高"),
    "medium": ("Medium", "中"),
    "low": ("Low", "低"),
    "acknowledged": ("Acknowledged", "已确认"),
    "returned": ("Returned", "已恢复"),
    "shelved": ("Shelved", "已搁置"),
    "in_maintenance": ("Maintenance", "检修设备"),
    "Value #A": ("Times", "次数"),
    "Value #B": ("Mean", "平均"),
    "Value #C": ("99 % within", "99% 不超过"),
    "Value #D": ("Cost, mean", "平均开销"),
    "Value #E": ("Failed", "失败"),
} | {state: (english.capitalize(), chinese) for state, (english, chinese) in STATES.items()}

# Grafana shows a panel's no-data text also when the question failed, with a mark in the panel's corner.
IF_ASKED = "(With a red mark in the corner the database could not be asked.)"
IF_ASKED_ZH = "（面板角上有红色标记时，是数据库无法查询。）"
# A number's place has no room for a long sentence, which would be too small to read; the panels below it have one.
NO_NUMBER = "No metrics: see below"
NO_NUMBER_ZH = "没有指标，见下方"
# What is about all devices together is empty for people whose rights are limited to groups: docs/rights.md.
IF_LIMITED = "To people whose rights are limited to groups of devices it is not shown."
IF_LIMITED_ZH = "权限仅限于部分分组的人员看不到此内容。"
