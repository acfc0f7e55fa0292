"""What the demo says when it runs: where to look, with which key, and what to try."""

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from demo import grafana_program
from demo.home import home

_DEVICE = "T-101 raw water tank"


@dataclass(kw_only=True)
class Running:
    """A running demo: ports, keys, and how long it took."""

    directory: Path
    api: int
    metrics: int
    grafana: int | None
    token: str
    database: str
    words: tuple[str, ...]
    devices: int
    gateways: int
    seconds: float = 0.0
    password: str | None = None

    @property
    def graphql(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.api}/graphql"


def welcome(running: Running) -> str:
    """Return the text, with three commands that work as they are pasted."""
    lines = [f"Note: {word}." for word in running.words]
    lines += ["", _headline(running), "", *_addresses(running), "", *_keys(running), "", *_tries(running), ""]
    return "\n".join([*lines, "Ctrl-C ends it; the data stays, and the next start goes on with it."])


def farewell(directory: Path) -> str:
    """Return the last words."""
    return f"\nEnding. The data stays in {directory}."


def _headline(running: Running) -> str:
    return (
        f"DDMS runs: {running.devices} devices behind {running.gateways} gateways; "
        f"the first value was in GraphQL after {running.seconds:.1f} s."
    )


def _addresses(running: Running) -> list[str]:
    base = f"http://127.0.0.1:{running.api}"
    lines = [
        f"  GraphiQL   {running.graphql}",
        f"  Health     {base}/health",
        f"  Metrics    {base}/metrics and http://127.0.0.1:{running.metrics}/metrics (collector)",
    ]
    if running.grafana:
        return [
            *lines,
            f"  Grafana    http://127.0.0.1:{running.grafana}/ (starting; open to anybody on this computer)",
        ]
    how = grafana_program.how_to_get_one()
    return [
        *lines,
        "  Grafana    none is here. To see the dashboards too, end the demo, and then:",
        *(f"      {line}" for line in how),
    ]


def _keys(running: Running) -> list[str]:
    owner = f"password {running.password} (shown only now)" if running.password else "as shown at the first start"
    return [
        f"  Owner      owner, {owner}",
        f"  Token      {running.token} (role admin; also in {running.directory / 'token'})",
    ]


def _tries(running: Running) -> list[str]:
    third = _fleet(running.grafana) if running.grafana else _raw(running)
    return ["Three things to try, in another terminal:", *_values(running), *_live(running), *third]


def _curl(running: Running, query: str) -> str:
    body = query.replace('"', '\\"')
    return (
        f"  curl -s {running.graphql} -H 'Content-Type: application/json' \\\n"
        f'    -H "Authorization: Bearer $(cat {shlex.quote(str(running.directory / "token"))})" \\\n'
        f'    -d \'{{"query": "{body}"}}\''
    )


def _values(running: Running) -> list[str]:
    query = f'{{ device(name: "{_DEVICE}") {{ status {{ state }} points {{ name unit latest {{ time value quality }} }} }} }}'
    return ["1. The newest values of a tank:", _curl(running, query)]


def _live(running: Running) -> list[str]:
    directory = shlex.quote(str(running.directory))
    return [
        "2. Its values and trends, live in the terminal (without its name: all devices):",
        f'  {program()} watch{"" if running.directory == home() else f" --directory {directory}"} "{_DEVICE}"',
    ]


def _fleet(port: int) -> list[str]:
    return ["3. All devices in Grafana:", f"  http://127.0.0.1:{port}/d/ddms-fleet"]


def _raw(running: Running) -> list[str]:
    url = shlex.quote(f"DDMS_DATABASE_URL={running.database}")
    return [
        "3. What the tank itself answers, register by register:",
        f'  env {url} {program()} read "{_DEVICE}"',
    ]


def program() -> str:
    """Return how the command line was called, so that it can be called again like that."""
    called = Path(sys.argv[0])
    if called.name == "ddms" and called.is_file():
        return "ddms" if shutil.which("ddms") == str(called) else shlex.quote(_near(str(called)))
    return f"{shlex.quote(_near(sys.executable))} -m ddms"


def _near(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
