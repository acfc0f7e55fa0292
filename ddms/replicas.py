"""Streaming replicas of the database: what one says of itself, and what that means. For the API and for `ddms doctor`."""

from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit


class ReplicaState(StrEnum):
    """How a replica stands."""

    FRESH = "fresh"
    """It has all that the primary had a moment ago."""
    LAGGING = "lagging"
    """It answers, and has less than it should."""
    GONE = "gone"
    """It does not answer."""
    PRIMARY = "primary"
    """It takes writes: it is the primary, or was promoted."""
    FOREIGN = "foreign"
    """It is no copy of this primary."""


# Everybody may call these functions; the positions are numbers of bytes.
READ_PRIMARY = """-- ddms:read_position
SELECT pg_current_wal_insert_lsn() AS position, inet_server_addr() AS address, inet_server_port() AS port, (SELECT system_identifier FROM pg_control_system()) AS system
"""
READ_REPLICA = """-- ddms:read_replica
SELECT pg_is_in_recovery() AS follows, pg_last_wal_replay_lsn() AS position, (SELECT system_identifier FROM pg_control_system()) AS system,
       pg_is_in_recovery() AND pg_is_wal_replay_paused() AS paused,
       extract(epoch FROM now() - pg_last_xact_replay_timestamp())::float8 AS behind
"""


_PAGE, _HEADERS = 8192, (24, 40)


def end_of(position: int) -> int:
    """Return where the log ends that is to be replayed: the next record may begin behind the head of a page that is not there yet."""
    within = position % _PAGE
    return position - within if within in _HEADERS else position


def name_of(url: str) -> str:
    """Return the host and port of a replica's URL, by which it is told."""
    return urlsplit(url).netloc.rpartition("@")[2]


def refused(primary: Any, replica: Any) -> ReplicaState | None:
    """Return why a server can be no replica of the primary; None when it can."""
    if replica["system"] != primary["system"]:
        return ReplicaState.FOREIGN
    return None if replica["follows"] else ReplicaState.PRIMARY


def why_of(error: BaseException) -> str:
    """Return why a replica does not answer, in its own words: the advice for the database is not meant for it."""
    cause = error.__cause__ or error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return (str(cause).splitlines() or [type(cause).__name__])[0]
