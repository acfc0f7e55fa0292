"""The browser of `bench.look`: opens a dashboard as an operator has it, waits until it is painted, tells what is wrong with it."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.browser import Navigated, Page

QUIET, PATIENCE = 1.2, 60.0
"""Seconds: so long nothing changes on a page that is painted; after so many it is given up."""
ROW, ABOVE = 38, 260
"""Pixels: a step of Grafana's grid, and what stands above the panels."""
TABLET = 768
NOTHING = "No data"
EMPTY_IS_RIGHT = {
    "Your buttons that failed", "您未成功的操作", "Runs that failed", "失败的运行",
    "Edge: refused by the limits (429)", "边缘：超出限额（429）", "Edge: failed (5xx)", "边缘：失败（500 及以上）",
}  # fmt: skip
"""Panels that show something only when something went wrong."""
GRAFANAS_OWN = re.compile(r"/public-dashboards$")
"""What Grafana asks for itself and is answered with 404, which the console shows: whether a dashboard is public, which none may be."""
WATCH = """
window.ddmsChanged = 0;
new MutationObserver(() => { window.ddmsChanged = performance.now(); })
    .observe(document, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['style', 'width', 'height'] });
"""
"""Notes when the page changed last, in milliseconds since the person asked for it."""
SHOWN = """(() => {
    const panels = [...document.querySelectorAll('section[data-testid^="data-testid Panel header"]')].map(panel => {
        const content = panel.querySelector('[data-testid="data-testid panel content"]');
        const scroller = [...(content?.querySelectorAll('*') ?? [])].find(e => e.scrollWidth > e.clientWidth + 2 && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX));
        return { id: parseInt(panel.closest('[data-viz-panel-key]')?.dataset.vizPanelKey.replace('panel-', '') ?? '0'), title: panel.dataset.testid.replace('data-testid Panel header ', ''), text: (content?.innerText ?? '').trim(),
                 drawn: !!content?.querySelector('canvas, [role=row], [role=gridcell], svg'),
                 error: panel.querySelector('[data-testid="data-testid Panel status error"]')?.getAttribute('aria-label') ?? (panel.querySelector('[data-testid="data-testid Panel status error"]') ? 'an error' : null),
                 sideways: scroller ? scroller.scrollWidth - scroller.clientWidth : 0 };
    });
    return { panels, wide: (document.documentElement?.scrollWidth ?? 0) - window.innerWidth, loading: document.querySelectorAll('section[data-testid^="data-testid Panel header"] [role=status]').length,
             alerts: [...document.querySelectorAll('[data-testid="data-testid Alert error"]')].map(e => e.innerText), tall: document.documentElement?.scrollHeight ?? 0, now: performance.now(), changed: window.ddmsChanged ?? 0 };
})()"""


@dataclass(frozen=True, kw_only=True)
class Look:
    """A dashboard, as its JSON says it, with what is chosen on it, at a width."""

    board: dict[str, Any]
    width: int
    query: str = ""
    name: str = ""

    @property
    def height(self) -> int:
        """So high is the window that everything is painted: Grafana leaves out what nobody sees."""
        panels = self.board["panels"]
        if self.width > TABLET:
            return ABOVE + ROW * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
        return ABOVE + 60 + ROW * sum(panel["gridPos"]["h"] for panel in panels)

    @property
    def picture(self) -> str:
        return f"{self.board['uid'].removeprefix('ddms-')}{self.name}-{self.width}.png"


@dataclass(kw_only=True)
class Seen:
    """What came of a look: seconds until the last panel was painted, what is wrong, and what is only not nice."""

    seconds: float
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def prepare(page: Page) -> None:
    """Listen to what a page complains of, and note when it changed last."""
    for domain in ("Page", "Runtime", "Log", "Network"):
        await page.call(f"{domain}.enable")
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)


