"""Every word on the dashboards of alarms."""

from grafana.texts import IF_ASKED, Button, Words

NOW_TITLE = "Alarms now"
NOW_DESCRIPTION = (
    "What stands: how much it matters, what to do and within how long. What is shelved, suppressed or in maintenance."
)
HISTORY_TITLE = "Alarm history"
HISTORY_DESCRIPTION = "The journal of the alarms beside the trend of a point with its limits."
PERFORMANCE_TITLE = "Alarm performance"
PERFORMANCE_DESCRIPTION = "How well the alarm system serves its operators, by the measures of EEMUA 191 and ISA-18.2."

PRIORITIES = {
    "critical": "1 critical",
    "high": "2 high",
    "medium": "3 medium",
    "low": "4 low",
}
STATES = {
    "unacknowledged": "● active",
    "acknowledged": "✓ acknowledged",
    "returned": "↩ returned",
    "latched_unacknowledged": "⚓ latched",
    "latched_acknowledged": "✓ latched, acknowledged",
    "normal": "normal",
}
UNCERTAIN = "? uncertain"
EVENTS = {
    "raised": "raised",
    "cleared": "cleared",
    "uncertain": "uncertain",
    "certain": "certain again",
    "acknowledged": "acknowledged",
    "noted": "noted",
    "shelved": "shelved",
    "unshelved": "unshelved",
    "shelf_ended": "shelf ended",
    "suppressed": "suppressed",
    "unsuppressed": "no longer suppressed",
    "out_of_service": "out of service",
    "in_service": "back in service",
    "service_due": "maintenance ended",
    "withdrawn": "withdrawn",
}
HOW_HIDDEN = {
    "shelved": "shelved",
    "suppressed": "suppressed",
    "out": "out of service",
}

# How an alarm is told, in SQL: `says` puts the parts together.
BELOW, ABOVE = ", below ", ", above "
LEVELS = {
    "low_low": " (low-low)",
    "low": " (low)",
    "high": " (high)",
    "high_high": " (high-high)",
}
KINDS = {
    "low_low": "low-low",
    "low": "low|limit",
    "high": "high|limit",
    "high_high": "high-high",
    "deviation": "deviation",
    "rate": "rate of change",
    "bit": "bit",
    "value": "value",
    "offline": "no answer",
    "collector_silent": "the collector is silent",
    "endpoints_unpolled": "endpoints that nobody polls",
    "ingest_lagging": "readings are stored late",
    "backlog": "readings wait in the spool",
    "spool_filling": "the spool fills",
    "spool_unusable": "the spool cannot be used",
    "readings_lost": "readings are lost",
    "clock_off": "the clock is wrong",
    "site_unreached": "the site is not reached",
    "site_behind": "readings wait in the stream of the site",
    "stream_filling": "the stream of the site fills",
    "messages_set_aside": "messages of the site were set aside",
    "disk_filling": "the disk fills",
    "disk_full": "the disk is almost full",
    "job_failed": "a job fails",
    "retention_due": "much history will be erased",
    "backups_failing": "backups fail",
    "backup_unverified": "no backup was verified for too long",
    "verification_failed": "a backup did not pass its verification",
    "backup_waiting": "a backup waits, and nobody makes it",
    "backup_folder_filling": "the folder of the backups fills",
    "backup_copy_failed": "a backup could not be copied",
    "webhook_failing": "a webhook takes nothing",
    "mqtt_failing": "the MQTT broker takes nothing",
    "errors_unexpected": "DDMS itself fails again and again",
    "watch_stopped": "nobody watches the system",
    "replica_lagging": "a replica of the database lags",
    "certificate_expiring": "a certificate expires soon",
    "certificate_expires_soon": "a certificate expires very soon",
}
SHELF_UNTIL = "for |shelf"
AWAY_FROM, LIMIT = " away from ", ", limit "
CHANGED, WITHIN = "changed by ", " within "
BIT, IS_SET, IS_NOT_SET = "bit ", " is 1", " is 0"
OFF, ON = "off", "on"
IS, IS_NONE_OF = "is ", ", none of "
BEHIND, AND_MORE = "behind it: ", ", and further "
SILENT, NOBODY = "does not answer", "nothing behind it answers"
NOW, NOW_UNKNOWN = "now ", "now not known: "
AGO, FOR = " ago", "for |stands"
TO_DO, CAUSE, CONSEQUENCE = "Do", "Cause", "Else"
COLON = ": "
RESPOND = "Within "
LEFT, OVERDUE = "left: ", "⚠ overdue by "
NOTE = "Note"
NO_ADVICE = "No advice was written for this limit."
OTHERS = "None of these; others: "
CALM = "No alarm stands"
CALLING = "Unacknowledged: "
ALL_KNOWN = "All are acknowledged"
BECAUSE_OF = "because of "

