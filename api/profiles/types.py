"""Profiles: register maps that are written once and followed by many devices."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import strawberry

from api.devices.store import problems_of_points
from api.graphql.context import Info
from api.graphql.described import argument, field, given, input_type, output_type, resolver
from api.graphql.pages import BY_NAME, After, Before, Connection, Descending, First, Last, Listing, NameOrder, Page
from api.graphql.together import together
from api.ground.database import Database, Row
from api.ground.ids import IdKind, from_id, to_id
from api.limits.store import limits_of_profiles, references
from api.limits.types import ProfileLimit
from api.points.inputs import problems_within
from api.points.types import POINT_FIELDS, PointInput
from api.points.value_names import ValueName
from api.profiles.store import OWN_FIELDS, ProfileMap
from api.profiles.wanted import Change
from ddms import inputs
from ddms.errors import Code, DdmsError
from ddms.registers import ByteOrder, DataType, RegisterTable

MOST_CHANGES = 1000
_LENGTHS = {"manufacturer": 120, "description": 2000, "source": 2000}

_PROFILE = """
SELECT p.*, lower(p.name) AS by_name,
       (SELECT count(*) FROM devices d WHERE d.profile_id = p.id AND d.deleted_at IS NULL) AS device_count
  FROM profiles p
"""
LIST_PROFILES = f"""-- ddms:list_profiles
{_PROFILE} WHERE ($1::int IS NULL OR p.id = $1) AND ($2::text IS NULL OR lower(p.name) = lower(btrim($2))) ORDER BY lower(p.name)
"""
PROFILES: Listing["Profile"] = Listing(
    "profiles",
    f"{_PROFILE} WHERE ($1::text IS NULL OR position(lower($1) IN lower(p.name || ' ' || p.manufacturer)) > 0)",
    parameters=1,
    orders=BY_NAME,
)
LIST_PROFILE_POINTS = """-- ddms:list_profile_points
SELECT * FROM profile_points WHERE profile_id = any($1::int[])
 ORDER BY profile_id, register_table, address, bit NULLS FIRST, key
