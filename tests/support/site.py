"""All that people meet: the real Grafana behind the real edge, and two replicas of the API."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import httpx2
import pytest

from api.ground import signing
from ddms.settings import Settings
from tests.support import grafana
from tests.support.api_server import Api, serving
from tests.support.cookies import Person
from tests.support.edge import Edge, edge
from tests.support.ports import free_port

KEY_CACHE = 1


@dataclass
class Site:
    """What runs."""

    api: Api
    front: Edge
    client: httpx2.AsyncClient
    own: str
    """Grafana's own address, which in production nobody but nginx reaches."""
    keys: Path

    async def get(self, person: Person | None, path: str) -> httpx2.Response:
        return await self.client.get(f"/grafana{path}", headers=person.cookie if person else {})

    async def role(self, person: Person) -> str:
        answer = await self.get(person, "/api/user/orgs")
        return answer.json()[0]["role"] if answer.status_code == 200 else str(answer.status_code)

    async def straight(self, token: str) -> int:
        """Go past the edge with an identity; return the status."""
        answer = await self.client.get(f"{self.own}/grafana/api/user", headers={"X-DDMS-Identity": token})
        return answer.status_code


@pytest.fixture(name="settings")
def settings_fixture(settings: Settings, tmp_path: Path) -> Settings:
    """Settings of an API behind a proxy, with keys."""
    signing.ensure(tmp_path / "keys")
    return replace(settings, keys_directory=tmp_path / "keys", trusted_proxies=("127.0.0.1",))


@pytest.fixture(name="provisioning")
def provisioning_fixture(tmp_path: Path) -> Path:
    """What Grafana is provisioned with; a test may add something."""
    return grafana.provisioned(tmp_path)


@pytest.fixture(name="site")
async def site_fixture(
    tmp_path: Path, api: Api, settings: Settings, owner: asyncpg.Connection, provisioning: Path
) -> AsyncIterator[Site]:
    """Everything, started in order."""
    await grafana.let_in(owner)
    port = free_port()
    more = {"GF_AUTH_JWT_CACHE_TTL": f"{KEY_CACHE}s", "GF_PATHS_PROVISIONING": str(provisioning)}
    async with serving(settings) as (other, _):
        both = ",".join(url.removeprefix("http://") for url in (api.url, other))
        with edge(tmp_path, api=both, grafana=f"127.0.0.1:{port}", API_REQUESTS_PER_MINUTE="6000") as front:
            started = grafana.running(tmp_path, front, port, settings.database_url, **more)
            own = await asyncio.to_thread(started.__enter__)
            try:
                async with httpx2.AsyncClient(base_url=front.https, verify=front.trust(), timeout=60) as client:
                    yield Site(api, front, client, own, settings.keys_directory)
            finally:
                await asyncio.to_thread(started.__exit__, None, None, None)
