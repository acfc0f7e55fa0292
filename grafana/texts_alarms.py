"""Every word on the dashboards of alarms, in English and Chinese."""

from grafana.texts import IF_ASKED, IF_ASKED_ZH, Button, Words

Pair = tuple[Words, Words]

NOW_TITLE = ("Alarms now", "当前报警")
NOW_DESCRIPTION = (
    "What stands: how much it matters, what to do and within how long. What is shelved, suppressed or in maintenance.",
    "现有报警：重要程度、该做什么、多久之内；以及已搁置、被抑制和检修中的报警。",
)
HISTORY_TITLE = ("Alarm history", "报警历史")
HISTORY_DESCRIPTION = (
    "The journal of the alarms beside the trend of a point with its limits.",
    "报警日志，以及所选测点的趋势与限值。",
)
PERFORMANCE_TITLE = ("Alarm performance", "报警绩效")
PERFORMANCE_DESCRIPTION = (
    "How well the alarm system serves its operators, by the measures of EEMUA 191 and ISA-18.2.",
    "按 EEMUA 191 与 ISA-18.2 的指标，看报警系统是否真正帮到操作员。",
)

PRIORITIES = {
    "critical": ("1 critical", "1 紧急"),
    "high": ("2 high", "2 高"),
    "medium": ("3 medium", "3 中"),
    "low": ("4 low", "4 低"),
}
STATES = {
    "unacknowledged": ("● active", "● 报警中"),
    "acknowledged": ("✓ acknowledged", "✓ 已确认"),
    "returned": ("↩ returned", "↩ 已恢复"),
    "latched_unacknowledged": ("⚓ latched", "⚓ 锁存"),
    "latched_acknowledged": ("✓ latched, acknowledged", "✓ 锁存，已确认"),
    "normal": ("normal", "正常"),
}
UNCERTAIN = ("? uncertain", "? 不确定")
EVENTS = {
    "raised": ("raised", "报警"),
    "cleared": ("cleared", "恢复"),
    "uncertain": ("uncertain", "不确定"),
    "certain": ("certain again", "重新确定"),
    "acknowledged": ("acknowledged", "确认"),
    "noted": ("noted", "备注"),
    "shelved": ("shelved", "搁置"),
    "unshelved": ("unshelved", "取消搁置"),
    "shelf_ended": ("shelf ended", "搁置到期"),
    "suppressed": ("suppressed", "被抑制"),
    "unsuppressed": ("no longer suppressed", "解除抑制"),
    "out_of_service": ("out of service", "停用检修"),
    "in_service": ("back in service", "恢复使用"),
    "service_due": ("maintenance ended", "检修到期"),
    "withdrawn": ("withdrawn", "撤销"),
}
SOURCES = {
    "limit": ("limits", "限值"),
    "device": ("devices", "设备"),
    "connection": ("connections", "连接"),
    "system": ("DDMS itself", "系统本身"),
}
HOW_HIDDEN = {
    "shelved": ("shelved", "搁置"),
    "suppressed": ("suppressed", "被抑制"),
    "out": ("out of service", "停用检修"),
}
BENCHMARKS = {
    "acceptable": ("✓ acceptable", "✓ 可接受"),
    "manageable": ("! at the limit", "! 尚可应付"),
    "overloaded": ("✗ too many", "✗ 过多"),
}

