"""A Grafana for the demo, where one is installed: the provisioned dashboards, open to anybody on this computer."""

import shutil
import signal
from pathlib import Path

from demo.postgres import Postgres
from demo.processes import Child

_ROOT = Path(__file__).parent.parent
_INI = """
app_mode = production
[server]
http_addr = 127.0.0.1
http_port = {port}
root_url = http://127.0.0.1:{port}/
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
[dashboards]
default_home_dashboard_path = {dashboards}/fleet.json
"""


def find(home: Path | None) -> Path | None:
    """Return the home folder of a Grafana: the given one, or that of the `grafana` on the path."""
    program = shutil.which("grafana")
    candidates = [home] if home else [Path("/usr/share/grafana")]
    if program and not home:
        candidates.insert(0, Path(program).resolve().parent.parent)
    for candidate in candidates:
        if (candidate / "conf" / "defaults.ini").is_file() and _program(candidate):
            return candidate.resolve()
    return None


def _program(home: Path) -> str | None:
    return shutil.which("grafana", path=str(home / "bin")) or shutil.which("grafana")


def start(home: Path, postgres: Postgres, *, port: int, directory: Path) -> Child:
    """Start Grafana on a port; it asks the database by its socket, as the role ddms_grafana."""
    folder = (directory / "grafana").absolute()
    folder.mkdir(exist_ok=True)
    dashboards = _ROOT / "grafana" / "dashboards"
    ini = folder / "grafana.ini"
    provisioning = _ROOT / "provisioning" / "grafana"
    ini.write_text(_INI.format(port=port, folder=folder, provisioning=provisioning, dashboards=dashboards))
    return Child(
        "Grafana",
        [_program(home) or "grafana", "server", "--homepath", home, "--config", ini],
        log=directory / "grafana.log",
        env={
            "GRAFANA_DATABASE_HOST": str(postgres.socket_directory),
            "GRAFANA_DATABASE_NAME": "ddms",
            "GRAFANA_DATABASE_PASSWORD": "none",  # the socket's folder lets only its owner in
            "GRAFANA_DATABASE_SSLMODE": "disable",
            "PROMETHEUS_URL": "http://127.0.0.1:9090",
            "GRAFANA_DASHBOARDS": str(dashboards),
        },
        end=signal.SIGTERM,
    )
