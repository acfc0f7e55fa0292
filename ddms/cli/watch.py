"""`ddms watch`: live values and trends in the terminal, or as lines where there is none."""

import asyncio
import sys
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from ddms.cli import files
from ddms.cli.watching import words
from ddms.cli.watching.address import Place
from ddms.cli.watching.board import Board, Filter, Point, Reading
from ddms.cli.watching.follow import Follower
from ddms.cli.watching.keys import Key, pressed
from ddms.cli.watching.screen import View, picture

_DRAWN_EVERY = 0.25


@click.command
@click.argument("devices", nargs=-1, metavar="[DEVICE]...")
@click.option("--group", help="Only the devices of this group, by its name.")
@click.option("--key", "keys", multiple=True, help="Only points with this key; may be given several times.")
@click.option("--url", envvar="DDMS_URL", help="Where the API is: https://ddms.example; else the demo's.")
@click.option("--token", envvar="DDMS_TOKEN", help="An API token; others on this computer may see it here: better set DDMS_TOKEN.")  # fmt: skip
@click.option("--token-file", type=files.INPUT, help="A file with the token; - is standard input.")  # fmt: skip
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), help="The demo's folder, if it is another one.")  # fmt: skip
@click.option("--lines", is_flag=True, help="Print a line for each change, as where there is no terminal.")
def watch(
    devices: tuple[str, ...],
    group: str | None,
    keys: tuple[str, ...],
    url: str | None,
    token: str | None,
    token_file: Path | None,
    directory: Path | None,
    lines: bool,
) -> None:
    """Show the newest values of all devices, or of each DEVICE (its name), as they change; Ctrl-C ends it.

    Without --url it watches the demo on this computer. With one device all of its points are shown.
    """
    from demo.home import home  # noqa: PLC0415 - what the image may be without

    if token_file == files.DASH:
        token = files.read(token_file).strip()
    place = Place(url=url, token=token, token_file=token_file, directory=directory or home())
    wanted = Filter(
        devices=frozenset(name.casefold() for name in devices),
        keys=frozenset(key.casefold() for key in keys),
        group=group,
    )
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a unit that the terminal has no letter for ends nothing
    console = Console()
    board = Board(wanted)
    work = _print(place, board) if lines or not console.is_terminal or console.is_dumb_terminal else _draw(place, board, console)  # fmt: skip
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(work)


async def _draw(place: Place, board: Board, console: Console) -> None:
    view, ended = View(), asyncio.Event()

    def press(key: Key) -> None:
        if key is Key.END:
            ended.set()
        view.press(key, board)

    following = asyncio.create_task(Follower(place, board, lambda _: None).run())
    try:
        with pressed(press) as keys, Live(console=console, screen=True, auto_refresh=False) as live:
            while not ended.is_set() and not following.done():
                live.update(picture(board, view, console, keys=keys), refresh=True)
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), _DRAWN_EVERY)
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following


async def _print(place: Place, board: Board) -> None:
    printed: dict[str, str] = {}
    said = ""

    def heard(new: list[tuple[Point, Reading]]) -> None:
        nonlocal said
        if board.word and board.word != said:
            click.echo(board.word, err=True)
        said = board.word
        names = {point.id: device.name for device in board.devices for point in device.points} if new else {}
        for point, reading in new:
            text = words.value(point, reading)
            if printed.get(point.id) != text:
                moment = datetime.fromtimestamp(reading.time, UTC).astimezone()
                click.echo(f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}  {names[point.id]:<24}  {point.name:<22}  {text}")  # fmt: skip
            printed[point.id] = text
        sys.stdout.flush()

    await Follower(place, board, heard).run()
