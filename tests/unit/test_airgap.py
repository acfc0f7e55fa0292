"""The archive for places without a network: what installs it says what is wrong, and the page names what is in it.

Making one downloads 57 MB, so that is done by hand: `make airgap`, then `install.sh programs FOLDER` without a network.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PACKAGES = (DEPLOY / "debian-packages.txt").read_text().split()


def sha256sums(folder: Path) -> None:
    listed = subprocess.run(["sha256sum", "wheel"], cwd=folder, check=True, capture_output=True, text=True).stdout
    (folder / "SHA256SUMS").write_text(listed)


@pytest.fixture
def archive(tmp_path):
    """An archive with one file, made where there was no Docker."""
    shutil.copy(DEPLOY / "airgap_install.sh", tmp_path / "install.sh")
    (tmp_path / "wheel").write_text("what was packed")
    sha256sums(tmp_path)
    return tmp_path


def install(archive: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", archive / "install.sh", *arguments], check=False, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [(), ("all",), ("programs",)])
def test_who_says_nothing_that_it_knows_is_told_what_it_knows(archive, arguments):
    done = install(archive, *arguments)
    assert done.returncode == 2
    assert "sh install.sh images" in done.stderr


def test_an_archive_that_did_not_arrive_whole_is_not_installed(archive):
    (archive / "wheel").write_text("what arrived")
    done = install(archive, "programs", str(archive / "home"))
    assert done.returncode == 1
    assert "copy the archive again" in done.stderr
    assert not (archive / "home").exists()


def test_an_archive_without_images_says_so(archive):
    done = install(archive, "images")
    assert done.returncode == 1
    assert "made where there was no Docker" in done.stderr


def test_the_debian_packages_are_those_of_the_page():
    (line,) = [text for text in (ROOT / "docs/systemd.md").read_text().splitlines() if "apt-get install --yes" in text]
    assert line.split("--yes ")[1].split() == PACKAGES


@pytest.mark.parametrize("script", ["airgap.sh", "airgap_install.sh"])
def test_each_script_can_be_read_by_a_shell(script):
    subprocess.run(["sh", "-n", DEPLOY / script], check=True)


def test_the_archive_takes_what_the_lock_says_and_pip_itself():
    text = (DEPLOY / "airgap.sh").read_text()
    for path in ("requirements.runtime.lock", "bootstrap/pip.txt"):
        assert path in text
        assert (ROOT / path).exists()
    assert text.count("--require-hashes") == 2
