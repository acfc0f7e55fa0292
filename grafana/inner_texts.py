"""Words on the dashboard of what is stored, and what is erased."""

from grafana.texts import IF_ASKED, IF_LIMITED, Words

STORAGE_NOW = Words(
    "The database",
    "Its size on the disk; which share of what is compressed was saved; what a reading takes; how much it grows a day, over "
    "the last 30 days; what is free on its disk, and when that is full. The last two need the setting DDMS_DISK_PATH.",
    f"Not known yet: the size is taken down once an hour, growth shows from the second day on. {IF_LIMITED}",
)
COMPRESSIONS = {"done": "done", "failed": "failed"}
STORED = Words(
    "What is stored",
    "Each table of history with its indexes; rows are estimates. Saved: which share of the compressed chunks compression saved. "
    "State: how the database's own job of compression last went, and when one last succeeded.",
    f"Nothing is stored yet, or the database has not counted it yet: it does so by itself within minutes. {IF_LIMITED}",
)
ASKED_BY = {"schedule": "schedule", "command line": "command line"}
RETENTION_DUE = Words(
    "Will be erased",
    "What is older than its device keeps it, as announced a day before; the 200 largest. Until then it can be exported. "
    "A device's retention is changed by the updateDevice mutation.",
    f"Nothing is due: no history is older than its device keeps it. {IF_ASKED}",
)
RETENTION_RUNS = Words(
    "Erased because it was expired",
    "The newest 50 runs of the retention. Chunks are dropped whole; the rest is deleted device by device.",
    f"No run yet: the first one is a day after the first announcement. {IF_LIMITED} {IF_ASKED}",
)
ERASURES = Words(
    "Erased because it was deleted",
    "Histories of devices and points that were deleted with their history; the newest 50.",
    f"No device and no point was deleted with its history. {IF_ASKED}",
)
