"""Import and export of devices: what a file would change, and the change, all or nothing."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import strawberry

from api.connections.store import FIND_SETTINGS, LIST_SETTINGS, change_connection, settings_of
from api.devices import notices
from api.devices.files import ConnectionEntry, Contents, Entry, FileFormat, read
from api.devices.store import OWN_FIELDS, DeviceInput, create_device, delete_device, of_rows, store_device
from api.devices.types import ALL_DEVICES
from api.files.aside import aside
from api.files.mistakes import Finder, stop
from api.graphql.context import Context, Info
from api.graphql.described import argument, describe_enum, field, output_type
from api.graphql.messages import told
from api.graphql.payloads import UserError, mutation
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.limits import MOST_COST
from api.limits.store import Limits, limits_of_devices, settled
from api.limits.types import LIMIT_FIELDS, LimitInput, by_key
from api.points.inputs import problems, refuse_lost, refuse_used
from api.points.types import LIST_POINTS, POINT_FIELDS, PointInput
from api.points.value_names import as_cell
from api.profiles.followed import Followed, followed
from ddms.errors import Code, DdmsError, Sentence

_DEVICE_COST, _POINT_COST = 50, 5
"""What an import costs for each device and each point, those of profiles included: others' imports wait for it."""

LOCK_DEVICES = "-- ddms:lock_devices\nSELECT name FROM locks WHERE name = 'devices' FOR UPDATE"

describe_enum(
    FileFormat,
    name="FileFormat",
    description="How devices are written down.",
    values={
        "CSV": "One row for each point; the device's columns are repeated.",
        "YAML": "A list `devices`, each with a list `points`.",
    },
)


@output_type
class ImportChange:
    """One thing that an import changes."""

    device: str = field(description="The device's name; of a setting of a connection, the connection's endpoint.")
    point: str | None = field(default=None, description="The point's key; null when it is the device itself.")
    limit: str | None = field(default=None, description="The limit's key; null when it is none of the point's limits.")
    field: str | None = strawberry.field(
        default=None, description="What is different; null when all of it is added or removed."
    )
    before: str | None = strawberry.field(default=None, description="What it was; null when it is added.")
    after: str | None = strawberry.field(default=None, description="What it will be; null when it is removed.")
    notice: str | None = strawberry.field(
        default=None, description="Why it may be a mistake, or how it is taken; null when there is nothing to say."
    )
    connection: str | None = strawberry.field(
        default=None, description="The endpoint, when it is a setting of its connection; else null."
    )

    def __str__(self) -> str:
        """Return it as a line for people."""
        return self._line() + (f"\n  ! {self.notice}" if self.notice else "")

    def _line(self) -> str:
        what = " / ".join(filter(None, (self.device, self.point, self.limit)))
        if self.field:
            return f"~ {what}: {self.field}: {self.before} → {self.after}"
        return f"{'+' if self.before is None else '-'} {what}"


@dataclass(kw_only=True)
class Stored:
    """A device as it is in the database."""

    number: int
    device: DeviceInput


@dataclass(kw_only=True)
class Step:
    """What happens to one device."""

    entry: Entry | None
    before: Stored | None
    after: DeviceInput | None
    changes: list[ImportChange]


async def stored_devices(statements: Statements) -> list[Stored]:
    """Return all devices, by name."""
    points, rows = await statements.rows(LIST_POINTS, None, None), await statements.rows(ALL_DEVICES)
    return await aside(_stored, rows, points, await limits_of_devices(statements, None))


def _stored(rows: list[Row], points: list[Row], limits: Limits) -> list[Stored]:
    by_device: dict[int, list[Row]] = {}
    for row in points:
        by_device.setdefault(row["device_id"], []).append(row)
    of_points: dict[int, dict[str, list[LimitInput]]] = {}
    for (device, key), found in limits.items():
        of_points.setdefault(device, {})[key] = found
    return [
        Stored(number=row["id"], device=of_rows(row, by_device.get(row["id"], []), of_points.get(row["id"], {})))
        for row in rows
    ]


async def stored_connections(statements: Statements) -> dict[str, dict[str, Any]]:
    """Return how each endpoint is reached; the settings of serial lines of those only."""
    rows = await statements.rows(LIST_SETTINGS)
    return {row["endpoint"]: {name: row[name] for name in settings_of(row["endpoint"])} for row in rows}


