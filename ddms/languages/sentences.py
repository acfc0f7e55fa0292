"""What the database says in English: why a reading is bad, what a device's last error was. Here told in each language."""

import re

from ddms.languages.sql import Spoken, literal
from ddms.quality import Reason

REASONS = {reason.label: reason.label.replace("_", " ") for reason in Reason} | {"stale": "stale"}
"""Why a reading is as it is, in a word or two."""
EXPLANATIONS = (
    *(reason.explanation for reason in Reason),
    "no newer reading has come: does a collector run?",
    "no collector has reported this device since it was last seen",
    "polls are skipped: the line takes longer than the intervals allow, `ddms plan` shows on what",
    "no collector answered in time",
    "the collector was stopped meanwhile: ask again",
    "the request cannot be understood",
    "the program that ran it ended",
    "points that were deleted before",
)
"""Whole sentences; those of the programs may stand within a longer one."""
DETAILS = (
    "last heard of at {}",
    "{} is one of {}",
    "{} of {} points of devices that answer have no reading of their last three intervals",
    "{} MB wait in its spool",
    "room for {} MB of {} MB",
    "{} since it was installed, the last at {}",
    "`ddms ingest` does not run, or DDMS_INGEST_SITES does not name the site",
    "{} messages wait in its stream, {} MB",
    "its stream has {} MB of {} MB",
    "{} within a day, the newest: {}",
    "{} s ahead of the database",
    "{} s behind the database",
    "{} MB of {} MB are free",
    "history is read from it",
    "it is no copy of this database",
    "it lags {} s, its replay is paused",
    "it lags {} s",
    "it does not answer: {}",
    "it runs since {}",
    "it was due at {}",
    "a job of the database itself",
    "at {} about {} rows of {} devices will be erased",
    "the newest verified one is {}, of {}",
    "none of {} backups was ever verified",
    "there is no backup",
    "the newest of them has the number {}",
    "{} waits since {}",
    "{} MB of {} MB are free in {}, the newest backup has {} MB",
    "as the collector sees it that took over",
)
"""What alarms of DDMS itself say beside their name, as ddms/system_alarms.py and api/site/watch.py write it."""
DOING = (
    "looks at the database",
    "counts and samples what was backed up",
    "reads what there is",
    "reads all but history",
    "reads chunks of history",
    "reads {}",
    "begins",
    "makes the tables",
    "makes the indexes and keys",
    "makes the schema {}",
    "loads all but history",
    "loads tables, {} of {} are done, the last one {}",
    "loads {}",
    "compares with the manifest",
    "brings the schema, the roles and their rights to what they must be",
    "collects statistics of the tables",
    "tries it as the programs do",
)
"""What a backup, a verification or a restore does just now, as ddms/backups reports it."""
SIZES = (", {} written", "; the new database has {}")
"""What may follow that."""

FAILURES = {
    r"no space left|disk.* full|has .+ free": "The disk is full",
    r"time.?out|timed out|too long": "It took too long",
    r"\mcancel": "It was cancelled",
    r"secret key|identity|password": "The key or the password is missing, or does not fit",
    r"connect|does not answer|is not there|is gone": "It was not there, or could not be reached",
    r"refuse|denied|permi|\mmay not\M|cannot be written": "It was refused: the rights do not suffice",
    r"truncated|damaged|checksum|SHA-256": "The file is damaged",
}
"""What is most often the matter when a job or a backup fails: by what its error says, the first that fits."""


def told(language: Spoken, sql: str) -> str:
    """Return SQL that tells the sentences in a text of the database in a language; what it does not know stays as it is."""
    if language.is_english:
        return sql
    # The longest first, since a short one may be a part of it.
    for english in sorted(EXPLANATIONS, key=len, reverse=True):
        sql = f"replace({sql}, {literal(english)}, {language.sql(english)})"
    sql = f"replace({sql}, '; ', {language.sql('; ')})"
    return _matched(language, sql, [" and {} more: "], "{}", r"\d+")


def detail(language: Spoken, sql: str) -> str:
    """Return SQL that tells in a language what the alarm of a device, a connection or of DDMS itself says beside its name."""
    return _matched(language, told(language, sql), DETAILS, r"\A{}\Z", ".+")


def doing(language: Spoken, sql: str) -> str:
    """Return SQL that tells in a language what a backup, a verification or a restore does just now."""
    return _matched(language, _matched(language, sql, DOING, r"\A{}", r"\w+"), SIZES, r"{}\Z", r"[\d.]+ \w+")


def failing(language: Spoken, query: str) -> str:
    """Return a query whose column `error` says first in a language what is the matter, where that is known."""
    return query.replace(", error FROM", f", {failure(language)} AS error FROM")


def failure(language: Spoken) -> str:
    """Return the SQL of a column `error` that says first in a language what is the matter; what the program met stands behind."""
    if language.is_english:
        return "error"
    cases = " ".join(
        f"WHEN error ~* {literal(pattern)} THEN {language.sql(f'{sentence}: ')} || error"
        for pattern, sentence in FAILURES.items()
    )
    return f"CASE {cases} ELSE {told(language, 'error')} END"


def _matched(language: Spoken, sql: str, templates: tuple[str, ...] | list[str], frame: str, value: str) -> str:
    """Return SQL that puts the sentences of a language in place of English ones, with the values in them."""
    for template in () if language.is_english else templates:
        pattern = frame.format(re.escape(template).replace(r"\{\}", f"({value})").replace(r"\ ", " "))
        places = [rf"\{place}" for place in range(1, 1 + template.count("{}"))]
        sql = f"regexp_replace({sql}, {literal(pattern)}, {literal(language.says(template).format(*places))}, 'g')"
    return sql


def reason(language: Spoken, sql: str, *, spaced: bool = False) -> str:
    """Return SQL of why a reading is as it is, in a word or two; `sql` is a reason's label, `spaced` when it has lost its underscores."""
    if language.is_english:
        return sql if spaced else f"replace({sql}, '_', ' ')"
    return language.word(sql, {label.replace("_", " ") if spaced else label: word for label, word in REASONS.items()})
