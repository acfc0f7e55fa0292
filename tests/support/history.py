"""`ddms history` as a person runs it, in this process and so quickly; and devices with histories."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from click.testing import CliRunner

from ddms.cli import ddms
from ddms.errors import DdmsError
from ddms.settings import Settings
from tests.support.command_line import ddms_on

START = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    error: str

    def counted(self, name: str) -> int:
        """Return a number of its table."""
        row = next(line.split() for line in self.out.splitlines() if line.split()[:1] == [name])
        return int(row[1].replace(",", ""))


async def history(settings: Settings, *arguments: object) -> Said:
    """Run `ddms history …` on the test's database with the rights of the programs; one at a time, for standard output is one."""
    env = {"DDMS_DATABASE_URL": settings.database_url, "DDMS_DATABASE_ROLE": settings.database_role}
    run = CliRunner().invoke
    done = await asyncio.to_thread(run, ddms, ["history", *map(str, arguments)], env=env)
    if isinstance(done.exception, DdmsError):
        return Said(1, done.stdout, done.stderr + done.exception.message)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Said(done.exit_code, done.stdout, done.stderr)


async def history_aside(settings: Settings, *arguments: object) -> Said:
    """Run it as a program of its own: several at once."""
    done = await ddms_on(settings, "history", *map(str, arguments))
    return Said(done.returncode, done.stdout, done.stderr)


async def add_points(owner: asyncpg.Connection, device: int, **kinds: str) -> dict[str, int]:
    """Add points of these keys and types; return their numbers."""
    for place, (key, kind) in enumerate(kinds.items(), 1):
        length = 8 if kind == "string" else None
        await owner.execute(
            "INSERT INTO points (device_id, key, name, register_table, address, data_type, length)"
            " VALUES ($1, $2, $2, 'holding', $3, $4, $5)",
            device, key, place * 10, kind, length,
        )  # fmt: skip
    return {
        row["key"]: row["id"] for row in await owner.fetch("SELECT id, key FROM points WHERE device_id = $1", device)
    }


async def keep_for_ever(owner: asyncpg.Connection) -> None:
    """Keep readings for ten years, and have rollups of what there is: complete up to 60 days after START."""
    await owner.execute("UPDATE devices SET retention_days = 3650")
    await owner.execute("UPDATE rollup_levels SET complete = $1", START + timedelta(days=60))
    await owner.execute(f"CALL rebuild_rollups('{START.isoformat()}', '{(START + timedelta(days=60)).isoformat()}')")


async def everything(owner: asyncpg.Connection, *tables: str) -> dict[str, list[Any]]:
    """Return all rows of history, in order."""
    tables = tables or ("readings", "texts", "rollup_1m", "rollup_1h", "rollup_1d")
    return {name: await owner.fetch(f"SELECT * FROM {name} t ORDER BY t") for name in tables}


def moment(seconds: float) -> datetime:
    """Return a time after START."""
    return START + timedelta(seconds=seconds)
