"""The languages of the dashboards: each text is a tuple that has it in each of them, in this order."""

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Language:
    """One language: its place in the tuples, and what the addresses and names of its dashboards end with."""

    place: int
    suffix: str
    name: str
    duration: str
    """Grafana's unit for long times: its English ones are "1.5 mins", else hours, minutes and seconds with colons."""

    def says(self, pair: tuple[T, T]) -> T:
        """Return the text of a pair."""
        return pair[self.place]

    def table(self, pairs: dict[str, tuple[str, str]]) -> dict[str, str]:
        """Return a table of texts."""
        return {name: pair[self.place] for name, pair in pairs.items()}

    def column(self, name: str) -> str:
        """Return a column of which there is one in each language."""
        return name + self.suffix.replace("-", "_")

    def sql(self, pair: tuple[str, str]) -> str:
        """Return the text as SQL writes it."""
        return literal(pair[self.place])

    def word(self, column: str, pairs: dict[str, tuple[str, str]]) -> str:
        """Return the SQL of a value's word; an unknown value stands for itself."""
        words = {value: word for value, word in self.table(pairs).items() if word != value}
        cases = " ".join(f"WHEN {literal(value)} THEN {literal(word)}" for value, word in words.items())
        return f"CASE {column} {cases} ELSE {column} END" if words else column


def literal(text: str) -> str:
    """Return a text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


ENGLISH = Language(0, "", "English", "s")
CHINESE = Language(1, "-zh", "中文", "dtdhms")
LANGUAGES = (ENGLISH, CHINESE)