# How an alarm is told, in SQL: `says` puts the parts together.
BELOW, ABOVE = (", below ", "，低于 "), (", above ", "，高于 ")
LEVELS = {
    "low_low": (" (low-low)", "（低低限）"),
    "low": (" (low)", "（低限）"),
    "high": (" (high)", "（高限）"),
    "high_high": (" (high-high)", "（高高限）"),
}
KINDS = {
    "low_low": ("low-low", "低低限"),
    "low": ("low", "低限"),
    "high": ("high", "高限"),
    "high_high": ("high-high", "高高限"),
    "deviation": ("deviation", "偏差"),
    "rate": ("rate of change", "变化率"),
    "bit": ("bit", "位"),
    "value": ("value", "取值"),
    "offline": ("no answer", "无应答"),
    "collector_silent": ("the collector is silent", "采集器无声息"),
    "endpoints_unpolled": ("endpoints that nobody polls", "端点无人轮询"),
    "ingest_lagging": ("readings are stored late", "读数存储延迟"),
    "backlog": ("readings wait in the spool", "读数在缓存中等待"),
    "spool_filling": ("the spool fills", "缓存即将占满"),
    "spool_unusable": ("the spool cannot be used", "缓存无法使用"),
    "readings_lost": ("readings are lost", "读数丢失"),
    "clock_off": ("the clock is wrong", "时钟不准"),
    "disk_filling": ("the disk fills", "磁盘即将占满"),
    "disk_full": ("the disk is almost full", "磁盘几乎已满"),
    "job_failed": ("a job fails", "任务失败"),
    "retention_due": ("much history will be erased", "大量历史数据将被清除"),
    "backups_failing": ("backups fail", "备份连续失败"),
    "backup_unverified": ("no backup was verified for too long", "备份过久未验证"),
    "verification_failed": ("a backup did not pass its verification", "备份未通过验证"),
    "backup_waiting": ("a backup waits, and nobody makes it", "备份无人执行"),
    "backup_folder_filling": ("the folder of the backups fills", "备份目录即将占满"),
    "backup_copy_failed": ("a backup could not be copied", "备份复制失败"),
    "errors_unexpected": ("DDMS itself fails again and again", "DDMS 自身反复出错"),
    "watch_stopped": ("nobody watches the system", "系统无人监视"),
    "certificate_expiring": ("a certificate expires soon", "证书即将过期"),
    "certificate_expires_soon": ("a certificate expires very soon", "证书很快过期"),
}
SHELF_UNTIL = ("for ", "时长 ")
AWAY_FROM, LIMIT = (" away from ", " 偏离 "), (", limit ", "，限值 ")
CHANGED, WITHIN = ("changed by ", "变化 "), (" within ", "，时间 ")
BIT, IS_SET, IS_NOT_SET = ("bit ", "位 "), (" is 1", " 为 1"), (" is 0", " 为 0")
OFF, ON = ("off", "关"), ("on", "开")
IS, IS_NONE_OF = ("is ", "值为 "), (", none of ", "，不属于 ")
BEHIND, AND_MORE = ("behind it: ", "其后设备："), (", and further ", "，另有 ")
SILENT, NOBODY = ("does not answer", "无应答"), ("nothing behind it answers", "其后设备全部无应答")
NOW, NOW_UNKNOWN = ("now ", "现值 "), ("now not known: ", "现值未知：")
AGO, FOR = (" ago", "前"), ("for ", "已 ")
TO_DO, CAUSE, CONSEQUENCE = ("Do", "处理"), ("Cause", "原因"), ("Else", "后果")
COLON = (": ", "：")
RESPOND = ("Within ", "时限 ")
LEFT, OVERDUE = ("left: ", "剩余 "), ("⚠ overdue by ", "⚠ 已超时 ")
NOTE = ("Note", "备注")
NO_ADVICE = ("No advice was written for this limit.", "该限值没有填写处理说明。")
OTHERS = ("None of these; others: ", "所选无报警；其他：")
CALM = ("No alarm stands", "没有报警")
SINCE, SINCE_EVER = ("since ", "自 "), ("none was ever raised", "从未发生过报警")
CALLING = ("Unacknowledged: ", "未确认：")
ALL_KNOWN = ("All are acknowledged", "全部已确认")
BY = (" by ", "，")
BECAUSE_OF = ("because of ", "原因：")
OLD_ALARM = ("(removed)", "（已删除）")

ALL = ("All", "全部")
OF_LIMIT = ("limit ", "限值 ")
GROUP = (("Group", "Shows alarms of devices in this group"), ("分组", "只显示该分组设备的报警"))
DEVICE = (("Device", "Shows alarms of this device; type to search"), ("设备", "只显示该设备的报警；可输入搜索"))
PRIORITY = (("Priority", "Shows alarms of these priorities"), ("优先级", "只显示这些优先级的报警"))
EVENT = (("What happened", "Shows these entries of the journal"), ("事件", "只显示这些日志条目"))
POINT = (("Point", "The point in the trend; type to search"), ("测点", "趋势中的测点；可输入搜索"))
SEARCH = (
    ("Search", "Part of a device's or point's name, of who did it or of why"),
    ("搜索", "设备名、测点名、操作人或原因的一部分"),
)
OPERATORS = (("Operators", "The benchmarks hold for each operator"), ("操作员数", "基准值按每名操作员计"))
CHOSEN_ALARM = (("Alarm", "Shows entries of this alarm"), ("报警", "只显示该报警的条目"))

