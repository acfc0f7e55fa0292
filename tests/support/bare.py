"""The README's two commands on machines that have never seen us: bare Debians with what the README names, no more.

What is committed is cloned into a fresh copy of each Debian, into the empty home of each account, and the commands run
there with an empty environment. From this machine come only the ways to the package registries: names of hosts, proxies,
and what its pip is configured with.
"""

import argparse
import ast
import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.debian_root import APART, alone, cache, debian_root, install_debootstrap, run
from tests.support.servers import PassedOver

REPOSITORY = Path(__file__).parents[2]
RELEASES = ("bookworm", "trixie")
HOMES = {"newcomer": "/home/newcomer", "root": "/root"}
COMMANDS = {
    "offline": "make demo",  # three times in vain: without a network,
    "full": "make demo",  # on a disk that is too small,
    "interrupted": "make demo",  # and with Ctrl-C in the middle
    "demo": "make demo",
    "again": "make demo",
    "warm": "sh -c 'rm -rf .venv .ddms; exec make demo'",  # a new clone, with the packages in the caches
    "lint": "make lint",
    "test": "make test",
    "installed": "python3 -m tests.support.installed",  # docs/systemd.md, with a real PostgreSQL
}
ON_ITS_OWN = "installed"
"""Only when it is asked for: it takes Debian 13 and root."""
PATIENCE = {"interrupted": 2.5, "lint": 900.0, "installed": 1800.0, "test": 5400.0}
ENDING = 10.0
"""Seconds in which all that was interrupted is gone."""
RUNS = "Ctrl-C ends it"
"""What the demo says once it has its first value."""

# The mounts are in a namespace of the command's own: none is left behind, whatever kills it.
ENTER = """
mount -t proc proc "$0/proc"
mount -t tmpfs -o mode=1777 tmpfs "$0/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts"
account="$1"; shift
exec chroot --userspec="$account" "$0" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$@"
"""
FULL = 'mkdir -p "$0{0}/ddms/.venv"; mount -t tmpfs -o mode=1777,size=100m tmpfs "$0{0}/ddms/.venv"'


def packages() -> list[str]:
    """Return what the README tells users of Debian to install."""
    (line,) = re.findall(r"sudo apt install ([\w .+-]+)", (REPOSITORY / "README.md").read_text())
    return str(line).split()


def base(release: str) -> Path:
    """Return a Debian with these packages; it is made when it is missing, or when the README names others."""
    named = ",".join(packages())
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    root, unfinished = folder / f"bare-{release}", folder / f"bare-{release}.unfinished"
    marker = root / "named-by-the-readme"
    with alone(folder / f"bare-{release}.lock"):
        if not marker.exists() or marker.read_text() != named:
            install_debootstrap()
            for old in (root, unfinished):
                shutil.rmtree(old, ignore_errors=True)
            print(f"making a bare {release} with {named}; this takes a minute, once", flush=True)
            made = ("debootstrap", "--variant=minbase", f"--include={named}", release, str(unfinished))
            run("debootstrap", *APART, *made)
            (unfinished / marker.name).write_text(named)
            unfinished.rename(root)
    return root


@contextlib.contextmanager
def machine(release: str, account: str) -> Iterator[Path]:
    """Give a copy of the Debian with our clone in the account's home; afterwards nothing of it runs or is there."""
    origin = base(release)
    with tempfile.TemporaryDirectory(dir=cache(), prefix=f"bare-{release}-") as name:
        root = Path(name) / "root"
        do("cp", "-a", origin, root)
        for file in ("/etc/resolv.conf", "/etc/hosts"):
            shutil.copyfile(file, f"{root}{file}")
        configure_pip(root)
        if account != "root":
            do("chroot", root, "/usr/sbin/useradd", "--create-home", account)
        clone = f"{HOMES[account]}/ddms"
        do("git", "clone", "--quiet", f"file://{REPOSITORY}", f"{root}{clone}")
        do("chroot", root, "chown", "-R", f"{account}:", clone)
        try:
            yield root
        finally:
            end(of(root))


