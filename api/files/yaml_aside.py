"""Reads YAML in a process of its own, which runs this file as it is: what kills or stops it here is an error there.

PyYAML's composer recurses in C until the stack ends, and multiplies aliases; so only the parser's events are used, which
do neither, and a tree is made of them whose depth, size, time and memory have limits. Scalars stay the texts that were
written: what a number is, is for the one place that says so for CSV too.

Arguments: the most nodes, seconds of CPU and megabytes. Reads UTF-8, writes JSON: `{"tree": node, "mistakes": […]}`. A
node is `[line, column, value]`; the value is null, a text, a list of nodes, or an object of names, each with
`[line, column, node]`. A mistake is `[line, column, name, template, values]`; without a `tree` it was the last.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any

import yaml

MOST_DEPTH = 12
_NULLS = {"", "~", "null", "Null", "NULL"}
_TAGS = {None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq"))}


class Stopped(Exception):  # noqa: N818 - it is the file that is wrong
    """A file that is not read any further."""

    def __init__(self, mark: Any, template: str, *values: object) -> None:
        super().__init__(template)
        self.mistake = [mark.line + 1, mark.column + 1, "", template, values]


class Tree:
    """Builds the tree, with a stack of its own instead of the interpreter's."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.root: Any = None
        self.mistakes: list[list[Any]] = []
        self._open: list[Any] = []
        self._names: list[Any] = []
        self._count = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """Take one event."""
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise Stopped(
                        event.start_mark, "one file holds one document: leave out what begins with this `---`"
                    )
            case yaml.AliasEvent():
                raise Stopped(event.start_mark, "aliases (`*name`) are not read: write it out, or use a profile")
            case yaml.ScalarEvent():
                plain = event.implicit[0] and event.value in _NULLS
                self._put(event, None if plain else event.value)
            case yaml.SequenceStartEvent():
                self._descend(event, [])
            case yaml.MappingStartEvent():
                self._descend(event, {})
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._open.pop()
                self._names.pop()

    def _descend(self, event: Any, value: Any) -> None:
        if len(self._open) >= MOST_DEPTH:
            raise Stopped(event.start_mark, "lists and mappings lie at most {} deep in each other", MOST_DEPTH)
        self._put(event, value)
        self._open.append(value)
        self._names.append(None)

    def _put(self, event: Any, value: Any) -> None:
        mark = event.start_mark
        self._count += 1
        if self._count > self.most:
            raise Stopped(mark, "the file has more than {:,} values: import it in parts", self.most)
        if event.tag not in _TAGS:
            raise Stopped(mark, "tags ({}) are not read: write a text or a number", event.tag[:60])
        place = [mark.line + 1, mark.column + 1]
        if not self._open:
            self.root = [*place, value]
        elif isinstance(self._open[-1], list):
            self._open[-1].append([*place, value])
        elif self._names[-1] is None:
            self._name(mark, place, value)
        else:
            name, where = self._names[-1]
            self._open[-1][name] = [*where, [*place, value]]
            self._names[-1] = None

    def _name(self, mark: Any, place: list[int], name: Any) -> None:
        if not isinstance(name, str):
            raise Stopped(mark, "a name is a text, followed by a colon and a space")
        if name in self._open[-1]:
            sentence = "this stands twice here"
            self.mistakes.append([*place, name[:60], sentence, []])
        self._names[-1] = (name, place)


def read(events: Iterable[Any], most: int) -> dict[str, Any]:
    """Return the tree of a file, or what stopped the reading."""
    tree = Tree(most)
    sentence = "this is not YAML: {}"
    try:
        for event in events:
            tree.take(event)
    except Stopped as stopped:
        return {"mistakes": [*tree.mistakes, stopped.mistake]}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = [mark.line + 1, mark.column + 1] if mark else [1, 1]
        return {"mistakes": [*tree.mistakes, [*place, "", sentence, [error.problem or str(error)]]]}
    except yaml.YAMLError as error:
        return {"mistakes": [*tree.mistakes, [1, 1, "", sentence, [str(error).split("\n")[0]]]]}
    return {"tree": tree.root or [1, 1, None], "mistakes": tree.mistakes}


def limit(seconds: int, megabytes: int) -> None:
    """Let the kernel end this process when it takes too much."""
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    most, seconds, megabytes = map(int, sys.argv[1:])
    limit(seconds, megabytes)
    text = sys.stdin.buffer.read().decode()
    answer = read(yaml.parse(text, yaml.CSafeLoader), most)
    sys.stdout.buffer.write(json.dumps(answer).encode())
