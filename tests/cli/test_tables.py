"""Tables and bars of the command line: for a person fitted to the terminal, for a pipe plain."""

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime

from ddms.cli.tables import progress, table

WIDE = (
    "from ddms.cli.tables import table; table(('name', 'why'), [('failed', 'long ' * 30)], colours={'failed': 'red'})"
)
BAR = "from ddms.cli.tables import progress\nwith progress('counting', 10) as show: show(5, doing='half')"


def on_a_terminal(program: str, **environment: str) -> str:
    """Return what a program draws on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=theirs, stderr=theirs, stdin=theirs,
        env=clean | {"TERM": "xterm", "COLUMNS": "80"} | environment,
    )  # fmt: skip
    os.close(theirs)
    drawn = b""
    try:
        while part := os.read(ours, 65_536):
            drawn += part
    except OSError:  # Linux says so that the other end is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(60) == 0, drawn
    return drawn.decode()


def test_a_pipe_gets_plain_aligned_lines_that_nothing_breaks_and_no_colour(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    rows = [
        ("水泵", 1234567, None),
        ("[red]x", 5, "long " * 100 + "end"),
        ("a", datetime(2026, 7, 4, 6, tzinfo=UTC), "b"),
    ]
    table(("device", ">rows", "text"), rows, colours={"b": "red"})
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "device              rows  text",
        "水泵           1,234,567",
        "[red]x                 5  " + "long " * 100 + "end",
        "a       2026-07-04 06:00  b",
    ]


def test_columns_without_names_have_no_headline(capsys):
    table(("", ""), {"time_zone": "UTC", "cleanup_time": "03:30"}.items())
    assert capsys.readouterr().out == "time_zone     UTC\ncleanup_time  03:30\n"


def test_without_rows_a_sentence_stands_beside_what_a_pipe_gets(capsys):
    table(("name",), [], empty="There are none.")
    assert capsys.readouterr() == ("", "There are none.\n")


def test_a_terminal_gets_colours_and_lines_that_fit():
    drawn = on_a_terminal(WIDE)
    assert "\x1b[31mfailed" in drawn
    assert len(drawn.splitlines()) >= 3


def test_a_terminal_whose_person_wants_no_colour_gets_none():
    assert "\x1b[31m" not in on_a_terminal(WIDE, NO_COLOR="1")


def test_a_bar_is_drawn_on_a_terminal_only(capsys):
    assert "half" in on_a_terminal(BAR)
    with progress("counting", 10) as show:
        show(5, doing="half")
    assert capsys.readouterr() == ("", "")


def test_help_and_settings_do_not_wait_for_rich():
    program = "import sys, ddms.cli.database, ddms.cli.tables; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
