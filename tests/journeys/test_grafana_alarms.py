"""Alarms on the real Grafana, behind the real edge: an admin presses the buttons of a row, and sees what they did."""

import asyncio

import asyncpg
import pytest

from tests.support import grafana
from tests.support.api_server import add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.browser import Page, browsing, needs_chromium
from tests.support.cookies import signed_in
from tests.support.edge import NGINX
from tests.support.halls import raised
from tests.support.site import Site, provisioning_fixture, settings_fixture, site_fixture  # noqa: F401 - fixtures

pytestmark = [
    grafana.needs_grafana,
    needs_chromium,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
STATE = "SELECT state FROM grafana.alarms"


async def fill(page: Page, **fields: str) -> None:
    """Type into the fields of the dialog, which has these labels in this order, and go on."""
    labels = "[...document.querySelectorAll('[role=dialog] label')].map(e => e.innerText.trim()).join()"
    await page.until(f"{labels} == {','.join(fields)!r}".replace("_", " "))
    for place, text in enumerate(fields.values()):
        await page.run(f"document.querySelectorAll('[role=dialog] input')[{place}].focus()")
        await page.call("Input.insertText", text=text)
    await page.click_text("[role=dialog] button", "Continue")


@pytest.fixture
async def alarm(site: Site, owner: asyncpg.Connection) -> str:
    """An alarm that stands, once Grafana has its dashboards: it answers before it has read them, and keeps what a person may."""
    device = await add(site.api, "Tank")
    other = await signed_in(owner, "olga", "owner")
    async with asyncio.timeout(60):
        for board in ("ddms-alarms", "ddms-alarms-zh", "ddms-alarm-history-zh"):
            while (await site.get(other, f"/api/dashboards/uid/{board}")).status_code != 200:
                await asyncio.sleep(0.2)
    return await raised(owner, device["points"]["flow"])


async def test_an_admin_acknowledges_shelves_and_notes_an_alarm_by_its_buttons(
    site: Site, owner: asyncpg.Connection, alarm: str, tmp_path
):
    admin = await signed_in(owner, "adam", "admin")
    async with browsing(tmp_path / "browser", "--ignore-certificate-errors", "--window-size=1400,1400") as page:
        await page.enter(admin.cookie["Cookie"], site.front.https)
        await page.call("Page.navigate", url=f"{site.front.https}/grafana/d/ddms-alarms?refresh=5s")
        await page.sees("● active")

        await page.click_text("button", "Acknowledge")
        await page.click_text("[role=dialog] button", "Confirm")
        await page.sees("✓ acknowledged")
        assert await owner.fetchval(STATE) == "acknowledged"
        assert not await page.run("[...document.querySelectorAll('button')].some(e => e.innerText == 'Acknowledge')")

        await page.click_text("button", "Note")
        await fill(page, Note="I look at it")
        await page.click_text("[role=dialog] button", "Confirm")
        await page.sees("I look at it")

        await page.click_text("button", "Shelve")
        await fill(page, For_how_many_hours="2", Reason="a new sensor comes")
        await page.sees("Shelve for 2 hours, because: a new sensor comes?")
        await page.click_text("[role=dialog] button", "Confirm")
        await page.sees("adam: a new sensor comes")

        await page.click_text("button", "Unshelve")
        await page.click_text("[role=dialog] button", "Confirm")
        await page.sees("● active")
        await page.click_text("button", "Acknowledge all 1")
        await page.click_text("[role=dialog] button", "Confirm")
        await page.sees("All are acknowledged")

        await page.call("Page.navigate", url=f"{site.front.https}/grafana/d/ddms-alarm-history-zh?var-search=adam")
        for entry in ("确认", "备注", "I look at it", "取消搁置", "a new sensor comes"):
            await page.sees(entry)
    done = await owner.fetch("SELECT action, actor FROM audit_log WHERE action LIKE 'alarm.%' ORDER BY number")
    assert [(row["action"], row["actor"]) for row in done] == [
        (f"alarm.{each}", "adam") for each in ("acknowledge", "note", "shelve", "unshelve", "acknowledge")
    ]


async def test_a_viewer_sees_the_alarm_and_no_buttons(site: Site, owner: asyncpg.Connection, alarm: str, tmp_path):
    viewer = await signed_in(owner, "vera", "viewer")
    async with browsing(tmp_path / "browser", "--ignore-certificate-errors", "--window-size=768,1400") as page:
        await page.enter(viewer.cookie["Cookie"], site.front.https)
        await page.call("Page.navigate", url=f"{site.front.https}/grafana/d/ddms-alarms-zh")
        await page.sees("● 报警中")
        assert not await page.run("[...document.querySelectorAll('button')].some(e => e.innerText == '确认')")
    assert await owner.fetchval(STATE) == "unacknowledged"
