"""Exports: what the page and the document offer is what an export takes, and who takes nothing holds up nobody."""

import asyncio
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner

from api.export.choice import Calendar, Delimiter, ExportChoice, FileShape, Level
from api.export.maker import Maker
from api.ground.buckets import length_of
from api.transport import export
from ddms.cli.export import export as command
from ddms.settings import Settings
from grafana.__main__ import dashboards

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "api" / "static" / "export"
DOCUMENT = (ROOT / "docs" / "export.md").read_text()


def offered(name: str) -> list[str]:
    """Return what a list of the page has to choose from."""
    (found,) = re.findall(rf'<select name="{name}">(.*?)</select>', (PAGE / "index.html").read_text(), re.DOTALL)
    return re.findall(r'<option value="(.*?)">', found)


def test_the_page_offers_what_an_export_takes():
    assert offered("shape") == list(FileShape)
    assert offered("delimiter") == list(Delimiter)
    calendars = re.search(r"const CALENDARS = (\[.*?\]);", (PAGE / "page.js").read_text())
    assert calendars
    assert json.loads(calendars[1]) == list(Calendar)
    others = [value for value in offered("level") if value not in {*Level, *Calendar}]
    assert [bool(length_of(value)) for value in others] == [True] * 3


def test_the_page_has_each_choice_with_which_dashboards_lead_to_it():
    asked = set()
    for board in map(json.loads, dashboards().values()):
        variables = {f"${{{one['name']}}}": one for one in board["templating"].get("list", [])}
        for link in board["links"]:
            if link.get("url", "").startswith("/export?"):
                calendar = dict(parse_qsl(urlsplit(link["url"]).query)).get("calendar", "day")
                several = variables[calendar]["query"].split(",") if calendar in variables else [calendar]
                asked |= {one.rpartition(" : ")[2].strip() for one in several}
    assert {"shift", "year"} <= asked <= set(offered("level"))


@pytest.mark.parametrize("line", re.findall(r"^curl .*", DOCUMENT, re.MULTILINE))
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_takes_the_commands_of_the_document(line: str, tmp_path: Path):
    command = [re.sub(r"^https://[^/]+", "http://127.0.0.1:1", word) for word in shlex.split(line)]
    done = subprocess.run([*command, "-S"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr  # nobody listens there; what curl does not understand is 2


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2026-07-04T06:00:00+08:00", "2026-07-03T22:00:00+00:00"),
        ("2026-07-04T06:00+08:00", "2026-07-03T22:00:00+00:00"),
        ("2026-07-04T06:00:00.123456+0530", "2026-07-04T00:30:00.123456+00:00"),
        ("2026-07-04+06:00", "2026-07-04T06:00:00+00:00"),
    ],
)
def test_a_plus_that_is_written_as_it_is_in_an_address_is_one(given: str, meant: str):
    pairs = parse_qsl(f"device=Pump&timezone=UTC&from={given}&to=2026-07-05T00:00Z")
    assert ExportChoice.of(pairs).from_.isoformat() == meant


def test_the_ending_of_a_file_counts_however_it_is_written(tmp_path: Path):
    said = CliRunner().invoke(
        command, ["--device", "x", "--from", "-1d", "--decimal", "comma", "-o", f"{tmp_path}/X.XLSX"]
    )
    assert "xlsx has numbers" in str(said.exception)


def test_a_folder_that_cannot_be_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").touch()
    maker = Maker(Settings(export_directory=tmp_path / "file" / "exports"))
    for _ in range(2):
        with pytest.raises(OSError, match="Not a directory"):
            maker._prepare()
    assert [record.message for record in caplog.records] == [
        f"no export can be made in DDMS_EXPORT_DIRECTORY, {tmp_path}/file/exports: Not a directory"
    ]


async def test_who_does_not_take_the_end_is_given_up_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(export, "STALLED_SECONDS", 0.01)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            await asyncio.Event().wait()

    answer = export._Answer(SimpleNamespace(id="1"), send)
    await answer.write(b"time\n")
    async with asyncio.timeout(5):
        with pytest.raises(export._GaveUp):
            await answer.finish()