def plan(entries: list[Entry], stored: list[Stored], *, prune: bool) -> list[Step]:
    """Compare a file with what is there; `prune` also removes what is not in the file."""
    known = {one.device.name.lower(): one for one in stored}
    steps = [_step(entry, known.pop(entry.device.name.lower(), None), prune=prune) for entry in entries]
    gone = known.values() if prune else ()
    return [step for step in steps if step.changes] + [
        Step(entry=None, before=one, after=None, changes=[ImportChange(device=one.device.name, before="device")])
        for one in gone
    ]


def _step(entry: Entry, before: Stored | None, *, prune: bool) -> Step:
    wanted = entry.device
    if before is None:
        added = [ImportChange(device=wanted.name, after="device")]
        for point in wanted.points:
            added += _point_differences(wanted.name, None, point)
        return Step(entry=entry, before=None, after=wanted, changes=added)
    if wanted.answer_timeout_ms is None:
        wanted = replace(wanted, answer_timeout_ms=before.device.answer_timeout_ms)
    if wanted.trend_point is None:
        wanted = replace(wanted, trend_point=before.device.trend_point)
    if wanted.retention_days is None:
        wanted = replace(wanted, retention_days=before.device.retention_days)
    if wanted.groups is None or _same(wanted.groups, before.device.groups or []):
        wanted = replace(wanted, groups=before.device.groups)
    if not prune:
        keys = {point.key for point in wanted.points}
        kept = [point for point in before.device.points if point.key not in keys]
        wanted = replace(wanted, points=wanted.points + kept)
    settled(wanted.points, before.device.points)
    return Step(entry=entry, before=before, after=wanted, changes=differences(before.device, wanted))


def _same(names: list[str], others: list[str]) -> bool:
    return [name.lower() for name in names] == [name.lower() for name in others]


def differences(before: DeviceInput, after: DeviceInput) -> list[ImportChange]:
    """Return what is different between two states of a device, field by field."""
    changes = [
        ImportChange(device=after.name, field=name, before=_shown(old), after=_shown(new))
        for name in OWN_FIELDS
        if (old := getattr(before, name)) != (new := getattr(after, name))
    ]
    old_points = {point.key: point for point in before.points}
    for point in after.points:
        changes += _point_differences(after.name, old_points.pop(point.key, None), point)
    changes += [ImportChange(device=after.name, point=key, before="point") for key in old_points]
    return changes


def _point_differences(device: str, before: PointInput | None, after: PointInput) -> list[ImportChange]:
    if before is None:
        changes = [ImportChange(device=device, point=after.key, after="point")]
    else:
        changes = [
            ImportChange(device=device, point=after.key, field=name, before=_shown(old), after=_shown(new))
            for name in POINT_FIELDS
            if (old := getattr(before, name)) != (new := getattr(after, name))
        ]
    had = by_key(None if before is None else before.limits)
    for key, limit in by_key(after.limits).items():
        changes += _limit_differences(device, after.key, had.pop(key, None), limit)
    return changes + [ImportChange(device=device, point=after.key, limit=key, before="limit") for key in had]


def _limit_differences(device: str, point: str, before: LimitInput | None, after: LimitInput) -> list[ImportChange]:
    if before is None:
        return [ImportChange(device=device, point=point, limit=after.key, after="limit")]
    return [
        ImportChange(device=device, point=point, limit=after.key, field=name, before=_shown(old), after=_shown(new))
        for name in LIMIT_FIELDS
        if (old := getattr(before, name)) != (new := getattr(after, name))
    ]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        if (names := as_cell(value)) is not None:
            return names
        return ";".join(map(str, value)) or "none"
    return "none" if value is None or value == "" else str(value)


