"""Exports in the background: who may ask, fetch and end them, and what becomes of them when something breaks."""

import asyncio
import io
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest import mock

import asyncpg
import httpx2
import openpyxl
import pytest

from api.export import maker
from api.export.maker import Maker
from ddms.settings import Settings
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.exports import START, put
from tests.support.halls import Halls, halls_fixture  # noqa: F401 - a fixture

FIELDS = "id state progress filename rows bytes error url requestedBy expiresAt"
BEGIN = f"mutation ($input: ExportInput!) {{ startExport(input: $input) {{ errors {{ code field message }} export {{ {FIELDS} }} }} }}"
READ = f"query ($id: ID!) {{ export(id: $id) {{ {FIELDS} }} }}"
CANCEL = "mutation ($id: ID!) { cancelExport(id: $id) { errors { code } export { state } } }"
RANGE = {"from": START.isoformat(), "to": (START + timedelta(hours=1)).isoformat()}


@pytest.fixture(name="settings")
def settings_fixture(settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, export_directory=tmp_path / "exports")


@asynccontextmanager
async def making(settings: Settings) -> AsyncIterator[Maker]:
    made = Maker(settings)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def begin(api: Api, actor: str = "viewer", **more) -> str:
    payload = await api.ask(BEGIN, actor, input={"devices": ["Pump"], **RANGE, **more})
    assert payload["errors"] == []
    assert payload["export"]["state"] == "WAITING"
    return payload["export"]["id"]


async def until(api: Api, number: str, *states: str, actor: str = "owner") -> dict:
    async with asyncio.timeout(60):
        while (found := await api.ask(READ, actor, id=number))["state"] not in states:
            assert found["state"] in {"WAITING", "RUNNING", "DONE"}, found
            await asyncio.sleep(0.05)
    return found


async def fetch(api: Api, number: str, actor: str = "viewer", **headers: str) -> httpx2.Response:
    return await api.client.get(f"{api.url}/export/files/{number}", headers=api.headers(actor) | headers)


@pytest.fixture
async def pump(api: Api, owner: asyncpg.Connection) -> dict:
    made = await add(api)
    await put(owner, made["points"]["flow"], [20.5, None, -3.25])
    return made


async def test_what_was_asked_for_is_made_and_fetched_by_who_asked_and_by_admins(api: Api, owner, settings, pump):
    number = await begin(api, format="XLSX", timeZone="Asia/Shanghai")
    assert (await fetch(api, number)).status_code == 409
    async with making(settings):
        done = await until(api, number, "DONE")
    assert (done["rows"], done["progress"], done["url"]) == (3, 1, f"export/files/{number}")
    assert done["filename"] == "Pump_20260328-2000_20260328-2100_raw.xlsx"
    answer = await fetch(api, number)
    assert (answer.status_code, len(answer.content)) == (200, done["bytes"])
    assert done["filename"] in answer.headers["Content-Disposition"]
    assert [row[6] for row in openpyxl.load_workbook(io.BytesIO(answer.content)).active.values][1:] == [
        20.5,
        None,
        -3.25,
    ]
    part = await fetch(api, number, Range="bytes=0-3")
    assert (part.status_code, part.content) == (206, answer.content[:4])
    assert (await fetch(api, number, "admin", Accept="text/html")).content == answer.content
    assert (await fetch(api, number, "outsider")).status_code == 401
    actions = await owner.fetch("SELECT action FROM audit_log WHERE action LIKE 'export.%' ORDER BY number")
    assert [row["action"] for row in actions] == ["export.start", *["export.fetch"] * 3]


async def test_another_viewer_sees_nothing_of_it(api: Api, owner, settings, pump):
    number = await begin(api, "admin")
    async with making(settings):
        await until(api, number, "DONE")
    assert (await fetch(api, number)).status_code == 404
    assert await api.ask(READ, "viewer", id=number) is None
    assert await api.ask("{ exports { id } }", "viewer") == []
    assert (await api.ask(CANCEL, "viewer", id=number))["errors"][0]["code"] == "NOT_FOUND"
    follow = f'subscription {{ exportProgress(id: "{number}") {{ state }} }}'
    async with api.socket("admin") as own, api.socket("viewer") as other:
        await own.subscribe(follow)
        assert (await own.event("exportProgress"))["state"] == "DONE"
        await other.subscribe(follow)
        assert (await other.receive())["type"] == "error"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"devices": ["nobody"]}, "device"),
        ({"format": "XLSX", "decimal": "COMMA"}, "decimal"),
        ({"from": "tomorrow"}, "from"),
        ({"percentiles": [95.0]}, "percentile"),
        ({"to": "2026-03-01T00:00:00Z"}, "from"),
    ],
)
async def test_what_cannot_be_is_refused_when_it_is_asked_for(api: Api, pump, asked, field):
    payload = await api.ask(BEGIN, "viewer", input={"devices": ["Pump"], **RANGE, **asked})
    assert ([error["field"] for error in payload["errors"]], payload["export"]) == ([field], None)


async def test_many_at_once_wait_in_a_queue_that_has_an_end_and_others_are_not_held_up(api: Api, owner, settings, pump):
    numbers = [await begin(api, to="now", **{"from": "-7d"}) for _ in range(10)]
    eleventh = await api.ask(BEGIN, "viewer", input={"devices": ["Pump"], **RANGE})
    assert eleventh["errors"][0]["code"] == "CONFLICT"
    other = await begin(api, "admin")
    async with making(settings):
        await until(api, other, "DONE")
        for number in numbers:
            await until(api, number, "DONE")
    turns = await owner.fetch("SELECT requested_by FROM exports ORDER BY started_at")
    assert "admin" in str(turns[:3]), "whose turn was longest ago is next"


