"""The real Grafana with the settings of compose.yaml, behind the edge.

It is the one of `DDMS_TEST_GRAFANA` (its home folder), else the one that the demo would find.
"""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest
import yaml

from demo import grafana_program
from tests.support.edge import Edge

ROOT = Path(__file__).parents[2]
_GIVEN = os.environ.get("DDMS_TEST_GRAFANA")
HOME = grafana_program.find(Path(_GIVEN) if _GIVEN else None)
needs_grafana = pytest.mark.skipif(HOME is None, reason="grafana is not installed, and DDMS_TEST_GRAFANA names none")
SERVICE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["grafana"]
PATIENCE = 120.0
PASSWORD = "of the tests"


@contextlib.contextmanager
def running(folder: Path, edge: Edge | None, port: int, database_url: str, **settings: str) -> Iterator[str]:
    """Run it on the port to which the edge sends, if there is one; give its own address, which in production nobody reaches."""
    assert HOME
    data = folder / "grafana"
    data.mkdir(exist_ok=True)
    with (data / "log.txt").open("wb") as log:
        program = shutil.which("grafana", path=str(HOME / "bin")) or shutil.which("grafana")
        command = [str(program), "server", "--homepath", str(HOME)]
        environment = _environment(data, edge, port, database_url) | settings
        process = subprocess.Popen(command, env=environment, cwd=data, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/api/health", process, data / "log.txt")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def provisioned(folder: Path) -> Path:
    """Return a copy of what it is provisioned with, for a test to add something."""
    shutil.copytree(ROOT / "provisioning/grafana", folder / "provisioning")
    return folder / "provisioning"


def _environment(data: Path, edge: Edge | None, port: int, database_url: str) -> dict[str, str]:
    """Return what compose.yaml gives it, with what a container has for itself moved."""
    database = urlsplit(database_url)
    behind = (
        {
            "/run/secrets/inner_certificate": str(edge.inner_certificate),
            "https://nginx:8444": edge.inner,
            "https://localhost/": f"{edge.https}/",
        }
        if edge
        else {"https://localhost/": f"http://127.0.0.1:{port}/"}
    )
    moved = behind | {
        "/etc/ddms/dashboards": str(ROOT / "grafana/dashboards"),
        "timescaledb:5432": f"{database.hostname}:{database.port}",
        "$$__file{/run/secrets/grafana_password}": PASSWORD,
        "$$__file{/run/secrets/smtp_password}": "",
        "$$NONCE": "$NONCE",
        "/etc/grafana/provisioning": str(ROOT / "provisioning/grafana"),
    }
    composed = {}
    for name, value in SERVICE["environment"].items():
        filled = re.sub(r"\$\{\w+:(-|\+)(.*?)\}", lambda match: match[2] if match[1] == "-" else "", str(value))
        for before, after in moved.items():
            filled = filled.replace(before, after)
        composed[name] = filled
    own = {
        "GF_PATHS_DATA": str(data),
        "GF_PATHS_LOGS": str(data),
        "GF_PATHS_PLUGINS": str(data / "plugins"),
        "GF_PATHS_PROVISIONING": str(ROOT / "provisioning/grafana"),
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_DATABASE_WAL": "true",
        "GRAFANA_DATABASE_NAME": database.path[1:],
        "PATH": os.environ["PATH"],
        "HOME": str(data),
    }
    return composed | own


async def let_in(owner: asyncpg.Connection) -> None:
    """Give Grafana's roles of the database a password, hashed as often as its driver wants: the tests' servers hash once."""
    await owner.execute("SELECT set_config(name, '4096', false) FROM pg_settings WHERE name = 'scram_iterations'")
    for role in ("ddms_grafana", "ddms_grafana_limited"):
        await owner.execute(f"ALTER ROLE {role} LOGIN PASSWORD '{PASSWORD}'")


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < until, log.read_text()[-3000:]
        with contextlib.suppress(httpx2.HTTPError):
            if httpx2.get(url, timeout=5).status_code == 200:
                return
        time.sleep(0.2)
