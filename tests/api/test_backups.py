"""Backups by GraphQL, made by the API's own process for them."""

import asyncio
from collections.abc import Sequence

import pytest

from api.ground import claims
from api.ground.scheduler import Job
from api.site.jobs import jobs_of
from ddms.backups.folder import find
from ddms.settings import Settings
from tests.support import client_programs
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

CREATE = "mutation { createBackup { errors { code field message } backup { id name state askedBy } } }"
READ = "query ($id: ID!) { backup(id: $id) { name state attempt error bytes checksum doing contents { edition tables { name rows } } } }"
KEEP = "mutation ($id: ID!, $kept: Boolean!) { keepBackup(id: $id, kept: $kept) { errors { code field } backup { kept } } }"
DELETE = "mutation ($id: ID!) { deleteBackup(id: $id) { errors { code field message } backup { removedAt } } }"
LIST = "{ backups { totalCount nodes { id state } } }"


@pytest.fixture
def settings(settings: Settings, database_url: str, tmp_path) -> Settings:
    return client_programs.backing_up(settings, database_url, tmp_path / "backups")


@pytest.fixture
def jobs(settings: Settings) -> Sequence[Job]:
    return [job for job in jobs_of(settings) if job.name == "backups"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(claims, "RETRY_SECONDS", 0.05)


async def until(api: Api, number: str, condition):
    async with asyncio.timeout(120):
        while not condition(found := await api.ask(READ, id=number)):
            await asyncio.sleep(0.05)
    return found


async def test_an_owner_asks_for_a_backup_sees_it_done_keeps_it_and_deletes_it(api: Api, settings, owner):
    asked = await api.ask(CREATE)
    assert (asked["errors"], asked["backup"]["askedBy"]) == ([], "the owner's")
    number = asked["backup"]["id"]
    done = await until(api, number, lambda found: found["state"] == "DONE")
    (manifest,) = find(settings.backup_directory)
    assert (done["checksum"], done["bytes"], done["attempt"]) == (manifest["checksum"], manifest["bytes"], 1)
    rows = {table["name"]: table["rows"] for table in done["contents"]["tables"]}
    assert rows["users"] == 0
    assert rows["api_tokens"] == 3
    assert (await api.ask(KEEP, id=number, kept=True))["backup"] == {"kept": True}
    (error,) = (await api.ask(DELETE, id=number))["errors"]
    assert error["code"] == "CONFLICT"
    assert (await api.ask(KEEP, id=number, kept=False))["errors"] == []
    assert (await api.ask(DELETE, id=number))["errors"] == []
    assert (await api.ask(LIST))["totalCount"] == 0
    async with asyncio.timeout(60):
        while list(settings.backup_directory.iterdir()):
            await asyncio.sleep(0.05)


async def test_nobody_but_the_owner_sees_or_asks(api: Api):
    for query in (CREATE, LIST):
        assert await api.code(query, "admin") == "FORBIDDEN"
