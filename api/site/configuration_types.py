"""What GraphQL shows of the configuration; its fields are those of the record, made of it."""

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import strawberry

import api.audit.types  # noqa: F401 - shows ActorKind and Transport in GraphQL
from api.graphql.described import describe_enum, field, input_type, output_type
from api.graphql.messages import told
from api.graphql.pages import Listing
from api.graphql.payloads import UserError, camel
from api.graphql.scalars import BigInt, Json
from api.ground.actor import ActorKind, Transport
from api.ground.database import Row
from api.site.configuration_store import Changed, Difference, HowChanged, differences
from api.site.consequences import Concern, Consequence
from api.site.kinds import FieldKind
from api.site.record import DEFAULTS, MEANINGS, Meaning, bounds, explained, shown

_ORDER = StrEnum("_ORDER", {"VERSION": "version"})
BY_VERSION = _ORDER.VERSION
VERSIONS: Listing["ConfigurationVersion"] = Listing(
    "configuration_versions",
    """
SELECT v.version AS id, v.*, p.settings AS before FROM configuration_versions v
  LEFT JOIN LATERAL (SELECT settings FROM configuration_versions o WHERE o.version < v.version ORDER BY o.version DESC LIMIT 1) p ON true
""",
    parameters=0,
    orders={BY_VERSION: ("id", "int")},
)
describe_enum(
    FieldKind,
    name="ConfigurationFieldKind",
    description="What kind of value a field of the configuration takes.",
    values={
        "WHOLE": "A whole number, `least` to `most` of a `unit`.",
        "SWITCH": "True or false.",
        "CHOICE": "One of `choices`.",
        "TIME_OF_DAY": "Hours and minutes, `02:00`.",
        "TIME_ZONE": "An IANA time zone, `Europe/Berlin`.",
        "SCHEDULE": "Five fields of cron in the site's time zone, `0 2 * * *`; empty: never.",
        "NAME": "A line of at most `most` characters; it may be empty.",
        "RECIPIENTS": "Public keys of age (`age1…`), one a line; empty: none.",
        "SHIFTS": "Shifts with their days and times, `Early 06:00-14:00; Night mon-fri 22:00-06:00`; empty: none.",
    },
)
describe_enum(
    HowChanged,
    name="ConfigurationChangeKind",
    description="How a version of the configuration came to be.",
    values={
        "FOUND": "It was so before versions were kept.",
        "UPDATE": "By `updateConfiguration` or `ddms config set`.",
        "REVERT": "The values of an earlier version were taken again.",
        "IMPORT": "From a file.",
    },
)
describe_enum(
    Concern,
    name="ConsequenceConcern",
    description="What a consequence of a change of the configuration is about.",
    values={
        "JOBS": "A scheduled job runs at another time.",
        "CLEANUP": "The cleanup of history is at another time.",
        "HISTORY": "History expires.",
        "COMPRESSION": "Chunks are compressed.",
        "AUDIT": "Entries of the audit are erased.",
        "ALARMS": "Alarms of devices, connections or points.",
        "SYSTEM_ALARMS": "An alarm of the system is raised or cleared.",
        "DEVICES": "Devices.",
        "SESSIONS": "Browsers that are signed in.",
        "BACKUPS": "Backups.",
    },
)
T = TypeVar("T", bound=type)


def _with_fields(shape: Callable[[str, Meaning], tuple[Any, Any]]) -> Callable[[T], T]:
    """Give a class all fields of the record, each with its type and what strawberry is told of it."""

    def fill(cls: T) -> T:
        own = dict(cls.__annotations__)
        for name, meaning in MEANINGS.items():
            cls.__annotations__[name], described = shape(name, meaning)
            setattr(cls, name, described)
        for name in own:  # version and time stand behind what the configuration says
            cls.__annotations__[name] = cls.__annotations__.pop(name)
        return cls

    return fill


def _output(name: str, meaning: Meaning) -> tuple[Any, Any]:
    return meaning.kind.type, field(name=camel(name), description=meaning.means)


def _input(name: str, meaning: Meaning) -> tuple[Any, Any]:
    takes = bounds(meaning.kind) if meaning.kind.unit else ""
    described = field(name=camel(name), default=strawberry.UNSET, description=explained(meaning, takes))
    return meaning.kind.type | None, described


@output_type
@_with_fields(_output)
class Configuration:
    """What the owner decides for the whole site."""

    version: int = field(description="Grows with each change; updateConfiguration may ask for it.")
    updated_at: datetime = field(description="When it was last changed.")

    @classmethod
    def of(cls, row: Any) -> "Configuration":
        """Make it of its row."""
        return cls(**shown(row), version=row["version"], updated_at=row["updated_at"])


@input_type
@_with_fields(_input)
class ConfigurationChanges:
    """What shall be different; what is left out stays."""


