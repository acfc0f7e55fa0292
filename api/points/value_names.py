"""Names for the values of a point: as a person writes them, and as they are shown."""

from collections.abc import Iterable
from typing import Any

from api.graphql.described import describe_enum, field, input_type, output_type
from ddms import value_names
from ddms.errors import Sentence
from ddms.value_names import Named, ValueColor

describe_enum(
    ValueColor,
    name="ValueColor",
    description="In which colour a named value is shown.",
    values={
        "GREEN": "In order.",
        "YELLOW": "To be watched.",
        "ORANGE": "Nearly a fault.",
        "RED": "A fault.",
        "BLUE": "Something to know.",
        "PURPLE": "Something else to know.",
        "GREY": "Off, out of use.",
    },
)


@output_type
class ValueName:
    """What a value of a point is called."""

    value: float = field(description="The value, a whole number.")
    name: str = field(description="What it is called: `Fault`.")
    color: ValueColor | None = field(description="In which colour it is shown; null: no own one.")


@input_type
class ValueNameInput:
    """What a value of a point shall be called."""

    value: float = field(description="The value, after scale and offset: a whole number of up to 15 digits.")
    name: str = field(description="What it is called, 1 to 60 characters: `Fault`. Several values may have the same.")
    color: ValueColor | None = field(default=None, description="In which colour it is shown.")

    def __str__(self) -> str:
        return value_names.written([self.named])

    @property
    def named(self) -> Named:
        """It as a plain tuple."""
        return Named(self.value, self.name, self.color)

    @classmethod
    def of(cls, names: Iterable[Named]) -> "list[ValueNameInput]":
        """Make them of plain tuples."""
        return [cls(**one._asdict()) for one in names]

    @classmethod
    def of_cell(cls, raw: Any) -> "list[ValueNameInput]":
        """Read them from a file: `0=Off, 1=On:green`; in YAML also `{0: Off, 1: {name: On, color: green}}`."""
        if isinstance(raw, dict):
            return cls.of(_of_node(value, node[-1][-1]) for value, node in raw.items())
        parts = raw if isinstance(raw, list) else [raw]
        if not all(isinstance(part, str) for part in parts):
            raise ValueError(Sentence("write value=name, as {}", "0=Off, 1=On:green"))
        return cls.of(named for part in parts for named in value_names.read(part))


def _of_node(value: str, written: Any) -> Named:
    """Return the name that YAML gives to a value: a text, or a mapping as `yaml_aside` writes it."""
    if isinstance(written, dict):
        given = {name: node[-1][-1] for name, node in written.items()}
        if given.keys() <= {"name", "color"} and isinstance(given.get("name"), str):
            return value_names.of_texts(value, given["name"], given.get("color"))
    elif isinstance(written, str):
        return value_names.of_texts(value, written)
    raise ValueError(Sentence("write value=name, as {}", "0=Off, 1=On:green"))


def as_cell(names: list[Any]) -> str | None:
    """Return a list of names as files have it; None when it is a list of something else."""
    if names and isinstance(names[0], ValueNameInput):
        return value_names.written(one.named for one in names)
    return None
