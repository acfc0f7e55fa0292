"""The page docs/systemd.md, word by word, on a machine on which systemd is installed and does not run: `make bare BARE=installed`.

Needs nothing but Python: it runs in a bare Debian, as root, in a clone. What only a running systemd can do is done as the units say
it: each program with the environment and the user of its unit.
"""

import os
import re
import shlex
import subprocess
import textwrap
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/systemd.md").read_text()
INSTEAD = {"systemctl restart postgresql": "pg_ctlcluster 17 main restart"}
"""What stands in the page, and what does the same where systemd does not run."""
HEALTHY = {
    "api": "http://127.0.0.1:8000/health",
    "collector": "http://127.0.0.1:9108/health",
    "edge": "http://127.0.0.1:9109/metrics",
}


def step(number: int) -> str:
    """Return the commands of a step."""
    section = re.split(r"^\d+\. ", PAGE.split("\n## Installing\n")[1].split("\n## ")[0], flags=re.MULTILINE)[number]
    commands = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert commands, f"step {number} has no commands"
    return textwrap.dedent(commands[1])


def sh(script: str) -> None:
    print(re.sub(r"^", "    $ ", script.rstrip(), flags=re.MULTILINE), flush=True)
    subprocess.run(["sh", "-eu", "-c", script], check=True, cwd=ROOT)


def program(unit: str) -> tuple[list[str], dict[str, str]]:
    """Return what a unit starts, and with which environment."""
    text = (
        Path(f"/etc/systemd/system/ddms-{unit}.service").read_text()
        + Path("/etc/systemd/system/ddms-.service.d/50-ddms.conf").read_text()
    )
    credentials = Path(f"/run/credentials-{unit}")
    credentials.mkdir(exist_ok=True)
    for name, path in re.findall(r"^LoadCredential=(\w+):(\S+)$", text, re.MULTILINE):
        (credentials / name).write_text(Path(path).read_text())
    subprocess.run(["chown", "-R", "ddms:", credentials], check=True)
    for folder in re.findall(r"^(?:State|Runtime)Directory=(\S+)$", text, re.MULTILINE):
        where = "/run" if f"RuntimeDirectory={folder}" in text else "/var/lib"
        subprocess.run(["install", "-d", "-o", "ddms", "-g", "ddms", "-m", "750", f"{where}/{folder}"], check=True)
    environment = {"PATH": os.environ["PATH"]}
    for line in re.findall(r"^Environment=(.*)$", text, re.MULTILINE):
        environment |= dict(word.split("=", 1) for word in line.replace("%d", str(credentials)).split())
    for path in re.findall(r"^EnvironmentFile=-?(\S+)$", text, re.MULTILINE):
        lines = Path(path).read_text().splitlines()
        environment |= dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    return ["runuser", "-u", "ddms", "--", *shlex.split(command)], environment


def run(unit: str) -> None:
    command, environment = program(unit)
    subprocess.run(command, check=True, env=environment, cwd="/var/lib/ddms")


def until_healthy(unit: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, f"ddms-{unit} ended with {process.returncode}"
        assert time.monotonic() < deadline, f"ddms-{unit} is not healthy"
        try:
            with urllib.request.urlopen(HEALTHY[unit], timeout=5) as answer:
                print(f"    ddms-{unit}: {answer.read(160).decode()}", flush=True)
                return
        except OSError:
            time.sleep(0.5)


def main() -> None:
    sh("apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes systemd curl >/dev/null")
    for number in range(1, 6):
        commands = step(number)
        if number == 1:
            commands = f"export DEBIAN_FRONTEND=noninteractive\n{commands}"
        for theirs, ours in INSTEAD.items():
            commands = commands.replace(theirs, ours)
        sh(commands)
    units = re.findall(r"^systemctl enable --now (.*)$", step(6), re.MULTILINE)[0].split()
    run("migrate")
    running = {}
    try:
        for unit in (name.removeprefix("ddms-") for name in units):
            command, environment = program(unit)
            running[unit] = subprocess.Popen(command, env=environment, cwd="/var/lib/ddms")
        for unit in HEALTHY:
            until_healthy(unit, running[unit])
        time.sleep(15)  # who found another program at its port has ended by now: what was healthy was that one
        ended = {unit: process.returncode for unit, process in running.items() if process.poll() is not None}
        assert not ended, f"these ended: {ended}"
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait(60)
        sh("pg_ctlcluster 17 main stop")
    print("installed as docs/systemd.md says, and healthy", flush=True)


if __name__ == "__main__":
    main()
