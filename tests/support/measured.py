"""What programs that tests start measure of the code that they run: a file each, which pytest-cov puts together."""

import sqlite3
from contextlib import closing
from pathlib import Path


def set_aside_broken(data_file: Path) -> list[Path]:
    """Remove the files beside coverage's own that a killed program left half-written; return which.

    A program writes it at its end, without a journal, and tests kill programs at any moment.
    """
    broken = [file for file in data_file.parent.glob(f"{data_file.name}.*") if not _is_whole(file)]
    for file in broken:
        file.unlink(missing_ok=True)
    return broken


def _is_whole(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as data:
            whole = data.execute("PRAGMA quick_check").fetchone() == ("ok",)
            return whole and data.execute("SELECT count(*) FROM coverage_schema").fetchone() == (1,)
    except sqlite3.Error:
        return False
