"""The languages that DDMS speaks: English stands in the code, every other one is one file here, such as `zh.json`.

A file has what the language is called, and a table for each product (`Product`): from the English text as the code has it to
the text. Where one English text has two meanings, what stands behind a `|` in it says which; nobody sees that. A text without a
letter need not stand there. Everything that a person reads is made of these tables; `tests/unit/test_languages.py` says what
lacks and what nobody says any more.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from html import escape
from pathlib import Path

from ddms.errors import Code, DdmsError

FOLDER = Path(__file__).parent
TEXT_IN_HTML = re.compile("«(.*?)»")
_LETTER = re.compile("[A-Za-z]")


class Product(StrEnum):
    """What is made of a table of texts."""

    MESSAGES = "messages"
    """What the API tells: sentences by their templates, and words that are put into them."""
    PAGES = "pages"
    """Its pages: signing in, the account, exports."""
    EDGE = "edge"
    """The pages of nginx."""
    NOTIFICATIONS = "notifications"
    DASHBOARDS = "dashboards"


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """A language; `code` (ISO 639-1) is how accounts, addresses and its file name it."""

    code: str
    name: str
    """As those call it who speak it."""
    english: str
    """As the API's descriptions call it."""
    tag: str
    """What pages say that they are written in (BCP 47)."""
    grafana: str
    """Grafana's name of it, which its pages take as `lang`."""
    region: str
    """By which Grafana tells times like "a minute ago", its `regionalFormat`."""
    duration: str
    """Grafana's unit for long times: hours, minutes and seconds with colons; its own are "7.17 hours", in English."""
    space: str
    """What stands between two sentences."""
    tables: Mapping[Product, Mapping[str, str]] = field(repr=False)

    @property
    def suffix(self) -> str:
        """What the addresses of its dashboards end with."""
        return "" if self.code == ENGLISH else f"-{self.code}"

    def table(self, product: Product, english: Mapping[str, str]) -> dict[str, str]:
        """Return a table of English texts by their names in this language."""
        return {name: self.text(product, text) for name, text in english.items()}

    def html(self, product: Product, template: str, *, strict: bool = False) -> str:
        """Return HTML whose English texts stand in «…» with them in this language, as `text` does."""
        return TEXT_IN_HTML.sub(lambda text: escape(self.text(product, text[1], strict=strict)), template)

    def text(self, product: Product, english: str, *, strict: bool = False) -> str:
        """Return a text. What the language lacks stays English; when it is strict, that raises LookupError."""
        found = self.tables[product].get(english)
        if found is None:
            found = english.partition("|")[0]
            if strict and self.code != ENGLISH and _LETTER.search(found):
                raise LookupError(f'ddms/languages/{self.code}.json: "{product}" lacks {json.dumps(english)}')
        return found


ENGLISH = "en"
_ENGLISH = Language(
    code=ENGLISH,
    name="English",
    english="English",
    tag="en",
    grafana="en-US",
    region="en",
    duration="dtdhms",
    space=" ",
    tables={product: {} for product in Product},
)


def read(file: Path) -> Language:
    """Return the language of a file; raises SETTINGS with what is wrong with it."""
    try:
        return _read(file)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        sentence = f"{file} is no file of a language: {error}; zh.json beside it has the form"
        raise DdmsError(Code.SETTINGS, sentence) from error


def _read(file: Path) -> Language:
    if not re.fullmatch("[a-z]{2,3}", file.stem):
        raise ValueError("its name is a code of ISO 639, such as fr.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    tables = {product: content.pop(product) for product in Product}
    return Language(code=file.stem, tables=tables, **content)


def language_named(code: str) -> Language:
    """Return the language of a code; English where there is none of it, as when its file was taken away."""
    return languages().get(code, _ENGLISH)


@cache
def languages() -> Mapping[str, Language]:
    """Return all languages by their codes, English first."""
    return {ENGLISH: _ENGLISH} | {file.stem: read(file) for file in sorted(FOLDER.glob("*.json"))}