@output_type
class ConfigurationField:
    """A field of the configuration: what it takes and means, in the caller's language."""

    name: str = field(description="Its name in `Configuration`, `backupsKept`.")
    key: str = field(description="Its name in files and on the command line, `backups_kept`.")
    kind: FieldKind = field(description="What kind of value it takes.")
    title: str = field(description="A few words that name it.")
    description: str = field(description="What it means.")
    unit: str | None = field(description="The unit of a number, in words; null when it is none.")
    least: int | None = field(description="The least number; null when it is none.")
    most: int | None = field(description="The greatest number, or how many characters a name has at most.")
    at_least: str | None = field(description="Another field, below whose value it may not be.")
    choices: list[str] = field(description="The words that it may be, as files and the command line write them.")
    default: str = field(description="What a new site has, as files write it.")
    effect: str = field(description="When a change of it is in force.")
    changes_the_past: bool = field(description="Whether a change concerns also what is there already.")
    of_this_site: bool = field(description="Whether another site, set up alike, has another value.")

    @classmethod
    def of(cls, name: str, meaning: Meaning) -> "ConfigurationField":
        """Describe it."""
        kind = meaning.kind
        floor = getattr(kind, "at_least", None)
        return cls(
            name=camel(name) or name,
            key=name,
            kind=kind.word,
            title=told(meaning.title),
            description=told(meaning.means),
            unit=told(kind.unit.name) if kind.unit else None,
            least=kind.least,
            most=kind.most,
            at_least=camel(floor.name) if floor else None,
            choices=list(kind.choices),
            default=kind.written(DEFAULTS[name]),
            effect=told(meaning.effect),
            changes_the_past=meaning.past,
            of_this_site=meaning.own,
        )


@output_type
class ConfigurationDifference:
    """A field that is different, as files write it."""

    name: str = field(name="field", description="Its name in `Configuration`, `backupsKept`.")
    title: str = field(description="A few words that name it.")
    before: str = field(description="What it was; of a field that came with an upgrade in between, its default.")
    after: str = field(description="What it is then.")

    @classmethod
    def of(cls, one: Difference) -> "ConfigurationDifference":
        """Show it."""
        title = told(MEANINGS[one.name].title)
        return cls(name=camel(one.name) or one.name, title=title, before=one.before, after=one.after)


@output_type
class ConfigurationConsequence:
    """What a change of the configuration does to something that is there."""

    about: Concern = field(description="What it is about.")
    message: str = field(description="What happens, in a sentence.")
    subject: str | None = field(description="The job, table, source of alarms or kind of system alarm; null when none.")
    removes: bool = field(description="Whether something goes that nothing brings back but a backup.")
    count: int | None = field(description="How many devices, chunks, alarms, browsers or backups; null when none.")
    rows: BigInt | None = field(description="How many rows of history or entries, about; null when none.")
    bytes: BigInt | None = field(description="What they take, in bytes, about; null when nobody knows.")
    moved_from: datetime | None = field(description="When it was to be until now; null: never, or it has no time.")
    moved_to: datetime | None = field(description="When it will be; null: never, or it has no time.")

    @classmethod
    def of(cls, one: Consequence) -> "ConfigurationConsequence":
        """Show it."""
        values = {f.name: getattr(one, f.name) for f in fields(one)}
        return cls(**values | {"message": told(one.message)})


@output_type
class ConfigurationPayload:
    """The answer of a change of the configuration."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    configuration: Configuration | None = field(
        default=None,
        description="The configuration, as it is then, or would be; null when there were errors. A dry run shows the version that it would get.",
    )
    changes: list[ConfigurationDifference] = field(
        default_factory=list, description="The fields that are different; empty when nothing is."
    )
    consequences: list[ConfigurationConsequence] = field(
        default_factory=list, description="What that does to what is there already."
    )

    @classmethod
    def of(cls, changed: Changed) -> "ConfigurationPayload":
        """Show what a change did."""
        return cls(
            configuration=Configuration.of(changed.row),
            changes=[ConfigurationDifference.of(one) for one in changed.differences],
            consequences=[ConfigurationConsequence.of(one) for one in changed.consequences],
        )


@output_type
class ConfigurationVersion:
    """A version of the configuration: who made it, and what it changed."""

    version: int = field(description="Its number; `revertConfiguration` takes it.")
    at: datetime = field(description="When it was made.")
    how: HowChanged = field(description="How it was made.")
    reverted_to: int | None = field(description="Of a revert: the version whose values were taken again.")
    actor: str = field(description="Name of who made it, as it was then.")
    actor_kind: ActorKind | None = field(description="What that is; null when it was not recorded.")
    actor_id: strawberry.ID | None = field(description="`usr_2` of a person, `tok_5` of a program's token; else null.")
    address: str | None = field(description="Where the client was.")
    client: str | None = field(description="What the client calls itself.")
    transport: Transport | None = field(description="By which way it was asked.")
    changes: list[ConfigurationDifference] = field(description="What is different from the version before.")
    settings: Json = field(description="All fields that it had, under the names that files give them.")

    @classmethod
    def of(cls, row: Row) -> "ConfigurationVersion":
        """Make it of its row."""
        same = ("version", "at", "reverted_to", "actor", "actor_id", "address", "client", "settings")
        return cls(
            **{name: row[name] for name in same},
            how=HowChanged(row["how"]),
            actor_kind=ActorKind(row["actor_kind"]) if row["actor_kind"] else None,
            transport=Transport(row["transport"]) if row["transport"] else None,
            changes=[ConfigurationDifference.of(one) for one in differences(row["before"], row["settings"])]
            if row["before"]
            else [],
        )
