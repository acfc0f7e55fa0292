"""What commands print: JSON for programs, tables and a bar for people.

Rich draws both, and is imported when there is something to draw: `ddms --help` does not wait for it.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import click
import orjson

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
_ENDLESS = 100_000
"""Columns of a pipe or a file, where no line is broken."""


def print_json(values: object) -> None:
    """Print values as one line of JSON."""
    click.echo(orjson.dumps(values).decode())


def table(
    columns: Sequence[str],
    rows: Iterable[Iterable[object]],
    *,
    empty: str = "",
    colours: Mapping[str, str] | None = None,
) -> None:
    """Print rows: fitted to a terminal, elsewhere as plain aligned lines.

    A column whose name begins with `>` stands at the right, as numbers do; when no column has a name there is no
    headline. Cells are of any kind, see `_written`. `colours` are for cells that hold just that word. Without rows the
    sentence `empty` goes to standard error.
    """
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    cells = [[_written(cell) for cell in row] for row in rows]
    if not cells:
        click.echo(empty, err=True, nl=bool(empty))
        return
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(columns))
    for name in columns:
        drawn.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(cell, (colours or {}).get(cell, "")) for cell in row))
    terminal = sys.stdout.isatty()
    console = Console(force_terminal=terminal, width=None if terminal else _ENDLESS)
    with console.capture() as captured:
        console.print(drawn)
    click.echo("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")))


def _written(cell: object) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M}"
        case int():
            return f"{cell:,}"
    return str(cell)


@contextmanager
def progress(doing: str, total: float | None = None, *, hidden: bool = False) -> Iterator[Callable[..., None]]:
    """Show on a terminal how far something is; without a `total` only that it goes on. Elsewhere nothing is shown.

    Gives a function that takes how much is done by now, and what is done now as `doing`, if that changes.
    """
    if hidden or not sys.stderr.isatty():
        yield lambda _done, **_doing: None
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(doing, total=total)

        def show(done: float, *, doing: str | None = None) -> None:
            bars.update(bar, completed=done, description=doing)

        yield show
