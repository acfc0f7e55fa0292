"""The command line, run as a person runs it."""

import asyncio
import os
import subprocess
import sys

PATIENCE = 180  # seconds until a command ends; a busy machine needs half a minute for two of work


def ddms(*arguments: str, url: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a clean environment."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DDMS_")}
    clean |= {"DDMS_DATABASE_URL": url} if url else {}
    return subprocess.run(
        [sys.executable, "-m", "ddms", *arguments],
        env=clean | env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


async def ddms_on(settings, *arguments: str, fed: str = "") -> subprocess.CompletedProcess[str]:
    """Run it on the test's database, as the programs' role."""
    environment = os.environ | {"DDMS_DATABASE_URL": settings.database_url, "DDMS_DATABASE_ROLE": "ddms_app"}
    environment = {name: value for name, value in environment.items() if not name.startswith("DDMS_TEST")}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "ddms", *arguments],
        env=environment, input=fed, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


async def ddms_beside(*arguments: str, settings=None) -> tuple[int, str, str]:
    """Run it while the test's own devices answer in this event loop."""
    process = await started(*arguments, settings=settings)
    out, error = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode, out.decode(), error.decode()


async def started(*arguments: str, settings=None):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DDMS_")}
    if settings:
        environment |= {"DDMS_DATABASE_URL": settings.database_url, "DDMS_SPOOL_DIRECTORY": "/nonexistent/spool"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ddms", *arguments, env=environment, stdout=-1, stderr=-1
    )
