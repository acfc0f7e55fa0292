"""The workflows for everybody: they run make targets that there are, on what the project says it runs on, and nothing unpinned."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}
JOBS = {f"{name}/{job}": what for name, flow in WORKFLOWS.items() for job, what in flow["jobs"].items()}
TEXT = "\n".join(path.read_text() for path in FILES)
MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TEST = WORKFLOWS["ci"]["jobs"]["test"]["strategy"]["matrix"]


def steps(job: dict) -> list[dict]:
    return job.get("steps", [])


def test_each_make_target_that_they_run_is_there():
    runs = [line for job in JOBS.values() for step in steps(job) for line in step.get("run", "").splitlines()]
    targets = {target for line in runs for target in re.findall(r"\bmake ([a-z]+)", line)}
    assert targets >= {"lint", "test", "coverage", "bare", "image", "audit", "sbom"}
    assert targets <= set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def test_they_run_on_each_python_that_the_project_promises():
    promised = [found[1] for c in PROJECT["classifiers"] if (found := re.fullmatch(r".*Python :: (3\.\d+)", c))]
    assert PROJECT["requires-python"] == f">={promised[0]}"
    for job in ("lint", "test"):
        assert WORKFLOWS["ci"]["jobs"][job]["strategy"]["matrix"]["python"] == promised


def test_they_run_on_each_edition_of_the_storage():
    assert {*TEST["database"], *(entry["database"] for entry in TEST["include"])} == {"community", "apache", "plain"}


def test_no_folder_of_tests_is_left_out():
    folders = {f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if any(path.glob("test_*.py"))}
    assert {folder for part in TEST["part"] for folder in part.split()} == folders
    for entry in TEST["include"]:
        assert entry["part"] in TEST["part"]


def test_each_action_is_pinned_to_a_commit_and_says_which_version_that_is():
    for line in re.findall(r"^.*\buses: .*$", TEXT, re.MULTILINE):
        assert re.search(r"uses: (\./|[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$)", line), line


def test_no_action_is_pinned_to_two_commits():
    pins = set(re.findall(r"uses: ([\w-]+/[\w-]+)@(\w+)", TEXT))
    assert len(pins) == len({name for name, _ in pins})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_each_workflow_may_read_and_runs_once_at_a_time(name):
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    assert "concurrency" in WORKFLOWS[name]


@pytest.mark.parametrize("name", JOBS)
def test_each_job_has_an_end_and_keeps_no_credentials(name):
    job = JOBS[name]
    if "uses" in job:
        return
    assert job["timeout-minutes"] <= 20
    for step in steps(job):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_only_what_is_published_may_write_and_it_is_attested():
    writing = {name for name, job in JOBS.items() if "write" in job.get("permissions", {}).values()}
    assert writing == {"release/publish"}
    publish = JOBS["release/publish"]
    assert publish["needs"] == "ci"
    assert publish["permissions"].items() >= {"id-token": "write", "attestations": "write"}.items()
    assert any("attest-build-provenance" in step.get("uses", "") for step in steps(publish))


def test_no_expression_of_others_gets_into_a_shell():
    """What somebody writes into a title or a branch's name must not be run: expressions stand in `env` alone."""
    for name, job in JOBS.items():
        for step in steps(job):
            found = re.findall(r"\$\{\{\s*([\w.-]+)", step.get("run", ""))
            assert set(found) <= {"strategy.job-index"}, name


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not installed")
def test_actionlint_finds_nothing():
    done = subprocess.run(["actionlint", "-no-color", *FILES], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
