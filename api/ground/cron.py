"""Schedules as people write them: five fields in the site's time zone, `0 2 * * *`.

cronsim reads them and knows what summer time makes of them, as Debian's cron does: what has an hour of its own runs once
a day, also when that hour comes twice or not at all. (APScheduler 3.11's own cron trigger runs it twice in autumn, and
leaves out the midnight after the day that has 23 hours.)
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from cronsim import CronSim, CronSimError

from ddms.errors import Code, DdmsError, Sentence


class Cron(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """When something runs."""

    def __init__(self, text: str, zone: str, field: str | None = None) -> None:
        self.text, self._zone = " ".join(text.split()), ZoneInfo(zone)
        if len(self.text.split()) != 5:
            sentence = "write five fields, minute hour day month weekday, as `0 2 * * *` for each night at two"
            raise DdmsError(Code.INVALID, sentence, field=field)
        try:
            self.after(datetime.now(UTC))
        except (CronSimError, StopIteration) as error:
            sentence = Sentence("{!r} is no schedule that ever comes: {}", self.text[:60], str(error) or "no such day")
            raise DdmsError(Code.INVALID, sentence, field=field) from error

    def after(self, moment: datetime) -> datetime:
        """Return the first time after a moment."""
        return next(CronSim(self.text, moment.astimezone(self._zone)))

    def before(self, moment: datetime) -> datetime:
        """Return the last time until a moment."""
        return next(CronSim(self.text, moment.astimezone(self._zone) + timedelta(microseconds=1), reverse=True))

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Tell APScheduler when it is due next; of times that were missed only the last counts."""
        return self.after(max(previous_fire_time or now, now))
