"""The files that Grafana reads at its start, in the folder `alerting` of its provisioning."""

import json
from pathlib import Path
from typing import Any

from ddms.cli.notifying.contact_points import contact_points
from ddms.cli.notifying.policies import policies
from ddms.cli.notifying.rules import FOLDER, INTERVAL, rules
from ddms.cli.notifying.templates import NAME, template
from ddms.cli.notifying.wishes import Wishes

RULES = ("ddms-alarm", "ddms-escalated", "ddms-database", "ddms-standstill", "ddms-heartbeat")
"""Every rule that there may be: what is not wanted any more must be on a list, or Grafana keeps it."""


def contents(wishes: Wishes) -> dict[str, dict[str, Any]]:
    """Return what is in each file, by its name."""
    wanted = rules(wishes)
    unwanted = sorted(set(RULES) - {rule["uid"] for rule in wanted})
    files = {
        "contact_points": contact_points(wishes),
        "templates": {"templates": [{"orgId": 1, "name": NAME, "template": template(wishes)}]},
        "policies": policies(wishes),
        "rules": {
            "groups": [{"orgId": 1, "name": "DDMS", "folder": FOLDER, "interval": INTERVAL, "rules": wanted}],
            "deleteRules": [{"orgId": 1, "uid": uid} for uid in unwanted],
        },
    }
    return {f"ddms_{name}.json": {"apiVersion": 1} | content for name, content in files.items()}


def write(folder: Path, wishes: Wishes) -> list[Path]:
    """Write the files, whole or not at all each; the folder may hold others."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in contents(wishes).items():
        path, new = folder / name, folder / f".{name}.new"
        new.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        new.chmod(0o644)  # Grafana runs as another user; nobody but it has the folder
        new.replace(path)
        written.append(path)
    return written
