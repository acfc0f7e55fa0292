"""Files of profiles (YAML), those that come with DDMS, and what an import of them would change."""

from collections.abc import Iterable
from dataclasses import replace
from importlib.resources import files

from api.devices.files import read_points
from api.files.yaml import LINE, dump, load, plain, wrong
from api.graphql.payloads import snake
from api.ground.actor import Actor
from api.ground.database import Statements
from api.points.types import POINT_FIELDS, PointInput
from api.profiles.merge import Change
from api.profiles.store import OWN_FIELDS, ProfileMap, change_profile, create_profile, read_profile
from api.profiles.types import LIST_PROFILE_POINTS, LIST_PROFILES, checked
from ddms.errors import Code, DdmsError, Sentence

SHIPPED = files("api.profiles").joinpath("shipped")


def shipped() -> dict[str, str]:
    """Return the profiles that come with DDMS: the name of each file, and its text."""
    found = [file for file in SHIPPED.iterdir() if file.name.endswith(".yaml")]
    return {file.name.removesuffix(".yaml"): file.read_text(encoding="utf-8") for file in sorted(found, key=str)}


def read(text: str) -> list[ProfileMap]:
    """Read a file of profiles; each is checked, and a mistake begins with its line."""
    tree = load(text)
    profiles = tree.get("profiles") if isinstance(tree, dict) else None
    if not isinstance(profiles, list) or not all(isinstance(one, dict) for one in profiles):
        raise wrong(1, "profiles", "the file is a mapping with a list `profiles`, each a mapping with name and points")
    found = [_read_profile(raw) for raw in profiles]
    names = [profile.name.lower() for profile in found]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise wrong(profiles[place][LINE], "name", Sentence("{!r} stands twice in this file", found[place].name))
    return found


def _read_profile(raw: dict[str, object]) -> ProfileMap:
    line, own = int(str(raw[LINE])), {name: value for name, value in raw.items() if name not in {LINE, "points"}}
    for name, value in own.items():
        if name not in OWN_FIELDS:
            raise wrong(
                line, name, Sentence("this is not known here: write one of {}", ", ".join((*OWN_FIELDS, "points")))
            )
        if isinstance(value, dict | list):
            raise wrong(line, name, "write a text")
    if not own.get("name"):
        raise wrong(line, "name", "this is needed")
    points, lines = read_points(raw)
    texts = {name: str(value).strip() for name, value in own.items() if value is not None}
    try:
        return checked(ProfileMap(**texts, points=points))
    except DdmsError as error:
        match (error.field or "").split("."):
            case ["points", place, name]:
                raise wrong(lines[int(place)], snake(name), error.message) from error
        raise wrong(line, error.field or "", error.message) from error


def write(profiles: Iterable[ProfileMap]) -> str:
    """Write profiles down, so that reading them gives the same again; what is as by default is left out."""
    return dump({"profiles": [_plain(profile) for profile in profiles]})


def _plain(profile: ProfileMap) -> dict[str, object]:
    return plain(profile, OWN_FIELDS) | {"points": [_plain_point(point) for point in profile.points]}


def _plain_point(point: PointInput) -> dict[str, object]:
    empty = PointInput(key="", register_table=point.register_table, address=0, data_type=point.data_type)
    told = [
        n
        for n in POINT_FIELDS
        if n in {"address", "register_table", "data_type"} or getattr(point, n) != getattr(empty, n)
    ]
    return plain(point, told)


async def stored_profiles(statements: Statements) -> list[ProfileMap]:
    """Return all profiles, by name."""
    rows = await statements.rows(LIST_PROFILES, None, None)
    points: dict[int, list[PointInput]] = {row["id"]: [] for row in rows}
    for row in await statements.rows(LIST_PROFILE_POINTS, list(points)):
        points[row["profile_id"]].append(PointInput.of(row))
    return [ProfileMap(**{name: row[name] for name in OWN_FIELDS}, points=points[row["id"]]) for row in rows]


async def by_name(statements: Statements, name: str) -> int:
    """Return the number of the profile of this name."""
    row = await statements.row(LIST_PROFILES, None, name)
    if row is None:
        raise DdmsError(
            Code.NOT_FOUND, Sentence("there is no profile {!r}: `ddms profiles list` shows them", name[:120])
        )
    number: int = row["id"]
    return number


async def import_profiles(
    statements: Statements, actor: Actor, profiles: list[ProfileMap], *, remove_points: bool, dry_run: bool
) -> list[tuple[str, list[Change]]]:
    """Add and change profiles, and bring the devices along; return for each by name what is different."""
    return [
        (one.name, await _import(statements, actor, one, remove_points=remove_points, dry_run=dry_run))
        for one in profiles
    ]


async def _import(
    statements: Statements, actor: Actor, profile: ProfileMap, *, remove_points: bool, dry_run: bool
) -> list[Change]:
    row = await statements.row(LIST_PROFILES, None, profile.name)
    if row is None:
        if not dry_run:
            await create_profile(statements, actor, profile)
        return [Change(after="profile"), *(Change(point=point.key, after="point") for point in profile.points)]
    before = await read_profile(statements, row["id"])
    return await change_profile(
        statements,
        actor,
        row["id"],
        before=before,
        after=replace(profile, points=list(profile.points)),
        remove_points=remove_points,
        dry_run=dry_run,
    )