ALL = "All"
OF_LIMIT = "limit "
GROUP = ("Group", "Shows alarms of devices in this group")
DEVICE = ("Device", "Shows alarms of this device; type to search")
PRIORITY = ("Priority", "Shows alarms of these priorities")
EVENT = ("What happened", "Shows these entries of the journal")
POINT = ("Point", "The point in the trend; type to search")
SEARCH = ("Search", "Part of a device's or point's name, of who did it or of why")
OPERATORS = ("Operators", "The benchmarks hold for each operator")
CHOSEN_ALARM = ("Alarm", "Shows entries of this alarm")

COLUMNS = {
    "critical": "Critical",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "unacknowledged": "New",
    "uncertain": "Uncertain",
    "shelved": "Shelved",
    "out_of_service": "Maintenance",
    "suppressed": "Suppressed",
    "situation": "\u00a0",
    "since": "For how long",
    "priority": "Priority",
    "state": "State",
    "alarm": "Alarm",
    "todo": "What to do",
    "do": "\u00a0",
    "do_all": "\u00a0\u00a0",
    "how": "How",
    "until": "Until",
    "by_whom": "By whom, why",
    "happened": "When",
    "event": "What|event",
    "subject": "Alarm",
    "value": "Value",
    "limit": "Limit",
    "actor": "Who",
    "note": "Why",
    "time": "Time",
    "alarms": "Alarms|count",
    "measure": "Measure",
    "measured": "Is",
    "aim": "Good",
    "verdict": "Verdict",
    "median_seconds": "Half within",
    "p95_seconds": "95 % within",
    "never": "Not at all",
    "share": "Share",
    "repeats": "Chatters",
    "fleeting_times": "Fleeting",
    "standing_seconds": "Stands, mean",
    "target_share": "Aim",
    "begins": "From",
    "ends": "To",
    "lasted": "Lasted",
    "most": "In 10 min",
    "raised_at": "Since",
    "still": "\u00a0",
}
STILL = {"stands": "still stands", "over": "over"}
VERDICTS = {
    "good": "✓ good",
    "edge": "! at the edge",
    "bad": "✗ too much",
    "told": "\u00a0",
}
MEASURE_NAMES = {
    "per_day": ("Alarms a day", "up to 150"),
    "per_10_minutes": ("In 10 minutes, on average", "up to 1"),
    "most_in_10_minutes": ("In 10 minutes, at most", "up to 10"),
    "share_over": ("Of all 10 minutes, with more than 10", "under 1 %"),
    "floods": ("Floods, and how long in all", "under 1 % of time"),
    "worst_share": ("Share of the ten worst", "under 5 %"),
    "chattering": ("Alarms that chatter", "0"),
    "fleeting": ("Times that one was fleeting", "0"),
    "stale": ("Alarms that are stale", "under 5"),
    "median_seconds": ("Acknowledged: half of them within", ""),
    "p95_seconds": ("Acknowledged: 95 % within", ""),
    "never": ("Never acknowledged", ""),
    "hidden": ("Raised while hidden, not counted", ""),
}

ACKNOWLEDGE = Button(
    "Acknowledge", "Acknowledge this alarm? It says that you know of it and see to it: ${__data.fields.told}"
)
ACKNOWLEDGE_ALL = Button("Acknowledge all ${__data.fields.number}", "Acknowledge these ${__data.fields.number} alarms? It says that you know of each of them and see to it.")  # fmt: skip
SHELVE = Button("Shelve", "Shelve for $hours hours, because: $reason? Nobody is called meanwhile; it comes back by itself. ${__data.fields.told}")  # fmt: skip
UNSHELVE = Button(
    "Unshelve", "Show this alarm again? If it still stands it asks to be acknowledged. ${__data.fields.told}"
)
ADD_NOTE = Button("Note", "Write into the journal: $note? ${__data.fields.told}")
HOURS = "For how many hours"
REASON = "Reason"
NOTE_TEXT = "Note"

