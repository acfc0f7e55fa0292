"""The words of the collectors' dashboard."""

from ddms.languages import sentences
from grafana.texts import IF_ASKED, IMPORT, NO_NUMBER, Words

TITLE = "Collectors"
DESCRIPTION = "The programs that read the devices: whether polls begin in time, what fails and why, what waits in the spools, how long flushes take."
_NO_METRICS = "No metrics: does Prometheus run, and does it reach the collectors' /metrics? (docs/monitoring.md)"

_NOTHING = (
    f"Nothing of the kind in this time. {_NO_METRICS.replace('No metrics: does', 'If all panels are empty: does')}"
)

_NO_DEVICES = f"No devices yet: {IMPORT} {IF_ASKED}"

READINGS = Words("Readings", "Readings taken, good and bad, of all collectors together.", NO_NUMBER)
BAD = Words("Bad", "Share of the readings that are bad; the reasons are below.", NO_NUMBER)
LATE = Words("Begin late by", "How long after their time polls begin, the mean.", NO_NUMBER)
SKIPPED = Words("Skipped polls", "Polls in the chosen time that missed a whole interval: the line is asked for more than it can carry; `ddms plan DEVICE` shows on what.", NO_NUMBER)  # fmt: skip
WAITS = Words("In a spool", "Age of the oldest batch that waits for the database; 0 when nothing does.", NO_NUMBER)
LOST = Words("Lost", "Readings in the chosen time that neither database nor spool took, or that the database refused for good.", NO_NUMBER)  # fmt: skip
COLLECTORS = Words("Collectors", "The programs that read the devices. One that gave no sign for 30 seconds is silent: others take its connections over.",
          f"No collector has run yet: start one with `ddms collector`. {IF_ASKED}")  # fmt: skip
OVERRUN = Words("Overrun", "Devices whose polls are skipped, because their line takes longer than the intervals allow: the panel names the line. `ddms plan DEVICE` shows what is asked of it.",
          f"Every device is polled at its interval. {IF_ASKED}")  # fmt: skip
LINES = Words("Connections now", "Each endpoint: how its devices do, how fast they answer, by how much polls of the last minute began late at the worst, and how many "
          "devices have polls skipped.", _NO_DEVICES)  # fmt: skip
CONNECTIONS = Words("Connections in this time", "Each connection and the collector that polls it. The first 200 have rows of their own.",
          _NO_METRICS)  # fmt: skip
LATENESS = Words(
    "Late by", "How long after their time polls begin, of the ten connections that are latest.", _NO_METRICS
)
ERRORS = Words(
    "Failed requests by reason", "What devices and lines did not answer, or answered with an exception.", _NOTHING
)
ANSWERS = Words("Answers within", "Mean time until a right answer, of the ten slowest connections.", _NO_METRICS)
RESTLESS = Words("Restless connections", "How often connections were opened, closed because nothing right was answered, and units demoted as offline.", _NO_METRICS)  # fmt: skip
RESTLESS_LINES = {
    "connects": "opened",
    "reopens": "closed, nothing right was answered",
    "demotions": "units demoted",
}
KEPT = Words("What becomes of readings", "Taken; kept after the deadband; written to the spool; brought from it to the database.", _NO_METRICS)  # fmt: skip
READING_LINES = {
    "": "taken",
    "stored": "kept|reading",
    "spooled": "to the spool",
    "replayed": "from the spool",
}
STATES = Words("Devices by state", "As the collectors have them.", _NO_METRICS)
SITES = Words("Far sites", "Sites whose readings come over NATS (docs/sites.md): whether their stream is seen, what waits in it, and what could not be stored within a day.",
          f"No far sites: all collectors reach the database. {IF_ASKED}")  # fmt: skip
SITE_STATES = {"reached": "reached", "unreached": "not reached"}
FLUSHES = Words(
    "Flush",
    "How long it takes to store what was read, with the alarms and the newest values, in one transaction.",
    _NO_METRICS,
)
PENDING = Words(
    "Answers that wait",
    "Answers that wait for the next flush: many for long is a database that is too slow.",
    _NO_METRICS,
)
SPOOL = Words(
    "Spool", "What waits on disk for the database; with its limit while there is something in it.", _NO_METRICS
)
TROUBLES = Words(
    "Reasons to look",
    "How many things keep a collector from storing as fast as it reads; its /health says which.",
    _NO_METRICS,
)
MEMORY = Words("Memory", "Resident memory of each collector.", _NO_METRICS)
CPU = Words("CPU", "Cores that each collector uses; it can use one.", _NO_METRICS)
SPOOL_BYTES, SPOOL_LIMIT = "waits", "limit"
MEAN, NEWEST = "mean", "newest"
OTHERS = {"other": "all others"}
REASONS = sentences.REASONS
COLUMNS = {
    "overrun_since": "Since",
    "late_seconds": "Late by",
    "overrun": "Overrun",
    "site": "Site",
    "behind_seconds": "Behind by",
    "pending": "Waiting|messages",
    "filled": "Stream",
    "newest_at": "Newest stored",
    "set_aside": "Set aside",
    "trouble": "What is wrong",
    "Value #A": "Requests/s",
    "Value #B": "Answers in",
    "Value #C": "Failed",
    "Value #D": "Skipped polls",
    "Value #E": "Opened",
}
