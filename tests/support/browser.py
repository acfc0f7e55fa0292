"""A headless Chromium, driven by its DevTools protocol, for what only a browser can show."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--remote-debugging-port=0",
)  # fmt: skip
PATIENCE = 60.0
"""Seconds; a browser on a loaded machine takes its time."""


class Navigated(Exception):  # noqa: N818 - it is no error while one waits
    """The page went elsewhere while it was asked."""


@dataclass
class Page:
    """One page of the browser."""

    connection: ClientConnection
    ids: itertools.count = field(default_factory=itertools.count)
    heard: list[dict[str, Any]] = field(default_factory=list)
    """Events that came meanwhile, of the domains that somebody enabled."""

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        id_ = next(self.ids)
        await self.connection.send(json.dumps({"id": id_, "method": method, "params": parameters}))
        async with asyncio.timeout(PATIENCE):
            while (answer := json.loads(await self.connection.recv())).get("id") != id_:
                self.heard.append(answer)
        if "navigated" in (message := answer.get("error", {}).get("message", "")):
            raise Navigated(message)
        assert "error" not in answer, answer
        return answer["result"]

    async def run(self, script: str) -> Any:
        """Evaluate JavaScript; return what it gives."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, script: str) -> Any:
        """Wait until JavaScript gives something that is true; return it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(Navigated):
                    if value := await self.run(script):
                        return value
                await asyncio.sleep(0.1)

    async def click(self, selector: str) -> None:
        """Click into the middle of an element, as a hand does, once it is there."""
        found = f"(e => e && e.getBoundingClientRect().toJSON())(document.querySelector({json.dumps(selector)}))"
        box = await self.until(found)
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, **at)

    async def click_text(self, tag: str, text: str) -> None:
        """Click the first element of a kind with this text, once it is there."""
        found = f"[...document.querySelectorAll({json.dumps(tag)})].find(e => e.innerText.trim() == {json.dumps(text)})"
        await self.until(f"!!{found}")
        await self.run(f"{found}.click()")

    async def sees(self, text: str) -> None:
        """Wait until a text is on the page."""
        await self.until(f"(document.body?.innerText ?? '').includes({json.dumps(text)})")

    async def enter(self, cookie: str, url: str) -> None:
        """Have the cookie of a session, `name=value`."""
        name, _, value = cookie.partition("=")
        whole = {"name": name, "value": value, "url": url, "path": "/", "secure": True, "httpOnly": True}
        await self.call("Network.setCookie", **whole, sameSite="Lax")

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        await self.until(f"location.href.startsWith({json.dumps(url)}) && document.readyState == 'complete'")


@contextlib.asynccontextmanager
async def browsing(folder: Path, *options: str) -> AsyncIterator[Page]:
    """Start the browser with a profile of its own; give its page."""
    assert CHROMIUM
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *OPTIONS, *options, f"--user-data-dir={folder}", "about:blank",
        stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, env=os.environ | {"HOME": str(folder)},
    )  # fmt: skip
    try:
        async with connect(await _page(process), max_size=None, compression=None) as connection:
            yield Page(connection)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _page(process: asyncio.subprocess.Process) -> str:
    """Return the websocket of the page that the browser opened."""
    assert process.stderr
    async with asyncio.timeout(PATIENCE):
        while b"DevTools listening on " not in (line := await process.stderr.readline()):
            assert line, "chromium ended by itself"
        async with connect(line.decode().split()[-1], compression=None) as browser:
            await browser.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
            targets = json.loads(await browser.recv())["result"]["targetInfos"]
        target = next(t["targetId"] for t in targets if t["type"] == "page")
    return f"{line.decode().split()[-1].partition('/devtools/')[0]}/devtools/page/{target}"
