"""Texts in CSV files that a spreadsheet opens: what it would take for a formula is defused by an apostrophe.

The one rule for all that DDMS writes as CSV. A formula begins a cell, after spaces too, and also what another program
takes for one: it may cut at another delimiter than the file's. Full-width signs count as formulas in East Asian
versions.

Source: OWASP, CSV Injection.
"""

import re

FORMULA = r"(^|[,;|\t])('*(?:\s*[=+@＝＋－＠-]|[\t\r\n]))"
"""Where an apostrophe is put between the two groups; Python and PostgreSQL read this expression alike."""
_FORMULA = re.compile(FORMULA)
_DEFUSED = re.compile(FORMULA.replace("('*", "'('*"))


def defused(text: str) -> str:
    """Return a text as no spreadsheet takes it for a formula; `restored` gives it back."""
    return _FORMULA.sub(r"\1'\2", text)


def restored(text: str) -> str:
    """Return the text that was defused."""
    return _DEFUSED.sub(r"\1\2", text)
