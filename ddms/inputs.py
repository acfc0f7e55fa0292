"""What people write: the one place that says what a name, a text, a number, a switch and a time zone are.

GraphQL, files and the command line read by these rules, so that none takes what another refuses. What does not fit is a
`ValueError` whose argument is a sentence for the person who wrote it.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from ddms.errors import Code, DdmsError, Sentence

MOST_NAME = 120
MOST_TEXT = 2000
_LINE_ENDS = re.compile("\r\n?")
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of control, format (also of direction and of no width), half and line-end characters."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(?:\.0{1,18})?")
_HEXADECIMAL = re.compile(r"0[xX][0-9A-Fa-f]{1,15}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}\.?[0-9]{0,400}|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")
_IN_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:([ \u00a0\u202f'’])[0-9]{3})(?:\1[0-9]{3})*(?![0-9])")
_SWITCHES = {
    **dict.fromkeys(("true", "yes", "on", "1", "wahr", "ja", "vrai", "oui", "verdadero", "vero", "是"), True),
    **dict.fromkeys(("false", "no", "off", "0", "falsch", "nein", "faux", "non", "falso", "否"), False),
}
_NO_PLACE = {"Factory", "localtime", "posixrules"}


def invisible(text: str, allowed: str = "") -> Sentence | None:
    """Return what is wrong with a text that holds a character which nobody sees, else None."""
    for place, character in enumerate("" if text.isprintable() else text):
        if character not in allowed and unicodedata.category(character) in _INVISIBLE:
            called = unicodedata.name(character, "a control character").lower()
            return Sentence("character {} is U+{:04X}, {}: leave it out", place + 1, ord(character), called)
    return None


def name(raw: str, *, most: int = MOST_NAME, least: int = 1) -> str:
    """Return a name in its one spelling: a line of visible characters, composed as Unicode's NFC, without spaces around."""
    text = unicodedata.normalize("NFC", raw.strip())
    if not least <= len(text) <= most:
        raise ValueError(
            Sentence("it has {} to {} characters", least, most)
            if least
            else Sentence("it has at most {} characters", most)
        )
    if problem := invisible(text):
        raise ValueError(problem)
    return text


def text(raw: str, *, most: int = MOST_TEXT) -> str:
    """Return a text in its one spelling: as a name, but it may have lines and tabs, and be empty."""
    text = unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", raw))
    if len(text) > most:
        raise ValueError(Sentence("it has at most {} characters", most))
    if problem := invisible(text, "\n\t"):
        raise ValueError(problem)
    return text


def key(raw: str) -> str:
    """Return a key, by which files and programs call something: `flow_rate`."""
    if len(raw) > 63 or not (raw.isascii() and raw.isidentifier() and raw == raw.lower()) or raw[0] == "_":
        sentence = Sentence(
            "{!r} is not a key: write lower-case letters, digits and _, a letter first, at most 63", raw[:70]
        )
        raise ValueError(sentence)
    return raw


def whole(raw: str, *, decimal_comma: bool = False) -> int:
    """Read a whole number: `17`, `17.0` as spreadsheets write it, `0x11`; with a decimal comma also `17,0`."""
    text = _joined(raw)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if decimal_comma and "." not in text:
        text = text.replace(",", ".", 1)
    if not _WHOLE.fullmatch(text):
        raise ValueError(Sentence("{!r} is not a whole number: write 17, or 0x11", shortened(raw)))
    return int(text.partition(".")[0])


def number(raw: str, *, decimal_comma: bool = False) -> float:
    """Read a finite number: `1.5`, `-3e-2`, `0x1F`; with a decimal comma also `1,5`."""
    text = _joined(raw)
    if _HEXADECIMAL.fullmatch(text):
        return float(int(text, 16))
    if decimal_comma and "." not in text:
        text = text.replace(",", ".", 1)
    found = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(found):
        if decimal_comma:
            raise ValueError(Sentence("{!r} is not a number: write 1.5 or 1,5", shortened(raw)))
        raise ValueError(Sentence("{!r} is not a number: write 1.5", shortened(raw)))
    return found


def switch(raw: str) -> bool:
    """Read yes or no, in the words that spreadsheets write."""
    word = raw.strip().lower()
    if word in {"1.0", "0.0"}:
        word = word[0]
    if word not in _SWITCHES:
        raise ValueError(Sentence("{!r} is not a switch: write true or false", shortened(raw)))
    return _SWITCHES[word]


def zone(raw: str) -> str:
    """Return a time zone of the IANA database in its one spelling; it is the same on every machine."""
    found = zones().get(raw.strip().lower()) if len(raw) < 100 else None
    if found is None:
        raise ValueError(
            Sentence("there is no time zone {!r}: write one as Europe/Berlin, Asia/Shanghai or UTC", shortened(raw))
        )
    return found


T = TypeVar("T")


def fit(rule: Callable[[str], T], raw: str, field: str) -> T:
    """Read an input by one of these rules; what does not fit is an error that names its field."""
    try:
        return rule(raw)
    except ValueError as error:
        raise DdmsError(Code.INVALID, error.args[0], field=field) from error


def spell(item: Any, name: str, rule: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Bring a field to its one spelling by one of these rules; give what is wrong with it."""
    try:
        setattr(item, name, rule(getattr(item, name)))
    except ValueError as error:
        yield name, error.args[0]


@cache
def zones() -> dict[str, str]:
    """Return the time zones by their names in lower case.

    They are those of the package tzdata, not of this machine, whose folder also has `localtime`, which is no zone for
    the database.
    """
    listed = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return {one.lower(): one for one in listed if one not in _NO_PLACE}


def shortened(text: str, most: int = 60) -> str:
    """Return the beginning of a text, to show it."""
    return text if len(text) <= most else text[:most] + "…"


def _joined(raw: str) -> str:
    """Return a number without the spaces around it and between its thousands."""
    text = raw.strip()
    return re.sub(r"[ \u00a0\u202f'’]", "", text) if _IN_THOUSANDS.match(text) else text
