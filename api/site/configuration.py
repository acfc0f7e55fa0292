"""Configuration: what the owner decides for the whole site; one row, in force without a restart."""

from dataclasses import dataclass, fields
from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, given, input_type, output_type, resolver
from api.graphql.payloads import UserError, mutation
from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Database, Statements
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence

READ_CONFIGURATION = "-- ddms:read_configuration\nSELECT * FROM configuration"
LOCK_CONFIGURATION = "-- ddms:lock_configuration\nSELECT * FROM configuration FOR UPDATE"
TRY_ZONE = "-- ddms:try_zone\nSELECT now() AT TIME ZONE $1"
UPDATE_CONFIGURATION = """-- ddms:update_configuration
UPDATE configuration SET time_zone = $1, language = $2, cleanup_time = $3, compress_after_days = $4, retention_days = $5,
       rollup_1m_days = $6, rollup_1h_days = $7, rollup_1d_days = $8, version = version + 1, updated_at = now()
"""


class Language(StrEnum):
    """In which language the system speaks when nobody says otherwise."""

    EN = "en"
    ZH = "zh"


describe_enum(
    Language,
    name="Language",
    description="In which language the system speaks when nobody says otherwise.",
    values={"EN": "English.", "ZH": "Chinese."},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The configuration, as the programs use it."""

    time_zone: str
    language: Language
    cleanup_time: time
    compress_after_days: int
    retention_days: int
    rollup_1m_days: int
    rollup_1h_days: int
    rollup_1d_days: int

    @classmethod
    def of(cls, row: Any) -> "Site":
        """Make it of its row."""
        return cls(
            **{f.name: row[f.name] for f in fields(cls) if f.name != "language"}, language=Language(row["language"])
        )


async def read_site(database: Database) -> Site:
    """Read the configuration."""
    return Site.of(await database.row(READ_CONFIGURATION))


@output_type
class Configuration:
    """What the owner decides for the whole site."""

    time_zone: str = field(description="Where the site is, `Europe/Berlin`: whose days count.")
    language: Language = field(description="In which language the system speaks when nobody says otherwise.")
    cleanup_time: str = field(
        description="When expired readings are removed each day, `02:00`, in the site's time zone."
    )
    compress_after_days: int = field(description="Readings older than this are compressed, in days.")
    retention_days: int = field(
        description="How long a new device keeps its readings unless it says otherwise, in days; those that are there keep what they have."
    )
    rollup_1m_days: int = field(
        name="rollup1mDays",
        description="How long rollups of a minute are kept, in days; at least as long as their readings.",
    )
    rollup_1h_days: int = field(name="rollup1hDays", description="How long rollups of an hour are kept, in days.")
    rollup_1d_days: int = field(name="rollup1dDays", description="How long rollups of a day are kept, in days.")
    version: int = field(description="Grows with each change; updateConfiguration may ask for it.")
    updated_at: datetime = field(description="When it was last changed.")

    @classmethod
    def of(cls, row: Any) -> "Configuration":
        """Make it of its row."""
        return cls(**shown(row), version=row["version"], updated_at=row["updated_at"])


@input_type
class ConfigurationChanges:
    """What shall be different; what is left out stays."""

    time_zone: str | None = field(
        default=strawberry.UNSET, description="An IANA time zone, as Europe/Berlin or Asia/Shanghai."
    )
    language: Language | None = field(default=strawberry.UNSET, description="In which language the system speaks.")
    cleanup_time: str | None = field(
        default=strawberry.UNSET, description="When expired readings are removed each day, `02:00`."
    )
    compress_after_days: int | None = field(
        default=strawberry.UNSET, description="After how many days readings are compressed, 1 to 365."
    )
    retention_days: int | None = field(
        default=strawberry.UNSET, description="How long a new device keeps its readings, 1 to 3650 days."
    )
    rollup_1m_days: int | None = field(
        default=strawberry.UNSET,
        name="rollup1mDays",
        description="How long rollups of a minute are kept, 1 to 36,500 days.",
    )
    rollup_1h_days: int | None = field(
        default=strawberry.UNSET,
        name="rollup1hDays",
        description="How long rollups of an hour are kept, in days: at least rollup1mDays, at most 36,500.",
    )
    rollup_1d_days: int | None = field(
        default=strawberry.UNSET,
        name="rollup1dDays",
        description="How long rollups of a day are kept, in days: at least rollup1hDays, at most 36,500.",
    )


@output_type
class ConfigurationPayload:
    """The answer of updateConfiguration."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    configuration: Configuration | None = field(
        default=None, description="The configuration, as it is now; null when there were errors."
    )


