"""The guide and the examples, as a newcomer runs them: what stands there is pasted and must work."""

import asyncio
import functools
import os
import re
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import asyncpg
import pytest

from ddms.settings import Settings
from demo import inventory, loading
from demo.run import CHART_PORT
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.browser import browsing, needs_chromium

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^ *```sh\n(.*?)^ *```", GUIDE, re.MULTILINE | re.DOTALL)
TANK = "T-101 raw water tank"
MAKE = "run `make examples` first"
needs_python = pytest.mark.skipif(not (EXAMPLES / "python/ddms_client/__init__.py").exists(), reason=MAKE)
needs_node = pytest.mark.skipif(
    shutil.which("npm") is None or not (EXAMPLES / "typescript/generated/index.ts").exists(),
    reason=f"npm is not here, or {MAKE}",
)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and tells nobody."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[str]:
    """The address of the chart's page, served as the guide does, on a free port."""
    handler = functools.partial(Quiet, directory=EXAMPLES / "chart")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(settings: Settings, page: str) -> Settings:
    """The API allows the chart's page, as the demo's does."""
    return replace(settings, allowed_origins=(page,))


@pytest.fixture
async def tank(api: Api, owner: asyncpg.Connection) -> AsyncIterator[int]:
    """The demo's plant, whose tank is read again and again; the number of its level."""
    plant = inventory.read()
    await loading.load(owner, plant, {gateway.key: gateway.port for gateway in plant.gateways}, {})
    find = "SELECT p.id, d.id FROM points p JOIN devices d ON d.id = p.device_id WHERE d.name = $1 AND p.name = 'Level' ORDER BY p.id"
    level, device = await owner.fetchrow(find, TANK)
    async with asyncio.timeout(60):
        while device not in api.parts.hub.mirror.states:
            await asyncio.sleep(0.02)
    task = asyncio.create_task(read(api, owner, level))
    yield level
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def read(api: Api, owner: asyncpg.Connection, level: int) -> None:
    """Read the level as a collector does, five times a second."""
    while True:
        await api.read(owner, {level: 2.5 + api.sequence % 10 / 10})
        await asyncio.sleep(0.2)


async def shell(script: str, api: Api) -> str:
    """Run lines of the guide where it says, at the API of the test; return what they print."""
    here = script.replace("http://127.0.0.1:8000", api.url)
    environment = os.environ | {"URL": api.url, "TOKEN": api.tokens["viewer"]}
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", here, cwd=ROOT, env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(120):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, f"{here}\n{out.decode()}\n{errors.decode()}"
    return out.decode()


def block(word: str) -> str:
    """Return the one block of the guide that has a word."""
    (found,) = [block for block in BLOCKS if word in block]
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
async def test_the_lines_of_the_guide_work_as_pasted(api: Api, tank: int, tmp_path: Path):
    (tmp_path / "token").write_text(api.tokens["admin"])
    by_hand = [block for block in BLOCKS if "curl" in block or "export" in block]
    assert len(by_hand) == 6
    said = await shell("\n".join(by_hand).replace(".ddms/demo/token", str(tmp_path / "token")), api)
    assert '"errors"' not in said
    assert f'"name":"{TANK}"' in said
    assert f"pt_{tank}\n" in said
    assert '"bucket":' in said
    assert said.count("event: next") > 1
    assert '"kind":"SNAPSHOT"' in said
    assert '"kind":"CHANGES"' in said


def test_the_page_of_the_chart_is_served_where_the_demo_allows_it():
    assert f" {CHART_PORT}\n" in block("http.server")


@needs_python
async def test_the_example_in_python_follows_a_device(api: Api, tank: int):
    said = await shell(block("follow.py"), api)
    assert f"{TANK} is " in said
    assert "SNAPSHOT STARTED" in said
    assert re.search(r"CHANGES \nLevel: [23]\.\d m", said)


@needs_node
async def test_the_example_in_typescript_follows_a_device_and_its_types_fit(api: Api, tank: int):
    assert await shell("npm --prefix examples/typescript run --silent check", api) == ""
    said = await shell(block("npm "), api)
    assert f"{TANK} is " in said
    assert "SNAPSHOT STARTED" in said
    assert re.search(r"CHANGES \nLevel: [23]\.\d+ m", said)


@needs_chromium
async def test_the_chart_shows_what_comes_and_comes_back(api: Api, tank: int, page: str, tmp_path: Path):
    async with browsing(tmp_path) as browser:
        await browser.open(f"{page}/chart.html?url={api.url}")
        await browser.run(
            f"form.token.value = '{api.tokens['viewer']}'; form.point.value = 'pt_{tank}'; form.requestSubmit()"
        )
        await browser.until(f"document.getElementById('title').textContent == '{TANK}: Level' && rows.length")
        seen = await browser.run("rows.at(-1)[0]")
        await browser.until(f"rows.at(-1)[0] > {seen}")
        await browser.run("socket.close()")
        seen = await browser.run("rows.at(-1)[0]")
        await browser.until(f"rows.at(-1)[0] > {seen}")
        await browser.run("form.token.value = 'nonsense'; form.requestSubmit()")
        assert "token" in await browser.until("document.getElementById('error').textContent")
