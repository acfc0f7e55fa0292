"""The wall in a browser: its pages turn by themselves, it says when it knows nothing newer, and comes back by itself."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support import grafana
from tests.support.api_server import api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.browser import browsing, needs_chromium
from tests.support.cookies import signed_in
from tests.support.dashboards import FILL
from tests.support.edge import NGINX
from tests.support.site import Site, provisioning_fixture, settings_fixture, site_fixture  # noqa: F401 - fixtures

pytestmark = [needs_chromium, grafana.needs_grafana, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]
SHOWN = "document.querySelector('iframe.shown')?.dataset.page"
DARK = "document.body.classList.contains('stale') && document.body.dataset.state"


def started_with(setting: str) -> Iterator[int]:
    """Give the programs whose environment has this."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # somebody else's, or gone
            if setting.encode() in (process / "environ").read_bytes().split(b"\0"):
                yield int(process.name)


@contextlib.contextmanager
def hanging(site: Site) -> Iterator[None]:
    """Let Grafana take questions and answer none."""
    (program,) = started_with(f"GF_SERVER_HTTP_PORT={urlsplit(site.own).port}")
    os.kill(program, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(program, signal.SIGCONT)


async def test_pages_turn_and_come_back_after_grafana_hung(site: Site, owner, tmp_path):
    await owner.execute(FILL)
    person = await signed_in(owner, "wall", "viewer")
    async with browsing(tmp_path / "browser", "--ignore-certificate-errors") as page:
        await page.enter(person.cookie["Cookie"], site.front.https)
        await page.call("Page.navigate", url=f"{site.front.https}/wall?seconds=5")
        for name in ("plant", "alarms", "groups", "values", "plant"):
            await page.until(f"{SHOWN} == {name!r} && !({DARK})")
        title = await page.until("document.querySelector('h1').textContent")
        assert title == "Does the plant run?"
        with hanging(site):
            assert await page.until(DARK) == "unreached"
            said = await page.run("document.querySelector('p').innerText")
            assert "connection" in said or "answer" in said, said
        for name in ("plant", "alarms", "plant"):
            await page.until(f"{SHOWN} == {name!r} && !({DARK})")


async def test_whoever_is_not_signed_in_signs_in_and_comes_back(site: Site, tmp_path):
    async with browsing(tmp_path / "browser", "--ignore-certificate-errors") as page:
        await page.call("Page.navigate", url=f"{site.front.https}/wall?pages=alarms")
        await page.until("location.pathname == '/sign-in'")
        assert await page.run("new URLSearchParams(location.search).get('next')") == "/wall?pages=alarms"
