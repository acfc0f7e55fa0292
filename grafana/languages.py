"""The languages of the dashboards, as `ddms.languages` has them."""

from dataclasses import dataclass
from typing import ClassVar

from ddms.languages import languages
from ddms.languages.sql import Spoken, literal
from grafana.texts import TAILS


@dataclass(frozen=True)
class Language(Spoken):
    """One language of the dashboards."""

    tails: ClassVar[tuple[str, ...]] = TAILS

    @property
    def suffix(self) -> str:
        """What the addresses of its dashboards end with."""
        return self.of.suffix

    @property
    def duration(self) -> str:
        """Grafana's unit for long times."""
        return self.of.duration

    def of_alarm(self, view: str, column: str) -> str:
        """Return SQL of the cause, the consequence or the action of an alarm in the view `alarms_shown`."""
        english = f"{view}.{column}"
        return (
            english
            if self.is_english
            else f"coalesce({view}.texts -> {literal(self.of.code)} ->> '{column}', {english})"
        )


def known() -> list[Language]:
    """Return all languages, English first."""
    return [Language(each) for each in languages().values()]
