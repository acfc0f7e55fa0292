"""Exports in the background: what is asked for, how far it is, and who may fetch its file."""

from collections.abc import Sequence
from pathlib import Path

from api.export.choice import ExportChoice
from api.export.plan import plan
from api.graphql.context import Context
from api.ground import audit
from api.ground.callers import Caller
from api.ground.database import Row
from api.ground.ids import IdKind, to_id
from api.ground.limits import EXPORT_COST
from api.ground.roles import Role
from api.live.followed import Followed
from ddms.errors import Code, DdmsError, Sentence

ROWS = "ddms_exports"
"""The channel on which the database tells that an export was asked for, goes on or ends."""
MOST_EACH, MOST_WAITING, MOST_LISTED = 10, 100, 100

INSERT_EXPORT = """-- ddms:insert_export
INSERT INTO exports (user_id, token_id, requested_by, parameters, points, filename) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
"""
COUNT_WAITING = """-- ddms:count_waiting_exports
SELECT count(*) FILTER (WHERE account = $1) AS own, count(*) AS of_all FROM exports WHERE state IN ('waiting', 'running')
"""
LIST_EXPORTS = """-- ddms:list_exports
SELECT e.* FROM exports e WHERE ($1::int IS NULL OR account = $1) AND ($2::int IS NULL OR id = $2) ORDER BY id DESC LIMIT $3
"""
# A limited person's database shows no others.
COUNT_IN_SIGHT = "-- ddms:count_points_in_sight\nSELECT count(*) FROM points WHERE id = any($1::int[])"
# What waits or is made comes first: there are never more of them.
FOLLOW_EXPORTS = f"""-- ddms:follow_exports
SELECT * FROM exports ORDER BY state IN ('waiting', 'running') DESC, id DESC LIMIT {2 * MOST_WAITING}
"""  # noqa: S608 - a constant
CANCEL_EXPORT = """-- ddms:cancel_export
UPDATE exports SET cancelled_at = now(), state = CASE state WHEN 'waiting' THEN 'cancelled' WHEN 'done' THEN 'removed' ELSE state END,
       finished_at = coalesce(finished_at, CASE WHEN state = 'waiting' THEN now() END)
 WHERE id = $1 AND state IN ('waiting', 'running', 'done') RETURNING id
"""


def follow_exports() -> dict[str, Followed]:
    """Return the exports for those who follow one, by the channel on which the database tells of them."""
    return {ROWS: Followed(statement=FOLLOW_EXPORTS, key="id")}


def folder_of(context: Context) -> Path:
    """Return where files are kept, or raise that there is no such place."""
    if context.settings.export_directory is None:
        sentence = "this server keeps no files of exports (DDMS_EXPORT_DIRECTORY): take them from /export"
        raise DdmsError(Code.UNAVAILABLE, sentence)
    return context.settings.export_directory


async def start(context: Context, pairs: list[tuple[str, str]]) -> int:
    """Ask for an export; return its number. What cannot be is refused here already."""
    folder_of(context)
    caller = context.require(Role.VIEWER)
    choice = ExportChoice.of(pairs)
    context.budgets.take(context.who, EXPORT_COST)
    async with context.database.connection() as statements:
        made = await plan(statements, choice)
    points = [point.number for point in made.points]
    # As they are now: -7d is seven days before now, and a device may be renamed before it has its turn.
    settled = [
        ("from", made.choice.from_.isoformat()),
        ("to", made.choice.to.isoformat()),
        ("timezone", made.choice.timezone),
    ]
    settled += [("point", to_id(IdKind.POINT, number)) for number in points]
    kept = [pair for pair in pairs if pair[0] not in {"device", "group"} | {name for name, _ in settled}] + settled
    async with context.everything.transaction() as statements:
        waiting = await statements.row(COUNT_WAITING, caller.account)
        assert waiting is not None  # noqa: S101 - it counts
        if waiting["own"] >= MOST_EACH or waiting["of_all"] >= MOST_WAITING:
            sentence = "{} exports wait or are being made already: wait for one, or cancel one by cancelExport"
            raise DdmsError(Code.CONFLICT, Sentence(sentence, waiting["own"] or waiting["of_all"]))
        token = None if caller.user_id else caller.token_id
        number: int = await statements.value(
            INSERT_EXPORT, caller.user_id, token, caller.name, kept, points, made.filename
        )
        about = {"export": to_id(IdKind.EXPORT, number)} | made.audited
        await audit.record(statements, context.actor, "export.start", made.title, after=about)
    return number


async def listed(context: Context, number: int | None = None) -> list[Row]:
    """Return the exports that the caller may see, the newest first: the own ones, or all; of one number only that."""
    caller = context.require(Role.VIEWER)
    account = None if caller.role.includes(Role.ADMIN) else caller.account
    rows = await context.everything.rows(LIST_EXPORTS, account, number, MOST_LISTED)
    return [row for row in rows if await _in_sight(context, caller, row)]


async def _in_sight(context: Context, caller: Caller, row: Row) -> bool:
    if not caller.limited:
        return True
    points: Sequence[int] = row["points"]
    return bool(await context.database.value(COUNT_IN_SIGHT, points) == len(points))


async def read(context: Context, number: int) -> Row:
    """Return an export that the caller may see; another one is not there."""
    found = await listed(context, number)
    if not found:
        raise DdmsError(Code.NOT_FOUND, Sentence("there is no export {}", to_id(IdKind.EXPORT, number)), field="id")
    return found[0]


async def cancel(context: Context, number: int) -> None:
    """End an export that waits or is made; the file of one that is there is removed."""
    row = await read(context, number)
    async with context.everything.transaction() as statements:
        if await statements.value(CANCEL_EXPORT, number):
            await audit.record(
                statements,
                context.actor,
                "export.cancel",
                to_id(IdKind.EXPORT, number),
                before={"file": row["filename"]},
            )
