"""Messages in the caller's language: sentences are written in English where they are raised and translated at the edge.

The catalogue `messages_zh.json` is keyed by the sentences as they stand in the code, with `{}` for what is put in; a
test reads them out of the code and misses none. A value that is put in may itself be a sentence or a word of the
catalogue.
"""

import json
import re
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

ENGLISH, CHINESE = "en", "zh"
LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)
"""The language of the operation that is being served."""

_RANGE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([0-9.]+)\s*)?")


class _Sentence(NamedTuple):
    pattern: re.Pattern[str]
    translation: str


@lru_cache(maxsize=256)
def language_of(accepted: str) -> str:
    """Return the language that the header Accept-Language prefers among those that there are (RFC 9110, 12.5.4)."""
    best, weight = ENGLISH, 0.0
    for part in accepted.split(","):
        match = _RANGE.fullmatch(part)
        if match and match[1].lower() in {ENGLISH, CHINESE} and _weight(match[2]) > weight:
            best, weight = match[1].lower(), _weight(match[2])
    return best


def _weight(text: str | None) -> float:
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        return 0.0


def told(message: str) -> str:
    """Return a message in the language of the operation; one that is not in the catalogue stays English."""
    return message if LANGUAGE.get() == ENGLISH else translated(message)


@lru_cache(maxsize=1024)
def translated(message: str) -> str:
    """Return a message in Chinese."""
    words, sentences = catalogue()
    if message in words:
        return words[message]
    for pattern, translation in sentences:
        if match := pattern.fullmatch(message):
            return translation.format(*map(translated, match.groups()))
    return message


@cache
def catalogue() -> tuple[dict[str, str], list[_Sentence]]:
    """Return the words, and the sentences, the most particular ones first."""
    read = json.loads((Path(__file__).parent / "messages_zh.json").read_text(encoding="utf-8"))
    templates = sorted(read["sentences"].items(), key=lambda item: len(item[0].replace("{}", "")), reverse=True)
    return read["words"], [_Sentence(_pattern(template), translation) for template, translation in templates]


def _pattern(template: str) -> re.Pattern[str]:
    text = re.escape(template).replace(r"\{\}", "(.*?)")
    if template == "line {}: {}: {}":  # else a colon in the sentence would end the name of the field
        text = r"line (\d+): ([\w.]+): (.*)"
    return re.compile(text, re.DOTALL)
