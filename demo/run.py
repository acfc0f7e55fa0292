"""The demo: all programs of DDMS and a plant, started in order, watched, and ended together."""

import asyncio
import json
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import asyncpg

from ddms.errors import Code, DdmsError
from demo import extra, grafana_program, inventory, loading, past, ports
from demo.graphql import ask, reachable
from demo.postgres import Postgres
from demo.processes import Child, environment
from demo.welcome import Running, farewell, welcome

_DATABASE = "ddms"
CHART_PORT = 8001
"""Where docs/guide.md serves its page from."""
_PATIENCE = 60.0
_FIRST_VALUE = "{ latest { columns { time value } } }"


class Ended(BaseException):
    """A person or the system asked the demo to end."""


class Demo:
    """The running programs, and what is known of them."""

    def __init__(self, directory: Path, grafana: Path | None, wanted: dict[str, int]) -> None:
        self.directory = directory
        self.children: list[Child] = []
        self.postgres = Postgres(directory)
        self._grafana = grafana_program.choose(grafana)
        self._wanted = wanted
        self._words: list[str] = []
        self._token = ""
        self._begun_ms = time.time() * 1000
        self._past: Future[past.Past] | None = None

    def start(self) -> Running:
        """Start everything, and wait for the first value in GraphQL."""
        begun = time.monotonic()
        self.directory.mkdir(parents=True, exist_ok=True)
        plant = self._start_plant()  # it warms up while the database is made
        if not (self.directory / "token").exists():  # the first start
            self._past = ThreadPoolExecutor(1).submit(past.remember, inventory.read(), time.time())
        self.postgres.start()
        self._watch_postgres()
        asyncio.run(self._ensure_database())
        self._once("migrate")
        gateways = self._ports_of(plant)
        asyncio.run(self._fill(gateways))
        self._remember(gateways)
        running = self._start_programs(gateways)
        self._wait(lambda: self._has_value(running), "the first value")
        running.seconds = time.monotonic() - begun
        running.password = self._first_owner()
        return running

    def _child(self, name: str, arguments: list[str], **more: Any) -> Child:
        log = self.directory / f"{name.lower()}.log"
        child = Child(name, [sys.executable, "-m", *arguments], log=log, **more)
        self.children.append(child)
        return child

    def _start_plant(self) -> Child:
        usual = self._wanted["plant"]
        likes = {gateway.key: gateway.port if usual else 0 for gateway in inventory.read().gateways}
        return self._child("Plant", ["demo.plant", "--ports", json.dumps(likes)], stdout=subprocess.PIPE)

    def _watch_postgres(self) -> None:
        if self.postgres.child:
            self.children.append(self.postgres.child)

    def _remembered(self) -> dict[str, int]:
        """Return the gateways' ports of the last start."""
        try:
            ports_before: dict[str, int] = json.loads((self.directory / "gateways.json").read_text())
        except (OSError, ValueError):
            return {}
        return ports_before

    def _ports_of(self, plant: Child) -> dict[str, int]:
        stdout = plant.process.stdout
        if stdout is None:
            raise RuntimeError("the plant was started without a pipe")
        self._wait(lambda: bool(select.select([stdout], [], [], 0)[0]) and plant.alive, "the plant")
        gateways: dict[str, int] = json.loads(stdout.readline())
        usual = {gateway.key: gateway.port for gateway in inventory.read().gateways}
        moved = [f"{key} at {port}" for key, port in gateways.items() if port != usual[key]]
        if moved and self._wanted["plant"]:
            self._words.append(f"usual ports of the plant are taken: {', '.join(moved)} instead")
        return gateways

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(self.postgres.url())
        try:
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", _DATABASE):
                await connection.execute(f"CREATE DATABASE {_DATABASE}")
        finally:
            await connection.close()

    async def _fill(self, gateways: dict[str, int]) -> None:
        connection = await asyncpg.connect(self.postgres.url(database=_DATABASE))
        try:
            if await loading.load(connection, inventory.read(), gateways, self._remembered()) and self._past:
                await past.store(connection, await asyncio.wrap_future(self._past))
            self._token = await loading.token(connection, self._known_token())
        finally:
            await connection.close()

    def _known_token(self) -> str:
        file = self.directory / "token"
        return file.read_text().strip() if file.exists() else ""

    def _remember(self, gateways: dict[str, int]) -> None:
        (self.directory / "gateways.json").write_text(json.dumps(gateways))
        file = self.directory / "token"
        file.touch(mode=0o600)
        file.write_text(self._token)

    def _settings(self, user: str) -> dict[str, str]:
        return {"DDMS_DATABASE_URL": self.postgres.url(user=user, database=_DATABASE)}

    def _once(self, *arguments: str, user: str = "postgres") -> subprocess.CompletedProcess[str]:
        """Run a `ddms` command to its end; one that fails ends the demo."""
        done = self._try(*arguments, user=user)
        if done.returncode:
            raise DdmsError(Code.UNAVAILABLE, f"`ddms {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done

    def _try(self, *arguments: str, user: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ddms", *arguments]
        return subprocess.run(  # noqa: S603 - our own command
            command, env=environment(self._settings(user)), capture_output=True, text=True, check=False
        )

    def _port(self, what: str, name: str) -> int:
        choice = ports.choose(self._wanted[what], name)
        if choice.word:
            self._words.append(choice.word)
        return choice.port

    def _start_programs(self, gateways: dict[str, int]) -> Running:
        api, metrics = self._port("api", "the API"), self._port("metrics", "the collector's metrics")
        settings = self._settings("ddms_app") | {"DDMS_LOG_FORMAT": "text"}
        spool = str((self.directory / "spool").absolute())
        collector = {
            "DDMS_COLLECTOR_NAME": "demo",
            "DDMS_COLLECTOR_METRICS_PORT": str(metrics),
            "DDMS_SPOOL_DIRECTORY": spool,
        }
        self._child("Collector", ["ddms", "collector"], env=settings | collector)
        backups = {
            "DDMS_BACKUP_DATABASE_URL": self.postgres.url(database=_DATABASE),
            "DDMS_BACKUP_DIRECTORY": str((self.directory / "backups").absolute()),
        }
        exports = {"DDMS_EXPORT_DIRECTORY": str((self.directory / "exports").absolute())}
        allowed = {"DDMS_ALLOWED_ORIGINS": f"http://127.0.0.1:{CHART_PORT},http://localhost:{CHART_PORT}"}
        self._child("API", ["ddms", "api"], env=settings | allowed | backups | exports | {"DDMS_API_PORT": str(api)})
        grafana = self._start_grafana()
        running = Running(
            directory=self.directory,
            api=api,
            metrics=metrics,
            grafana=grafana,
            token=self._token,
            database=self.postgres.url(user="ddms_app", database=_DATABASE),
            words=tuple(self._words),
            devices=len(inventory.read().devices),
            gateways=len(gateways),
        )
        (self.directory / "addresses.json").write_text(json.dumps({"api": running.graphql, "grafana": grafana}))
        # For the command line: `. .ddms/demo/environment`, then `ddms devices export` and the like.
        told = {"DDMS_DATABASE_URL": running.database} | backups
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in told.items())
        (self.directory / "environment").write_text("".join(lines))
        return running

    def _start_grafana(self) -> int | None:
        if self._grafana is None:
            return None
        port = self._port("grafana", "Grafana")
        self.children.append(grafana_program.start(self._grafana, self.postgres, port=port, directory=self.directory))
        return port

    def _has_value(self, running: Running) -> bool:
        data = ask(running.graphql, self._token, _FIRST_VALUE)
        if data is None:
            return False
        columns = data["latest"]["columns"]  # those of the last start are older
        readings = zip(columns["time"], columns["value"], strict=True)
        return any(value is not None and time_ms > self._begun_ms for time_ms, value in readings)

    def _first_owner(self) -> str | None:
        """Create the owner last of all: its password is shown at once, and never again."""
        done = self._try("init", "--json", user="ddms_app")
        if done.returncode == 0:
            password: str = json.loads(done.stdout)["password"]
            return password
        if "exists already" not in done.stderr:
            raise DdmsError(Code.UNAVAILABLE, f"`ddms init` failed: {done.stderr.strip()}")
        return None

    def check(self) -> None:
        """Raise when a program died."""
        for child in self.children:
            if not child.alive:
                raise DdmsError(
                    Code.UNAVAILABLE,
                    f"{child.name} ended by itself (exit code {child.process.returncode}). The end of {child.log}:\n"
                    f"{child.last_lines()}",
                )

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + _PATIENCE
        while not done():
            self.check()
            if time.monotonic() > until:
                raise DdmsError(Code.TIMEOUT, f"{what} did not come within {_PATIENCE:.0f} s: see {self.directory}")
            time.sleep(0.05)

    def watch(self, running: Running) -> NoReturn:
        """Watch the programs until one dies; says once when Grafana is there."""
        waiting = running.grafana is not None
        while True:
            self.check()
            if waiting and reachable(f"http://127.0.0.1:{running.grafana}/api/health"):
                waiting = False
                print("Grafana is ready.", flush=True)
            time.sleep(0.3)

    def stop(self) -> None:
        """End all programs; those that write to the database before the database."""
        clients = [child for child in self.children if child is not self.postgres.child]
        for child in clients:
            child.ask_to_end()
        for child in clients:
            child.end()
        self.postgres.stop()


def _end(*_: object) -> NoReturn:
    raise Ended


def run(
    *,
    directory: Path,
    grafana: Path | None = None,
    api_port: int = 8000,
    metrics_port: int = 9108,
    grafana_port: int = 3000,
    any_ports: bool = False,
) -> int:
    """Run the demo until Ctrl-C (or SIGTERM) and return the exit code: 0, or 1 when a program failed.

    `directory` keeps the database, the logs and the token. `any_ports` takes free ports in place of the usual ones.
    """
    wanted = {"api": api_port, "metrics": metrics_port, "grafana": grafana_port, "plant": 1}
    if any_ports:
        wanted = dict.fromkeys(wanted, 0)
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        signal.signal(number, _end)
    demo: Demo | None = None
    try:
        extra.check()
        demo = Demo(directory, grafana, wanted)
        print(f"Starting DDMS with a simulated plant; data and logs are in {directory} …", flush=True)
        running = demo.start()
        print(welcome(running), flush=True)
        demo.watch(running)
    except Ended:
        print(farewell(directory), flush=True)
        return 0
    except (DdmsError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)  # ending must not be interrupted half-way
        if demo:
            demo.stop()
