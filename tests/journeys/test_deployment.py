"""The programs started as compose.yaml starts them: its environment, its documented secrets, its health checks."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import yaml

from tests.support.database_sources import wheel
from tests.support.edge import make_secrets
from tests.support.ports import free_port

SERVICES = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text())["services"]
DDMS = os.environ.get("DDMS_TEST_PROGRAM", f"{sys.executable} -m ddms").split()


@pytest.fixture
def server():
    """A server of this test's own: passwords of roles are a whole server's."""
    server = wheel()
    yield server
    server.stop()


def environment(service: str, folder: Path, server_url: str, **changes: str) -> dict[str, str]:
    """Return a service's environment, moved from the container to this machine."""
    found = urlsplit(server_url)
    moves = {
        "@timescaledb:5432/ddms": f"@{found.hostname}:{found.port}/postgres",
        "/run/secrets": str(folder / "secrets"),
        "/var/lib/ddms": str(folder),
        "0.0.0.0": "127.0.0.1",
    }
    given = {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(v)) for name, v in SERVICES[service]["environment"].items()}
    for old, new in moves.items():
        given = {name: value.replace(old, new) for name, value in given.items()}
    return {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"} | given | changes


def run(service: str, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*DDMS, *(arguments or SERVICES[service]["command"])]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=env, timeout=60)


def wait_until_healthy(program: subprocess.Popen[bytes], service: str, port: int, log: Path) -> dict:
    """Ask what the service's health check asks."""
    path = urlsplit(SERVICES[service]["healthcheck"]["test"][-1]).path
    until = time.monotonic() + 60
    while True:
        assert program.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        try:
            answer = httpx2.get(f"http://127.0.0.1:{port}{path}")
        except httpx2.HTTPError:
            time.sleep(0.1)
            continue
        if answer.status_code == 200:
            return answer.json()
        time.sleep(0.1)


def test_the_documented_start_ends_in_programs_that_are_healthy_and_stop_when_told(server, tmp_path):
    secrets = make_secrets(tmp_path)
    migrate = environment("migrate", tmp_path, server.url)
    password = urlsplit(server.url).password
    (secrets / "database_password").chmod(0o600)
    (secrets / "database_password").write_text(f"{password}\n")
    for _ in range(2):  # compose runs it at every start
        done = run("migrate", migrate)
        assert done.returncode == 0, done.stderr
    assert "password" in run("migrate", migrate, "init").stdout
    for service, port_of in (("api", "DDMS_API_PORT"), ("collector", "DDMS_COLLECTOR_METRICS_PORT")):
        port, log = free_port(), tmp_path / f"{service}.log"
        env = environment(service, tmp_path, server.url, **{port_of: str(port)})
        with log.open("wb") as output:
            program = subprocess.Popen([*DDMS, *SERVICES[service]["command"]], env=env, stdout=output, stderr=output)
            try:
                health = wait_until_healthy(program, service, port, log)
                assert (health["status"], health["reasons"]) == ("ok", [])
                program.send_signal(signal.SIGTERM)
                assert program.wait(60) in {0, -signal.SIGTERM}, log.read_text()  # uvicorn ends by the signal
            finally:
                program.kill()
                program.wait()
