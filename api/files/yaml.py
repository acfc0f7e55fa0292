"""YAML whose mistakes can be told with their place; it is parsed in a process aside, see `yaml_aside`."""

import os
import subprocess
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import yaml

from api.files.mistakes import Finder, Place, stop
from ddms.errors import Code, DdmsError, Sentence

_PROGRAM = Path(__file__).with_name("yaml_aside.py")


class Limits(NamedTuple):
    """What reading a file may take."""

    nodes: int
    seconds: int
    megabytes: int


OF_CALLERS = Limits(nodes=250_000, seconds=10, megabytes=512)
"""For what comes over the network, at most 1 MB."""
OF_FILES = Limits(nodes=10_000_000, seconds=300, megabytes=8192)
"""For whoever may run programs on this machine."""


class Node(NamedTuple):
    """A value with its place: None, a text, a list of nodes as `yaml_aside` writes them, or names with theirs."""

    line: int
    column: int
    value: Any

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.line, self.column)

    @property
    def items(self) -> "list[Node] | None":
        """Its nodes, when it is a list."""
        return [Node(*one) for one in self.value] if isinstance(self.value, list) else None

    @property
    def names(self) -> "dict[str, tuple[Place, Node]] | None":
        """Its values by their names, with the place of each name, when it is a mapping."""
        if not isinstance(self.value, dict):
            return None
        return {name: (Place(line, column), Node(*node)) for name, (line, column, node) in self.value.items()}


def load(text: str, finder: Finder, limits: Limits = OF_CALLERS) -> Node:
    """Read YAML. It waits for a process: call it in a thread where there is an event loop."""
    answer = _asked(text, limits)
    for line, column, name, template, values in answer["mistakes"]:
        finder.add(Place(line, column), name, Sentence(template, *values) if values else template)
    if "tree" not in answer:
        finder.finish()
    return Node(*answer["tree"])


def _asked(text: str, limits: Limits) -> Any:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DDMS_")}
    try:
        done = subprocess.run(  # noqa: S603 - the program is ours
            [sys.executable, "-P", _PROGRAM, *map(str, limits)],
            input=text.encode("utf-8", "replace"), capture_output=True, env=environment, timeout=limits.seconds * 2, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise stop(Place(1, 1), "", _too_much(limits)) from error
    except OSError as error:
        raise DdmsError(Code.UNAVAILABLE, "no process can be started to read the file: try again later") from error
    if done.returncode != 0:
        raise stop(Place(1, 1), "", _too_much(limits))
    return orjson.loads(done.stdout)


def _too_much(limits: Limits) -> str:
    return Sentence(
        "reading this took more than {} s or {} MB: import it in parts, or as CSV", limits.seconds, limits.megabytes
    )


def plain(item: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return these fields of an object as they are written; what is None is left out."""
    values = {name: getattr(item, name) for name in names}
    return {n: str(v) if isinstance(v, StrEnum) else v for n, v in values.items() if v is not None}


def dump(tree: dict[str, Any]) -> str:
    """Write YAML."""
    text: str = yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
    return text
