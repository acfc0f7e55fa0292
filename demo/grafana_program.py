"""A Grafana for the demo: the provisioned dashboards, open to anybody on this computer, or how to get one."""

import os
import platform
import shutil
import signal
import sys
from pathlib import Path

from ddms.cli.notifying import files, wishes
from ddms.errors import Code, DdmsError
from demo import container, home
from demo.postgres import Postgres
from demo.processes import Child

DOCKER = Path("docker")
"""What stands for a container in place of a home folder."""
_DEBIAN = (
    "sudo apt-get install -y wget && sudo install -d /etc/apt/keyrings"
    " && sudo wget -qO /etc/apt/keyrings/grafana.asc https://apt.grafana.com/gpg-full.key"
    " && echo 'deb [signed-by=/etc/apt/keyrings/grafana.asc] https://apt.grafana.com stable main'"
    " | sudo tee /etc/apt/sources.list.d/grafana.list && sudo apt-get update && sudo apt-get install -y grafana"
)
# Fedora's own Grafana is older than what the dashboards are made for.
_FEDORA = (
    "sudo rpm --import https://rpm.grafana.com/gpg.key"
    " && sudo dnf install -y --repofrompath=grafana,https://rpm.grafana.com grafana"
)
_LINES = {
    "debian": _DEBIAN,
    "ubuntu": _DEBIAN,
    "fedora": _FEDORA,
    "darwin": "brew install grafana",
}
_INI = """
app_mode = production
[server]
http_addr = {address}
http_port = {port}
root_url = http://127.0.0.1:{public_port}/
[paths]
data = {folder}
logs = {folder}/log
plugins = {folder}/plugins
provisioning = {provisioning}
[database]
wal = true
[analytics]
enabled = false
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false
feedback_links_enabled = false
[news]
news_feed_enabled = false
[security]
disable_gravatar = true
disable_initial_admin_creation = true
[auth]
disable_login_form = true
[auth.anonymous]
enabled = true
org_role = Viewer
[users]
allow_sign_up = false
[snapshots]
external_enabled = false
[plugins]
preinstall_disabled = true
preinstall =
public_key_retrieval_disabled = true
plugin_admin_enabled = false
[cloud_migration]
enabled = false
[log]
mode = console
level = warn
[feature_toggles]
localeFormatPreference = true
[dashboards]
default_home_dashboard_path = {dashboards}/fleet.json
[unified_alerting]
alertmanager_config_poll_interval = 10s
resolved_alert_retention = 0s
[unified_alerting.state_history]
enabled = false
[emails]
templates_pattern = emails/*.html, emails/*.txt, ../../../../../../../../../../../..{provisioning}/emails/*
content_types = text/html,text/plain
[smtp]
enabled = {mail}
host = {smtp}
from_address = {sender}
from_name = DDMS
"""


def choose(given: Path | None) -> Path | None:
    """Return the home folder of the Grafana that is shown, `DOCKER` for a container, None for none at all.

    Raises a sentence when what was given is neither; a container's image is fetched.
    """
    if given == DOCKER:
        container.fetch()
        return DOCKER
    found = find(given)
    if given and not found:
        raise DdmsError(
            Code.INVALID, f"{given} is neither the home folder of a Grafana nor `docker`", field="--grafana"
        )
    return found


def how_to_get_one() -> list[str]:
    """Return the lines that bring a Grafana to this system."""
    line = next((_LINES[name] for name in _systems() if name in _LINES), None)
    if container.ready():
        ours = "or start the demo" if line else "start the demo"
        return [*([line] if line else []), f"{ours} with a container: ddms demo --grafana docker"]
    return [line or "https://grafana.com/grafana/download, then: ddms demo --grafana HOME"]


def _systems() -> list[str]:
    """Return what this system is, and what it is like, as os-release says it."""
    if sys.platform != "linux":
        return [sys.platform]
    try:
        told = platform.freedesktop_os_release()
    except OSError:
        return []
    return [told.get("ID", ""), *told.get("ID_LIKE", "").split()]


def find(given: Path | None) -> Path | None:
    """Return the home folder of a Grafana: the given one, or that of the `grafana` on the path."""
    program = shutil.which("grafana")
    candidates = [given] if given else [Path("/usr/share/grafana")]
    if program and not given:
        prefix = Path(program).resolve().parent.parent
        candidates[:0] = [prefix, prefix / "share/grafana"]  # the latter is Homebrew's way
    for candidate in candidates:
        if (candidate / "conf" / "defaults.ini").is_file() and _program(candidate):
            return candidate.resolve()
    return None


def _program(grafana: Path) -> str | None:
    return shutil.which("grafana", path=str(grafana / "bin")) or shutil.which("grafana")


def start(grafana: Path, postgres: Postgres, *, port: int, directory: Path) -> Child:
    """Start Grafana on a port; it asks the database by its socket, as the role ddms_grafana."""
    folder = (directory / "grafana").absolute()
    folder.mkdir(exist_ok=True)
    ini = folder / "grafana.ini"
    log = directory / "grafana.log"
    variables = {
        "GRAFANA_DATABASE_NAME": "ddms",
        "GRAFANA_DATABASE_PASSWORD": "none",  # the socket's folder lets only its owner in
        "GRAFANA_DATABASE_SSLMODE": "disable",
        "PROMETHEUS_URL": "http://127.0.0.1:9090",
    }
    provisioning = _provision(folder, others=grafana == DOCKER)
    if grafana == DOCKER:
        _write(ini, address="0.0.0.0", port=3000, public_port=port, folder="/var/lib/grafana", provisioning="/etc/grafana/provisioning", dashboards="/etc/ddms/dashboards")  # fmt: skip  # noqa: S104 - in a container of which one port of loopback is published
        return container.start(port=port, ini=ini, provisioning=provisioning, sockets=postgres.socket_directory, variables=variables, log=log)  # fmt: skip
    dashboards = home.dashboards()
    _write(ini, address="127.0.0.1", port=port, public_port=port, folder=folder, provisioning=provisioning, dashboards=dashboards)  # fmt: skip
    own = {"GRAFANA_DATABASE_HOST": str(postgres.socket_directory), "GRAFANA_DASHBOARDS": str(dashboards)}
    return Child(
        "Grafana",
        [_program(grafana) or "grafana", "server", "--homepath", grafana, "--config", ini],
        log=log,
        env=variables | own,
        end=signal.SIGTERM,
    )


def _provision(folder: Path, *, others: bool) -> Path:
    """Make what Grafana reads at its start: what is shipped, and whom the variables NOTIFY_* notify; nobody by default.

    `others`: another user reads it too, in a container.
    """
    provisioning = folder / "provisioning"
    shutil.rmtree(provisioning, ignore_errors=True)
    shutil.copytree(home.provisioning(), provisioning)
    files.write(provisioning / "alerting", wishes.read(os.environ))
    for path in (provisioning, *provisioning.rglob("*")):
        mode = 0o755 if path.is_dir() else 0o644
        path.chmod(mode if others else mode & 0o700)
    return provisioning


def _write(ini: Path, **values: object) -> None:
    smtp = os.environ.get("SMTP_HOST", "")
    mail = {
        "mail": str(bool(smtp)).lower(),
        "smtp": smtp,
        "sender": os.environ.get("SMTP_FROM", "ddms@localhost.localdomain"),
    }
    ini.write_text(_INI.format(**mail, **values))
    ini.chmod(0o644)  # in a container it is somebody else who reads it; there are no secrets in it
