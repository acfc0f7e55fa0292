"""The languages of the dashboards, as `ddms.languages` has them, and how SQL says their texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from ddms import languages
from ddms.languages import Product
from grafana.texts import TAILS

T = TypeVar("T")


@dataclass(frozen=True)
class Language:
    """One language of the dashboards."""

    of: languages.Language

    @property
    def suffix(self) -> str:
        """What the addresses of its dashboards end with."""
        return self.of.suffix

    @property
    def is_english(self) -> bool:
        """Whether it is the language of the code and of the programs."""
        return self.of.code == languages.ENGLISH

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

    def says(self, text: T) -> T:
        """Return an English text, or several of them in a tuple, in this language; raises LookupError when it has none."""
        if isinstance(text, tuple):
            texts = map(self.says, text)
            return cast("T", type(text)(*texts) if hasattr(text, "_fields") else tuple(texts))
        return cast("T", self._said(str(text)))

    def _said(self, text: str) -> str:
        for tail in TAILS:
            if text.endswith(f" {tail}"):
                return self._said(text.removesuffix(f" {tail}")) + self.of.space + self._said(tail)
        return self.of.text(Product.DASHBOARDS, text, strict=True)

    def table(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return a table of texts."""
        return {name: self.says(text) for name, text in texts.items()}

    def sql(self, text: str) -> str:
        """Return the text as SQL writes it."""
        return literal(self.says(text))

    def word(self, column: str, texts: Mapping[str, str]) -> str:
        """Return the SQL of a value's word; an unknown value stands for itself."""
        words = {value: word for value, word in self.table(texts).items() if word != value}
        cases = " ".join(f"WHEN {literal(value)} THEN {literal(word)}" for value, word in words.items())
        return f"CASE {column} {cases} ELSE {column} END" if words else column


def literal(text: str) -> str:
    """Return a text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def known() -> list[Language]:
    """Return all languages, English first."""
    return [Language(each) for each in languages.languages().values()]
