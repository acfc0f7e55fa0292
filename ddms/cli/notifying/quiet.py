"""Quiet times: when alarms of the priorities medium and low wait until morning."""

import re
from dataclasses import dataclass
from typing import Any

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LAST_MINUTE = "24:00"


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """Some days of the week, 0 Monday, and from when to when on each; one that ends before it begins ends the day after."""

    days: tuple[int, ...]
    begin: str
    end: str


def quiet_times(text: str) -> tuple[Quiet, ...]:
    """Read `22:00-06:00; Sat-Sun`: parts between semicolons, each of days, a time, or both."""
    return tuple(_part(part.strip()) for part in text.split(";") if part.strip())


def _part(text: str) -> Quiet:
    days, begin, end = tuple(range(7)), "00:00", _LAST_MINUTE
    for word in text.split():
        if times := re.fullmatch(r"([0-9]{1,2}:[0-9]{2})-([0-9]{1,2}:[0-9]{2})", word):
            begin, end = (_time(one) for one in times.groups())
        else:
            days = _days(word)
    if begin == end:
        raise ValueError(f"{text!r} begins when it ends")
    return Quiet(days=days, begin=begin, end=end)


def _time(text: str) -> str:
    hour, minute = (int(part) for part in text.split(":"))
    if minute > 59 or hour * 60 + minute > 24 * 60:
        raise ValueError(f"{text} is no time of day")
    return f"{hour:02}:{minute:02}"


def _days(text: str) -> tuple[int, ...]:
    """Read `Sat`, `Mon-Fri` or `Sat,Sun`."""
    found: list[int] = []
    for part in text.split(","):
        ends = [number for name in part.split("-") for number, day in enumerate(_DAYS) if len(name) >= 3 and day.startswith(name.lower())]  # fmt: skip
        if len(ends) != part.count("-") + 1 or len(ends) > 2:
            raise ValueError(f"{part!r} is no day such as Sat, Mon-Fri or 22:00-06:00")
        last = ends[-1] + 7 if ends[-1] < ends[0] else ends[-1]
        found += [day % 7 for day in range(ends[0], last + 1)]
    return tuple(dict.fromkeys(found))


def intervals(quiet: tuple[Quiet, ...], time_zone: str) -> list[dict[str, Any]]:
    """Return them as Alertmanager has them, whose times do not go past midnight."""
    made = []
    for one in quiet:
        over = one.end < one.begin
        made.append(_interval(one.days, one.begin, _LAST_MINUTE if over else one.end, time_zone))
        if over and one.end != "00:00":
            made.append(_interval(tuple((day + 1) % 7 for day in one.days), "00:00", one.end, time_zone))
    return made


def _interval(days: tuple[int, ...], begin: str, end: str, time_zone: str) -> dict[str, Any]:
    return {
        "times": [{"start_time": begin, "end_time": end}],
        "weekdays": [_DAYS[day] for day in sorted(days)],
        "location": time_zone,
    }