async def import_devices(
    statements: Statements,
    actor: Actor,
    contents: Contents,
    *,
    prune: bool,
    dry_run: bool,
    pay: Callable[[int], None] = lambda _: None,
) -> list[ImportChange]:
    """Import what a file holds, inside the caller's transaction; return what is different.

    A dry run does the same, and takes it back: so it meets each mistake that the import meets. `pay` is called with the
    cost before anything is made.
    """
    async with statements.undone() if dry_run else nullcontext():
        await statements.value(LOCK_DEVICES)
        stored = await stored_devices(statements)
        await _add_profiles(statements, contents.entries, stored, pay)
        steps = await aside(plan, contents.entries, stored, prune=prune)
        await aside(_notice, steps, stored)
        numbers = [await _apply(statements, actor, step) for step in steps]
        await _settle(statements, dict(zip(numbers, steps, strict=True)))
        changes = [change for step in steps for change in step.changes]
        for connection in contents.connections.values():
            changes += await _connect(statements, actor, connection)
        return changes


def _notice(steps: list[Step], stored: list[Stored]) -> None:
    """Put notices beside the changes that they are about."""
    sharing = _units([one.device for one in stored], steps)
    for step in steps:
        device, changes = step.after, step.changes
        if device is None:
            continue
        own = [change for change in changes if change.point is None]
        if any(change.field in {None, "endpoint", "unit_id"} for change in own):
            others = [name for name in sharing[device.endpoint, device.unit_id] if name.lower() != device.name.lower()]
            _add(own[0], notices.shared_unit(others))
        points = {point.key: point for point in device.points}
        moved = {c.point for c in changes if c.point in points and c.field in {None, "address", "register_table"}}
        _add(changes[0], notices.of_addresses(replace(device, points=[p for p in device.points if p.key in moved])))
        first = {change.point: change for change in reversed(changes)}
        for key, point in points.items():
            if key in first:
                _add(first[key], notices.of_point(point))


def _units(stored: list[DeviceInput], steps: list[Step]) -> dict[tuple[str, int], list[str]]:
    """Return the names of the devices at each endpoint and unit id, as they will be."""
    devices = {device.name.lower(): device for device in stored}
    for step in steps:
        if step.before is not None:
            devices.pop(step.before.device.name.lower(), None)
        if step.after is not None:
            devices[step.after.name.lower()] = step.after
    found: dict[tuple[str, int], list[str]] = {}
    for device in devices.values():
        found.setdefault((device.endpoint, device.unit_id), []).append(device.name)
    return found


def _add(change: ImportChange, sentences: Iterable[str]) -> None:
    said = [told(sentence) for sentence in sentences]
    if said:
        change.notice = "; ".join([change.notice, *said] if change.notice else said)


async def _add_profiles(
    statements: Statements, entries: list[Entry], stored: list[Stored], pay: Callable[[int], None]
) -> None:
    """Give each device the points of its profile that the file does not write out; one without keeps what it has."""
    known = {one.device.name.lower(): one.device for one in stored}
    profiles: dict[str, Followed | DdmsError] = {}
    following: list[tuple[DeviceInput, DeviceInput | None, Followed]] = []
    finder = Finder()
    for entry in entries:
        device, before = entry.device, known.get(entry.device.name.lower())
        if (name := device.profile or (before.profile if before else None)) is None:
            continue
        profile = profiles[name] = profiles.get(name) or await _profile(statements, name)
        if isinstance(profile, DdmsError):
            finder.add(*entry.place_of("profile"), profile.message)
        else:
            following.append((device, before, profile))
    finder.finish()
    points = sum(len(one.device.points) for one in entries) + sum(len(profile.points) for *_, profile in following)
    pay(_DEVICE_COST * len(entries) + _POINT_COST * points)
    for device, before, profile in following:
        _follow(device, before, profile)


def _follow(device: DeviceInput, before: DeviceInput | None, profile: Followed) -> None:
    had = {point.key for point in before.points} if before else set()
    profile.lend_limits([point for point in device.points if point.key not in had])
    if before and before.profile == profile.name:
        theirs = profile.keys - {point.key for point in device.points}
        device.points += [point for point in before.points if point.key in theirs]
    else:
        device.points += profile.missing_in(device.points)
    device.profile = profile.name


async def _profile(statements: Statements, name: str) -> Followed | DdmsError:
    try:
        return await followed(statements, name)
    except DdmsError as error:
        return error