async def look(page: Page, base: str, one: Look, folder: Path | None, *, height: int | None = None) -> Seen:
    """Open a dashboard, wait until it is painted, save its picture."""
    await page.call(
        "Emulation.setDeviceMetricsOverride", width=one.width, height=height or one.height, deviceScaleFactor=1, mobile=False
    )  # fmt: skip
    page.heard.clear()
    await page.call("Page.navigate", url=f"{base}/d/{one.board['uid']}?{one.query}")
    shown = await painted(page, 1 if height else len(one.board["panels"]))
    seen = Seen(seconds=shown["changed"] / 1000)
    while height is None and shown["tall"] > (tall := await page.run("window.innerHeight")) + 2:  # a panel of each unit
        await page.call("Emulation.setDeviceMetricsOverride", width=one.width, height=max(shown["tall"], tall + ROW), deviceScaleFactor=1, mobile=False)  # fmt: skip
        await page.run("window.ddmsChanged = performance.now()")
        shown = await painted(page, len(one.board["panels"]))
    if folder:
        picture = await page.call("Page.captureScreenshot", format="png", captureBeyondViewport=False)
        (folder / one.picture).write_bytes(base64.b64decode(picture["data"]))
    seen.faults += [*_faults(one, shown), *complaints(page.heard)]
    seen.notes += [f"{p['title']} scrolls sideways by {p['sideways']} px" for p in shown["panels"] if p["sideways"]]
    return seen


async def painted(page: Page, panels: int) -> dict[str, Any]:
    """Wait until so many panels are there, none loads, and nothing changes any more; or until that is given up."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            shown = await page.run(SHOWN)
        except Navigated:  # the page before has just gone
            continue
        quiet = shown["now"] - shown["changed"] > QUIET * 1000
        ready = len(shown["panels"]) >= panels and not shown["loading"] and quiet
        if ready or time.monotonic() > until:
            return shown
        await asyncio.sleep(0.1)


def _faults(one: Look, shown: dict[str, Any]) -> Iterator[str]:
    there = {panel["id"]: panel for panel in reversed(shown["panels"])}
    yield from (f"an error over the page: {text!r}" for text in shown["alerts"])
    if shown["wide"] > 0:
        yield f"the page is {shown['wide']} px wider than the window"
    if shown["loading"]:
        yield f"{shown['loading']} panels still load after {PATIENCE:.0f} s"
    empty = {panel["id"]: panel["fieldConfig"]["defaults"].get("noValue") for panel in one.board["panels"]}
    yield from (f"{panel['title']}: is not there" for panel in one.board["panels"] if panel["id"] not in there)
    for panel in shown["panels"]:
        if panel["error"]:
            yield f"{panel['title']}: {panel['error']}"
        elif panel["title"] not in EMPTY_IS_RIGHT and is_empty(panel, empty.get(panel["id"])):
            yield f"{panel['title']}: empty: {panel['text'] or NOTHING!r}"


def is_empty(found: dict[str, Any], words: str | None) -> bool:
    """Tell whether a panel shows nothing, or the words that it has for that."""
    text = found["text"]
    return text in {NOTHING, words} or (not text and not found["drawn"])


def complaints(heard: list[dict[str, Any]]) -> Iterator[str]:
    """Give what the console of the browser shows as an error, and answers of Grafana that failed."""
    for event in heard:
        about = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                thrown = about["exceptionDetails"]
                yield f"console: {thrown.get('exception', {}).get('description', thrown['text'])[:300]}"
            case "Runtime.consoleAPICalled" if about["type"] == "error":
                yield f"console: {json.dumps([one.get('value', one.get('description')) for one in about['args']], ensure_ascii=False)[:300]}"
            case "Log.entryAdded" if about["entry"]["level"] == "error" and not GRAFANAS_OWN.search(
                about["entry"].get("url", "")
            ):
                yield f"console: {about['entry']['text'][:200]} {about['entry'].get('url', '')[:200]}"
