"""A backup, as it is shown: where it stands, what is in it, and when it was last restored to try it."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

import strawberry

from api.graphql.described import describe_enum, field, output_type, resolver
from api.graphql.payloads import UserError
from api.graphql.scalars import BigInt, Json
from api.ground.database import Row
from api.ground.ids import IdKind, to_id


class BackupState(StrEnum):
    """How far a backup is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    MISSING = "missing"


describe_enum(
    BackupState,
    name="BackupState",
    description="How far a backup is.",
    values={
        "WAITING": "It is made from `dueAt` on; `error` says why it was not made before, if it was tried.",
        "RUNNING": "It is being made.",
        "DONE": "It is there, whole.",
        "FAILED": "It was tried three times; `error` says why it failed.",
        "CANCELLED": "A person ended it; nothing is left of it.",
        "MISSING": "It was there, and its file is gone from the folder.",
    },
)


class BackupReason(StrEnum):
    """Why there is a backup."""

    SCHEDULED = "scheduled"
    ASKED = "asked"
    FOUND = "found"


describe_enum(
    BackupReason,
    name="BackupReason",
    description="Why there is a backup.",
    values={
        "SCHEDULED": "It was time, by `backupSchedule` of the configuration.",
        "ASKED": "A person asked for it.",
        "FOUND": "Its file lay in the folder, from another DDMS or from before.",
    },
)


class VerificationState(StrEnum):
    """How a verification went."""

    WAITING = "waiting"
    RUNNING = "running"
    VERIFIED = "verified"
    FAILED = "failed"


describe_enum(
    VerificationState,
    name="VerificationState",
    description="How the verification of a backup went: its restore into a scratch database.",
    values={
        "WAITING": "It was asked for.",
        "RUNNING": "It goes on.",
        "VERIFIED": "All was as the manifest says.",
        "FAILED": "It could not be restored, or something differs; `error` says what.",
    },
)


@output_type
class BackupVerification:
    """A restore of a backup into a scratch database, compared with its manifest."""

    state: VerificationState = field(description="How it went.")
    asked_at: datetime | None = field(description="When it was asked for.")
    asked_by: str | None = field(description="Who asked; null: it was time.")
    started_at: datetime | None = field(description="When it began.")
    verified_at: datetime | None = field(description="When one last ended well.")
    seconds: float | None = field(description="How long it took.")
    error: str | None = field(description="What was wrong; null when nothing was.")
    details: Json | None = field(description="What was compared, and what differs.")


@output_type
class BackupTable:
    """What a backup holds of a table."""

    name: str = field(description="The table, `readings`.")
    rows: BigInt = field(description="How many rows.")
    first: datetime | None = field(description="The time of the first; null of what is no history, or of nothing.")
    last: datetime | None = field(description="The time of the last.")