async def test_one_that_was_under_way_when_a_program_died_is_made_again_and_not_for_ever(
    api: Api, owner, settings, pump
):
    first, second = await begin(api), await begin(api)
    folder = settings.export_directory
    folder.mkdir()
    (folder / "1.part").write_bytes(b"half")
    (folder / "99").write_bytes(b"nobody's")
    await owner.execute("UPDATE exports SET state = 'running', attempts = CASE id WHEN 1 THEN 1 ELSE 3 END")
    async with making(settings):
        assert (await until(api, first, "DONE"))["rows"] == 3
        assert "several times" in (await until(api, second, "FAILED"))["error"]
    assert [path.name for path in folder.iterdir()] == ["1"]


@pytest.fixture
async def long(api: Api, owner: asyncpg.Connection, pump) -> str:
    """An export that takes a while."""
    await owner.execute(
        "INSERT INTO readings SELECT $2::timestamptz + n * interval '100 ms', $1, n, 0 FROM generate_series(30000, 400000) n",
        pump["points"]["flow"],
        START,
    )
    return await begin(api, to=(START + timedelta(days=2)).isoformat())


async def test_one_that_is_being_made_can_be_cancelled_and_nothing_is_left(api: Api, settings, long):
    held = asyncio.Event()

    async def slowly(*_: object) -> int:
        await held.wait()
        return 0

    with mock.patch.object(maker, "write", slowly):
        async with making(settings):
            await until(api, long, "RUNNING")
            await api.ask(CANCEL, "viewer", id=long)
            await until(api, long, "CANCELLED")
    assert not list(settings.export_directory.iterdir())


async def test_a_full_disk_and_a_full_folder_are_told_and_leave_no_half_file(api: Api, settings, long):
    usage = shutil._ntuple_diskusage(10, 10, 0)
    with mock.patch.object(maker.shutil, "disk_usage", return_value=usage):
        async with making(settings):
            assert "disk" in (await until(api, long, "FAILED"))["error"]
    assert not list(settings.export_directory.iterdir())
    again = await begin(api, to=(START + timedelta(days=2)).isoformat())
    async with making(replace(settings, export_max_bytes=2_000_000)):
        assert "room for" in (await until(api, again, "FAILED"))["error"]
    assert not list(settings.export_directory.iterdir())


async def test_a_file_goes_when_it_is_old_and_when_it_is_cancelled(api: Api, owner, settings, pump):
    old, unwanted = await begin(api), await begin(api)
    async with making(settings):
        await until(api, old, "DONE")
        await until(api, unwanted, "DONE")
        await owner.execute("UPDATE exports SET expires_at = now() WHERE id = 1")
        assert (await api.ask(CANCEL, "viewer", id=unwanted))["export"]["state"] == "REMOVED"
        await until(api, old, "REMOVED")
        async with asyncio.timeout(60):
            while list(settings.export_directory.iterdir()):
                await asyncio.sleep(0.05)
    assert (await fetch(api, old)).status_code == 404


async def test_nothing_is_made_for_a_token_that_ended(api: Api, owner, settings, pump):
    number = await begin(api)
    await owner.execute("UPDATE api_tokens SET revoked_at = now() WHERE role = 'viewer'")
    async with making(settings):
        assert "no access" in (await until(api, number, "FAILED"))["error"]


async def test_rights_to_groups_hold_when_it_is_asked_for_and_when_it_is_fetched(halls: Halls, owner, settings):
    api, span = halls.api, {"from": "-1d"}
    other = await api.ask(BEGIN, "viewer3", input={"devices": [halls.fourth.device]} | span)
    assert other["errors"][0]["code"] == "NOT_FOUND"
    own = (await api.ask(BEGIN, "viewer3", input={"devices": [halls.third.device]} | span))["export"]["id"]
    both = (await api.ask(BEGIN, "owner", input={"groups": [halls.third.group, halls.fourth.group]} | span))["export"][
        "id"
    ]
    async with making(settings):
        await until(api, own, "DONE")
        await until(api, both, "DONE")
    assert (await fetch(api, own, "viewer3")).status_code == 200
    assert (await fetch(api, both, "admin3")).status_code == 404, "half of it is not in sight"
    assert (await fetch(api, own, "admin3")).status_code == 200
    await owner.execute("DELETE FROM user_groups")
    assert (await fetch(api, own, "viewer3")).status_code == 404


async def test_without_a_folder_it_is_said(api: Api, pump):
    api.parts.settings = replace(api.parts.settings, export_directory=None)
    payload = await api.ask(BEGIN, "viewer", input={"devices": ["Pump"], **RANGE})
    assert "DDMS_EXPORT_DIRECTORY" in payload["errors"][0]["message"]


async def test_a_device_that_is_deleted_with_its_history_kept_is_still_in_the_file(api: Api, settings, pump):
    number = await begin(api)
    await api.ask('mutation { deleteDevice(id: "dev_1", keepHistory: true) { errors { code } } }')
    async with making(settings):
        assert (await until(api, number, "DONE"))["rows"] == 3
