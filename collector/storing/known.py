"""What this collector last knew that it should poll, kept beside its spool for a start without the database.

The file names plant and addresses, so only its user may read it. It is written aside and renamed: there is a whole one,
or the one before.
"""

import logging
import math
import os
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson

from ddms.lines import ConnectionConfiguration

logger = logging.getLogger("ddms.collector")

Lines = Mapping[int, ConnectionConfiguration]


class Known:
    """The file. The methods block: call them in a thread."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "configuration.json"
        self._written: dict[int, ConnectionConfiguration] = {}

    def write(self, lines: Lines) -> None:
        """Keep what is polled now, if it is another than before; raises `OSError`."""
        if self._written == lines and self.path.exists():
            return
        part = self.path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(list(lines.values())))
            file.flush()
            os.fsync(file.fileno())
        part.rename(self.path)
        self._written = dict(lines)

    def read(self) -> dict[int, ConnectionConfiguration]:
        """Return what was kept; nothing when there is no file, or one of another version of DDMS that is not understood."""
        try:
            kept = orjson.loads(self.path.read_bytes())
            lines = [_build(ConnectionConfiguration, line) for line in kept]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as error:
            logger.warning("the configuration that was kept in %s cannot be used: %r", self.path, error)
            return {}
        self._written = {line.id: line for line in lines}
        return dict(self._written)

    def forget(self) -> None:
        """Keep nothing: other collectors poll all of it now."""
        self.path.unlink(missing_ok=True)
        self._written = {}


def _build(kind: Any, data: Any) -> Any:
    """Make a value of a type out of its JSON: records, enums, tuples, optional and plain values."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        known = [
            field.name for field in fields(kind) if field.name in data
        ]  # a newer version may have more, with defaults
        values = {name: _build(hints[name], data[name]) for name in known}
        return kind(**values)  # type: ignore[operator]
    if get_origin(kind) is tuple:
        member = get_args(kind)[0]
        return tuple(_build(member, item) for item in data)
    if get_origin(kind) in {Union, types.UnionType}:
        (member,) = [one for one in get_args(kind) if one is not types.NoneType]
        return None if data is None else _build(member, data)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if kind is float:
        return math.nan if data is None else float(data)  # JSON has no NaN
    if kind not in {int, str, bool}:
        raise TypeError(kind)
    if type(data) is not kind:
        raise TypeError(f"{data!r} is no {kind.__name__}")
    return data
