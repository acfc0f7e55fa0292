"""YAML whose mistakes can be told with their line."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import yaml

from ddms.errors import Code, DdmsError, Sentence

LINE = "\0line"
"""Under this name each mapping says its line."""


class _Loader(yaml.CSafeLoader):
    """Keeps the line of each mapping."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    values: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node)
        if not isinstance(key, str) or key in values:
            raise wrong(key_node.start_mark.line + 1, str(key), "a name is a text and stands once")
        values[key] = loader.construct_object(value_node, deep=True)
    return values | {LINE: node.start_mark.line + 1}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def wrong(line: int, name: str, sentence: str) -> DdmsError:
    """Return the error of a line."""
    sentence = Sentence("line {}: {}: {}", line, name, sentence) if name else Sentence("line {}: {}", line, sentence)
    return DdmsError(Code.INVALID, sentence, field=f"line {line}")


def load(text: str) -> Any:
    """Read YAML; each mapping has its line under `LINE`, and a name twice is a mistake."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - it is a safe one
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise wrong(line, "", Sentence("this is not YAML: {}", error.problem)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise wrong(1, "", Sentence("this is not YAML: {}", error)) from error


def plain(item: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return these fields of an object as they are written; what is None is left out."""
    values = {name: getattr(item, name) for name in names}
    return {n: str(v) if isinstance(v, StrEnum) else v for n, v in values.items() if v is not None}


def dump(tree: dict[str, Any]) -> str:
    """Write YAML."""
    text: str = yaml.dump(tree, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
    return text
