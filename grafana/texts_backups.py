"""Every word on the dashboard of backups."""

from grafana.texts import IF_ASKED, IF_LIMITED, Button, Words

TITLE = "Backups"
DESCRIPTION = (
    "Whether what is kept can be restored: the newest backup that was, sizes, durations, failures, what runs just now."
)
VERIFIED = Words(
    "Newest verified backup",
    "How old the newest backup is that was restored into a scratch database and compared. Green: not older than the configuration allows "
    "(`verifiedWithinDays`). Yellow: backed up, but never restored. Red: too old, or there is none.",
    f"Not known. {IF_LIMITED} {IF_ASKED}",
)
VERDICTS = {
    "verified": r"$1",
    "old": r"$1",
    "unverified": "never restored",
    "none": "no backup",
}
FACTS = Words(
    "How they stand",
    "The newest backup and when the next one is due, the next verification; how many there are and their size together; what is free on their "
    "disk; how many tries failed since a backup was last done.",
    f"Not known. {IF_LIMITED} {IF_ASKED}",
)
BY_HAND = Words(
    "By hand",
    "Owners make a backup at once, or restore the newest one into a scratch database to try it; what comes of it stands beside. "
    "Each is in the audit. With history as rows, for another edition of the storage: `ddms backup create --portable`.",
    f"Not known. {IF_LIMITED} {IF_ASKED}",
)
BACK_UP = Button("Back up now", "Make a backup of the whole database now? Only owners may.")
VERIFY_NEWEST = Button(
    "Verify newest", "Restore ${__data.fields.newest_name} into a scratch database and compare it? Only owners may."
)
VERIFY = Button("Verify", "Restore ${__data.fields.name} into a scratch database and compare it? Only owners may.")
NOW = Words(
    "Just now",
    "What is made, verified or restored, how far it is, and what waits for its turn. One after another.",
    f"Nothing runs, and nothing waits. {IF_LIMITED} {IF_ASKED}",
)
KINDS = {
    "backup": "backup",
    "verification": "verification",
    "restore": "restore",
    "copy": "copy",
}
STATES = {
    "running": "running|backup",
    "waiting": "waiting",
    "done": "done",
    "failed": "failed",
    "cancelled": "cancelled",
    "missing": "file is gone",
}
TRIED = {
    "verified": "✓ verified",
    "failed": "✗ failed",
    "running": "running|backup",
    "waiting": "waiting",
    "never": "never restored",
}
FLAGS = {
    "encrypted": "encrypted",
    "portable": "portable",
    "copied_at IS NOT NULL": "copied",
    "copy_error IS NOT NULL": "not copied",
    "kept": "kept",
    "reason = 'found'": "found",
}
"""What a backup is beside its name, by the SQL that says so."""
SIZES = Words(
        "Sizes", "Of each backup, and of the database when it was made.", f"No backup was made in the chosen time. {IF_LIMITED} {IF_ASKED}"
    )  # fmt: skip
DURATIONS = Words(
    "How long they took",
    "Each backup, and its last verification, at the time of the backup.",
    f"No backup was made in the chosen time. {IF_LIMITED} {IF_ASKED}",
)
LIST = Words(
    "Backups|list",
    "Those that are there and were made in the chosen time, the newest 200. Restored: how its last restore into a scratch database went, and when one "
    "last ended well. What is in each, and checksums, are for owners: the query `backups` and `ddms backup show`.",
    f"No backup is there of the chosen time: make one by the button above, or `ddms backup create`. {IF_LIMITED} {IF_ASKED}",
)
FAILURES = Words(
    "What failed",
    "Backups, verifications and copies that failed in the chosen time, and why; the newest 100. A backup is tried three times, an hour apart.",
    f"Nothing failed in the chosen time. {IF_LIMITED} {IF_ASKED}",
)
RESTORES = Words(
    "Restores",
    "Backups that were restored into new databases in the chosen time, the newest 50; `ddms backup restore` and `restoreBackup` do it.",
    f"No backup was restored in the chosen time. {IF_LIMITED} {IF_ASKED}",
)
RESULT = "What it does, or why it failed"
COLUMNS = {
    "newest_age": "Age of the newest",
    "newest_name": "Newest",
    "next_backup": "Next backup in",
    "next_verification": "Next verification in",
    "backups": "Backups|count",
    "kept_bytes": "Together",
    "free_bytes": "Free on disk",
    "failed_in_a_row": "Failed in a row",
    "do_backup": "\u00a0",
    "do_newest": "\u00a0\u00a0\u00a0",
    "do_verify": "\u00a0\u00a0\u00a0\u00a0",
    "kind": "What|content",
    "name": "Name",
    "state": "State",
    "progress": "Done",
    "doing": "What it does",
    "lasts": "For",
    "made_at": "When",
    "bytes": "Size",
    "database_bytes": "Database",
    "seconds": "Took",
    "backup_seconds": "backup",
    "verification_seconds": "verification",
    "backup_bytes": "backup",
    "tried": "Restored",
    "tried_at": "Last verified",
    "flags": "What it is",
    "error": "Why",
    "database": "New database",
}
