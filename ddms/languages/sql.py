"""How SQL says the texts of a language: for dashboards and notifications, which Grafana asks the database for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar, cast

from ddms.languages import ENGLISH, Language, Product

T = TypeVar("T")


@dataclass(frozen=True)
class Spoken:
    """A language and what is said of its table for dashboards; when it is strict, a text that it lacks raises LookupError."""

    of: Language
    strict: bool = True
    tails: ClassVar[tuple[str, ...]] = ()
    """Sentences that stand at the end of many texts: each has a translation of its own."""

    @property
    def is_english(self) -> bool:
        """Whether it is the language of the code and of the programs."""
        return self.of.code == ENGLISH

    def says(self, text: T) -> T:
        """Return an English text, or several of them in a tuple, in this language."""
        if isinstance(text, tuple):
            texts = map(self.says, text)
            return cast("T", type(text)(*texts) if hasattr(text, "_fields") else tuple(texts))
        return cast("T", self._said(str(text)))

    def _said(self, text: str) -> str:
        for tail in self.tails:
            if text.endswith(f" {tail}"):
                return self._said(text.removesuffix(f" {tail}")) + self.of.space + self._said(tail)
        return self.of.text(Product.DASHBOARDS, text, strict=self.strict)

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