async def _settle(statements: Statements, steps: dict[int, Step]) -> None:
    """Look up what is calculated, now that all devices are there; all mistakes are told."""
    await refuse_used(statements, [number for number, step in steps.items() if step.after is None])
    finder = Finder()
    for wrong in await problems(statements, [number for number, step in steps.items() if step.after]):
        step = steps.get(wrong.device)
        keys = [point.key for point in step.after.points] if step and step.after else []
        if step is None or step.entry is None or wrong.key not in keys:
            raise DdmsError(Code.INVALID, wrong.sentence)
        finder.add(*step.entry.place_of(f"points.{keys.index(wrong.key)}.{wrong.field}"), wrong.sentence)
    finder.finish()
    await refuse_lost(statements)


async def _apply(statements: Statements, actor: Actor, step: Step) -> int:
    """Do a step; return the number of its device."""
    number = step.before.number if step.before else 0
    try:
        if step.after is None:
            await delete_device(statements, actor, number, keep_history=True, settles=False)
        elif step.before:
            await store_device(
                statements, actor, number, step.before.device, step.after, remove_points=True, settles=False
            )
        else:
            number = await create_device(statements, actor, step.after, settles=False)
    except DdmsError as error:
        if step.entry is None or error.code in {Code.UNAVAILABLE, Code.TIMEOUT}:
            raise
        raise stop(*step.entry.place_of(error.field), error.message) from error
    return number


async def _connect(statements: Statements, actor: Actor, wanted: ConnectionEntry) -> list[ImportChange]:
    """Set how an endpoint is reached, as the file says; what it leaves out stays."""
    row = await statements.row(FIND_SETTINGS, wanted.endpoint)
    if row is None:
        if not wanted.settings:
            return []
        raise stop(next(iter(wanted.places.values())), "endpoint", "no device is there: add the device that is")
    different = {name: value for name, value in wanted.settings.items() if row[name] != value}
    if different:
        try:
            await change_connection(statements, actor, row["id"], version=row["version"], changes=dict(different))
        except DdmsError as error:
            place = wanted.places.get(error.field or "") or next(iter(wanted.places.values()))
            raise stop(place, error.field or "", error.message) from error
    return [
        ImportChange(
            device=wanted.endpoint,
            connection=wanted.endpoint,
            field=name,
            before=_shown(row[name]),
            after=_shown(value),
        )
        for name, value in different.items()
    ]


def _pay(context: Context, cost: int) -> None:
    """Take the cost of an import out of the caller's budget."""
    if cost > MOST_COST:
        raise DdmsError(
            Code.INVALID,
            Sentence(
                "the import costs {}, at most {} is served: import in parts, or by `ddms devices import`",
                cost,
                MOST_COST,
            ),
            field="text",
        )
    context.budgets.take(context.who, cost)


@output_type
class ImportDevicesPayload:
    """The answer of importDevices."""

    errors: list[UserError] = field(
        default_factory=list,
        description="All that was wrong, each with line and column, the first 50 one by one, the others by their kind; then nothing was imported.",
    )
    changes: list[ImportChange] = field(
        default_factory=list, description="What is different, or would be; null when there were errors."
    )
    applied: bool = field(default=False, description="Whether it was done; false for a dry run.")


@strawberry.type
class ImportMutations:
    """Changes of many devices at once."""

    @mutation
    async def import_devices(
        self,
        info: Info,
        *,
        text: Annotated[
            str, argument("The file's content, at most 1 MB; larger ones go through `ddms devices import`.")
        ],
        format: Annotated[FileFormat, argument("How it is written.")] = FileFormat.CSV,  # noqa: A002 - GraphQL's word
        dry_run: Annotated[bool, argument("Only show what would be different.")] = True,
        prune: Annotated[
            bool,
            argument("Remove what the file has not: devices (their history is kept) and points (with their readings)."),
        ] = False,
    ) -> ImportDevicesPayload:
        """Add and change devices from a file, all or nothing. A dry run, the default, shows the difference first: it does
        what the import does, and takes it back."""
        context = info.context
        contents = await aside(read, text, format)
        async with context.database.transaction() as statements:
            changes = await import_devices(
                statements, context.actor, contents, prune=prune, dry_run=dry_run, pay=partial(_pay, context)
            )
        return ImportDevicesPayload(changes=changes, applied=not dry_run)
