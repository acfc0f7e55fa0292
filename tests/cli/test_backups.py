"""`ddms backup` and `ddms backups`, as they are called."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ddms.backups.folder import find
from tests.support import client_programs


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    values = {
        "DDMS_DATABASE_URL": database_url,
        "DDMS_BACKUP_DIRECTORY": str(tmp_path / "backups"),
        "DDMS_LOG_FORMAT": "text",
    }
    folder = client_programs.folder()
    return os.environ | values | ({"DDMS_POSTGRES_PROGRAMS": str(folder)} if folder else {})


def ddms(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ddms", *arguments], check=False, capture_output=True, text=True, env=environment
    )


def test_a_backup_is_made_listed_shown_kept_and_removed_at_the_command_line(environment, tmp_path):
    made = ddms(environment, "backup", "create", "--json")
    assert (made.returncode, made.stderr) == (0, "")
    told = json.loads(made.stdout)
    (manifest,) = find(tmp_path / "backups")
    assert (told["name"], told["checksum"], told["state"]) == (manifest["name"], manifest["checksum"], "done")
    assert ddms(environment, "backup", "keep", "newest").returncode == 0
    shown = ddms(environment, "backup", "show", told["name"]).stdout
    assert re.search(r"kept +True", shown)
    assert re.search(rf"postgresql +{re.escape(manifest['versions']['postgresql'])}", shown)
    assert re.search(r"configuration +1", shown)
    refused = ddms(environment, "backup", "remove", "--yes", told["name"])
    assert (refused.returncode, "is kept: take that back first" in refused.stderr) == (1, True)
    ddms(environment, "backup", "keep", "--no", told["name"])
    assert ddms(environment, "backup", "remove", "--yes", told["name"]).returncode == 0
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_key_is_made_once_and_seen_by_its_owner_alone(environment, tmp_path):
    file = tmp_path / "ddms.key"
    public = ddms(environment, "backup", "keygen", str(file)).stdout.strip()
    assert public.startswith("age1")
    assert public in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert ddms(environment, "backup", "keygen", str(file)).returncode == 1, "what is there stays"


async def test_the_program_makes_what_is_asked_for_and_ends_when_it_is_told_to(environment, owner, tmp_path):
    await owner.execute("INSERT INTO backups (name, reason) VALUES ('one', 'asked')")
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ddms", "backups", env=environment, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(120):
        while await owner.fetchval("SELECT state FROM backups") != "done":
            assert program.returncode is None
            await asyncio.sleep(0.05)
        program.terminate()
        _, said = await program.communicate()
    assert program.returncode == 0, said.decode()
    assert sorted(path.name for path in (tmp_path / "backups").iterdir()) == ["one.dump", "one.json"]


def test_the_program_says_which_login_it_needs(environment):
    done = ddms(environment | {"DDMS_DATABASE_ROLE": "ddms_app"}, "backups")
    assert done.returncode == 2
    assert "let DDMS_BACKUP_DATABASE_URL name a superuser" in done.stderr
