"""As `bench.faults`, over NATS: a hub with a leaf node, two collectors at the site, two `ddms ingest` at the centre.

`python -m bench.faults_far [--kills N] [--seed S]`. Besides collectors and PostgreSQL it kills (-9) the hub, the leaf and
the `ddms ingest` of the two, each alone and all at once, and cuts the leaf off. Each number that a unit sent must be in the
database once, but for the flush in flight of a collector that is killed.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg

from bench import faults

HUB, LEAF, LEAVES, INGEST_METRICS = 20_120, 20_121, 20_122, 20_123
SITE = "mine"
PROGRAM = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"


class FarRun(faults.Run):
    """A run whose collectors reach no database."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.programs: dict[str, subprocess.Popen] = {}
        hub = f'leafnodes {{ listen: "127.0.0.1:{LEAVES}" }}'
        leaf = f'leafnodes {{ remotes: [ {{ url: "nats://127.0.0.1:{LEAVES}" }} ] }}'
        for name, port, domain, rest in (("hub", HUB, "hub", hub), ("leaf", LEAF, SITE, leaf)):
            store = f'store_dir: "{folder}/{name}", max_file_store: 1GB'
            (folder / f"{name}.conf").write_text(
                f'listen: "127.0.0.1:{port}"\nmax_payload: 8MB\njetstream {{ domain: {domain}, {store} }}\n{rest}\n'
            )

    def start_collectors(self) -> None:
        asyncio.run(self._assign())
        env = {k: v for k, v in os.environ.items() if not k.startswith("DDMS_")}
        self._central = env | {
            "DDMS_DATABASE_URL": self.postgres.url(user="ddms_app", database="faults"),
            "DDMS_NATS_URL": f"nats://127.0.0.1:{HUB}",
            "DDMS_INGEST_SITES": f"{SITE}@leaf",
        }
        for name in ("hub", "leaf", "ingest 1", "ingest 2"):
            self.begin(name)
        env |= {
            "DDMS_SITE": SITE,
            "DDMS_NATS_URL": f"nats://127.0.0.1:{LEAF}",
            "DDMS_SPOOL_DIRECTORY": str(self.folder / "spool"),
        }
        self.collectors = [
            faults.Collector(name, env, self.log, faults.METRICS_PORT + i) for i, name in enumerate(faults.NAMES)
        ]
        for collector in self.collectors:
            collector.start()
        time.sleep(10)

    async def _assign(self) -> None:
        connection = await asyncpg.connect(self.postgres.url(database="faults"))
        await connection.execute("UPDATE connections SET site = $1", SITE)
        await connection.close()

    def begin(self, name: str) -> None:
        """Start one of the programs between the collectors and the database."""
        with self.log.open("ab") as log:
            if name.startswith("ingest"):
                env = self._central | {"DDMS_INGEST_METRICS_PORT": str(INGEST_METRICS + int(name[-1]))}
                self.programs[name] = subprocess.Popen([sys.executable, "-m", "ddms", "ingest"], env=env, stderr=log)
            else:
                command = [PROGRAM, "-c", str(self.folder / f"{name}.conf")]
                self.programs[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def end(self) -> None:
        super().end()
        for process in self.programs.values():
            process.kill()
            process.wait()

    def _kill(self, *names: str) -> None:
        for name in names:
            self.programs[name].kill()
            self.programs[name].wait()
        time.sleep(self.random.choice([0, 0.5, 3]))
        for name in names:
            self.begin(name)

    def fault(self) -> None:
        """Let one thing go wrong; a program that ended by itself is told, and started as a supervisor would."""
        for name, process in self.programs.items():
            if process.poll() is not None:
                print(f"{name} ended by itself with {process.returncode}", flush=True)
                self.begin(name)
        super().fault()

    def kill_hub(self) -> None:
        self._kill("hub")

    def kill_leaf(self) -> None:
        self._kill("leaf")

    def kill_ingest(self) -> None:
        self._kill(self.random.choice(["ingest 1", "ingest 2"]))

    def kill_all_programs(self) -> None:
        self._kill(*self.programs)

    def pause_ingest(self) -> None:
        """Longer than a session lasts without a word, now and then, so that the other one takes over."""
        self._pause([self.programs[self.random.choice(["ingest 1", "ingest 2"])].pid])

    def cut_the_leaf_off(self) -> None:
        os.kill(self.programs["hub"].pid, signal.SIGSTOP)
        time.sleep(self.random.uniform(5, 15))
        os.kill(self.programs["hub"].pid, signal.SIGCONT)

    def faults(self) -> dict[Callable[[], None], float]:
        return {
            self.kill_collector: 4, self.kill_hub: 4, self.kill_leaf: 4, self.kill_ingest: 6, self.kill_database: 2,
            self.kill_all_programs: 2, self.kill_both: 1, self.pause_ingest: 0.5, self.cut_the_leaf_off: 0.5,
        }  # fmt: skip

    @property
    def kills(self) -> int:
        done = self.done
        one = sum(done[name] for name in ("kill_collector", "kill_hub", "kill_leaf", "kill_ingest", "kill_database"))
        return one + 4 * done["kill_all_programs"] + 3 * done["kill_both"]


if __name__ == "__main__":
    faults.main(FarRun)
