"""A Grafana for the demo: in a container by a `docker` that writes down what it is told, or a line that brings one."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from ddms.errors import DdmsError
from demo import container, grafana_program

ROOT = Path(__file__).parents[2]

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="containers share sockets on Linux only")
# As the real program answers: https://docs.docker.com/reference/cli/docker/
DOCKER = """#!{python}
import json, os, signal, sys, time
from pathlib import Path
state = Path({state!r})
with (state / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if not (state / "engine").exists():
    sys.exit("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
match sys.argv[1:]:
    case ["image", "inspect", image]:
        if not (state / "image").exists():
            sys.exit(f"Error response from daemon: No such image: {{image}}")
        print("[]")
    case ["pull", image]:
        if (state / "offline").exists():
            sys.exit("Error response from daemon: dial tcp: lookup: no such host")
        (state / "image").touch()
    case ["run", *_]:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        (state / "running").touch()
        time.sleep(60)
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which what `docker` was told is written down; it may hold `engine`, `image` and `offline`."""
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(DOCKER.format(python=sys.executable, state=str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return tmp_path


def calls(docker: Path) -> list[list[str]]:
    return [json.loads(line) for line in (docker / "calls").read_text().splitlines()]


@LINUX
def test_the_image_is_fetched_once(docker: Path):
    (docker / "engine").touch()
    container.fetch()
    container.fetch()
    assert [call[0] for call in calls(docker)] == ["ps", "image", "pull", "ps", "image"]


@LINUX
@pytest.mark.parametrize(
    ("there", "sentence"), [((), "Docker does not answer: Cannot connect"), (("engine", "offline"), "did not come")]
)
def test_what_is_wrong_with_docker_is_said(docker: Path, there, sentence):
    for name in there:
        (docker / name).touch()
    with pytest.raises(DdmsError, match=sentence):
        grafana_program.choose(grafana_program.DOCKER)


@LINUX
def test_the_container_gets_the_dashboards_and_of_the_database_the_socket_alone(docker: Path):
    for name in ("engine", "image"):
        (docker / name).touch()
    child = grafana_program.start(grafana_program.DOCKER, Sockets(docker / "postgres"), port=3210, directory=docker)
    try:
        while not (docker / "running").exists():
            assert child.alive, child.last_lines()
            time.sleep(0.01)
    finally:
        child.end()
    assert child.process.returncode == 143, "it was asked to end, not killed"
    removed, run = calls(docker)
    assert removed == ["rm", "--force", "ddms-demo-grafana-3210"]
    assert run[:2] == ["run", "--rm"]
    assert run[-1] == container.IMAGE
    options = dict(zip(run, run[1:], strict=False))
    assert (options["--name"], options["--publish"]) == ("ddms-demo-grafana-3210", "127.0.0.1:3210:3000")
    mounts = [run[i + 1] for i, word in enumerate(run) if word == "--volume"]
    assert mounts == [
        f"{docker}/grafana/grafana.ini:/etc/grafana/grafana.ini:ro",
        f"{docker}/grafana/provisioning:/etc/grafana/provisioning:ro",
        f"{ROOT}/grafana/dashboards:/etc/ddms/dashboards:ro",
        f"{docker}/postgres/.s.PGSQL.5432:/run/ddms/.s.PGSQL.5432",
    ]
    assert (docker / "grafana/provisioning/alerting/ddms_rules.json").exists(), (
        "alarms are seen, and nobody is notified"
    )
    given = {run[i + 1].split("=")[0] for i, word in enumerate(run) if word == "--env"}
    files = [path.read_text() for path in (ROOT / "provisioning/grafana").rglob("*.yaml")]
    assert given == {name for name in COMPOSED if any(f"${{{name}}}" in text for text in files)}


class Sockets:
    """What `grafana_program.start` asks a PostgreSQL for."""

    def __init__(self, socket_directory: Path) -> None:
        self.socket_directory = socket_directory


SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
COMPOSED = SERVICES["grafana"]["environment"]


def test_the_container_is_that_of_compose():
    assert SERVICES["grafana"]["image"] == container.IMAGE


def test_what_is_neither_a_folder_nor_docker_is_said(tmp_path: Path):
    with pytest.raises(DdmsError, match="neither the home folder of a Grafana nor `docker`"):
        grafana_program.choose(tmp_path)


@pytest.mark.parametrize(
    ("name", "like", "line"),
    [
        ("debian", "", "apt-get install -y grafana"),
        ("ubuntu", "debian", "apt-get install -y grafana"),
        ("linuxmint", "ubuntu debian", "apt-get install -y grafana"),
        ("rocky", "rhel centos fedora", "dnf install"),
        ("arch", "", "grafana.com/grafana/download"),
    ],
)
@LINUX
def test_the_line_that_brings_a_grafana_fits_the_system(monkeypatch, docker: Path, name, like, line):
    monkeypatch.setattr(grafana_program.platform, "freedesktop_os_release", lambda: {"ID": name, "ID_LIKE": like})
    (told,) = grafana_program.how_to_get_one()
    assert line in told
    (docker / "engine").touch()
    assert grafana_program.how_to_get_one()[-1].endswith("ddms demo --grafana docker")


def test_a_mac_is_told_of_homebrew(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert grafana_program.how_to_get_one() == ["brew install grafana"]


@pytest.mark.parametrize("line", [grafana_program._DEBIAN, grafana_program._FEDORA])
def test_the_line_is_one_that_a_shell_understands(line):
    assert "\n" not in line
    shell = shutil.which("sh")
    assert shell
    assert subprocess.run([shell, "-n", "-c", line], check=False).returncode == 0


def test_a_grafana_of_homebrew_is_found(tmp_path: Path, monkeypatch):
    program = tmp_path / "Cellar/grafana/12.2.0/bin/grafana"
    defaults = tmp_path / "Cellar/grafana/12.2.0/share/grafana/conf/defaults.ini"
    for file in (program, defaults):
        file.parent.mkdir(parents=True)
        file.touch(mode=0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/grafana").symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert grafana_program.find(None) == defaults.parent.parent
