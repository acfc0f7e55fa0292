"""Files of profiles (YAML), those that come with DDMS, and what an import of them would change."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from importlib.resources import files

from api.devices.files import cells_of, fields_of, place_of, plain_point, read_points
from api.files.cells import readers, values
from api.files.mistakes import Finder, Place
from api.files.yaml import OF_FILES, Limits, Node, dump, load, plain
from api.ground.actor import Actor
from api.ground.database import Statements
from api.limits.store import limits_of_profiles
from api.points.types import PointInput
from api.profiles.store import OWN_FIELDS, ProfileMap, change_profile, create_profile, differences, read_profile
from api.profiles.types import LIST_PROFILE_POINTS, LIST_PROFILES, problems
from api.profiles.wanted import Change
from ddms.errors import Code, DdmsError, Sentence

_READERS = readers(ProfileMap, decimal_comma=False, without=("points",))
SHIPPED = files("api.profiles").joinpath("shipped")


def shipped() -> dict[str, str]:
    """Return the profiles that come with DDMS: the name of each file, and its text."""
    found = [file for file in SHIPPED.iterdir() if file.name.endswith(".yaml")]
    return {file.name.removesuffix(".yaml"): file.read_text(encoding="utf-8") for file in sorted(found, key=str)}


def read(text: str, limits: Limits = OF_FILES) -> list[ProfileMap]:
    """Read a file of profiles; all are checked, and all mistakes are told with their places."""
    finder = Finder()
    root = load(text, finder, limits)
    parts = root.names or {}
    profiles = parts["profiles"][1].items if "profiles" in parts else None
    if profiles is None:
        sentence = "the file is a mapping with a list `profiles`, each a mapping with name and points"
        finder.add(root.place, "profiles", sentence)
    found = [one for node in profiles or () if (one := _read_profile(node, finder))]
    seen: set[str] = set()
    for profile, place in found:
        if profile.name.lower() in seen:
            finder.add(place, "name", Sentence("{!r} stands twice in this file", profile.name))
        seen.add(profile.name.lower())
    finder.finish()
    return [profile for profile, _ in found]


def _read_profile(node: Node, finder: Finder) -> tuple[ProfileMap, Place] | None:
    cells = cells_of(node, without="points")
    if cells is None:
        finder.add(node.place, "profiles", "write a mapping with name and points")
        return None
    texts = {name: text.strip() for name, text in values(cells, _READERS, finder).items()}
    if "name" not in texts:
        if "name" not in cells or cells["name"].is_empty:
            finder.add(node.place, "name", "this is needed")
        texts["name"] = "?"
    points, places = read_points(node, finder)
    profile = ProfileMap(**texts, points=points)
    for path, sentence in problems(profile):
        match path.split("."):
            case ["points", number, *name] if name:
                finder.add(*place_of(places[int(number)], name), sentence)
            case _:
                finder.add(cells[path].place if path in cells else node.place, path, sentence)
    return profile, node.place


def write(profiles: Iterable[ProfileMap]) -> str:
    """Write profiles down, so that reading them gives the same again; what is as by default is left out."""
    return dump({"profiles": [_plain(profile) for profile in profiles]})


def _plain(profile: ProfileMap) -> dict[str, object]:
    return plain(profile, OWN_FIELDS) | {"points": [_plain_point(point) for point in profile.points]}


def _plain_point(point: PointInput) -> dict[str, object]:
    empty = PointInput(key="", register_table=point.register_table, address=0, data_type=point.data_type)
    told = [
        n
        for n in fields_of(point)
        if n in {"address", "register_table", "data_type"} or getattr(point, n) != getattr(empty, n)
    ]
    return plain_point(replace(point, limits=point.limits or None), told)


async def stored_profiles(statements: Statements) -> list[ProfileMap]:
    """Return all profiles, by name."""
    rows = await statements.rows(LIST_PROFILES, None, None)
    points: dict[int, list[PointInput]] = {row["id"]: [] for row in rows}
    limits = await limits_of_profiles(statements, list(points))
    for row in await statements.rows(LIST_PROFILE_POINTS, list(points)):
        points[row["profile_id"]].append(PointInput.of(row, limits.get((row["profile_id"], row["key"]), [])))
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
    """Add and change profiles, and bring the devices along; return for each by name what is different.

    A dry run does the same, and takes it back.
    """
    async with statements.undone() if dry_run else nullcontext():
        return [
            (one.name, await _import(statements, actor, one, remove_points=remove_points or dry_run))
            for one in profiles
        ]


async def _import(statements: Statements, actor: Actor, profile: ProfileMap, *, remove_points: bool) -> list[Change]:
    row = await statements.row(LIST_PROFILES, None, profile.name)
    if row is None:
        await create_profile(statements, actor, profile)
        made = differences(ProfileMap(name=profile.name), profile)
        return [Change(after="profile"), *(change for change in made if change.point is not None)]
    before = await read_profile(statements, row["id"])
    return await change_profile(
        statements,
        actor,
        row["id"],
        before=before,
        after=replace(profile, points=list(profile.points)),
        remove_points=remove_points,
        dry_run=False,
    )
