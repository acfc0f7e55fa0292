"""The units of deploy/systemd: what they start is there, what they set is known, and they are as confined as the page says."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ddms.cli import ddms
from ddms.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/systemd"
UNITS = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.service"))}
CONFINED = (FOLDER / "ddms-.service.d/50-ddms.conf").read_text()
PAGE = (ROOT / "docs/systemd.md").read_text()
ENVIRONMENTS = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.env"))}

each_unit = pytest.mark.parametrize("name", UNITS)


def values(text: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


@each_unit
def test_each_unit_starts_a_program_that_there_is(name):
    (command,) = values(UNITS[name], "ExecStart")
    program, *arguments = command.split()
    assert program in {"/usr/lib/ddms/bin/ddms", "/usr/lib/ddms/bin/python"}
    if program.endswith("ddms"):
        assert arguments[0] in ddms.list_commands(None)  # type: ignore[arg-type]
        return
    shown = subprocess.run(
        [sys.executable, *arguments[:2], "--help"], check=True, capture_output=True, text=True
    ).stdout
    for option in arguments[2::2]:
        assert option in shown


@pytest.mark.parametrize(("name", "text"), [*UNITS.items(), *ENVIRONMENTS.items()])
def test_each_setting_is_one_of_ddms(name, text):
    known = {PREFIX + setting.upper() for setting in Settings.__dataclass_fields__}
    for variable in re.findall(rf"^(?:Environment=)?({PREFIX}\w+)=", text, re.MULTILINE):
        assert variable in known or variable.removesuffix("_FILE") in known


def test_the_settings_of_each_unit_are_such_that_it_starts():
    for name, text in UNITS.items():
        given: dict[str, str] = {}
        for path in values(text, "EnvironmentFile"):
            lines = ENVIRONMENTS[Path(path).name].splitlines()
            given |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        assert Settings.read(given), name


@each_unit
def test_each_password_is_handed_over_by_systemd_and_made_by_the_page(name):
    text = UNITS[name]
    loaded = {entry.split(":")[0] for entry in values(text, "LoadCredential")}
    used = {value.split("=%d/")[1] for value in values(text, "Environment") if "=%d/" in value}
    assert loaded == used
    for credential in values(text, "LoadCredential"):
        word, path = credential.split(":")
        assert path == f"/etc/ddms/secrets/{word}"
        assert re.search(rf"for name in [\w ]*\b{word}\b", PAGE)


def test_programs_wait_for_the_schema():
    for name in ("api", "collector", "backups"):
        text = UNITS[f"ddms-{name}.service"]
        assert values(text, "Requires") == ["ddms-migrate.service"]
        assert "ddms-migrate.service" in values(text, "After")


def test_what_confines_all_units_takes_nothing_back_that_a_unit_says():
    """It is read after each unit, so a key in both would be the drop-in's."""
    several = {"After", "Environment", "StateDirectory", "Documentation"}
    ours = set(re.findall(r"^(\w+)=", CONFINED, re.MULTILINE))
    for name, text in UNITS.items():
        assert set(re.findall(r"^(\w+)=", text, re.MULTILINE)) & ours <= several, name


def test_each_unit_is_in_the_page_and_each_file_that_the_page_takes_is_there():
    for name in UNITS:
        assert f"`{name.removesuffix('.service')}`" in PAGE
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
    taken = re.findall(r"(?<![\w/])((?:deploy|docs|bootstrap)/[\w./*-]+|requirements\.\w+\.lock)", commands)
    assert taken
    for path in taken:
        assert list(ROOT.glob(path)), path


def offline() -> bool:
    """Return whether systemd-analyze can judge units of another folder (systemd 252)."""
    if shutil.which("systemd-analyze") is None:
        return False
    shown = subprocess.run(["systemd-analyze", "--version"], check=False, capture_output=True, text=True).stdout
    found = re.match(r"systemd (\d+)", shown)
    return found is not None and int(found[1]) >= 252


@pytest.mark.skipif(not offline(), reason="systemd-analyze from version 252 on is not installed")
def test_systemd_finds_each_unit_less_exposed_than_promised(tmp_path):
    into = tmp_path / "etc/systemd/system"
    shutil.copytree(FOLDER, into)
    for name in UNITS:
        command = ["systemd-analyze", "security", "--offline=true", f"--root={tmp_path}", "--no-pager", name]
        shown = subprocess.run(command, check=False, capture_output=True, text=True)
        found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", shown.stdout)
        assert found, shown.stderr
        assert float(found[1]) < 2.5


def test_units_are_well_formed():
    for text in [*UNITS.values(), CONFINED]:
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(text)
        assert {"Unit", "Service"} <= set(parser.sections()) <= {"Unit", "Service", "Install"}