"""


@output_type
class ProfilePoint:
    """A point of a profile; each device that follows it has a copy."""

    key: str = field(description="Its short name, unique in the profile: `flow_rate`.")
    name: str = field(description="Its name for people, `Flow rate`.")
    unit: str = field(description="Unit of the value; empty when it has none.")
    register_table: RegisterTable = field(description="The table it is read from.")
    address: int = field(description="Protocol address, counted from 0.")
    data_type: DataType = field(description="What its bits mean.")
    bit: int | None = field(
        description="Which bit of the word, 0 (least significant) to 15, of BITS the lowest; null for other types than BIT and BITS."
    )
    length: int | None = field(description="Words of a text, or how many bits BITS has; null for other types.")
    byte_order: ByteOrder = field(description="The order of its bytes.")
    scale: float = field(description="value = raw × scale + offset.")
    offset: float = field(description="value = raw × scale + offset.")
    scale_by: str = field(description="By what registers the value is multiplied besides; empty: by none.")
    expression: str = field(description="Of a calculated point: what is computed; empty for one that is read.")
    counter: bool = field(description="Whether it counts up, as a meter does.")
    modulus: float | None = field(
        description="The value at which a counter begins at 0 again; null: as its data type says."
    )
    interval_seconds: float = field(description="How often it is read, in seconds.")
    deadband: float = field(description="A change smaller than this, in its unit, is not stored before the heartbeat.")
    heartbeat_seconds: int = field(description="With a deadband it is stored at least this often, in seconds.")
    valid_min: float | None = field(description="A value below this, in the point's unit, is bad; null: no limit.")
    valid_max: float | None = field(description="A value above this, in the point's unit, is bad; null: no limit.")
    sentinels: list[float] = field(description="Raw values with which the device says that it has no value.")
    value_names: list[ValueName] = field(description="What its values are called, by value.")
    enabled: bool = field(description="Whether it is read.")
    limits: list[ProfileLimit] = field(description="What of its values is an alarm.")

    @classmethod
    def of(cls, point: PointInput) -> "ProfilePoint":
        """Make it of what it was written as."""
        values = {name: getattr(point, name) for name in POINT_FIELDS}
        values["value_names"] = [ValueName(**one.named._asdict()) for one in point.value_names]
        return cls(**values, limits=[ProfileLimit.of(limit) for limit in point.limits or ()])


async def _points_of(database: Database, profiles: list[int]) -> dict[int, list[ProfilePoint]]:
    found: dict[int, list[ProfilePoint]] = {}
    limits = await limits_of_profiles(database, profiles)
    for row in await database.rows(LIST_PROFILE_POINTS, profiles):
        found.setdefault(row["profile_id"], []).append(
            ProfilePoint.of(PointInput.of(row, limits.get((row["profile_id"], row["key"]))))
        )
    return found


@output_type
class Profile:
    """A register map, written once and followed by many devices."""

    id: strawberry.ID = field(description="Opaque and stable, `prof_7`.")
    name: str = field(description="Unique; upper and lower case are the same.")
    manufacturer: str = field(description="Who makes such devices.")
    description: str = field(description="What a person should know of it.")
    source: str = field(description="Where the map was taken from: title, number and version of a manual.")
    version: int = field(description="Grows with each change; updateProfile asks for it.")
    created_at: datetime = field(description="When it was added.")
    updated_at: datetime = field(description="When it was last changed.")
    device_count: int = field(description="How many devices follow it.")
    number: strawberry.Private[int]

    @resolver
    async def points(self, info: Info) -> list[ProfilePoint]:
        """Its points, by table and address."""
        return await together(info.context, _points_of, self.number) or []

    @classmethod
    def of(cls, row: Row) -> "Profile":
        """Make it of its row."""
        values = {name: row[name] for name in (*OWN_FIELDS, "version", "created_at", "updated_at", "device_count")}
        return cls(id=to_id(IdKind.PROFILE, row["id"]), number=row["id"], **values)


@input_type
class ProfileInput:
    """A profile, as it shall be."""

    name: str = field(description="1 to 120 characters, unique; upper and lower case are the same.")
    manufacturer: str = field(default="", description="Who makes such devices, at most 120 characters.")
    description: str = field(default="", description="What a person should know of it, at most 2,000 characters.")
    source: str = field(default="", description="Title, number and version of the manual, at most 2,000 characters.")
    points: list[PointInput] = field(default_factory=list, description="What such a device measures.")

    def checked(self) -> ProfileMap:
        """Return the profile in its one spelling; a mistake raises and names its field."""
        return checked(ProfileMap(**{f.name: getattr(self, f.name) for f in fields(self)}))


@input_type
class ProfileChanges:
    """What shall be different; what is left out stays."""

    name: str | None = field(default=strawberry.UNSET, description="1 to 120 characters, unique.")
    manufacturer: str | None = field(default=strawberry.UNSET, description="Who makes such devices.")
    description: str | None = field(default=strawberry.UNSET, description="What a person should know of it.")
    source: str | None = field(default=strawberry.UNSET, description="Title, number and version of the manual.")
    points: list[PointInput] | None = field(
        default=strawberry.UNSET,
        description="All its points from now on. One that is missing here is removed from all devices that follow it, "
        "with its readings, which needs `removePoints: true`.",
    )

    def over(self, before: ProfileMap) -> ProfileMap:
        """Return the profile with these changes, checked."""
        old = {f.name: getattr(before, f.name) for f in fields(before)}
        return checked(ProfileMap(**old | given(self)))


def checked(profile: ProfileMap) -> ProfileMap:
    """Return a profile in its one spelling; a mistake raises and names its field."""
    for name, sentence in problems(profile):
        raise DdmsError(Code.INVALID, sentence, field=name)
    return profile


def problems(profile: ProfileMap) -> Iterator[tuple[str, str]]:
    """Bring a profile to its one spelling; give each mistake with its field."""
    yield from inputs.spell(profile, "name", inputs.name)
    for name, most in _LENGTHS.items():
        yield from inputs.spell(profile, name, partial(inputs.text, most=most))
    found = list(problems_of_points(profile.points))
    yield from found or references(profile.points, {point.key for point in profile.points})
    if not found:
        yield from problems_within(profile.points)


@output_type
class ProfileChange:
    """One difference, of a device or of the profile itself."""

    device: str | None = field(description="The device's name; null when it is the profile itself.")
    point: str | None = field(description="The point's key; null when it is none of the points.")
    limit: str | None = field(description="The limit's key; null when it is none of the point's limits.")
    field: str | None = strawberry.field(description="What is different; null when all of it is added or removed.")
    before: str | None = strawberry.field(description="What it was; null when it is added.")
    after: str | None = strawberry.field(description="What it will be; null when it is removed.")


@output_type
class ProfileDifference:
    """What a change of a profile does to it and to the devices."""

    devices: int = field(description="How many devices are different afterwards.")
    added: int = field(description="How many points are added to devices.")
    changed: int = field(description="How many fields of points of devices are changed.")
    removed: int = field(description="How many points are removed from devices, with their readings.")
    limits: int = field(description="How many limits of devices are added, changed or removed.")
    changes: list[ProfileChange] = field(
        description=f"The first {MOST_CHANGES:,} differences: those of the profile, then those of devices by name."
    )
    total: int = field(description=f"How many differences there are; more than {MOST_CHANGES:,} are not all listed.")

    @classmethod
    def of(cls, changes: Sequence[Change]) -> "ProfileDifference":
        """Count the differences, and show the first of them."""
        on_devices = [change for change in changes if change.device is not None]
        kinds = Counter(
            "changed" if c.field else "added" if c.before is None else "removed" for c in on_devices if c.limit is None
        )
        limits = {(change.device, change.point, change.limit) for change in on_devices if change.limit is not None}
        return cls(
            devices=len({change.device for change in on_devices}),
            added=kinds["added"],
            changed=kinds["changed"],
            removed=kinds["removed"],
            limits=len(limits),
            changes=[ProfileChange(**_shown(change)) for change in changes[:MOST_CHANGES]],
            total=len(changes),
        )


def _shown(change: Change) -> dict[str, Any]:
    return {name: value for name, value in asdict(change).items() if name != "device_number"}


@strawberry.type
class ProfileQueries:
    """Queries about profiles."""

    @resolver
    async def profiles(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        text: Annotated[
            str | None, argument("Only those with this text in their name or their manufacturer's.")
        ] = None,
        order_by: Annotated[NameOrder, argument("Their order.")] = NameOrder.NAME,
        descending: Descending = False,
    ) -> Connection[Profile]:
        """Profiles, a page at a time."""
        page = Page(first=first, after=after, last=last, before=before, order=order_by, descending=descending)
        return await PROFILES.page(info.context.database, page, (text,), lambda rows: [Profile.of(row) for row in rows])

    @resolver
    async def profile(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, argument("Its id.")] = None,  # noqa: A002 - GraphQL's word
        name: Annotated[str | None, argument("Its name; upper and lower case are the same.")] = None,
    ) -> Profile | None:
        """One profile, by its id or its name; null when there is none."""
        if (id is None) == (name is None):
            raise DdmsError(Code.INVALID, "say which profile: give its id or its name", field="id")
        number = None if id is None else from_id(IdKind.PROFILE, id)
        row = await info.context.database.row(LIST_PROFILES, number, name)
        return row and Profile.of(row)
