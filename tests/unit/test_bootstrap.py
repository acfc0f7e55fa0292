"""What makes .venv on a machine that has never seen us; `make bare` tries the whole of it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from bootstrap import uv_as_pip

ROOT = Path(__file__).parents[2]
LISTED = """\
:env:.cert='/etc/ssl/ours.pem'
:env:.find-links='/nowhere/at/all https://files.example/wheels'
:env:.timeout='15'
global.index-url='https://mirror.example/simple'
global.timeout='99'
install.extra-index-url='https://one.example/simple\\nhttps://two.example/simple'
install.trusted-host='mirror.example'
install.no-cache-dir='false'
freeze.timeout='10'
"""


def python(path: Path, *, system: str, version: str | None) -> subprocess.CompletedProcess[str]:
    """Ask for a Python where only `uname` is, and a Python that is too old."""
    programs = {"uname": f"echo {system}"}
    if version:
        programs["python3"] = f'case "$2" in *platform*) echo "here it is {version}" ;; *) exit 1 ;; esac'
    for name, script in programs.items():
        (path / name).write_text(f"#!/bin/sh\n{script}\n")
        (path / name).chmod(0o755)
    command = ["/bin/sh", ROOT / "bootstrap/python.sh"]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("version", [None, "3.9.2"])
def test_what_is_missing_is_named_with_the_line_of_the_readme(tmp_path: Path, version):
    done = python(tmp_path, system="Darwin", version=version)
    assert done.returncode == 1
    assert "brew install python" in done.stderr
    assert (version or "there is none") in done.stderr


def test_the_readme_has_the_same_line_for_each_system():
    lines = re.findall(r"line='(.*)'", (ROOT / "bootstrap/python.sh").read_text())
    assert len(lines) == 4
    readme = (ROOT / "README.md").read_text()
    for line in lines[:3]:
        for command in line.split("; "):
            assert f"`{command}`" in readme


def test_nothing_is_downloaded_where_python_is_missing(tmp_path: Path):
    for name in ("sh", "rm", "dirname", "uname"):
        (tmp_path / name).symlink_to(next(p for p in (Path("/bin") / name, Path("/usr/bin") / name) if p.exists()))
    clone = tmp_path / "clone"
    (clone / "bootstrap").mkdir(parents=True)
    for script in ("python.sh", "venv.sh"):
        (clone / "bootstrap" / script).write_text((ROOT / "bootstrap" / script).read_text())
    done = subprocess.run(
        ["/bin/sh", "bootstrap/venv.sh"],
        cwd=clone, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    assert "DDMS needs Python 3.11" in done.stderr
    assert os.listdir(clone) == ["bootstrap"]


def test_uv_is_told_what_pip_is_configured_with():
    options = uv_as_pip.configured(LISTED)
    assert uv_as_pip.variables(options) == {"SSL_CERT_FILE": "/etc/ssl/ours.pem", "UV_HTTP_TIMEOUT": "15"}
    assert uv_as_pip.arguments(options) == [
        "--index-strategy", "unsafe-best-match",
        "--default-index", "https://mirror.example/simple",
        "--index", "https://one.example/simple",
        "--index", "https://two.example/simple",
        "--find-links", "https://files.example/wheels",
        "--allow-insecure-host", "mirror.example",
    ]  # fmt: skip


def test_where_pip_is_not_configured_uv_is_told_nothing():
    assert uv_as_pip.variables({}) == {}
    assert uv_as_pip.arguments({}) == ["--index-strategy", "unsafe-best-match"]
