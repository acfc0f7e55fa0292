"""Running a program that refuses to be root, as root.

Root runs it in a user namespace of its own, where root is called `nobody`: then the files stay root's, wherever they
are, and no folder must be opened to anybody. Where namespaces are forbidden it becomes the user `nobody` in truth.
"""

import ctypes
import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path

from ddms.errors import Code, DdmsError

_CLONE_NEWUSER = 0x10000000


def enter_namespace() -> None:
    """Go on in a user namespace where the user root is called nobody."""
    nobody = pwd.getpwnam("nobody")
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} 0 1")
    Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} 0 1")


def become_nobody() -> None:
    """Become the user nobody, for good."""
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def _works(prepare: Callable[[], None], program: Path) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own binary
            [program, "--version"],
            preexec_fn=prepare,
            capture_output=True,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def way(program: Path) -> Callable[[], None] | None:
    """Return what a child of root does to be somebody else, None when we are not root."""
    if os.geteuid() != 0:
        return None
    for another in (enter_namespace, become_nobody):
        if _works(another, program):
            return another
    raise DdmsError(
        Code.UNAVAILABLE,
        f"PostgreSQL refuses to run as root, and the user nobody cannot run {program}: start the demo as another user",
    )


def owner(chosen: Callable[[], None] | None) -> int:
    """Return the user id that the program's files must have."""
    return pwd.getpwnam("nobody").pw_uid if chosen is become_nobody else os.geteuid()
