"""A small Debian 13 with PostgreSQL 17 and TimescaleDB (Apache edition) in a folder, made once by debootstrap."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.servers import PassedOver

RELEASE = "trixie"
PACKAGES = ("postgresql-17", "postgresql-17-timescaledb", "pgbouncer")
BINARIES = Path("/usr/lib/postgresql/17/bin")
SERVERS = Path("var/lib/postgresql")
PATIENCE = 1200.0  # seconds for one step, on a slow line

# Mounts are made in a namespace of the command's own: none is left behind, whatever kills it.
APART = ("unshare", "--mount")
IN_ROOT = 'mount -t proc proc "$0/proc" && exec chroot "$0" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"'


def cache() -> Path:
    """Return the folder that keeps what is expensive to make, by the XDG convention if debootstrap can work there."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ddms"
    return folder if re.fullmatch(r"[\w/.+@:-]+", str(folder)) else Path("/var/cache/ddms")


def debian_root() -> Path:
    """Return the root, made now if this is the first time; raises `PassedOver` with the reason if it cannot be."""
    if sys.platform != "linux" or os.geteuid() != 0:
        raise PassedOver("a Debian root needs Linux and root")
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "debian-13"
    with alone(folder / "debian-13.lock"):
        if not root.is_dir():
            _make(folder / "debian-13.unfinished", root)
    return root


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(unfinished: Path, root: Path) -> None:
    run("may this process mount?", *APART, "true")
    install_debootstrap()
    shutil.rmtree(unfinished, ignore_errors=True)
    _say("making a Debian root with TimescaleDB; this takes a few minutes, once")
    try:
        run("debootstrap", *APART, "debootstrap", "--variant=minbase", RELEASE, str(unfinished))
        configuration = unfinished / "etc/postgresql-common/createcluster.conf"
        configuration.parent.mkdir(parents=True)
        configuration.write_text("create_main_cluster = false\n")
        _run_in(unfinished, "apt-get", "-q", "-y", "--no-install-recommends", "install", *PACKAGES)
        _run_in(unfinished, "apt-get", "clean")
    except PassedOver:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    unfinished.rename(root)


def install_debootstrap() -> None:
    if shutil.which("debootstrap"):
        return
    if not shutil.which("apt-get"):
        raise PassedOver("debootstrap is not installed")
    _say("installing debootstrap")
    # A machine's list of sources often has one that does not answer: the install decides.
    subprocess.run(["apt-get", "-q", "update"], check=False, capture_output=True, timeout=PATIENCE)
    run("apt-get install debootstrap", "apt-get", "-q", "-y", "--no-install-recommends", "install", "debootstrap")


def _run_in(root: Path, *command: str) -> None:
    run(command[0], *APART, "sh", "-c", IN_ROOT, str(root), *command)


def run(what: str, *command: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace", timeout=PATIENCE, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PassedOver(f"{what}: {error}") from error
    if done.returncode != 0:
        words = (done.stderr + done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        errors = [line for line in words if line.startswith("E: ")]
        raise PassedOver(f"{what}: {(errors or words)[-1]}")


def _say(sentence: str) -> None:
    print(f"tests: {sentence} …", file=sys.stderr, flush=True)
