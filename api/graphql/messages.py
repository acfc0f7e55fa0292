"""Messages in the caller's language: sentences are written in English where they are raised and translated at the edge.

The table `messages` of a language (`ddms.languages`) is keyed by the templates of the sentences as they stand in the code; a
test reads them out of the code and misses none. A value that is put in may itself be a sentence or a word of the table.
"""

import re
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from string import Formatter

from ddms.errors import Sentence
from ddms.languages import ENGLISH, Language, Product, language_named, languages

LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)
"""The language of the operation that is being served."""

_PLACE = re.compile(r"\{[^{}]*\}")
_RANGE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([0-9.]+)\s*)?")


@lru_cache(maxsize=256)
def language_of(accepted: str) -> str:
    """Return the language that the header Accept-Language prefers among those that there are (RFC 9110, 12.5.4)."""
    best, weight = ENGLISH, 0.0
    for part in accepted.split(","):
        match = _RANGE.fullmatch(part)
        if match and match[1].lower() in languages() and _weight(match[2]) > weight:
            best, weight = match[1].lower(), _weight(match[2])
    return best


def _weight(text: str | None) -> float:
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        return 0.0


def told(message: str) -> str:
    """Return a message in the language of the operation; one that is not in its table stays English."""
    code = LANGUAGE.get()
    return message if code == ENGLISH else translated(message, language_named(code))


def translated(message: str, language: Language) -> str:
    """Return a message in a language."""
    table = language.tables[Product.MESSAGES]
    if not isinstance(message, Sentence):
        return table.get(message, message)
    translation = table.get(key_of(message.template))
    return translation.format(*_values(message, language)) if translation else message


def key_of(template: str) -> str:
    """Return a template as the catalogue has it: `{!r}` and `{:.0f}` are `{}`, how a value is written is the code's affair."""
    return _PLACE.sub("{}", template)


def _values(sentence: Sentence, language: Language) -> Iterator[str]:
    places = (place for place in Formatter().parse(sentence.template) if place[1] is not None)
    for value, (_, _, form, conversion) in zip(sentence.values, places, strict=True):
        converted = repr(value) if conversion == "r" else value
        yield (
            translated(converted, language)
            if isinstance(converted, str) and not form
            else format(converted, form or "")
        )
