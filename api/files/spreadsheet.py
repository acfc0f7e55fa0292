"""Texts in CSV files that a spreadsheet opens: one that it would take for a formula is defused by an apostrophe.

Source: OWASP, CSV Injection.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r\n]")


def defused(text: str) -> str:
    """Return a text as no spreadsheet takes it for a formula; `restored` gives it back."""
    return f"'{text}" if _FORMULA.match(text) else text


def restored(text: str) -> str:
    """Return the text that was defused."""
    return text[1:] if _DEFUSED.match(text) else text
