"""How the configuration is changed: in one transaction with its version, its audit entry and a look at the consequences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Statements
from api.ground.scheduler import CHANNEL
from api.site.consequences import SYSTEM_LIMITS, Consequence, Outlook
from api.site.jobs import ASK_FOR_JOB, TELL_JOB
from api.site.record import DEFAULTS, MEANINGS, shown, spell, stored, written
from ddms.errors import Code, DdmsError, Mistakes, Sentence
from ddms.settings import Settings

READ_CONFIGURATION = "-- ddms:read_configuration\nSELECT * FROM configuration"
LOCK_CONFIGURATION = "-- ddms:lock_configuration\nSELECT * FROM configuration FOR UPDATE"
TRY_ZONE = "-- ddms:try_zone\nSELECT now() AT TIME ZONE $1"
UPDATE_CONFIGURATION = f"""-- ddms:update_configuration
UPDATE configuration SET {", ".join(f"{name} = ${place}" for place, name in enumerate(MEANINGS, 1))}, version = version + 1, updated_at = now()
RETURNING *
"""  # noqa: S608 - the names of our own fields
INSERT_VERSION = """-- ddms:insert_configuration_version
INSERT INTO configuration_versions (version, actor, actor_kind, actor_id, address, client, transport, how, reverted_to, settings)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
READ_VERSION = "-- ddms:read_configuration_version\nSELECT settings FROM configuration_versions WHERE version = $1"


class HowChanged(StrEnum):
    """How a version of the configuration came to be."""

    FOUND = "found"
    UPDATE = "update"
    REVERT = "revert"
    IMPORT = "import"


class Origin(NamedTuple):
    """How a version is made; of one that takes an earlier one's values again, which."""

    how: HowChanged
    reverted_to: int | None = None


UPDATED, IMPORTED = Origin(HowChanged.UPDATE), Origin(HowChanged.IMPORT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A field that is different, as text."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """What a change did, or would do."""

    row: Any
    differences: list[Difference] = field(default_factory=list)
    consequences: list[Consequence] = field(default_factory=list)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return the fields that differ between two versions.

    A field that came with an upgrade in between had its default, which nobody changed; one that is gone since is not told.
    """
    names = [name for name in MEANINGS if name in after]
    old, new = (written({name: values[name] for name in names}) for values in ({**DEFAULTS, **before}, after))
    return [Difference(name=name, before=old[name], after=new[name]) for name in names if old[name] != new[name]]


async def change(
    statements: Statements,
    actor: Actor,
    settings: Settings,
    changes: dict[str, Any],
    version: int | None = None,
    *,
    origin: Origin = UPDATED,
) -> Changed:
    """Change what is named, in the caller's transaction; a dry run takes it back afterwards."""
    row: Any = await statements.row(LOCK_CONFIGURATION)
    if version not in {None, row["version"]}:
        sentence = Sentence("somebody changed the configuration meanwhile (version {}): read it again", row["version"])
        raise DdmsError(Code.CONFLICT, sentence, field="version")
    before = shown(row)
    after = before | changes
    if wrong := [DdmsError(Code.INVALID, sentence, field=name) for name, sentence in spell(after)]:
        raise Mistakes(wrong, count=len(wrong))
    if after == before:
        return Changed(row=row)
    outlook = await Outlook.of(statements, settings, before, after)
    await statements.value(TRY_ZONE, after["time_zone"])
    row = await statements.row(UPDATE_CONFIGURATION, *stored(after))
    who = actor.name, actor.kind, actor.id, actor.address, actor.client, actor.transport
    await statements.value(INSERT_VERSION, row["version"], *who, origin.how, origin.reverted_to, after)
    changed = [name for name in after if after[name] != before[name]]
    told = [{name: values[name] for name in changed} for values in (before, after)]
    action = f"configuration.{origin.how}"
    await audit.record(statements, actor, action, "configuration", before=told[0], after=told[1])
    consequences = await outlook.consequences()
    if outlook.differs(SYSTEM_LIMITS):
        await statements.value(ASK_FOR_JOB, "watch")
        await statements.value(TELL_JOB, CHANNEL, "watch")
    return Changed(row=row, differences=differences(before, after), consequences=consequences)


async def revert(
    statements: Statements, actor: Actor, settings: Settings, to: int, version: int | None = None
) -> Changed:
    """Take the values of an earlier version again; fields that it did not have yet stay as they are."""
    old = await statements.value(READ_VERSION, to) if 0 < to < 2**31 else None
    if old is None:
        sentence = Sentence("there is no version {} of the configuration: `configurationVersions` lists them", to)
        raise DdmsError(Code.NOT_FOUND, sentence, field="to")
    texts = {name: meaning.kind.written(old[name]) for name, meaning in MEANINGS.items() if name in old}
    return await change(statements, actor, settings, parse(texts), version, origin=Origin(HowChanged.REVERT, to))


def parse(changes: Mapping[str, str]) -> dict[str, Any]:
    """Return values that were written as text under the names of `Site`."""
    if unknown := changes.keys() - MEANINGS.keys():
        told = ", ".join(sorted(unknown)), ", ".join(MEANINGS)
        raise DdmsError(Code.INVALID, Sentence("there is no {}: there are {}", *told))
    values, wrong = {}, []
    for name, text in changes.items():
        try:
            values[name] = MEANINGS[name].kind.read(text)
        except ValueError as error:
            wrong.append(DdmsError(Code.INVALID, error.args[0], field=name))
    if wrong:
        raise Mistakes(wrong, count=len(wrong))
    return values
