"""The picture that `ddms watch` draws: all devices with one value each, or one device with all of its values."""

import time
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ddms.cli.watching import words
from ddms.cli.watching.board import Board, Device, Point
from ddms.cli.watching.keys import Key

_COLOURS = {
    "good": "", "uncertain": "yellow", "bad": "red", "stale": "blue", "none": "blue",
    "ONLINE": "green", "ERROR": "yellow", "OFFLINE": "red", "UNKNOWN": "blue", "DISABLED": "bright_black",
}  # fmt: skip
_MARKS = {"ONLINE": "●", "ERROR": "▲", "OFFLINE": "✕", "UNKNOWN": "○", "DISABLED": "–"}
_FRAME = 3
"""Lines that are not rows: headline, column heads, keys."""
_REST, _SHORTEST_TREND, _LONGEST_TREND = 52, 8, 60
"""Columns that are neither trend nor the second; how long a trend is."""
_WIDE_FROM, _NARROW, _WIDE = 110, 14, 24
_KEYS = {True: "↑ ↓ choose   Enter open   q end", False: "↑ ↓ scroll   Esc back   q end"}
_ASCII = str.maketrans("↑↓–…●▲✕○", "^v-.*!xo")


@dataclass
class View:
    """What a person chose to see."""

    chosen: int = 0
    opened: str | None = None
    top: int = 0

    def press(self, key: Key, board: Board) -> None:
        """Do what a key says."""
        device = self.device(board)
        rows = len(device.points) if device else len(board.devices)
        steps = {Key.UP: -1, Key.DOWN: 1, Key.PAGE_UP: -10, Key.PAGE_DOWN: 10}
        if key in steps:
            self.chosen = max(0, min(rows - 1, self.chosen + steps[key]))
        elif key is Key.OPEN and not device and rows:
            self.opened, self.chosen, self.top = board.devices[min(self.chosen, rows - 1)].id, 0, 0
        elif key is Key.BACK and device and len(board.devices) > 1:
            self.opened, self.chosen, self.top = None, board.devices.index(device), 0

    def device(self, board: Board) -> Device | None:
        """Return the one device that is shown with all its points."""
        if len(board.devices) == 1:
            return board.devices[0]
        return next((device for device in board.devices if device.id == self.opened), None)

    def window(self, rows: int, height: int) -> range:
        """Return which rows are seen, so that the chosen one is."""
        self.chosen = max(0, min(self.chosen, rows - 1))
        self.top = max(self.chosen - height + 1, min(self.top, self.chosen, max(0, rows - height)))
        return range(self.top, min(rows, self.top + height))


def picture(board: Board, view: View, console: Console, *, keys: bool) -> RenderableType:
    """Return what is seen now, as large as the terminal is."""
    now = time.time() + board.skew
    ascii_only = not (console.encoding or "").lower().startswith("utf")
    device = view.device(board)
    second = _NARROW if console.width < _WIDE_FROM else _WIDE
    trend = min(_LONGEST_TREND, max(_SHORTEST_TREND, console.width - _REST - second))
    drawing = _Drawing(now=now, trend=trend, ascii_only=ascii_only)
    rows = drawing.points(device) if device else drawing.devices(board)
    seen = view.window(len(rows), max(1, console.height - _FRAME))
    table = _table("Point" if device else "Device", second, trend)
    for number in seen:
        table.add_row(*rows[number], style="reverse" if keys and number == view.chosen else "")
    foot = _KEYS[device is None] if keys else "Ctrl-C ends it"
    if len(rows) > len(seen):
        foot += f"   rows {seen.start + 1} to {seen.stop} of {len(rows)}"
    parts: list[Text | Table] = [
        _headline(board, device, console),
        table,
        Text(foot, style="dim", overflow="ellipsis", no_wrap=True),
    ]
    return Group(*(_in_ascii(part) if ascii_only else part for part in parts))


def _table(first: str, second: int, trend: int) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    table.add_column(first, no_wrap=True, ratio=1, overflow="ellipsis")
    table.add_column("State" if first == "Point" else "Point", no_wrap=True, width=second, overflow="ellipsis")
    table.add_column("Value", no_wrap=True, width=17, justify="right", overflow="ellipsis")
    table.add_column("Age", no_wrap=True, width=6, justify="right")
    table.add_column("10 minutes", no_wrap=True, width=trend)
    if first == "Point":
        table.columns[1].header = "Quality"
    return table


@dataclass(frozen=True, kw_only=True)
class _Drawing:
    now: float
    trend: int
    ascii_only: bool

    def devices(self, board: Board) -> list[list[Text]]:
        """Return a row for each device, with the first of its numbers."""
        rows = []
        for device in board.devices:
            name = Text.assemble((f"{_MARKS[device.state]} ", _COLOURS[device.state]), device.name)
            point = _leading(device)
            rows.append([name, *self._cells(Text(point.name), point)] if point else [name])
        return rows

    def points(self, device: Device) -> list[list[Text]]:
        """Return a row for each point of a device."""
        rows = []
        for point in device.points:
            quality = words.shown(point, self.now)[1]
            rows.append([Text(point.name), *self._cells(Text(quality, style=_COLOURS[quality]), point)])
        return rows

    def _cells(self, second: Text, point: Point) -> list[Text]:
        text, quality = words.shown(point, self.now)
        trend = words.sparkline(point.steps(self.now, self.trend), ascii_only=self.ascii_only)
        return [second, Text(text, style=_COLOURS[quality]), Text(words.age(point, self.now)), Text(trend, "cyan")]


def _leading(device: Device) -> Point | None:
    numbers = (p for p in device.points if p.newest and p.newest.value is not None and p.unit)
    return next(numbers, device.points[0] if device.points else None)


def _headline(board: Board, device: Device | None, console: Console) -> Text:
    if board.word:
        style = "bold red" if board.devices or "again" in board.word else "bold"
        return Text(board.word, style=style, overflow="ellipsis", no_wrap=True)
    line = Text(overflow="ellipsis", no_wrap=True)
    if device:
        line.append(f"{device.name}  ", style="bold")
        line.append(device.state.lower(), style=_COLOURS[device.state])
    else:
        line.append(f"{len(board.devices)} devices", style="bold")
        for state, mark in _MARKS.items():
            if count := sum(one.state == state for one in board.devices):
                line.append(f"   {mark} {count} {state.lower()}", style=_COLOURS[state])
    clock = time.strftime("%H:%M:%S")
    line.append(clock.rjust(max(1, console.width - line.cell_len)))
    return line


def _in_ascii(part: Text | Table) -> Text | Table:
    if isinstance(part, Text):
        return Text(part.plain.translate(_ASCII), overflow="crop", no_wrap=True)
    for column in part.columns:
        column._cells = [Text(str(cell).translate(_ASCII)) for cell in column._cells]
        column.overflow = "crop"
    return part
