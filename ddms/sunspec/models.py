"""SunSpec's models as `models.json` has them: their points, and where each lies in a device."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

COMMON = 1
HEAD = 2  # registers of a model that its length does not count: its id and the length


class Point(NamedTuple):
    """A point as SunSpec describes it; `size` in registers, `symbols` are names of values, or of bits."""

    name: str
    type: str
    size: int
    unit: str
    scale_factor: str | int
    label: str
    kind: str
    symbols: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Points that lie together: a model, or a part of one. `count`: how often; 0 as often as there is room, a text the point that says it."""

    name: str
    label: str
    count: int | str
    points: tuple[Point, ...] = ()
    groups: "tuple[Group, ...]" = ()


class Placed(NamedTuple):
    """A point at its first register, counted from the model's; `path` has the groups that it is in: a name, or a number from 1 of one that repeats."""

    point: Point
    offset: int
    path: tuple[str | int, ...]


@lru_cache(maxsize=1)
def known() -> Mapping[int, Group]:
    """Return all models by their id; one without points is known by name only."""
    table = orjson.loads(Path(__file__).with_name("models.json").read_bytes())["models"]
    return {int(number): _group(model) for number, model in table.items()}


def label(number: int) -> str | None:
    """Return what a model is called; None for one that is not known."""
    group = known().get(number)
    return None if group is None else group.label


def _group(raw: Mapping[str, Any]) -> Group:
    return Group(
        name=raw["name"],
        label=raw["label"],
        count=raw["count"],
        points=tuple(Point(*row) for row in raw.get("points", ())),
        groups=tuple(map(_group, raw.get("groups", ()))),
    )


def placed(model: Group, words: Sequence[int | None]) -> list[Placed]:
    """Return the points of a model as a device has it: its words, id and length included, say how often groups repeat.

    What does not lie within the words is left out. A number of groups that the device does not tell, or that has no room, is
    taken for as many as there is room for.
    """
    return [*_Layout(words).walk(model, ())]


class _Layout:
    def __init__(self, words: Sequence[int | None]) -> None:
        self._words = words
        self._offset = 0
        self._counts: dict[str, int | None] = {}

    def walk(self, group: Group, path: tuple[str | int, ...]) -> Iterator[Placed]:
        for point in group.points:
            if self._offset + point.size > len(self._words):
                self._offset = len(self._words)
                return
            self._counts[point.name] = self._words[self._offset]
            yield Placed(point, self._offset, path)
            self._offset += point.size
        for inner in group.groups:
            if inner.count == 1:
                yield from self.walk(inner, (*path, inner.name))
                continue
            for number in range(1, self._times(inner) + 1):
                yield from self.walk(inner, (*path, number))

    def _times(self, group: Group) -> int:
        """Return how often a group repeats, at most as often as there is room; a group without points never."""
        told = self._counts.get(group.count) if isinstance(group.count, str) else group.count or None
        size = self._size(group)
        room = (len(self._words) - self._offset) // size if size else 0
        return room if told is None else min(told, room)

    def _size(self, group: Group) -> int:
        own = sum(point.size for point in group.points)
        return own + sum(self._size(inner) * self._inner_count(inner) for inner in group.groups)

    def _inner_count(self, group: Group) -> int:
        told = self._counts.get(group.count) if isinstance(group.count, str) else group.count
        return told or 0


def usual_length(model: Group, length: int) -> str | None:
    """Say how a length differs from SunSpec's, or None: the last register may be one that only fills, and groups may repeat."""
    least = sum(point.size for point in model.points) - HEAD
    filling = model.points[-1].size if model.points[-1].type == "pad" else 0
    if length < least - filling:
        return f"is {length} registers long, by SunSpec {least}: what is missing is left out, and what follows may be read wrongly"
    if length > least and not model.groups:
        return f"is {length} registers long, by SunSpec {least}: the last {length - least} are left out"
    return None
