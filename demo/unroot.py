"""Running a program that refuses to be root, as root.

Root runs it in a user namespace of its own, where root is called `nobody`: then the files stay root's, wherever they
are, and no folder must be opened to anybody. Where namespaces are forbidden (in containers, in a chroot) it becomes the
user `nobody` in truth, and keeps of root's rights the one to pass closed folders, where the way leads through such.
"""

import ctypes
import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path

from ddms.errors import Code, DdmsError

_CLONE_NEWUSER = 0x10000000
# linux/capability.h, linux/prctl.h
_CAPABILITIES_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1
_PR_SET_SECUREBITS, _NO_SETUID_FIXUP = 28, 1 << 2
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2


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


def become_nobody_who_passes() -> None:
    """Become the user nobody, who still reaches files in folders that are closed to him, as root does."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0)  # else access(), which initdb asks, knows no rights
    become_nobody()
    right = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_3, 0)
    sets = (ctypes.c_uint32 * 6)(right, right, right, 0, 0, 0)  # effective, permitted, inheritable; the high halves
    if libc.capset(header, sets) or libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0):
        raise OSError(ctypes.get_errno(), "capset")


def _works(prepare: Callable[[], None], program: Path, folder: Path) -> bool:
    def reaches() -> None:
        prepare()
        os.stat(f"{folder}/.")  # the dot asks for the right to enter
        if not os.access(program, os.X_OK):
            raise OSError(f"{program} is closed")

    try:
        done = subprocess.run(  # noqa: S603 - our own binary
            [program, "--version"],
            preexec_fn=reaches,
            capture_output=True,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def way(program: Path, folder: Path) -> Callable[[], None] | None:
    """Return what a child of root does to be somebody who can run `program` in `folder`, None when we are not root."""
    if os.geteuid() != 0:
        return None
    for another in (enter_namespace, become_nobody, become_nobody_who_passes):
        if _works(another, program, folder):
            return another
    raise DdmsError(
        Code.UNAVAILABLE,
        f"PostgreSQL refuses to run as root, and the user nobody cannot run {program} in {folder}: start the demo as "
        "another user",
    )


def owner(chosen: Callable[[], None] | None) -> int:
    """Return the user id that the program's files must have."""
    return pwd.getpwnam("nobody").pw_uid if chosen in (become_nobody, become_nobody_who_passes) else os.geteuid()