@output_type
class BackupContents:
    """What is in a backup, from its manifest: read in the same moment as the backup itself."""

    taken_at: datetime | None = field(description="The moment whose state it holds.")
    ddms: str = field(description="The version of DDMS that made it.")
    schema: str = field(description="The version of the schema.")
    postgresql: str = field(description="The version of PostgreSQL.")
    timescaledb: str | None = field(description="The version of TimescaleDB; null without.")
    edition: str = field(description="The storage edition: community, apache or plain.")
    configuration_version: int | None = field(description="The version of the configuration in it.")
    dashboards: int = field(description="How many dashboards this DDMS showed; their checksums are in the manifest.")
    tables: list[BackupTable] = field(description="Its tables, by name.")

    @classmethod
    def of(cls, manifest: dict[str, Any]) -> "BackupContents":
        """Make it of a manifest."""
        versions = manifest["versions"]
        return cls(
            **{name: versions.get(name) for name in ("ddms", "schema", "postgresql", "timescaledb", "edition")},
            taken_at=_moment(manifest["taken_at"]),
            configuration_version=manifest["configuration"]["version"],
            dashboards=len(manifest["dashboards"]),
            tables=[
                BackupTable(
                    name=table["name"],
                    rows=table["rows"],
                    first=_moment(table.get("first")),
                    last=_moment(table.get("last")),
                )
                for table in manifest["tables"]
            ],
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


_OF_VERIFICATION = (
    "verify_asked_at",
    "verify_asked_by",
    "verify_started_at",
    "verified_at",
    "verify_seconds",
    "verify_error",
    "verify_details",
)
_SAME = (
    "name", "asked_at", "asked_by", "portable", "encrypted", "attempt", "due_at", "started_at", "finished_at", "progress",
    "error", "bytes", "database_bytes", "checksum", "kept", "removed_at", "copied_at", "copy_error",
)  # fmt: skip


COLUMNS = ("id", "state", "reason", "shown", "verification", *_SAME, *_OF_VERIFICATION)
"""What a row needs to have for `BackupFields`: all but the manifest, which is large."""


@strawberry.type
class BackupFields:
    """What a backup says by itself."""

    id: strawberry.ID = field(description="Opaque.")
    name: str = field(description="The name of its files, without their ends.")
    state: BackupState = field(description="How far it is.")
    reason: BackupReason = field(description="Why there is one.")
    asked_at: datetime = field(description="When it was asked for; of one that was found, when it was made.")
    asked_by: str | None = field(description="Who asked; null: it was time.")
    portable: bool = field(description="Whether history is in it as rows, for any edition of the storage.")
    encrypted: bool = field(description="Whether only the secret keys of age that belong to its recipients open it.")
    attempt: int = field(description="How often it was tried.")
    due_at: datetime = field(description="From when on it is made; after a failure, an hour later.")
    started_at: datetime | None = field(description="When it was last begun.")
    finished_at: datetime | None = field(description="When it ended.")
    progress: float | None = field(
        description="How much is done of what runs, the backup or its verification, 0 to 1; null when nobody knows."
    )
    doing: str | None = field(description="What is done just now, or what it waits for.")
    error: str | None = field(description="Why it was not made.")
    bytes: BigInt | None = field(description="The size of its file.")
    database_bytes: BigInt | None = field(description="The size of the database when it was made.")
    checksum: str | None = field(description="SHA-256 of its file, in hexadecimal digits.")
    kept: bool = field(description="Whether a person said that it is kept, however many follow.")
    removed_at: datetime | None = field(
        description="When its files were removed: newer ones followed, or a person said so."
    )
    copied_at: datetime | None = field(description="When it was copied to the second place.")
    copy_error: str | None = field(description="Why it could not be copied; it is tried again.")
    last_verified: datetime | None = field(description="When it was last restored and all was right; null: never yet.")
    verification: BackupVerification | None = field(description="Its newest verification; null: never asked for.")

    @classmethod
    def of(cls, row: Row, **more: Any) -> Self:
        """Make it of its row."""
        return cls(
            **{name: row[name] for name in _SAME},
            doing=row["shown"],
            id=to_id(IdKind.BACKUP, row["id"]),
            state=BackupState(row["state"]),
            reason=BackupReason(row["reason"]),
            last_verified=row["verified_at"],
            verification=_verification(row) if row["verification"] else None,
            **more,
        )


@output_type
class Backup(BackupFields):
    """A backup of the whole database: asked for, being made, or there."""

    manifest: strawberry.Private[dict[str, Any] | None]

    @resolver
    def contents(self) -> BackupContents | None:
        """What is in it; null until it is there."""
        return BackupContents.of(self.manifest) if self.manifest else None

    @classmethod
    def of(cls, row: Row, **more: Any) -> Self:
        """Make it of its row."""
        return super().of(row, manifest=row["manifest"], **more)


def _verification(row: Row) -> BackupVerification:
    return BackupVerification(
        state=VerificationState(row["verification"]),
        asked_at=row["verify_asked_at"],
        asked_by=row["verify_asked_by"],
        started_at=row["verify_started_at"],
        verified_at=row["verified_at"],
        seconds=row["verify_seconds"],
        error=row["verify_error"],
        details=row["verify_details"],
    )


@output_type
class BackupPayload:
    """The answer of the mutations of backups."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    backup: Backup | None = field(default=None, description="The backup as it is then; null when there were errors.")
