"""What calculated points name: found, kept with them, and never lost.

After each change of points what they name is looked up anew. The table `point_inputs` has it, by which the collector computes;
a point that went leaves a hole there, which is found before the change is done.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, to_id
from api.points.types import PointInput
from ddms.errors import Code, DdmsError, Sentence
from ddms.expressions import Reference, parse, renamed

# Those of the devices, and those of others that name points of them.
READ_NAMING = """-- ddms:read_naming_points
SELECT p.id, p.device_id, d.name AS device, p.key, p.expression, p.scale_by,
       array(SELECT i.reference FROM point_inputs i WHERE i.point_id = p.id AND i.input_id IS NOT NULL ORDER BY i.place) AS had,
       array(SELECT i.input_id FROM point_inputs i WHERE i.point_id = p.id AND i.input_id IS NOT NULL ORDER BY i.place) AS inputs
  FROM points p JOIN devices d ON d.id = p.device_id
 WHERE (p.device_id = any($1::int[])
        OR p.id IN (SELECT i.point_id FROM point_inputs i JOIN points q ON q.id = i.input_id WHERE q.device_id = any($1::int[])))
   AND d.deleted_at IS NULL AND (p.expression <> '' OR p.scale_by <> '') ORDER BY lower(d.name), p.key
"""
FIND_INPUTS = """-- ddms:find_inputs
SELECT w.place, p.id, p.data_type LIKE 'string%' AS is_text, p.expression <> '' OR p.scale_by <> '' AS is_made
  FROM unnest($1::int[], $2::text[], $3::text[]) WITH ORDINALITY AS w (device_id, device, key, place)
  JOIN devices d ON d.deleted_at IS NULL AND (d.id = w.device_id OR lower(d.name) = lower(w.device))
  JOIN points p ON p.device_id = d.id AND p.key = w.key
"""
# $1 devices; then points with their inputs, as columns.
PUT_INPUTS = """-- ddms:put_inputs
WITH wanted AS (SELECT * FROM unnest($2::int[], $3::int[], $4::int[], $5::text[]) AS w (point_id, place, input_id, reference)),
     gone AS (DELETE FROM point_inputs i USING points p
               WHERE p.id = i.point_id AND p.device_id = any($1::int[]) AND NOT EXISTS (SELECT FROM wanted w WHERE w.point_id = i.point_id AND w.place = i.place))
INSERT INTO point_inputs AS i (point_id, place, input_id, reference) SELECT point_id, place, input_id, reference FROM wanted
ON CONFLICT (point_id, place) DO UPDATE SET input_id = excluded.input_id, reference = excluded.reference
 WHERE (i.input_id, i.reference) IS DISTINCT FROM (excluded.input_id, excluded.reference)
"""
HAVE_INPUTS = """-- ddms:have_inputs
SELECT EXISTS (SELECT FROM point_inputs i JOIN points p ON p.id = i.point_id WHERE p.device_id = any($1::int[]))
"""
READ_CHAINS = """-- ddms:read_chains
SELECT i.point_id, i.input_id FROM point_inputs i JOIN points q ON q.id = i.input_id AND q.expression <> ''
"""
NAME_POINTS = """-- ddms:name_points
SELECT p.id, p.device_id, p.key, d.name AS device FROM points p JOIN devices d ON d.id = p.device_id WHERE p.id = any($1::int[])
"""
LOST_INPUTS = "-- ddms:lost_inputs\nSELECT * FROM lost_inputs() LIMIT 10"
CALCULATIONS_OVER = "-- ddms:calculations_over\nSELECT * FROM calculations_over($1::int[]) LIMIT 10"
READ_USERS = """-- ddms:read_users_of_points
SELECT DISTINCT p.id, p.device_id, p.key, p.expression, p.scale_by FROM point_inputs i JOIN points p ON p.id = i.point_id
 WHERE i.input_id IN (SELECT q.id FROM points q WHERE q.id = $1 OR q.device_id = $2) ORDER BY p.id
