"""The configuration as a file: YAML that says what each field means and takes, and that is read back."""

from dataclasses import dataclass
from textwrap import indent, wrap
from typing import Any

from api.files.mistakes import Finder, Place
from api.files.yaml import OF_FILES, Limits, Node, dump, load
from api.ground.actor import Actor
from api.ground.database import Statements
from api.site.configuration_store import IMPORTED, LOCK_CONFIGURATION, Changed, change
from api.site.record import MEANINGS, bounds, explained, shown, spell, written
from ddms import VERSION
from ddms.errors import Sentence
from ddms.settings import Settings

_ROOT = "configuration"
_HEAD = f"""\
# The configuration of a site, written by DDMS {VERSION}. `ddms config import FILE --dry-run` says what reading it would
# change. A field that is left out stays as it is.
{_ROOT}:
"""


def write(row: Any, *, for_another_site: bool = False) -> str:
    """Write the configuration down; what is of this site alone is a comment when it is for another one."""
    texts = written(shown(row))
    parts = (_part(name, text, skipped=for_another_site and MEANINGS[name].own) for name, text in texts.items())
    return _HEAD + "\n".join(parts)


def _part(name: str, text: str, *, skipped: bool) -> str:
    meaning = MEANINGS[name]
    told = "\n".join(wrap(explained(meaning, bounds(meaning.kind)), 115))
    if "\n" in text:
        line = f"{name}: |\n{indent(text, '  ')}"
    else:
        line = dump({name: text}).rstrip("\n") if meaning.kind.type is str else f"{name}: {text}"
    return f"{indent(told, '  # ')}\n{indent(line, '  # ' if skipped else '  ')}\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """A file that was read: its values, where each stands, and the mistakes so far."""

    values: dict[str, Any]
    places: dict[str, Place]
    root: Place
    finder: Finder


def read(text: str, limits: Limits = OF_FILES) -> Read:
    """Read a file; what is wrong with single values is noted. It waits for a process."""
    finder = Finder()
    root = load(text, finder, limits)
    parts = root.names or {}
    for name in parts.keys() - {_ROOT}:
        finder.add(parts[name][0], name, Sentence("this is not known here: write one of {}", _ROOT))
    fields = parts[_ROOT][1].names if _ROOT in parts else None
    if not fields:
        sentence = "the file is a mapping with a mapping `configuration`, as `ddms config export` writes it"
        finder.add(root.place, _ROOT, sentence)
    found = Read(values={}, places={}, root=root.place, finder=finder)
    for name, (place, node) in (fields or {}).items():
        _read_field(found, name, place, node)
    return found


def _read_field(found: Read, name: str, place: Place, node: Node) -> None:
    if name not in MEANINGS:
        sentence = Sentence("this is not known here: write one of {}", ", ".join(MEANINGS))
        found.finder.add(place, name, sentence)
        return
    kind, value = MEANINGS[name].kind, node.value
    found.places[name] = node.place
    if value is None and kind.may_be_empty:
        value = ""
    if not isinstance(value, str):
        found.finder.add(node.place, name, "write a value here: not nothing, a list or a mapping")
        return
    try:
        found.values[name] = kind.read(value)
    except ValueError as error:
        found.finder.add(node.place, name, error.args[0])


async def import_configuration(
    statements: Statements, actor: Actor, settings: Settings, file: Read, version: int | None = None
) -> Changed:
    """Change what the file says, when nothing of it is wrong; all mistakes are told with their places."""
    row: Any = await statements.row(LOCK_CONFIGURATION)
    for name, sentence in spell(shown(row) | file.values):
        file.finder.add(file.places.get(name, file.root), name, sentence)
    file.finder.finish()
    return await change(statements, actor, settings, file.values, version, origin=IMPORTED)
