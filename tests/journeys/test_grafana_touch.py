"""Dashboards under a finger: what can be tapped is 44 px high and wide, but for what Grafana does not let us change.

`DDMS_TEST_GRAFANA=FOLDER python -m pytest --no-cov -s tests/journeys/test_grafana_touch.py` measures them all, and prints what is
smaller: docs/dashboards.md names it.
"""

import asyncio
import json

import pytest

from grafana.__main__ import dashboards
from tests.support import grafana
from tests.support.api_server import api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.browser import Page, browsing, needs_chromium
from tests.support.cookies import Person, signed_in
from tests.support.dashboards import FILL
from tests.support.edge import NGINX
from tests.support.site import Site, provisioning_fixture, settings_fixture, site_fixture  # noqa: F401 - fixtures

pytestmark = [
    pytest.mark.load,
    needs_chromium,
    grafana.needs_grafana,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
SIZES = ((768, 1024), (1024, 768))
MEASURE = """(() => {
  const wanted = 'a[href], button, input:not([type=hidden]), select, textarea, [role=button], [role=menuitem], [role=tab], [role=switch]';
  const small = [];
  for (const e of document.querySelectorAll(wanted)) {
    // A field is tapped anywhere in its box.
    const target = e.closest('[data-testid="data-testid template variable"]') && e.tagName == 'INPUT' ? e.closest('[data-testid="data-testid template variable"]') : e;
    const box = target.getBoundingClientRect(), style = getComputedStyle(e);
    if (box.width <= 1 || !box.height || style.visibility == 'hidden' || box.right < 0 || box.bottom < 0) continue;
    if (e.closest('[aria-hidden=true]') || e.parentElement.closest(wanted) || e.innerText?.trim() == 'Skip to main content') continue;
    if (Math.min(box.width, box.height) >= 43.5) continue;
    const where = e.closest('[data-testid^="data-testid VizLegend"]') ? 'legend' : e.closest('[data-testid="data-testid panel content"]') ? 'panel' : e.closest('section') ? 'head of a panel' : e.closest('header') ? 'bar' : 'controls';
    small.push([where, (e.ariaLabel || e.innerText || '').trim().slice(0, 40), Math.round(box.width), Math.round(box.height)]);
  }
  return { small, wider: Math.max(0, document.documentElement.scrollWidth - innerWidth) };
})()"""
LOADED = """document.querySelectorAll('section').length > 0
    && !document.querySelector('[aria-label="Panel loading bar"], [aria-label="data-testid Loading indicator"]')"""


async def loaded(page: Page, uid: str) -> None:
    """Wait until a dashboard is there and nothing in it loads."""
    async with asyncio.timeout(300):  # Grafana's first page, cold, on a loaded machine
        await asyncio.sleep(0.5)
        while not await page.run(f"location.pathname.includes({json.dumps(uid)}) && {LOADED}"):
            await asyncio.sleep(0.5)


async def measured(
    page: Page, site: Site, uid: str, size: tuple[int, int]
) -> dict[str, list[tuple[str, str, int, int]]]:
    """Open a dashboard on a tablet; return what is too small by where it is."""
    width, height = size
    await page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True)
    await page.call("Page.navigate", url=f"{site.front.https}/grafana/d/{uid}")
    await loaded(page, uid)
    # Grafana leaves out what nobody sees: the window is as high as the page, but only as wide as the tablet.
    tall = await page.run("document.documentElement.scrollHeight")
    await page.call("Emulation.setDeviceMetricsOverride", width=width, height=tall, deviceScaleFactor=1, mobile=True)
    await loaded(page, uid)
    found = await page.run(MEASURE)
    assert found["wider"] == 0, f"{uid} is wider than {width} px"
    by_place: dict[str, list[tuple[str, str, int, int]]] = {}
    for where, *rest in found["small"]:
        by_place.setdefault(where, []).append(tuple(rest))
    print(uid, size, by_place)
    return by_place


@pytest.mark.timeout(1800)  # two dozen pages of Grafana, whose first view takes its time on a loaded machine
async def test_what_can_be_tapped_is_large_enough_for_a_finger(site: Site, owner, tmp_path):
    await owner.execute(FILL)
    person: Person = await signed_in(owner, "ann", "owner")
    async with browsing(tmp_path / "browser", "--ignore-certificate-errors") as page:
        await page.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=5)
        await page.enter(person.cookie["Cookie"], site.front.https)
        for name in (name.removesuffix(".json") for name in dashboards()):
            if name.endswith("-zh"):
                continue
            for size in SIZES:
                small = await measured(page, site, f"ddms-{name}", size)
                assert small.keys() <= {"bar", "legend", "head of a panel"}, (name, size, small)
                assert all(height >= 40 for *_, height in small.get("bar", [])), (name, size, small)