"""
REWRITE = """-- ddms:rewrite_expression
WITH touched AS (UPDATE devices SET version = version + 1, updated_at = now() WHERE id = $4)
UPDATE points SET expression = $2, scale_by = $3 WHERE id = $1
"""
_MOST_TOLD = 20


class Problem(NamedTuple):
    """What is wrong with an expression of a point."""

    device: int
    key: str
    field: str
    sentence: Sentence


async def settle(
    statements: Statements, devices: Sequence[int], *, where: Callable[[Problem], str] | None = None
) -> None:
    """Look up what the points of these devices name, and keep it; raises `DdmsError`, for the field that `where` says.

    Also refuses that a point went which another one names, wherever that is.
    """
    for problem in await problems(statements, devices):
        raise DdmsError(Code.INVALID, problem.sentence, field=where(problem) if where else problem.field)
    await refuse_lost(statements)


def at(device: int, keys: Iterable[str]) -> Callable[[Problem], str]:
    """Return how a caller names a field of the points of these keys, `points.2.expression`."""
    places = {(device, key): place for place, key in enumerate(keys)}

    def where(problem: Problem) -> str:
        place = places.get((problem.device, problem.key))
        return "points" if place is None else f"points.{place}.{problem.field}"

    return where


async def refuse_lost(statements: Statements, field: str | None = None) -> None:
    """Refuse that a point goes which an expression names."""
    if rows := await statements.rows(LOST_INPUTS):
        told = ", ".join(f"{row['device']} / {row['point']}" for row in rows[:3]) + (", …" if rows[3:] else "")
        sentence = Sentence("it is an input of {}: change or delete what is calculated of it first", told)
        raise DdmsError(Code.INVALID, sentence, field=field)


async def refuse_used(statements: Statements, devices: list[int], field: str | None = None) -> None:
    """Refuse that devices go of whose points something of other devices is calculated."""
    if rows := await statements.rows(CALCULATIONS_OVER, devices):
        row = rows[0]
        sentence = Sentence(
            "{} is calculated of {}{}: change or delete what is calculated first",
            f"{row['device']} / {row['point']}",
            f"{row['input_device']} / {row['input']}",
            ", …" if rows[1:] else "",
        )
        raise DdmsError(Code.INVALID, sentence, field=field)


async def problems(statements: Statements, devices: Sequence[int]) -> list[Problem]:
    """Look up and keep what the points of these devices name; return what is wrong with it."""
    rows = await statements.rows(READ_NAMING, devices)
    if not rows and not await statements.value(HAVE_INPUTS, devices):
        return []
    found = await _find(statements, rows)
    wrong = [problem for row in rows for problem in _wrong(row, found, is_limited=statements.person is not None)]
    if wrong:
        return wrong
    inputs = [
        (row["id"], place, _input(row, one, found), str(one))
        for row in rows
        for place, one in enumerate(_references(row))
    ]
    concerned = sorted({*devices, *(row["device_id"] for row in rows)})
    await statements.value(PUT_INPUTS, concerned, *([list(column) for column in zip(*inputs, strict=True)] or [[]] * 4))
    return await _circles(statements, rows, found)


def _references(row: Row) -> tuple[Reference, ...]:
    return parse(row["expression"] or row["scale_by"]).references


Found = dict[tuple[int | None, str, str], Row]
"""Points by the number or, in lower case, the name of their device, and their key."""


def _named(row: Row, one: Reference) -> tuple[int | None, str, str]:
    return (row["device_id"], "", one.key) if one.device is None else (None, one.device.lower(), one.key)


async def _find(statements: Statements, rows: Sequence[Row]) -> Found:
    wanted = list(dict.fromkeys(_named(row, one) for row in rows for one in _references(row)))
    numbers, names, keys = [list(column) for column in zip(*wanted, strict=True)] or [[], [], []]
    return {wanted[row["place"] - 1]: row for row in await statements.rows(FIND_INPUTS, numbers, names, keys)}


def _input(row: Row, one: Reference, found: Found) -> int | None:
    """Return the number of an input; a limited person keeps those out of sight that were there before."""
    if (point := found.get(_named(row, one))) is not None:
        number: int = point["id"]
        return number
    return dict(zip(row["had"], row["inputs"], strict=True)).get(str(one))


def _wrong(row: Row, found: Found, *, is_limited: bool) -> Iterator[Problem]:
    field = "expression" if row["expression"] else "scale_by"

    def problem(sentence: Sentence) -> Problem:
        return Problem(row["device_id"], row["key"], field, sentence)

    for one in _references(row):
        point = found.get(_named(row, one))
        if point is None and not (is_limited and _input(row, one, found)):
            yield problem(
                Sentence("{} / {} names {}, and there is no such point", row["device"], row["key"], one)
                if one.device is not None
                else Sentence("{} / {} names {}, and the device has no such point", row["device"], row["key"], one)
            )
        elif point is not None and point["is_text"]:
            yield problem(Sentence("{} / {} names {}, which is a text: name numbers", row["device"], row["key"], one))
        elif point is not None and field == "scale_by" and point["is_made"]:
            yield problem(
                Sentence(
                    "{} / {} is scaled by {}, which is scaled or calculated itself: name registers",
                    row["device"],
                    row["key"],
                    one,
                )
            )


async def _circles(statements: Statements, rows: Sequence[Row], found: Found) -> list[Problem]:
    """Return the circle that one of these points is in, with its way."""
    if not any(row["is_made"] for row in found.values()):
        return []
    chains: dict[int, list[int]] = {}
    for row in await statements.rows(READ_CHAINS):
        chains.setdefault(row["point_id"], []).append(row["input_id"])
    for row in rows:
        if way := circle(row["id"], chains):
            names = {one["id"]: f"{one['device']} / {one['key']}" for one in await statements.rows(NAME_POINTS, way)}
            told = [names.get(number, "…") for number in way[:_MOST_TOLD]]
            sentence = Sentence("it would be calculated of itself: {}", " → ".join([*told, "…"][: len(way)]))
            return [Problem(row["device_id"], row["key"], "expression", sentence)]
    return []


def circle(start: int, chains: Mapping[int, Sequence[int]]) -> list[int] | None:
    """Return the shortest way from a point over its inputs back to it, or None."""
    came: dict[int, int] = {}
    waiting = [start]
    for number in waiting:
        for source in chains.get(number, ()):
            if source == start:
                way = [number]
                while way[0] != start:
                    way.insert(0, came[way[0]])
                return [*way, start]
            if source not in came:
                came[source] = number
                waiting.append(source)
    return None


async def follow_key(
    statements: Statements, actor: Actor, point: int, device: int, names: tuple[str, str, str]
) -> list[int]:
    """Let expressions go on that name a point, whose device, old and new key are `names`; return the devices that they are of."""
    name, old, new = names

    def change(row: Row, one: Reference) -> Reference:
        is_meant = row["device_id"] == device if one.device is None else one.device.lower() == name.lower()
        return one._replace(key=new) if is_meant and one.key == old else one

    await _refuse_unseen(statements, device, new, "key")  # it has the new one by now
    return await _follow(statements, actor, change, point=point)


async def follow_name(statements: Statements, actor: Actor, device: int, old: str, new: str) -> list[int]:
    """Let expressions go on that name a device; return the devices that they are of."""

    def change(row: Row, one: Reference) -> Reference:
        return one._replace(device=new) if one.device is not None and one.device.lower() == old.lower() else one

    await _refuse_unseen(statements, device, None, "name")
    return await _follow(statements, actor, change, device=device)


async def _refuse_unseen(statements: Statements, device: int, key: str | None, field: str) -> None:
    """Refuse that a limited person renames what others count on, perhaps out of sight."""
    if statements.person is not None:
        rows = await statements.rows(CALCULATIONS_OVER, [device])
        if any(key in {None, row["input"]} for row in rows):
            raise DdmsError(
                Code.INVALID,
                "points of other devices are calculated of it: let an administrator rename it",
                field=field,
            )


async def _follow(
    statements: Statements,
    actor: Actor,
    change: Callable[[Row, Reference], Reference],
    *,
    point: int = 0,
    device: int = 0,
) -> list[int]:
    found = []
    for row in await statements.rows(READ_USERS, point, device):
        texts = {name: renamed(row[name], partial(change, row)) for name in ("expression", "scale_by")}
        before = {name: row[name] for name in texts if row[name] != texts[name]}
        if before:
            await statements.value(REWRITE, row["id"], *texts.values(), row["device_id"])
            subject = to_id(IdKind.POINT, row["id"])
            after = {name: texts[name] for name in before}
            await audit.record(statements, actor, "point.update", subject, before=before, after=after)
            found.append(row["device_id"])
    return found


def problems_within(points: Sequence[PointInput]) -> Iterator[tuple[str, str]]:
    """Give what is wrong with the expressions of a profile, each with its field: they name its own points only."""
    places = {point.key: place for place, point in enumerate(points)}
    chains: dict[int, list[int]] = {}
    for place, point in enumerate(points):
        field = f"points.{place}.{'expression' if point.expression else 'scale_by'}"
        for one in point.references:
            source = points[places[one.key]] if one.device is None and one.key in places else None
            if one.device is not None:
                yield (
                    field,
                    Sentence("a profile names points of its own device: write what names {} at the device", one),
                )
            elif source is None:
                yield field, Sentence("it names {}, and the profile has no such point", one)
            elif source.data_type.is_text:
                yield field, Sentence("it names {}, which is a text: name numbers", one)
            elif point.scale_by and (source.expression or source.scale_by):
                yield field, Sentence("{} is scaled or calculated itself: name registers", one)
            elif source.expression:
                chains.setdefault(place, []).append(places[one.key])
    for place in chains:
        if way := circle(place, chains):
            told = " → ".join(points[number].key for number in way)
            yield f"points.{place}.expression", Sentence("it would be calculated of itself: {}", told)
            return