OPEN_DEVICE = "The device, at that time"
OPEN_TREND = "The trend, at that time"
OPEN_JOURNAL = "What happened to this alarm"
OPEN_NOW = "Alarms now"
OPEN_HISTORY = "Alarm history"
OPEN_PERFORMANCE = "Alarm performance"
SHOW_PRIORITY = "Show these alarms"
HOW_IT_CAME = "Its history"

SITUATION = Words("Now|situation", "Whether an alarm stands that nobody has acknowledged; green: no alarm stands, and for how long. Orange: none that passes the filters, but others.", f"It is not known. {IF_ASKED}")  # fmt: skip
COUNTS = Words("Alarms by priority", "Those of the chosen devices that stand, of each priority, without the hidden ones; then how many of them nobody has acknowledged or are uncertain, "
          "and how many are hidden. A number of a priority shows its alarms.", f"It is not known. {IF_ASKED}")  # fmt: skip
ALL_AT_ONCE = Words("All at once", "Acknowledges all alarms of the list below that are not acknowledged yet, as it was when this was loaded. At most 200 at a time.",
          f"Nothing to acknowledge. {IF_ASKED}")  # fmt: skip
STANDING = Words("What stands", "The worst first, not acknowledged before acknowledged; the first 200. A click on an alarm leads to its history, its trend or its device. "
          "Returned: it is gone, and nobody has acknowledged it. Latched: gone, held until it is acknowledged. Uncertain: the newest reading was bad or missing, so nobody knows whether it still stands.",
          f"No alarm stands that passes the filters above: nothing has to be done there. Since when stands above. {IF_ASKED}")  # fmt: skip
HIDDEN = Words("Shelved, suppressed and out of service", "Alarms that call nobody for now: who hid them, why, and until when. Suppressed: the alarm that is named explains it.",
          f"No alarm is hidden. {IF_ASKED}")  # fmt: skip
TREND = Words("${point:text}", "The readings with the limits that were in force (dashed); a coloured stretch is a time in which an alarm of this point stood. "
          "A drag over a part zooms in. Outages and bad readings are gaps.",
          "No point is chosen, or nothing was read in this time range: choose a point above, or click on a time in the journal.")  # fmt: skip
JOURNAL = Words("Journal", "What happened to the alarms, the newest first; the first 500. A click on the time shows the trend or the device then. "
          "↻: became known late, the database was away.", f"Nothing happened in this time range that passes the filters above. {IF_ASKED}")  # fmt: skip
STOOD = "Alarm stood"

MEASURES = Words("Measures", "What counts is an alarm that called: neither shelved, suppressed nor out of service. Good: up to 150 a day and 1 in 10 minutes for each operator, "
          "less than 1 % of the time in floods, the ten worst less than 5 % of all, nothing that chatters or fleets, fewer than 5 stale.",
          f"No alarms in this time range. Points without limits have none: columns limit and threshold of `ddms devices import plant.csv` (docs/import.md). {IF_ASKED}")  # fmt: skip
RATE = Words("Alarms in 10 minutes", "For each operator up to 1 is acceptable, 2 can be managed; with more than 10 a flood begins (lines).", f"No alarm called in this time range: good. {IF_ASKED}")  # fmt: skip
DAILY = Words("Alarms a day", "For each operator up to 150 is acceptable, 300 can be managed (lines). Days are those of UTC.", f"No alarm called in this time range: good. {IF_ASKED}")  # fmt: skip
SHARES = Words("Priorities", "How the alarms are distributed beside what ISA-18.2 aims at (about 80 % low, 15 % medium, 5 % high, of these few critical), and how fast they were acknowledged.",
          f"No alarms in this time range. {IF_ASKED}")  # fmt: skip
WORST = Words("The ten worst", "The alarms that called most often, and their share of all. Chatters: how often it called for the third time within a minute. "
          "Fleeting: it was over within 10 seconds, before anybody could have done anything.", f"No alarms in this time range. {IF_ASKED}")  # fmt: skip
FLOODS = Words("Floods", "From the first 10 minutes with more than 10 alarms an operator to the first with fewer than 5; a click shows the journal of that time.",
          f"No flood in this time range: good. {IF_ASKED}")  # fmt: skip
STALE = Words("Stale", "Alarms that stood for more than 24 hours without an end: nobody acts on them, or their limit is wrong.", f"No alarm stood for more than a day: good. {IF_ASKED}")  # fmt: skip
