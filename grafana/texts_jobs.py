"""Words on the dashboard of the scheduled jobs, in English and Chinese."""

from grafana.texts import IF_ASKED, IF_ASKED_ZH, IF_LIMITED, IF_LIMITED_ZH, Button, Words

TITLE = ("Jobs", "任务")
DESCRIPTION = (
    "What DDMS does by itself: what runs, when it runs next, how it went, how long it took.",
    "DDMS 自动执行的任务：正在运行什么、下次何时运行、结果如何、用了多久。",
)
STATES = {
    "running": ("running", "运行中"),
    "failed": ("failed", "失败"),
    "paused": ("paused", "已暂停"),
    "waiting": ("waiting", "等待"),
}
PURPOSES = {
    "rollups": ("condenses readings to minutes, hours and days", "把读数汇总为分钟、小时和天"),
    "storage": ("takes down sizes and growth", "记录大小与增长"),
    "retention": ("erases what is expired, and announces it before", "清除到期的历史，并提前通知"),
    "erasures": ("erases the history of what was deleted", "清除已删除设备和测点的历史"),
    "shelves": ("ends shelves and maintenance of alarms", "结束到期的报警搁置与检修"),
    "audit": ("checks the chain of the audit", "检查审计链"),
    "guard": ("ends what takes too much through Grafana", "终止经 Grafana 占用过多的查询"),
    "roles": ("keeps the rights in the database as they must be", "维持数据库角色的权限"),
    "watch": ("watches DDMS itself, raises system alarms", "监视系统本身，产生系统报警"),
    "backup": ("asks for a backup when it is time", "按计划发起备份"),
    "verify": ("asks for the newest backup to be verified", "按计划发起对最新备份的校验"),
    "backups": ("makes, verifies, copies and removes backups", "执行备份、校验、复制与清理"),
}
EVERY = {
    "s": ("every {} s", "每 {} 秒"),
    "min": ("every {} min", "每 {} 分钟"),
    "h": ("every {} h", "每 {} 小时"),
}
NOT_YET = ("not yet", "尚未安排")
NEVER = ("when asked", "仅在手动时")
PAUSED_BY = ("paused by ", "暂停者：")
JOBS = (
    Words(
        "Jobs of DDMS",
        "Schedules of people are five fields of cron in the site's time zone; the others run every so often. A run that was missed is made "
        "up for once. Owners run, pause and resume a job by its buttons; each is in the audit. What keeps the site safe cannot be paused.",
        f"No job has run yet: the api begins with them when it starts. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "DDMS 的任务",
        "人工安排的计划为站点时区的五段 `cron`；其余按固定间隔运行。错过的运行会补做一次。所有者可用按钮运行、暂停和继续任务；每次都会记入审计。保障站点安全的任务不能暂停。",
        f"尚未运行任何任务：API 启动后即开始。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
RUN_NOW = (
    Button("Run", "Run ${__data.fields.job} now? Only owners may."),
    Button("运行", "现在运行 ${__data.fields.job}？仅所有者可以。"),
)
PAUSE = (
    Button("Pause", "Pause ${__data.fields.job}? It does nothing until somebody resumes it. Only owners may."),
    Button("暂停", "暂停 ${__data.fields.job}？在有人继续之前它不会运行。仅所有者可以。"),
)
RESUME = (
    Button("Resume", "Let ${__data.fields.job} run again? Only owners may."),
    Button("继续", "让 ${__data.fields.job} 重新运行？仅所有者可以。"),
)
SECONDS = ("suffix: s", "suffix: 秒")
"""A unit for a logarithmic axis, on which Grafana's own would stand at 16.7 mins and 1.67 mins."""
DURATIONS = (
    Words(
        "How long runs took",
        "Each run in the chosen time; the newest 500 of each job are kept.",
        f"No job ran in the chosen time. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "每次运行的用时",
        "所选时间内的每次运行；每个任务保留最新 500 次。",
        f"所选时间内没有运行。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
FAILURES = (
    Words(
        "Runs that failed",
        "The newest 200 of the chosen time, with the reason. A run that was cut off, because its server stopped, counts as failed.",
        f"No run failed in the chosen time. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "失败的运行",
        "所选时间内最新的 200 次，附原因。因服务器停止而中断的运行也算失败。",
        f"所选时间内没有失败的运行。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
COLUMNS = {
    "job": ("Job", "任务"),
    "purpose": ("What for", "用途"),
    "job_state": ("State", "状态"),
    "schedule": ("Schedule", "计划"),
    "next_start": ("Next run in", "距下次运行"),
    "last_success": ("Last success, ago", "距上次成功"),
    "detail": ("What it does, or why it failed", "进展或失败原因"),
    "do_run": ("\u00a0", "\u00a0"),
    "do_pause": ("\u00a0\u00a0", "\u00a0\u00a0"),
    "do_resume": ("\u00a0\u00a0\u00a0", "\u00a0\u00a0\u00a0"),
    "began": ("Began", "开始"),
    "seconds": ("Took", "用时"),
    "error": ("Error", "错误"),
}
