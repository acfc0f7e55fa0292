"""`python -m grafana` writes the dashboards; `--check` only says which lag behind the code."""

import json
import sys
from functools import cache
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.alarm_history import alarm_history
from grafana.alarm_performance import alarm_performance
from grafana.alarms import alarms
from grafana.api import api
from grafana.audit import audit
from grafana.backups import backups
from grafana.collector import collector
from grafana.consumption import consumption
from grafana.device import device
from grafana.fleet import fleet
from grafana.group import group
from grafana.history import history
from grafana.jobs import jobs
from grafana.languages import Language, known
from grafana.report import report
from grafana.storage import storage
from grafana.wall import wall, wall_alarms, wall_groups, wall_values
from grafana.way import kept

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = {
    "fleet": fleet,
    "group": group,
    "device": device,
    "history": history,
    "consumption": consumption,
    "report": report,
    "alarms": alarms,
    "alarm-history": alarm_history,
    "alarm-performance": alarm_performance,
    "storage": storage,
    "backups": backups,
    "jobs": jobs,
    "collector": collector,
    "api": api,
    "audit": audit,
    "wall": wall,
    "wall-alarms": wall_alarms,
    "wall-groups": wall_groups,
    "wall-values": wall_values,
}
"""Each dashboard, a function of its language, by the name of its file."""


@cache
def dashboards() -> dict[str, str]:
    """Return each dashboard's JSON by the name of its file; the same each time, so change nothing in it."""
    return {name: text for language in known() for name, text in dashboards_in(language).items()}


def dashboards_in(language: Language) -> dict[str, str]:
    """Return the dashboards in a language."""
    boards = {
        name: json.dumps(make(language), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
        for name, make in BOARDS.items()
    }
    return {f"{name}{language.suffix}.json": kept(name, board) + "\n" for name, board in boards.items()}


def outdated() -> list[str]:
    """Return the files that are not what the code says, or that no code makes."""
    wanted = dashboards()
    found = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    if arguments == ["--check"]:
        stale = outdated()
        for name in stale:
            sys.stderr.write(f"grafana/dashboards/{name} is not what the code says: run `python -m grafana`\n")
        return int(bool(stale))
    if arguments:
        sys.stderr.write("usage: python -m grafana [--check]\n")
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
