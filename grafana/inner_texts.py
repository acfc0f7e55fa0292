"""Words on the dashboard of what is stored, and what is erased, in English and Chinese."""

from grafana.texts import IF_ASKED, IF_ASKED_ZH, IF_LIMITED, IF_LIMITED_ZH, Words

STORAGE_NOW = (
    Words(
        "The database",
        "Its size on the disk; which share of what is compressed was saved; what a reading takes; how much it grows a day, over "
        "the last 30 days; what is free on its disk, and when that is full. The last two need the setting DDMS_DISK_PATH.",
        f"Not known yet: the size is taken down once an hour, growth shows from the second day on. {IF_LIMITED}",
    ),
    Words(
        "数据库",
        "磁盘上的大小；压缩部分节省的比例；每个读数占用的空间；最近 30 天平均每天的增长；磁盘剩余空间，以及何时占满。后两项需要设置 `DDMS_DISK_PATH`。",
        f"尚未知：大小每小时记录一次，增长从第二天起显示。{IF_LIMITED_ZH}",
    ),
)
COMPRESSIONS = {"done": ("done", "完成"), "failed": ("failed", "失败")}
STORED = (
    Words(
        "What is stored",
        "Each table of history with its indexes; rows are estimates. Saved: which share of the compressed chunks compression saved. "
        "State: how the database's own job of compression last went, and when one last succeeded.",
        f"Nothing is stored yet, or the database has not counted it yet: it does so by itself within minutes. {IF_LIMITED}",
    ),
    Words(
        "存储内容",
        "各历史数据表（含索引），行数为估计值。压缩节省：已压缩数据块节省的比例。状态：数据库自身压缩任务的最近结果，以及最近一次成功的时间。",
        f"尚未存储任何内容，或数据库尚未统计：几分钟内会自动完成。{IF_LIMITED_ZH}",
    ),
)
ASKED_BY = {"schedule": ("schedule", "按计划"), "command line": ("command line", "命令行")}
RETENTION_DUE = (
    Words(
        "Will be erased",
        "What is older than its device keeps it, as announced a day before; the 200 largest. Until then it can be exported. "
        "A device's retention is changed by the updateDevice mutation.",
        f"Nothing is due: no history is older than its device keeps it. {IF_ASKED}",
    ),
    Words(
        "即将清除",
        "超过设备保留天数的历史，提前一天通知；显示最大的 200 项。在此之前可以导出。用 `updateDevice` 更改设备的保留天数。",
        f"没有到期的内容：没有历史超过设备的保留天数。{IF_ASKED_ZH}",
    ),
)
RETENTION_RUNS = (
    Words(
        "Erased because it was expired",
        "The newest 50 runs of the retention. Chunks are dropped whole; the rest is deleted device by device.",
        f"No run yet: the first one is a day after the first announcement. {IF_LIMITED} {IF_ASKED}",
    ),
    Words(
        "因过期而清除",
        "最新 50 次过期清理。完整的数据块整体删除，其余按设备逐个删除。",
        f"尚无清理：首次清理在首次通知的一天之后。{IF_LIMITED_ZH}{IF_ASKED_ZH}",
    ),
)
ERASURES = (
    Words(
        "Erased because it was deleted",
        "Histories of devices and points that were deleted with their history; the newest 50.",
        f"No device and no point was deleted with its history. {IF_ASKED}",
    ),
    Words(
        "因删除而清除",
        "连同历史一起删除的设备和测点，最新 50 项。",
        f"没有设备或测点连同历史被删除。{IF_ASKED_ZH}",
    ),
)
