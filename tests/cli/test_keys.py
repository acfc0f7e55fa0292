"""`ddms keys`, and the key that `ddms init` and `ddms migrate` make."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.ground import signing
from ddms.cli import ddms
from ddms.errors import Code, DdmsError


def run(folder: Path | None, *arguments: str):
    given = {"DDMS_KEYS_DIRECTORY": str(folder)} if folder else {"DDMS_KEYS_DIRECTORY": None}
    return CliRunner().invoke(ddms, ["keys", *arguments], env=given)


def test_the_first_key_is_made_for_its_owners_eyes_and_signs_at_once(tmp_path: Path):
    folder = tmp_path / "new/keys"
    made = json.loads(run(folder, "rotate", "--json").stdout)
    listed = json.loads(run(folder, "list", "--json").stdout)
    assert listed == [made]
    assert stat.S_IMODE((folder / signing.FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert signing.Keys(folder).sign({})
    assert os.listdir(folder) == [signing.FILE]


def test_a_key_that_is_there_is_not_made_again(tmp_path: Path):
    assert signing.ensure(tmp_path)
    before = (tmp_path / signing.FILE).read_bytes()
    assert not signing.ensure(tmp_path)
    assert (tmp_path / signing.FILE).read_bytes() == before


def test_of_many_who_make_the_first_key_at_once_one_does(tmp_path: Path):
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: signing.ensure(tmp_path / "keys"), range(8)))
    assert made.count(True) == 1
    assert len(signing.read(tmp_path / "keys")) == 1
    assert os.listdir(tmp_path / "keys") == [signing.FILE]


def test_a_rotation_keeps_the_old_key_and_one_at_once_does_not(tmp_path: Path):
    signing.ensure(tmp_path)
    (old,) = signing.read(tmp_path)
    assert "signs from" in run(tmp_path, "rotate").stdout
    first, second = signing.read(tmp_path)
    assert (first.id, second.since - first.since >= signing.LEAD_SECONDS) == (old.id, True)
    run(tmp_path, "rotate", "--now")
    (only,) = signing.read(tmp_path)
    assert only.id not in {first.id, second.id}
    assert stat.S_IMODE((tmp_path / signing.FILE).stat().st_mode) == 0o600


def test_keys_that_are_long_over_are_dropped_at_a_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    signing.ensure(tmp_path)
    (old,) = signing.read(tmp_path)
    for hours in (1, 2):
        monkeypatch.setattr(signing.time, "time", lambda hours=hours: old.since + hours * 3600)
        signing.rotate(tmp_path)
    assert [key.since - old.since for key in signing.read(tmp_path)] == [
        3600 + signing.LEAD_SECONDS,
        7200 + signing.LEAD_SECONDS,
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"keys": []}',
        '{"keys": [{"id": "a"}]}',
        "\ud800",
        '{"keys": [{"id": "a", "since": 0, "key": {"kty": "oct", "k": "AA"}}]}',
    ],
)
def test_a_file_that_holds_no_keys_is_named(tmp_path: Path, text):
    (tmp_path / signing.FILE).write_bytes(text.encode("utf-8", "surrogatepass"))
    (tmp_path / signing.FILE).chmod(0o600)
    with pytest.raises(DdmsError, match="cannot be read") as raised:
        signing.read(tmp_path)
    assert raised.value.code is Code.SETTINGS
    assert run(tmp_path, "list").exit_code != 0


def test_without_a_folder_it_is_said_which_setting_names_it():
    done = run(None, "rotate")
    assert isinstance(done.exception, DdmsError)
    assert "DDMS_KEYS_DIRECTORY" in done.exception.message
