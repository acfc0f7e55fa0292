"""Schedules of people: five fields in the site's time zone, once a day also when the clocks are changed."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from api.ground.cron import Cron
from ddms.errors import DdmsError


def due(cron: Cron, begin: datetime, days: int) -> list[datetime]:
    found, now = [], begin
    while (now := cron.get_next_fire_time(now, now)) < begin + timedelta(days=days):
        found.append(now)
    return found


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "UTC"])
@pytest.mark.parametrize("text", ["0 0 * * *", "0 2 * * *", "30 2 * * *", "30 1 * * *"])
def test_what_has_an_hour_of_its_own_runs_once_on_each_day_of_a_year(zone, text):
    found = due(Cron(text, zone), datetime(2026, 1, 1, 12, tzinfo=UTC), 365)
    days = [moment.date() for moment in found]
    assert set(days) >= {date(2026, 1, 2) + timedelta(days=n) for n in range(364)}
    assert len(days) == len(set(days))


def test_what_runs_each_half_hour_does_so_when_an_hour_comes_twice_or_not_at_all():
    found = due(Cron("*/30 * * * *", "Europe/Berlin"), datetime(2026, 1, 1, tzinfo=UTC), 365)
    gaps = {after.astimezone(UTC) - before.astimezone(UTC) for before, after in pairwise(found)}
    assert gaps == {timedelta(minutes=30)}


def test_a_clock_that_is_set_back_over_it_does_not_run_it_again():
    cron = Cron("0 2 * * *", "UTC")
    night = datetime(2026, 5, 1, 2, tzinfo=UTC)
    assert cron.get_next_fire_time(night, night - timedelta(hours=1)) == night + timedelta(days=1)


@pytest.mark.parametrize("text", ["* * * * *", "*/5 * * * *", "0 2 * * *"])
@pytest.mark.parametrize("seconds", [0, 0.000001, 0.2, 30, 59.999999])
def test_the_time_that_came_last_is_never_ahead(text, seconds):
    cron = Cron(text, "Europe/Berlin")
    for minute in (0, 59, 60, 150):
        now = datetime(2026, 5, 1, tzinfo=UTC) + timedelta(minutes=minute, seconds=seconds)
        last = cron.before(now)
        assert last <= now < cron.after(last)


def test_of_many_that_were_missed_only_the_next_is_told():
    cron = Cron("0 2 * * *", "UTC")
    now = datetime(2026, 5, 10, 12, tzinfo=UTC)
    assert cron.get_next_fire_time(now - timedelta(days=9), now) == datetime(2026, 5, 11, 2, tzinfo=UTC)


def test_sunday_is_0_and_7():
    friday = datetime(2026, 5, 1, tzinfo=UTC)
    assert {Cron(f"0 2 * * {day}", "UTC").after(friday) for day in (0, 7)} == {datetime(2026, 5, 3, 2, tzinfo=UTC)}


@pytest.mark.parametrize(
    "text", ["", "0 2 * *", "* * * * * *", "@daily", "0 25 * * *", "0 2 30 2 *", "x 2 * * *", "0 2 * * 8", "0 " * 5000]
)
def test_what_never_comes_is_refused_with_a_sentence(text):
    with pytest.raises(DdmsError) as refused:
        Cron(text, "UTC", "backupSchedule")
    assert refused.value.field == "backupSchedule"
    assert len(str(refused.value)) < 250
