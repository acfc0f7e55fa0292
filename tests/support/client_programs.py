"""pg_dump and pg_restore of the database's own version for the tests: out of the Debian root where the server is from there."""

import os
import shlex
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ddms.settings import Settings
from tests.support.debian_root import BINARIES
from tests.support.debian_root import cache as kept

_PROGRAMS = ("pg_dump", "pg_restore")


@cache
def folder() -> Path | None:
    """Return a folder with programs that run the root's by its own loader and libraries; None: DDMS finds others by itself."""
    root = kept() / "debian-13"
    if os.environ.get("DDMS_TEST_WAY") == "wheel" or not (root / BINARIES.relative_to("/") / "pg_dump").exists():
        return None
    made = Path(tempfile.mkdtemp(prefix="ddms-programs-"))
    loader, libraries = root / "lib64/ld-linux-x86-64.so.2", root / "usr/lib/x86_64-linux-gnu"
    for name in _PROGRAMS:
        program = root / BINARIES.relative_to("/") / name
        script = made / name
        script.write_text(
            f'#!/bin/sh\nexec {shlex.join([str(loader), "--library-path", str(libraries), str(program)])} "$@"\n'
        )
        script.chmod(0o755)
    return made


def backing_up(settings: Settings, url: str, where: Path, **more: Any) -> Settings:
    """Return the settings of a program that makes backups into a folder, with a login that may."""
    return replace(settings, backup_database_url=url, backup_directory=where, postgres_programs=folder(), **more)
