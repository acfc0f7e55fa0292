"""The words of notifications in English and Chinese: what an alarm is called, and how a message says it."""

KINDS = {
    "en": {"low_low": "low-low", "low": "low", "high": "high", "high_high": "high-high"},
    "zh": {"low_low": "低低", "low": "低", "high": "高", "high_high": "高高"},
}
"""Kinds of limits that are levels."""

PRIORITIES = {
    "en": {"critical": "critical", "high": "high", "medium": "medium", "low": "low"},
    "zh": {"critical": "紧急", "high": "高", "medium": "中", "low": "低"},
}

PHRASES = {
    "en": {
        "limit": "limit",
        "deviates": "is off by",
        "changes": "changes too fast:",
        "within": "within",
        "offline": "does not answer",
        "nothing": "nothing behind it answers",
        "cleared": "cleared",
        "withdrawn": "withdrawn",
        "acknowledged": "acknowledged",
        "shelved": "shelved",
        "suppressed": "explained by",
        "out_of_service": "in maintenance",
        "until": "until",
        "by": "by",
        "colon": ": ",
    },
    "zh": {
        "limit": "限值",
        "deviates": "偏差",
        "changes": "变化过快：",
        "within": "在此时间内：",
        "offline": "无应答",
        "nothing": "其后所有设备均无应答",
        "cleared": "已恢复",
        "withdrawn": "已撤销",
        "acknowledged": "已确认",
        "shelved": "已搁置",
        "suppressed": "原因：",
        "out_of_service": "检修中",
        "until": "至",
        "by": "，操作人",
        "colon": "：",
    },
}
"""What SQL puts together into titles and ends."""

MESSAGES = {
    "en": {
        "flood": "flood",
        "escalated": "escalated",
        "ended": "no longer calling",
        "alarms": "alarms",
        "recovered": "recovered",
        "priority": "Priority",
        "since": "since",
        "groups": "groups",
        "now": "Now",
        "why": "Cause",
        "consequence": "Consequence",
        "action": "What to do",
        "within": "Within",
        "note": "Detail",
        "look": "Acknowledge or shelve",
        "history": "What happened",
        "device": "Device at that time",
        "and": ", ",
        "more": "and %d more",
        "all": "All alarms",
        "unknown": "calls no more; the alarm's page says why",
        "nobody": "Nobody has acknowledged this alarm.",
    },
    "zh": {
        "flood": "报警洪水",
        "escalated": "升级",
        "ended": "不再呼叫",
        "alarms": "条报警",
        "recovered": "已恢复",
        "priority": "优先级",
        "since": "始于",
        "groups": "分组",
        "now": "当前值",
        "why": "原因",
        "consequence": "后果",
        "action": "处理措施",
        "within": "须在此时间内处理",
        "note": "详情",
        "look": "确认或搁置",
        "history": "发生经过",
        "device": "当时的设备画面",
        "and": "，",
        "more": "另有 %d 条",
        "all": "全部报警",
        "unknown": "不再呼叫；原因见报警页面",
        "nobody": "尚无人确认此报警。",
    },
}
"""What the templates of messages say."""

WATCH = {
    "en": {
        "database": (
            "Grafana cannot ask the database for alarms",
            "No alarm is notified until the database answers again.",
            "See whether the server runs, `docker compose ps`, and its log.",
        ),
        "standstill": (
            "Alarms are not judged: no collector reports",
            "Readings and alarms stand still since then.",
            "See whether a collector runs: `docker compose logs collector`.",
        ),
        "heartbeat": ("Grafana evaluates its rules", "", ""),
    },
    "zh": {
        "database": (
            "Grafana 无法从数据库查询报警",
            "在数据库恢复应答之前，不会发送任何报警通知。",
            "请检查服务器是否运行（docker compose ps）及其日志。",
        ),
        "standstill": (
            "报警未在判断：没有采集器上报",
            "自那时起，读数与报警均已停止更新。",
            "请检查采集器是否运行：docker compose logs collector。",
        ),
        "heartbeat": ("Grafana 正在计算其规则", "", ""),
    },
}
"""Title, consequence and what to do of the rules that watch the watching itself."""
