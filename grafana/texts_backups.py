"""Every word on the dashboard of backups, in English and Chinese."""

from grafana.texts import IF_ASKED, IF_ASKED_ZH, IF_LIMITED, IF_LIMITED_ZH, Button, Words

TITLE = ("Backups", "备份")
DESCRIPTION = (
    "Whether what is kept can be restored: the newest backup that was, sizes, durations, failures, what runs just now.",
    "所保存的备份能否恢复：最新已校验的备份、大小、用时、失败，以及正在进行的工作。",
)
VERIFIED = (
    Words(
        "Newest verified backup",
        "How old the newest backup is that was restored into a scratch database and compared. Green: not older than the configuration allows "
        "(`verifiedWithinDays`). Yellow: backed up, but never restored. Red: too old, or there is none.",
        f"Not known. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "最新已校验的备份",
        "最近一个已恢复到临时数据库并比对过的备份有多旧。绿色：未超过配置允许的天数（`verifiedWithinDays`）。黄色：已备份，但从未恢复过。红色：太旧，或没有备份。",
        f"未知。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
VERDICTS = {
    "verified": (r"$1", r"$1"),
    "old": (r"$1", r"$1"),
    "unverified": ("never restored", "从未恢复"),
    "none": ("no backup", "没有备份"),
}
FACTS = (
    Words(
        "How they stand",
        "The newest backup and when the next one is due, the next verification; how many there are and their size together; what is free on their "
        "disk; how many tries failed since a backup was last done.",
        f"Not known. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "概况",
        "最新备份、下次备份和下次校验的时间；备份数量与总大小；磁盘剩余空间；上次成功之后失败的次数。",
        f"未知。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
BY_HAND = (
    Words(
        "By hand",
        "Owners make a backup at once, or restore the newest one into a scratch database to try it; what comes of it stands beside. "
        "Each is in the audit. With history as rows, for another edition of the storage: `ddms backup create --portable`.",
        f"Not known. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "手动操作",
        "所有者可立即备份，或把最新备份恢复到临时数据库进行校验；结果显示在旁边。每次操作都会记入审计。如需以行存放历史、供其他存储版本读取：`ddms backup create --portable`。",
        f"未知。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
BACK_UP = (
    Button("Back up now", "Make a backup of the whole database now? Only owners may."),
    Button("立即备份", "现在备份整个数据库？仅所有者可以。"),
)
VERIFY_NEWEST = (
    Button(
        "Verify newest", "Restore ${__data.fields.newest_name} into a scratch database and compare it? Only owners may."
    ),
    Button("校验最新", "把 ${__data.fields.newest_name} 恢复到临时数据库并比对？仅所有者可以。"),
)
VERIFY = (
    Button("Verify", "Restore ${__data.fields.name} into a scratch database and compare it? Only owners may."),
    Button("校验", "把 ${__data.fields.name} 恢复到临时数据库并比对？仅所有者可以。"),
)
NOW = (
    Words(
        "Just now",
        "What is made, verified or restored, how far it is, and what waits for its turn. One after another.",
        f"Nothing runs, and nothing waits. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "正在进行",
        "正在备份、校验或恢复的内容及进度，以及排队等待的内容。逐个进行。",
        f"没有正在进行或等待的工作。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
KINDS = {
    "backup": ("backup", "备份"),
    "verification": ("verification", "校验"),
    "restore": ("restore", "恢复"),
    "copy": ("copy", "复制"),
}
STATES = {
    "running": ("running", "进行中"),
    "waiting": ("waiting", "等待"),
    "done": ("done", "完成"),
    "failed": ("failed", "失败"),
    "cancelled": ("cancelled", "已取消"),
    "missing": ("file is gone", "文件丢失"),
}
TRIED = {
    "verified": ("✓ verified", "✓ 已校验"),
    "failed": ("✗ failed", "✗ 未通过"),
    "running": ("running", "进行中"),
    "waiting": ("waiting", "等待"),
    "never": ("never restored", "从未恢复"),
}
FLAGS = {
    "encrypted": ("encrypted", "已加密"),
    "portable": ("portable", "可移植"),
    "copied_at IS NOT NULL": ("copied", "已复制"),
    "copy_error IS NOT NULL": ("not copied", "复制失败"),
    "kept": ("kept", "长期保留"),
    "reason = 'found'": ("found", "外来文件"),
}
"""What a backup is beside its name, by the SQL that says so."""
SIZES = (
    Words(
        "Sizes", "Of each backup, and of the database when it was made.", f"No backup was made in the chosen time. {IF_LIMITED} {IF_ASKED}"
    ),
    Words("大小", "每个备份的大小，以及当时数据库的大小。", f"所选时间内没有备份。{IF_LIMITED_ZH}{IF_ASKED_ZH}"),
)  # fmt: skip
DURATIONS = (
    Words(
        "How long they took",
        "Each backup, and its last verification, at the time of the backup.",
        f"No backup was made in the chosen time. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "用时", "每个备份及其最后一次校验的用时，按备份时间显示。", f"所选时间内没有备份。{IF_LIMITED_ZH}{IF_ASKED_ZH}"
    ),
)
LIST = (
    Words(
        "Backups",
        "Those that are there and were made in the chosen time, the newest 200. Restored: how its last restore into a scratch database went, and when one "
        "last ended well. What is in each, and checksums, are for owners: the query `backups` and `ddms backup show`.",
        f"No backup is there of the chosen time: make one by the button above, or `ddms backup create`. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "备份列表",
        "所选时间内现存的备份，最多最新 200 个。恢复校验：最近一次恢复到临时数据库的结果，以及最近一次通过的时间。内容与校验和仅供所有者查看：查询 `backups` 和 `ddms backup show`。",
        f"所选时间内没有现存的备份：请用上面的按钮或 `ddms backup create` 备份。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
FAILURES = (
    Words(
        "What failed",
        "Backups, verifications and copies that failed in the chosen time, and why; the newest 100. A backup is tried three times, an hour apart.",
        f"Nothing failed in the chosen time. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "失败记录",
        "所选时间内失败的备份、校验和复制及其原因，最多最新 100 条。备份每隔一小时尝试一次，共三次。",
        f"所选时间内没有失败。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
RESTORES = (
    Words(
        "Restores",
        "Backups that were restored into new databases in the chosen time, the newest 50; `ddms backup restore` and `restoreBackup` do it.",
        f"No backup was restored in the chosen time. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "恢复记录",
        "所选时间内恢复到新数据库的备份，最多最新 50 条；用 `ddms backup restore` 或 `restoreBackup` 恢复。",
        f"所选时间内没有恢复。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
RESULT = ("What it does, or why it failed", "进展或失败原因")
COLUMNS = {
    "newest_age": ("Age of the newest", "最新备份距今"),
    "newest_name": ("Newest", "最新"),
    "next_backup": ("Next backup in", "距下次备份"),
    "next_verification": ("Next verification in", "距下次校验"),
    "backups": ("Backups", "备份数"),
    "kept_bytes": ("Together", "总大小"),
    "free_bytes": ("Free on disk", "磁盘剩余"),
    "failed_in_a_row": ("Failed in a row", "连续失败"),
    "do_backup": ("\u00a0", "\u00a0"),
    "do_newest": ("\u00a0\u00a0\u00a0", "\u00a0\u00a0\u00a0"),
    "do_verify": ("\u00a0\u00a0\u00a0\u00a0", "\u00a0\u00a0\u00a0\u00a0"),
    "kind": ("What", "内容"),
    "name": ("Name", "名称"),
    "state": ("State", "状态"),
    "progress": ("Done", "进度"),
    "doing": ("What it does", "正在做"),
    "lasts": ("For", "已持续"),
    "made_at": ("When", "时间"),
    "bytes": ("Size", "大小"),
    "database_bytes": ("Database", "数据库"),
    "seconds": ("Took", "用时"),
    "backup_seconds": ("backup", "备份"),
    "verification_seconds": ("verification", "校验"),
    "backup_bytes": ("backup", "备份"),
    "tried": ("Restored", "恢复校验"),
    "tried_at": ("Last verified", "最近通过"),
    "flags": ("What it is", "属性"),
    "error": ("Why", "原因"),
    "database": ("New database", "新数据库"),
}
