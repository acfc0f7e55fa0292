"""Annotations as they are stored, and the statements that change them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, to_id
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence

_COLUMNS = "starts_at, ends_at, text, device_id, point_id, group_id"
LOCK_ANNOTATION = f"-- ddms:lock_annotation\nSELECT {_COLUMNS}, version FROM annotations WHERE id = $1 FOR UPDATE"
INSERT_ANNOTATION = f"""-- ddms:insert_annotation
INSERT INTO annotations (created_by, {_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
"""  # noqa: S608 - a constant
UPDATE_ANNOTATION = """-- ddms:update_annotation
UPDATE annotations SET updated_by = $2, starts_at = $3, ends_at = $4, text = $5, updated_at = now(), version = version + 1 WHERE id = $1
"""
DELETE_ANNOTATION = "-- ddms:delete_annotation\nDELETE FROM annotations WHERE id = $1"
FIND_SUBJECT = {
    IdKind.DEVICE: """-- ddms:find_annotated_device
SELECT id AS device FROM devices WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE""",
    IdKind.POINT: """-- ddms:find_annotated_point
SELECT p.device_id AS device FROM points p JOIN devices d ON d.id = p.device_id WHERE p.id = $1 AND d.deleted_at IS NULL FOR KEY SHARE OF p""",
    IdKind.GROUP: "-- ddms:find_annotated_group\nSELECT NULL AS device FROM groups WHERE id = $1",
}
YEARS = range(1970, 2101)


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """An annotation as it shall be stored; of a point `device_id` is left out, it is found."""

    starts_at: datetime
    ends_at: datetime | None
    text: str
    device_id: int | None = None
    point_id: int | None = None
    group_id: int | None = None

    def __post_init__(self) -> None:
        """Raise INVALID for what cannot be; the text comes to its one spelling."""
        object.__setattr__(self, "text", inputs.fit(_said, self.text, "text"))
        for name, time in (("from", self.starts_at), ("to", self.ends_at)):
            if time and time.year not in YEARS:
                sentence = Sentence("a time between {} and {}", f"{YEARS[0]}", f"{YEARS[-1]}")
                raise DdmsError(Code.INVALID, sentence, field=name)
        if self.ends_at and self.ends_at <= self.starts_at:
            raise DdmsError(Code.INVALID, "it ends after it begins: leave `to` out where it is a moment", field="to")

    @property
    def audited(self) -> dict[str, Any]:
        """What the audit says of it."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()
        }


def _said(raw: str) -> str:
    if not (text := inputs.text(raw).strip()):
        raise ValueError(Sentence("say what there is to know"))
    return text


async def create_annotation(statements: Statements, actor: Actor, wanted: Annotation) -> int:
    """Store an annotation; return its number."""
    device = await _device(statements, wanted)
    number: int = await statements.value(
        INSERT_ANNOTATION, actor.name, wanted.starts_at, wanted.ends_at, wanted.text, device, wanted.point_id, wanted.group_id
    )  # fmt: skip
    await audit.record(
        statements,
        actor,
        "annotation.create",
        to_id(IdKind.ANNOTATION, number),
        after=wanted.audited | {"device_id": device},
    )
    return number


async def _device(statements: Statements, wanted: Annotation) -> int | None:
    """Return the device that it is of, if it is of one; what is not there raises."""
    subjects = {IdKind.DEVICE: wanted.device_id, IdKind.POINT: wanted.point_id, IdKind.GROUP: wanted.group_id}
    given = [(kind, number) for kind, number in subjects.items() if number is not None]
    if len(given) > 1:
        raise DdmsError(Code.INVALID, "it is of one thing: give a point, a device or a group", field=given[1][0].noun)
    if not given:
        if statements.person is not None:
            sentence = "an annotation of the whole site is everybody's: give a point, a device or a group of yours"
            raise DdmsError(Code.FORBIDDEN, sentence, field="device")
        return None
    ((kind, number),) = given
    row = await statements.row(FIND_SUBJECT[kind], number)
    if row is None:
        sentence = Sentence("there is no {} {}: it may have been deleted", kind.noun, to_id(kind, number))
        raise DdmsError(Code.NOT_FOUND, sentence, field=kind.noun)
    device: int | None = row["device"]
    return device


async def change_annotation(
    statements: Statements, actor: Actor, number: int, changes: dict[str, Any], version: int | None
) -> None:
    """Change what is named of starts_at, ends_at and text."""
    row = await _locked(statements, number)
    if version not in {None, row["version"]}:
        sentence = Sentence("somebody changed the annotation meanwhile (version {}): read it again", row["version"])
        raise DdmsError(Code.CONFLICT, sentence, field="version")
    old = {name: row[name] for name in _COLUMNS.split(", ")}
    before, after = Annotation(**old), Annotation(**old | changes)
    if before == after:
        return
    await statements.value(UPDATE_ANNOTATION, number, actor.name, after.starts_at, after.ends_at, after.text)
    await audit.record(
        statements,
        actor,
        "annotation.update",
        to_id(IdKind.ANNOTATION, number),
        before=before.audited,
        after=after.audited,
    )


async def delete_annotation(statements: Statements, actor: Actor, number: int) -> None:
    """Delete an annotation; the audit keeps what it said."""
    row = await _locked(statements, number)
    await statements.value(DELETE_ANNOTATION, number)
    before = Annotation(**{name: row[name] for name in _COLUMNS.split(", ")})
    await audit.record(statements, actor, "annotation.delete", to_id(IdKind.ANNOTATION, number), before=before.audited)


async def _locked(statements: Statements, number: int) -> Row:
    row = await statements.row(LOCK_ANNOTATION, number)
    if row is None:
        sentence = Sentence("there is no annotation {} that you may change", to_id(IdKind.ANNOTATION, number))
        raise DdmsError(Code.NOT_FOUND, sentence, field="id")
    return row