COLUMNS = {
    "critical": ("Critical", "紧急"),
    "high": ("High", "高"),
    "medium": ("Medium", "中"),
    "low": ("Low", "低"),
    "unacknowledged": ("New", "未确认"),
    "uncertain": ("Uncertain", "不确定"),
    "shelved": ("Shelved", "已搁置"),
    "out_of_service": ("Maintenance", "停用检修"),
    "suppressed": ("Suppressed", "被抑制"),
    "situation": ("\u00a0", "\u00a0"),
    "since": ("For how long", "已持续"),
    "priority": ("Priority", "优先级"),
    "state": ("State", "状态"),
    "alarm": ("Alarm", "报警"),
    "todo": ("What to do", "该做什么"),
    "do": ("\u00a0", "\u00a0"),
    "do_all": ("\u00a0\u00a0", "\u00a0\u00a0"),
    "how": ("How", "方式"),
    "until": ("Until", "直到"),
    "by_whom": ("By whom, why", "何人、为何"),
    "happened": ("When", "时间"),
    "event": ("What", "事件"),
    "subject": ("Alarm", "报警"),
    "value": ("Value", "值"),
    "limit": ("Limit", "限值"),
    "actor": ("Who", "何人"),
    "note": ("Why", "原因"),
    "time": ("Time", "时间"),
    "alarms": ("Alarms", "报警数"),
    "measure": ("Measure", "指标"),
    "measured": ("Is", "实际"),
    "aim": ("Good", "良好"),
    "verdict": ("Verdict", "结论"),
    "median_seconds": ("Acknowledged", "确认用时"),
    "p95_seconds": ("95 % within", "95% 不超过"),
    "never": ("Unacknowledged", "未确认"),
    "share": ("Share", "占比"),
    "repeats": ("Chatters", "抖动"),
    "fleeting_times": ("Fleeting", "瞬时"),
    "standing_seconds": ("Stands, mean", "平均持续"),
    "target_share": ("Aim", "目标"),
    "begins": ("From", "开始"),
    "ends": ("To", "结束"),
    "lasted": ("Lasted", "持续"),
    "most": ("Most in 10 min", "10分钟最多"),
    "raised_at": ("Since", "自"),
    "still": ("\u00a0", "\u00a0"),
}
STILL = {"stands": ("still stands", "仍在报警"), "over": ("over", "已结束")}
VERDICTS = {
    "good": ("✓ good", "✓ 良好"),
    "edge": ("! at the edge", "! 勉强"),
    "bad": ("✗ too much", "✗ 超标"),
    "told": ("\u00a0", "\u00a0"),
}
MEASURE_NAMES = {
    "per_day": (("Alarms a day", "每天报警数"), ("up to 150", "不超过 150")),
    "per_10_minutes": (("In 10 minutes, on average", "每 10 分钟平均"), ("up to 1", "不超过 1")),
    "most_in_10_minutes": (("In 10 minutes, at most", "10 分钟内最多"), ("up to 10", "不超过 10")),
    "share_over": (("Of all 10 minutes, with more than 10", "超过 10 条的时段占比"), ("under 1 %", "少于 1%")),
    "floods": (("Floods, and how long in all", "泛滥次数与总时长"), ("under 1 % of time", "少于 1% 的时间")),
    "worst_share": (("Share of the ten worst", "最频繁十个的占比"), ("under 5 %", "少于 5%")),
    "chattering": (("Alarms that chatter", "抖动报警"), ("0", "0")),
    "fleeting": (("Times that one was fleeting", "瞬时报警次数"), ("0", "0")),
    "stale": (("Alarms that are stale", "陈旧报警"), ("under 5", "少于 5")),
    "median_seconds": (("Acknowledged: half of them within", "确认用时中位数"), ("", "")),
    "p95_seconds": (("Acknowledged: 95 % within", "95% 在此时间内确认"), ("", "")),
    "never": (("Never acknowledged", "从未确认"), ("", "")),
    "hidden": (("Raised while hidden, not counted", "隐藏期间发生（不计入）"), ("", "")),
}