def shown(row: Any) -> dict[str, Any]:
    """Return what a person configures, as it is shown and audited."""
    values = {f.name: row[f.name] for f in fields(Site)}
    return values | {"cleanup_time": row["cleanup_time"].strftime("%H:%M"), "language": Language(row["language"])}


def _checked(values: dict[str, Any]) -> Site:
    zone = inputs.fit(inputs.zone, values["time_zone"], "time_zone")
    try:
        moment = datetime.strptime(values["cleanup_time"], "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError as error:
        raise DdmsError(Code.INVALID, "write a time of day as 02:00", field="cleanup_time") from error
    _check_range(values, "compress_after_days", 1, 365)
    if not 1 <= values["retention_days"] <= 3650:
        raise DdmsError(Code.INVALID, "give 1 to 3650 days", field="retention_days")
    _check_range(values, "rollup_1m_days", 1, 36500)
    _check_range(values, "rollup_1h_days", values["rollup_1m_days"], 36500)
    _check_range(values, "rollup_1d_days", values["rollup_1h_days"], 36500)
    return Site(**values | {"cleanup_time": moment, "time_zone": zone})


def _check_range(values: dict[str, Any], name: str, low: int, high: int) -> None:
    if not low <= values[name] <= high:
        raise DdmsError(
            Code.INVALID,
            Sentence("give {} to {} days: a rollup is kept at least as long as the one below", low, high),
            field=name,
        )


async def change_configuration(
    statements: Statements, actor: Actor, changes: dict[str, Any], version: int | None = None
) -> Any:
    """Change what is named; return the row, as it is then."""
    row: Any = await statements.row(LOCK_CONFIGURATION)
    if version not in {None, row["version"]}:
        sentence = Sentence("somebody changed the configuration meanwhile (version {}): read it again", row["version"])
        raise DdmsError(Code.CONFLICT, sentence, field="version")
    before = shown(row)
    after = before | changes
    site = _checked(after)
    after["time_zone"] = site.time_zone
    if after != before:
        await statements.value(TRY_ZONE, site.time_zone)
        await statements.value(UPDATE_CONFIGURATION, *(getattr(site, f.name) for f in fields(Site)))
        changed = [name for name in after if after[name] != before[name]]
        told = ({name: values[name] for name in changed} for values in (before, after))
        await audit.record(
            statements, actor, "configuration.update", "configuration", before=next(told), after=next(told)
        )
    return await statements.row(READ_CONFIGURATION)


def parse(changes: dict[str, str]) -> dict[str, Any]:
    """Return changes that were written as text under the names of `Site`."""
    kinds = {f.name: f.type for f in fields(Site)}
    if unknown := changes.keys() - kinds.keys():
        raise DdmsError(
            Code.INVALID, Sentence("there is no {}: there are {}", ", ".join(sorted(unknown)), ", ".join(kinds))
        )
    return {name: _parsed(name, text, kinds[name]) for name, text in changes.items()}


def _parsed(name: str, text: str, kind: Any) -> Any:
    if kind is time or kind is str:
        return text
    if kind is int:
        return inputs.fit(inputs.whole, text, name)
    try:
        return kind(text)
    except ValueError as error:
        told = " or ".join(Language)
        raise DdmsError(Code.INVALID, Sentence("{} is {}, not {!r}", name, told, text[:40]), field=name) from error


@strawberry.type
class ConfigurationQueries:
    """Queries about the configuration."""

    @resolver
    async def configuration(self, info: Info) -> Configuration:
        """What the owner decided for the whole site."""
        return Configuration.of(await info.context.database.row(READ_CONFIGURATION))


@strawberry.type
class ConfigurationMutations:
    """Changes of the configuration."""

    @mutation
    async def update_configuration(
        self,
        info: Info,
        changes: Annotated[ConfigurationChanges, argument("What shall be different.")],
        version: Annotated[int | None, argument("The version you read; another one is a CONFLICT.")] = None,
    ) -> ConfigurationPayload:
        """Change the configuration; it is in force at once, without a restart."""
        async with info.context.database.transaction() as statements:
            row = await change_configuration(statements, info.context.actor, given(changes), version)
        return ConfigurationPayload(configuration=Configuration.of(row))