def configure_pip(root: Path) -> None:
    """Let pip in the root know the same registries as ours, by its own file and by nothing else."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True
    ).stdout
    options = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        words = str(ast.literal_eval(value)).split()
        options[name.rpartition(".")[2]] = " ".join(w for w in words if not Path(w).is_dir())  # they stay here
    (root / "etc/pip.conf").write_text(
        "\n".join(["[global]", *(f"{name} = {value}" for name, value in options.items()), ""])
    )
    for path in itertools.chain.from_iterable(value.split() for value in options.values()):
        if path.startswith("/") and Path(path).is_file():
            there = Path(f"{root}{path}")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, there)


def do(*command: str | Path) -> None:
    subprocess.run(command, check=True)


def of(root: Path) -> list[int]:
    """Return the processes that run in the root."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "root").readlink() == root:
                found.append(int(process.name))
    return found


def end(processes: list[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def attempt(root: Path, account: str, what: str) -> float:
    """Run one command as the account; return the seconds it took, the demo until its first value."""
    proxies = [f"{name}={value}" for name, value in os.environ.items() if name.lower().endswith("_proxy")]
    inside = [f"HOME={HOMES[account]}", *proxies, "sh", "-c", f'cd "$HOME/ddms" && exec {COMMANDS[what]}']
    apart = (*APART, "--net") if what == "offline" else APART
    first = FULL.format(HOMES[account]) if what == "full" else ""
    began = time.monotonic()
    with subprocess.Popen(
        [*apart, "sh", "-euc", first + ENTER, root, account, *inside],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        patience = PATIENCE.get(what, 300.0)
        timers = [
            threading.Timer(patience, os.killpg, (process.pid, signal.SIGINT)),
            threading.Timer(patience + 30, lambda: end(of(root))),
        ]
        for timer in timers:
            timer.start()
        said = ""
        for line in process.stdout:
            print(f"    {line}", end="", flush=True)
            said += line
            if RUNS in line:
                seconds = time.monotonic() - began
                os.killpg(process.pid, signal.SIGINT)
        code = process.wait()
        for timer in timers:
            timer.cancel()
    until = time.monotonic() + ENDING
    while (left := of(root)) and time.monotonic() < until:  # what was interrupted may be about to end
        time.sleep(0.1)
    end(left)
    judge(what, said, code)
    assert not left, f"{len(left)} processes go on after the end"
    return seconds if RUNS in said else time.monotonic() - began


def judge(what: str, said: str, code: int) -> None:
    """Raise `AssertionError` when a command did not end as it must."""
    if what == "interrupted":
        assert RUNS not in said, "this was too fast to be interrupted"
    elif what in ("offline", "full"):
        assert code != 0, "it was to fail"
        assert "Nothing needs to be cleaned up" in said, "it failed without a word"
    elif what in ("demo", "again", "warm"):
        assert RUNS in said, "the demo did not come to its first value"
    else:
        assert code == 0, f"exit code {code}"


def make_roots() -> int:
    with contextlib.suppress(PassedOver):  # whoever needs one says why there is none
        debian_root()
        for release in RELEASES:
            base(release)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.bare", description=__doc__)
    parser.add_argument("commands", nargs="*", choices=(*COMMANDS, []), help="in this order, on one machine")
    parser.add_argument("--release", action="append", choices=RELEASES)
    parser.add_argument("--account", action="append", choices=tuple(HOMES))
    parser.add_argument("--only-roots", action="store_true", help="make the Debians, the tests' own first; run nothing")
    asked = parser.parse_args()
    if asked.only_roots:
        return make_roots()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored, by what we start too
    results, failed = [], False
    for release, account in itertools.product(asked.release or RELEASES, asked.account or HOMES):
        try:
            with machine(release, account) as root:
                for what in asked.commands or [what for what in COMMANDS if what != ON_ITS_OWN]:
                    print(f"{release}, {account}: {what}", flush=True)
                    seconds = attempt(root, account, what)
                    results.append(f"{release}, {account}: {what} {seconds:.0f} s")
        except PassedOver as reason:
            results.append(f"{release}: passed over, {reason}")
        except AssertionError as reason:
            failed = True
            results.append(f"{release}, {account}: {what} FAILED: {reason}")
    print("\n".join(results))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