ACKNOWLEDGE = (
    Button("Acknowledge", "Acknowledge this alarm? It says that you know of it and see to it: ${__data.fields.told}"),
    Button("确认", "确认此报警？表示您已知晓并负责处理：${__data.fields.told}"),
)
ACKNOWLEDGE_ALL = (
    Button("Acknowledge all ${__data.fields.number}", "Acknowledge these ${__data.fields.number} alarms? It says that you know of each of them and see to it."),
    Button("全部确认（${__data.fields.number}）", "确认这 ${__data.fields.number} 条报警？表示您已知晓每一条并负责处理。"),
)  # fmt: skip
SHELVE = (
    Button("Shelve", "Shelve for $hours hours, because: $reason? Nobody is called meanwhile; it comes back by itself. ${__data.fields.told}"),
    Button("搁置", "搁置 $hours 小时，原因：$reason？期间不再通知任何人，到时自动恢复。${__data.fields.told}"),
)  # fmt: skip
UNSHELVE = (
    Button("Unshelve", "Show this alarm again? If it still stands it asks to be acknowledged. ${__data.fields.told}"),
    Button("取消搁置", "重新显示此报警？若仍在报警，需要重新确认。${__data.fields.told}"),
)
ADD_NOTE = (
    Button("Note", "Write into the journal: $note? ${__data.fields.told}"),
    Button("备注", "写入日志：$note？${__data.fields.told}"),
)
HOURS = ("For how many hours", "搁置多少小时")
REASON = ("Reason", "原因")
NOTE_TEXT = ("Note", "备注内容")

OPEN_DEVICE = ("The device, at that time", "该时刻的设备")
OPEN_TREND = ("The trend, at that time", "该时刻的趋势")
OPEN_JOURNAL = ("What happened to this alarm", "此报警的日志")
OPEN_NOW = ("Alarms now", "当前报警")
OPEN_HISTORY = ("Alarm history", "报警历史")
OPEN_PERFORMANCE = ("Alarm performance", "报警绩效")
SHOW_PRIORITY = ("Show these alarms", "显示这些报警")
HOW_IT_CAME = ("Its history", "其历史")

SITUATION = (
    Words("Now", "Whether an alarm stands that nobody has acknowledged; green: no alarm stands, and for how long. Orange: none that passes the filters, but others.", f"It is not known. {IF_ASKED}"),
    Words("当前", "是否有未确认的报警；绿色：没有报警，以及已持续多久。橙色：所选范围没有，但其他地方有。", f"未知。{IF_ASKED_ZH}"),
)  # fmt: skip
COUNTS = (
    Words("Alarms by priority", "Those of the chosen devices that stand, of each priority, without the hidden ones; then how many of them nobody has acknowledged or are uncertain, "
          "and how many are hidden. A number of a priority shows its alarms.", f"It is not known. {IF_ASKED}"),
    Words("按优先级", "所选设备各优先级的现有报警数（不含已隐藏的）；其中未确认和不确定的；以及已隐藏的。点击优先级的数字可筛选。", f"未知。{IF_ASKED_ZH}"),
)  # fmt: skip
ALL_AT_ONCE = (
    Words("All at once", "Acknowledges all alarms of the list below that are not acknowledged yet, as it was when this was loaded. At most 200 at a time.",
          f"Nothing to acknowledge. {IF_ASKED}"),
    Words("一次确认", "确认下方列表中所有未确认的报警（以页面刷新时为准），每次最多 200 条。", f"没有需要确认的报警。{IF_ASKED_ZH}"),
)  # fmt: skip
STANDING = (
    Words("What stands", "The worst first, not acknowledged before acknowledged; the first 200. A click on an alarm leads to its history, its trend or its device. "
          "Returned: it is gone, and nobody has acknowledged it. Latched: gone, held until it is acknowledged. Uncertain: the newest reading was bad or missing, so nobody knows whether it still stands.",
          f"No alarm stands that passes the filters above: nothing has to be done there. Since when stands above. {IF_ASKED}"),
    Words("现有报警", "最重要的在前，未确认的在前；最多 200 条。点击报警可打开其历史、趋势或设备。已恢复：已消失但无人确认。锁存：已消失，确认后才解除。不确定：最新读数坏或缺失，无法判断是否仍在报警。",
          f"没有符合上方筛选的报警，无需处理。从何时起见上方。{IF_ASKED_ZH}"),
)  # fmt: skip
HIDDEN = (
    Words("Shelved, suppressed and out of service", "Alarms that call nobody for now: who hid them, why, and until when. Suppressed: the alarm that is named explains it.",
          f"No alarm is hidden. {IF_ASKED}"),
    Words("已搁置、被抑制、停用检修", "暂时不通知任何人的报警：何人、为何、到何时。被抑制：由所列的报警引起。", f"没有隐藏的报警。{IF_ASKED_ZH}"),
)  # fmt: skip
TREND = (
    Words("${point:text}", "The readings with the limits that were in force (dashed); a coloured stretch is a time in which an alarm of this point stood. "
          "A drag over a part zooms in. Outages and bad readings are gaps.",
          "No point is chosen, or nothing was read in this time range: choose a point above, or click on a time in the journal."),
    Words("${point:text}", "读数与当时的限值（虚线）；着色区段为该测点报警的时间。拖动可放大。断线处为中断或坏读数。",
          "没有选择测点，或该时段没有读数：请在上方选择测点，或点击日志中的时间。"),
)  # fmt: skip
JOURNAL = (
    Words("Journal", "What happened to the alarms, the newest first; the first 500. A click on the time shows the trend or the device then. "
          "↻: became known late, the database was away.", f"Nothing happened in this time range that passes the filters above. {IF_ASKED}"),
    Words("日志", "报警的经过，最新的在前；最多 500 条。点击时间可打开当时的趋势或设备。↻：数据库不可用，事后补记。", f"该时段没有符合上方筛选的条目。{IF_ASKED_ZH}"),
)  # fmt: skip
STOOD = ("Alarm stood", "报警期间")

