"""From JSON to the classes of `schema`."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from enum import Enum
from functools import lru_cache, partial
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def record(kind: Callable[..., T], told: Mapping[str, Any]) -> T:
    """Return an object as its class."""
    return kind(**{name: make(told[key]) for name, key, make in _plan(kind)})


def camel(name: str) -> str:
    """Return GraphQL's form of a name of Python."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@lru_cache(None)
def _plan(kind: Any) -> list[tuple[str, str, Callable[[Any], Any]]]:
    hints = get_type_hints(kind)
    return [(field.name, camel(field.name), _maker(hints[field.name])) for field in fields(kind)]


def _maker(hint: Any) -> Callable[[Any], Any]:
    if NoneType in get_args(hint):
        (inner,) = (one for one in get_args(hint) if one is not NoneType)
        make = _maker(inner)
        return lambda value: None if value is None else make(value)
    if get_origin(hint) is list:
        each = _maker(get_args(hint)[0])
        return lambda values: [each(value) for value in values]
    if hint is datetime:
        return datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return partial(record, hint) if hasattr(hint, "GRAPHQL") else lambda value: value
