"""Backups on the real Grafana, behind the real edge: an owner presses *Back up now* and *Verify*, and a whole backup is there that was restored."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest

from api.ground import signing
from api.ground.scheduler import BACKUP_JOBS, Job
from api.site.jobs import jobs_of
from ddms.backups.folder import find
from ddms.settings import Settings
from tests.support import client_programs, grafana
from tests.support.api_server import api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.browser import browsing, needs_chromium
from tests.support.cookies import signed_in
from tests.support.edge import NGINX
from tests.support.site import Site, provisioning_fixture, site_fixture  # noqa: F401 - fixtures

pytestmark = [
    grafana.needs_grafana,
    needs_chromium,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
ROLES = ("owner", "viewer")


@pytest.fixture(name="settings")
def settings_fixture(settings: Settings, database_url: str, tmp_path: Path) -> Settings:
    """Settings of an API behind a proxy that makes backups itself."""
    signing.ensure(tmp_path / "keys")
    return client_programs.backing_up(
        settings, database_url, tmp_path / "backups", keys_directory=tmp_path / "keys", trusted_proxies=("127.0.0.1",)
    )


@pytest.fixture(name="jobs")
def jobs_fixture(settings: Settings) -> Sequence[Job]:
    """Only what makes backups."""
    return [job for job in jobs_of(settings) if job.claim == BACKUP_JOBS]


async def test_an_owner_backs_up_and_verifies_by_buttons_and_a_viewer_has_none(
    site: Site, owner: asyncpg.Connection, settings: Settings, tmp_path
):
    people = {role: await signed_in(owner, role, role) for role in ROLES}
    async with asyncio.timeout(60):
        while (await site.get(people["owner"], "/api/dashboards/uid/ddms-backups-zh")).status_code != 200:
            await asyncio.sleep(0.2)
    address = f"{site.front.https}/grafana/d/ddms-backups?refresh=5s"
    async with browsing(tmp_path / "browser", "--ignore-certificate-errors", "--window-size=1920,1600") as page:
        await page.enter(people["owner"].cookie["Cookie"], site.front.https)
        await page.call("Page.navigate", url=address)
        await page.sees("no backup")
        await page.click_text("button", "Back up now")
        await page.click_text("[role=dialog] button", "Confirm")
        await page.sees("never restored")
        await page.click_text("button", "Verify newest")
        await page.click_text("[role=dialog] button", "Confirm")
        await page.sees("✓ verified")

        await page.enter(people["viewer"].cookie["Cookie"], site.front.https)
        await page.call("Page.navigate", url=address)
        await page.sees("✓ verified")
        assert not await page.run("[...document.querySelectorAll('button')].some(e => e.innerText.includes('Verify'))")
    (made,) = find(settings.backup_directory)
    asked = "SELECT name FROM backups WHERE asked_by = 'owner' AND verify_asked_by = 'owner'"
    assert [row["name"] for row in await owner.fetch(asked)] == [made["name"]]
