"""Words on the dashboard of the scheduled jobs."""

from grafana.texts import IF_ASKED, IF_LIMITED, Button, Words

TITLE = "Jobs"
DESCRIPTION = "What DDMS does by itself: what runs, when it runs next, how it went, how long it took."
STATES = {
    "running": "running",
    "failed": "failed",
    "paused": "paused",
    "waiting": "waiting",
}
PURPOSES = {
    "rollups": "condenses readings to minutes, hours and days",
    "storage": "takes down sizes and growth",
    "retention": "erases what is expired, and announces it before",
    "erasures": "erases the history of what was deleted",
    "shelves": "ends shelves and maintenance of alarms",
    "audit": "checks the chain of the audit",
    "guard": "ends what takes too much through Grafana",
    "roles": "keeps the rights in the database as they must be",
    "watch": "watches DDMS itself, raises system alarms",
    "backup": "asks for a backup when it is time",
    "verify": "asks for the newest backup to be verified",
    "backups": "makes, verifies, copies and removes backups",
}
EVERY = {
    "s": "every {} s",
    "min": "every {} min",
    "h": "every {} h",
}
NOT_YET = "not yet"
NEVER = "when asked"
PAUSED_BY = "paused by "
JOBS = Words(
    "Jobs of DDMS",
    "Schedules of people are five fields of cron in the site's time zone; the others run every so often. A run that was missed is made "
    "up for once. Owners run, pause and resume a job by its buttons; each is in the audit. What keeps the site safe cannot be paused.",
    f"No job has run yet: the api begins with them when it starts. {IF_LIMITED} {IF_ASKED}",
)
RUN_NOW = Button("Run", "Run ${__data.fields.job} now? Only owners may.")
PAUSE = Button("Pause", "Pause ${__data.fields.job}? It does nothing until somebody resumes it. Only owners may.")
RESUME = Button("Resume", "Let ${__data.fields.job} run again? Only owners may.")
DURATIONS = Words(
    "How long runs took",
    "Each run in the chosen time; the newest 500 of each job are kept.",
    f"No job ran in the chosen time. {IF_LIMITED} {IF_ASKED}",
)
FAILURES = Words(
    "Runs that failed",
    "The newest 200 of the chosen time, with the reason. A run that was cut off, because its server stopped, counts as failed.",
    f"No run failed in the chosen time. {IF_LIMITED} {IF_ASKED}",
)
COLUMNS = {
    "job": "Job",
    "purpose": "What for",
    "job_state": "State",
    "schedule": "Schedule",
    "next_start": "Next run in",
    "last_success": "Success ago",
    "detail": "What happens",
    "do_run": "\u00a0",
    "do_pause": "\u00a0\u00a0",
    "do_resume": "\u00a0\u00a0\u00a0",
    "began": "Began",
    "seconds": "Took",
    "error": "Error",
}
