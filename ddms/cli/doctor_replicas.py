"""What the doctor finds at the streaming replicas of the database: whether each can be read from, and what it lacks."""

from collections.abc import AsyncIterator
from typing import Any

from ddms.cli.findings import Finding, Verdict, ago, size
from ddms.database import TROUBLE, Connection, connect, explain, explained
from ddms.replicas import READ_PRIMARY, READ_REPLICA, ReplicaState, name_of, refused, why_of
from ddms.settings import Settings

_ADVICE = "history is read from the primary meanwhile; docs/replicas.md says how a replica is brought back"


async def examine_replicas(settings: Settings, connection: Connection) -> AsyncIterator[Finding]:
    """Look at each replica; `connection` is the primary's."""
    try:
        with explained():
            primary = await connection.fetchrow(READ_PRIMARY) if settings.replica_urls else None
    except TROUBLE as error:  # the database is a standby itself
        yield Finding("replicas", Verdict.BAD, explain(error).message, "let DDMS_DATABASE_URL name the primary")
        return
    for url in settings.replica_urls:
        try:
            theirs = await connect(settings.at(url), "doctor")
            try:
                said = await theirs.fetchrow(READ_REPLICA)
            finally:
                await theirs.close(timeout=2)
        except TROUBLE as error:
            yield Finding("replicas", Verdict.WARN, f"{name_of(url)} does not answer: {why_of(error)}", _ADVICE)
        else:
            yield _judged(name_of(url), primary, said, settings.replica_lag_seconds)


def _judged(name: str, primary: Any, said: Any, bound: float) -> Finding:
    match refused(primary, said):
        case ReplicaState.PRIMARY:
            return Finding("replicas", Verdict.OK, f"{name} is the primary now")
        case ReplicaState.FOREIGN:
            advice = "correct DDMS_REPLICA_URLS, or copy it anew by pg_basebackup"
            return Finding("replicas", Verdict.BAD, f"{name} is no copy of this database", advice)
    missing, behind = max(0, primary["position"] - said["position"]), said["behind"] or 0.0
    if missing and (said["paused"] or behind > bound):
        paused = ", its replay is paused: SELECT pg_wal_replay_resume() there ends that" if said["paused"] else ""
        return Finding(
            "replicas", Verdict.WARN, f"{name} lags {ago(behind)}, it lacks {size(missing)}{paused}", _ADVICE
        )
    return Finding("replicas", Verdict.OK, f"{name} has all, but for {size(missing)}" if missing else f"{name} has all")
