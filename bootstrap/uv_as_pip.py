"""Run the uv of .venv with the registries, certificates and proxies that pip is configured with.

uv reads nothing that is meant for pip: neither pip.conf nor PIP_* variables. Pip itself is asked what holds.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SCOPES = ("global", "install", ":env:")
"""Where pip finds an option, the strongest last."""
ADDRESSES = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
}
SWITCHES = {"no-index": "--no-index", "no-cache-dir": "--no-cache"}
VARIABLES = {"cert": "SSL_CERT_FILE", "client-cert": "SSL_CLIENT_CERT", "proxy": "ALL_PROXY"}


def configured(listed: str) -> dict[str, str]:
    """Return what holds, from what `pip config list` prints: lines like `global.index-url='https://…'`."""
    found: dict[str, dict[str, str]] = {scope: {} for scope in SCOPES}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        scope, _, option = name.rpartition(".")
        if scope in found:
            found[scope][option] = str(ast.literal_eval(value))
    return {option: value for scope in SCOPES for option, value in found[scope].items()}


def arguments(options: Mapping[str, str]) -> list[str]:
    """Return uv's arguments. Several indexes may have a package: its hash says which is right."""
    found = ["--index-strategy", "unsafe-best-match"]
    for option, name in ADDRESSES.items():
        for address in options.get(option, "").split():
            if option != "find-links" or "://" in address or Path(address).exists():  # as pip, which only warns
                found += [name, address]
    return found + [
        name for option, name in SWITCHES.items() if options.get(option, "0").lower() in ("1", "true", "yes", "on")
    ]


def variables(options: Mapping[str, str]) -> dict[str, str]:
    """Return what uv takes from its environment only."""
    found = {name: options[option] for option, name in VARIABLES.items() if option in options}
    if seconds := options.get("timeout", options.get("default-timeout")):
        found["UV_HTTP_TIMEOUT"] = str(round(float(seconds)))
    return found


def main() -> int:
    """Ask pip, install by uv what the command line says; uv's exit code is ours."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    options = configured(subprocess.run(pip, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - fixed
    uv = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--python", sys.executable]
    done = subprocess.run(  # noqa: S603 - what the Makefile wants
        [*uv, *arguments(options), *sys.argv[1:]], check=False, env=os.environ | variables(options)
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
