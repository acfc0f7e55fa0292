"""Grafana in a container, for the demo: `ddms demo --grafana docker`, where an engine is and a Grafana is not.

What the image expects: https://grafana.com/docs/grafana/latest/setup-grafana/configure-docker/
"""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

from ddms.errors import Code, DdmsError
from demo import home
from demo.processes import Child, environment

IMAGE = "grafana/grafana:12.2.0"
_SOCKET = ".s.PGSQL.5432"


def ready() -> bool:
    """Whether a container could show the dashboards: there is an engine that answers, and it shares our sockets."""
    return sys.platform == "linux" and shutil.which("docker") is not None and not _docker("ps", "--quiet").returncode


def fetch() -> None:
    """Bring the image, so that its coming is seen; raises a sentence when there is no engine or no image."""
    if sys.platform != "linux":
        raise DdmsError(
            Code.INVALID,
            "a container cannot reach the demo's database here, only on Linux: `brew install grafana` instead",
            field="--grafana",
        )
    if shutil.which("docker") is None:
        raise DdmsError(Code.INVALID, "there is no `docker` on the path", field="--grafana")
    answer = _docker("ps", "--quiet")
    if answer.returncode:
        raise DdmsError(Code.UNAVAILABLE, f"Docker does not answer: {answer.stderr.strip()}", field="--grafana")
    if _docker("image", "inspect", IMAGE).returncode == 0:
        return
    print(f"Fetching {IMAGE}, once …", flush=True)
    if subprocess.run(["docker", "pull", IMAGE], env=environment({}), check=False).returncode:  # noqa: S603, S607 - found on the path
        raise DdmsError(Code.UNAVAILABLE, f"{IMAGE} did not come (see above)", field="--grafana")


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", *arguments]
    return subprocess.run(command, env=environment({}), capture_output=True, text=True, check=False)  # noqa: S603


def command(
    *, name: str, port: int, ini: Path, provisioning: Path, sockets: Path, variables: dict[str, str]
) -> list[str]:
    """Return the `docker run` of it: of the database it gets the socket alone, and no other folder of the demo."""
    mounts = {
        ini: "/etc/grafana/grafana.ini:ro",
        provisioning: "/etc/grafana/provisioning:ro",
        home.dashboards(): "/etc/ddms/dashboards:ro",
        sockets / _SOCKET: f"/run/ddms/{_SOCKET}",
    }
    inside = variables | {"GRAFANA_DATABASE_HOST": "/run/ddms", "GRAFANA_DASHBOARDS": "/etc/ddms/dashboards"}
    # Without SELinux's label the container could not use the socket; the engine ignores it elsewhere.
    arguments = ["docker", "run", "--rm", "--name", name, "--security-opt", "label=disable"]
    arguments += ["--publish", f"127.0.0.1:{port}:3000"]
    for outside, there in mounts.items():
        arguments += ["--volume", f"{outside.absolute()}:{there}"]
    for variable, value in inside.items():
        arguments += ["--env", f"{variable}={value}"]
    return [*arguments, IMAGE]


def start(*, port: int, ini: Path, provisioning: Path, sockets: Path, variables: dict[str, str], log: Path) -> Child:
    """Start it; it ends with the demo, and leaves nothing."""
    name = f"ddms-demo-grafana-{port}"
    _docker("rm", "--force", name)  # of a demo that was killed; nobody else has our port
    run = command(name=name, port=port, ini=ini, provisioning=provisioning, sockets=sockets, variables=variables)
    return Child("Grafana", run, log=log, end=signal.SIGTERM)
