"""A person signs in on the page of DDMS, is in Grafana, signs out of Grafana's menu, and is out of both."""

import asyncpg
import pytest
from argon2 import PasswordHasher

from tests.support import grafana
from tests.support.api_server import api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.browser import browsing, needs_chromium
from tests.support.edge import NGINX
from tests.support.site import Site, provisioning_fixture, settings_fixture, site_fixture  # noqa: F401 - fixtures

pytestmark = [grafana.needs_grafana, needs_chromium, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]  # fmt: skip
PASSWORD = "correct horse battery"
FILL = """(() => { const form = document.querySelector('form');
form.querySelector('[name=name]').value = 'ann'; form.querySelector('[name=password]').value = %r; form.requestSubmit(); })()"""


async def test_one_sign_in_opens_grafana_and_one_sign_out_closes_it(site: Site, owner: asyncpg.Connection, tmp_path):
    password = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    await owner.execute("INSERT INTO users (name, role, password_hash) VALUES ('ann', 'admin', $1)", password)
    async with browsing(tmp_path / "browser", "--ignore-certificate-errors", "--window-size=1280,1400") as page:
        await page.call("Page.navigate", url=f"{site.front.https}/grafana/d/ddms-storage?from=now-3h&to=now")
        await page.until("location.pathname == '/sign-in' && !!document.querySelector('[name=password]')")
        await page.run(FILL % PASSWORD)
        await page.until(
            "location.pathname == '/grafana/d/ddms-storage/storage' || location.pathname == '/grafana/d/ddms-storage'"
        )
        assert "from=now-3h" in await page.run("location.search")
        await page.sees("What is stored")

        await page.call("Page.navigate", url=f"{site.front.https}/grafana/logout")
        await page.until("location.pathname == '/sign-out' && !!document.querySelector('form')")
        await page.run("document.querySelector('form').requestSubmit()")
        await page.until("location.pathname == '/sign-in'")
        await page.call("Page.navigate", url=f"{site.front.https}/grafana/")
        await page.until("location.pathname == '/sign-in' && location.search.includes('grafana')")
