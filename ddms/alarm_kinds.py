"""What a kind of alarm of the system is: how it is measured, when it is an alarm, and what the operator reads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from ddms.alarms import Priority


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """What the operator reads beside an alarm that comes from no limit."""

    title: str
    """What is the matter, with {} where the name of the device, connection or subject comes."""
    cause: str
    consequence: str
    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of alarm of the system.

    `measured`: the SQL that measures it, one row (subject, value, detail) for each whose alarm it is; empty: the program that
    watches hands the values in. A value that is null is not known now. A subject that is not measured any more is no alarm.
    Raised beyond `raised`, cleared at `cleared` and behind it; `cleared` above `raised` means that the alarm is below it.
    `configured`: the column of the configuration that says where it is raised; it is cleared as far from there as before.
    """

    priority: Priority
    raised: float
    cleared: float
    configured: str = ""
    on_delay: timedelta = timedelta(0)
    off_delay: timedelta = timedelta(0)
    measured: str = ""
    texts: Texts

    def at_site(self, site: Mapping[str, Any]) -> "Kind":
        """Return it with the limits that the configuration of the site says."""
        if not self.configured or (raised := float(site[self.configured])) == self.raised:
            return self
        return replace(self, raised=raised, cleared=raised * self.cleared / self.raised)

    def is_beyond(self, value: float) -> bool:
        """Return whether a value is an alarm."""
        return value < self.raised if self.cleared > self.raised else value > self.raised

    def is_normal(self, value: float) -> bool:
        """Return whether a value clears the alarm: between the two nothing changes."""
        return value >= self.cleared if self.cleared > self.raised else value <= self.cleared
