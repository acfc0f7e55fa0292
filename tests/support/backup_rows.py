"""Rows of backups, as the programs that make them leave them."""

import asyncpg


async def backup(
    owner: asyncpg.Connection, name: str, *, hours_ago: float = 1, state: str = "done", **more: object
) -> int:
    """Put a backup there that was begun so long ago; return its number."""
    columns: dict[str, object] = {"name": name, "state": state, "reason": "scheduled"}
    if state == "done":
        columns |= {"bytes": 50_000_000, "database_bytes": 400_000_000, "attempt": 1}
    columns |= more
    names = ", ".join(columns)
    values = ", ".join(f"${number + 2}" for number in range(len(columns)))
    moment = "now() - make_interval(secs => $1::float8 * 3600)"
    ended = f"{moment} + interval '90 s'" if state in {"done", "failed"} else "NULL"
    began = "NULL" if state == "waiting" else moment
    return await owner.fetchval(
        f"INSERT INTO backups (asked_at, due_at, started_at, finished_at, {names}) VALUES ({moment}, {moment}, {began}, {ended}, {values}) RETURNING id",
        hours_ago,
        *columns.values(),
    )


async def verified(owner: asyncpg.Connection, name: str, *, hours_ago: float = 0, error: str | None = None) -> None:
    """Verify a backup; with an error it does not pass."""
    await owner.execute(
        "UPDATE backups SET verification = CASE WHEN $3::text IS NULL THEN 'verified' ELSE 'failed' END, verify_error = $3, verify_seconds = 40,"
        " verify_started_at = now() - make_interval(secs => $2::float8 * 3600), verify_asked_at = now() - make_interval(secs => $2::float8 * 3600),"
        " verified_at = CASE WHEN $3 IS NULL THEN now() - make_interval(secs => $2::float8 * 3600) ELSE verified_at END WHERE name = $1",
        name,
        hours_ago,
        error,
    )
