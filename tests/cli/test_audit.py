"""`ddms audit`: shown, written to files, checked."""

import csv
import io
import json
from pathlib import Path

import asyncpg
import pytest

from api.ground.actor import Actor
from api.ground.audit import record
from api.ground.database import Statements
from tests.support.command_line import ddms_on


@pytest.fixture
async def five(owner: asyncpg.Connection) -> None:
    for number in range(1, 6):
        actor = Actor(name="=cmd|' /C calc'!A0" if number == 5 else "ann", address="10.0.0.1")
        await record(Statements(owner), actor, "device.update", f"dev_{number}", before={"n": 1}, after={"n": number})


async def test_the_chain_is_checked_and_compared_with_a_noted_head(five, settings, owner):
    noted = (await ddms_on(settings, "audit", "head")).stdout.strip()
    assert noted.startswith("5:")
    checked = await ddms_on(settings, "audit", "verify", "--expect", noted)
    assert (checked.returncode, checked.stdout) == (
        0,
        f"ok: 5 entries, each as it was written; head {noted}\nThe noted entry is in the chain.\n",
    )
    await owner.execute(
        "DELETE FROM audit_log WHERE number > 3; UPDATE audit_chain SET number = 3, hash = (SELECT hash FROM audit_log WHERE number = 3)"
    )
    assert (await ddms_on(settings, "audit", "verify")).returncode == 0
    cut = await ddms_on(settings, "audit", "verify", "--expect", noted)
    assert cut.returncode == 1
    assert "Broken at entry 4: the noted entry is not there" in cut.stderr


async def test_the_first_broken_entry_is_told_with_what_it_means(five, settings, owner):
    await owner.execute("UPDATE audit_log SET subject = 'dev_7' WHERE number = 2")
    told = await ddms_on(settings, "audit", "verify")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("Broken at entry 2: an entry was changed")
    values = json.loads((await ddms_on(settings, "audit", "verify", "--json")).stdout)
    assert (values["ok"], values["brokenAt"], values["entries"]) == (False, 2, 1)
    assert (await ddms_on(settings, "audit", "verify", "--expect", "5")).returncode == 1


async def test_entries_are_written_as_csv_that_no_spreadsheet_executes(five, settings, tmp_path: Path):
    file = tmp_path / "audit.csv"
    done = await ddms_on(settings, "audit", "export", "-o", str(file), "--action", "device")
    assert done.stderr == f"5 entries are in {file}.\n"
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert [row["subject"] for row in rows] == [f"dev_{number}" for number in range(1, 6)]
    assert rows[0]["before"] == '{"n":1}'
    assert rows[4]["actor"].startswith("'=cmd")


async def test_json_lines_go_on_where_the_last_ones_ended_and_each_export_is_recorded(five, settings, owner):
    lines = (await ddms_on(settings, "audit", "export", "--format", "jsonl", "--after", "3")).stdout.splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["number"] for entry in entries] == [4, 5, 6]
    assert entries[0]["after"] == {"n": 4}
    assert entries[2] | {"client": "", "at": "", "hash": ""} == {
        "number": 6, "at": "", "actor": "command line", "actor_kind": "program", "actor_id": None, "token": None,
        "address": None, "client": "", "transport": "command line", "action": "audit.export", "subject": "audit",
        "before": None, "after": {"after": "3", "format": "jsonl"}, "hash": "",
    }  # fmt: skip
    assert entries[2]["client"].startswith("ddms ")


async def test_the_newest_entries_are_shown(five, settings):
    shown = (await ddms_on(settings, "audit", "show", "--last", "2", "--actor", "Ann")).stdout
    assert "dev_4" in shown
    assert "dev_2" not in shown
    (entry,) = json.loads((await ddms_on(settings, "audit", "show", "--json", "--last", "1")).stdout)
    assert (entry["subject"], len(entry["hash"])) == ("dev_5", 64)
