"""GraphQL types whose descriptions are their docstrings, so that nothing is told twice."""

from collections.abc import Callable, Container, Mapping
from dataclasses import fields
from enum import EnumMeta
from inspect import cleandoc
from typing import Annotated, Any, TypeVar, dataclass_transform

import strawberry

from ddms.errors import Code, DdmsError

T = TypeVar("T", bound=type)
E = TypeVar("E", bound=EnumMeta)

field = strawberry.field


def _text(documented: Any) -> str:
    return " ".join(cleandoc(documented.__doc__).split("\n"))


@dataclass_transform(order_default=True, kw_only_default=True, field_specifiers=(strawberry.field,))
def output_type(cls: T) -> T:
    """Make a class a GraphQL type, described by its docstring."""
    return strawberry.type(cls, description=_text(cls))


@dataclass_transform(order_default=True, kw_only_default=True, field_specifiers=(strawberry.field,))
def input_type(cls: T) -> T:
    """Make a class a GraphQL input, described by its docstring."""
    return strawberry.input(cls, description=_text(cls))


def resolver(function: Callable[..., Any]) -> Any:
    """Make a method a field of its type, described by its docstring."""
    return strawberry.field(function, description=_text(function))


def subscription(function: Callable[..., Any]) -> Any:
    """Make a method a subscription, described by its docstring."""
    return strawberry.subscription(function, description=_text(function))


def describe_enum(cls: E, *, name: str, description: str, values: Mapping[str, str]) -> E:
    """Show an enum in GraphQL; every member needs its description."""
    strawberry.enum(cls, name=name, description=description)
    for value in cls.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]
    return cls


def given(changes: Any, nullable: Container[str] = ()) -> dict[str, Any]:
    """Return what was given of an input whose fields are UNSET when left out; null is a value of the nullable only."""
    values = {f.name: value for f in fields(changes) if (value := getattr(changes, f.name)) is not strawberry.UNSET}
    for name, value in values.items():
        if value is None and name not in nullable:
            raise DdmsError(Code.INVALID, "leave it out to keep it; null is not a value", field=name)
    return values


def argument(description: str) -> Any:
    """Describe an argument, inside `Annotated`."""
    return strawberry.argument(description=description)


__all__ = [
    "Annotated",
    "argument",
    "describe_enum",
    "field",
    "given",
    "input_type",
    "output_type",
    "resolver",
    "subscription",
]