MEASURES = (
    Words("Measures", "What counts is an alarm that called: neither shelved, suppressed nor out of service. Good: up to 150 a day and 1 in 10 minutes for each operator, "
          "less than 1 % of the time in floods, the ten worst less than 5 % of all, nothing that chatters or fleets, fewer than 5 stale.",
          f"No alarms in this time range. {IF_ASKED}"),
    Words("指标", "只计真正呼叫过的报警：未搁置、未抑制、未停用。良好：每名操作员每天不超过 150 条、每 10 分钟 1 条，泛滥时间少于 1%，前十占比少于 5%，"
          "没有抖动和瞬时报警，陈旧报警少于 5 条。", f"该时段没有报警。{IF_ASKED_ZH}"),
)  # fmt: skip
RATE = (
    Words("Alarms in 10 minutes", "For each operator up to 1 is acceptable, 2 can be managed; with more than 10 a flood begins (lines).", f"No alarm called in this time range: good. {IF_ASKED}"),
    Words("每 10 分钟报警数", "每名操作员 1 条以内可接受，2 条尚可应付；超过 10 条为泛滥（横线）。", f"该时段没有报警：良好。{IF_ASKED_ZH}"),
)  # fmt: skip
DAILY = (
    Words("Alarms a day", "For each operator up to 150 is acceptable, 300 can be managed (lines). Days are those of UTC.", f"No alarm called in this time range: good. {IF_ASKED}"),
    Words("每天报警数", "每名操作员 150 条以内可接受，300 条尚可应付（横线）。按 UTC 日计。", f"该时段没有报警：良好。{IF_ASKED_ZH}"),
)  # fmt: skip
SHARES = (
    Words("Priorities", "How the alarms are distributed beside what ISA-18.2 aims at (about 80 % low, 15 % medium, 5 % high, of these few critical), and how fast they were acknowledged.",
          f"No alarms in this time range. {IF_ASKED}"),
    Words("优先级分布", "与 ISA-18.2 的目标（约 80% 低、15% 中、5% 高，其中极少紧急）对照，以及确认用时。", f"该时段没有报警。{IF_ASKED_ZH}"),
)  # fmt: skip
WORST = (
    Words("The ten worst", "The alarms that called most often, and their share of all. Chatters: how often it called for the third time within a minute. "
          "Fleeting: it was over within 10 seconds, before anybody could have done anything.", f"No alarms in this time range. {IF_ASKED}"),
    Words("最频繁的十个", "呼叫次数最多的报警及其占比。抖动：一分钟内第三次报警的次数。瞬时：10 秒内消失，来不及处理。", f"该时段没有报警。{IF_ASKED_ZH}"),
)  # fmt: skip
FLOODS = (
    Words("Floods", "From the first 10 minutes with more than 10 alarms an operator to the first with fewer than 5; a click shows the journal of that time.",
          f"No flood in this time range: good. {IF_ASKED}"),
    Words("报警泛滥", "从首个超过 10 条/操作员的 10 分钟，到首个少于 5 条的 10 分钟；点击可打开当时的日志。", f"该时段没有泛滥：良好。{IF_ASKED_ZH}"),
)  # fmt: skip
STALE = (
    Words("Stale", "Alarms that stood for more than 24 hours without an end: nobody acts on them, or their limit is wrong.", f"No alarm stood for more than a day: good. {IF_ASKED}"),
    Words("陈旧报警", "持续超过 24 小时的报警：无人处理，或限值不当。", f"没有持续超过一天的报警：良好。{IF_ASKED_ZH}"),
)  # fmt: skip
