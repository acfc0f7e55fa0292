"""Folders of the demo: where its data goes, and where what it shows lies."""

import os
from pathlib import Path

_PACKAGE = Path(__file__).parent
_ROOT = _PACKAGE.parent


def home() -> Path:
    """Return the folder of the demo's data.

    In a checkout that is `.ddms/demo`, which git ignores; elsewhere one folder of the user's, so that a demo that is
    started or watched from any folder is the same one.
    """
    if (_ROOT / "pyproject.toml").is_file():
        return Path(".ddms/demo") if Path.cwd() == _ROOT else _ROOT / ".ddms/demo"
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if Path(data).is_absolute() else Path.home() / ".local/share") / "ddms/demo"


def dashboards() -> Path:
    """Return the folder of the dashboards."""
    return _shipped("grafana/dashboards")


def provisioning() -> Path:
    """Return the folder of what Grafana reads at its start."""
    return _shipped("provisioning/grafana")


def _shipped(folder: str) -> Path:
    inside = _PACKAGE / "shipped" / folder  # a wheel has it here, a checkout in its root
    return inside if inside.is_dir() else _ROOT / folder
