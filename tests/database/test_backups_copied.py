"""Copies of backups at a second place, a folder or a store that speaks S3: whole or absent, and kept by the same rule."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from api.backups import store
from api.backups.work import Work
from api.ground.actor import COMMAND_LINE
from api.ground.database import Database
from ddms.backups import s3
from ddms.backups.s3 import Store
from ddms.errors import DdmsError
from ddms.settings import Settings
from tests.support import client_programs
from tests.support.ports import free_port


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory) -> Iterator[str]:
    """moto's server: a store in memory."""
    port = free_port()
    log = tmp_path_factory.mktemp("moto") / "log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as said:
        server = subprocess.Popen(
            command, stdout=said, stderr=said, env=os.environ | {"MOTO_ALLOW_NONEXISTENT_REGION": "1"}
        )
    url = f"http://127.0.0.1:{port}"
    patience = time.monotonic() + 60
    try:
        while not answers(url):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < patience, f"no answer in 60 s: {log.read_text()}"
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


def answers(url: str) -> bool:
    """Whether moto's server is there yet: a port that nobody listens on refuses at once."""
    try:
        return httpx2.get(f"{url}/moto-api/", timeout=5).is_success
    except httpx2.HTTPError:
        return False


@pytest.fixture
def bucket(endpoint: str) -> Iterator[str]:
    httpx2.put(f"{endpoint}/plant", timeout=60)
    yield f"{endpoint}/plant"
    httpx2.post(f"{endpoint}/moto-api/reset", timeout=60)


@pytest.fixture
def settings(settings: Settings, database_url: str, tmp_path: Path) -> Settings:
    return client_programs.backing_up(
        settings, database_url, tmp_path / "backups", backup_copy=str(tmp_path / "copies"),
        backup_s3_access_key="AKIDEXAMPLE", backup_s3_secret_key="secret",
    )  # fmt: skip


async def made(settings: Settings, database: Database) -> int:
    async with database.transaction() as statements:
        number = await store.create(statements, COMMAND_LINE, portable=False)
    await Work(settings)(database)
    return number


async def removed(settings: Settings, database: Database, number: int) -> None:
    async with database.transaction() as statements:
        await store.remove(statements, COMMAND_LINE, number)
    await Work(settings)(database)


def names(bucket: str) -> list[str]:
    return re.findall("<Key>([^<]+)</Key>", httpx2.get(bucket).text)


async def test_a_backup_is_copied_to_the_folder_and_goes_with_it(settings, database, owner):
    copies = Path(settings.backup_copy)
    number = await made(settings, database)
    row = await store.read(database, number)
    assert (row["state"], row["copied_at"]) == ("done", None)
    assert "is not there: is its disk or share mounted?" in row["copy_error"]
    copies.mkdir()
    await Work(settings)(database)
    assert not list(copies.iterdir()), "it is tried again after a quarter of an hour"
    await owner.execute("UPDATE backups SET due_at = now()")
    await Work(settings)(database)
    row = await store.read(database, number)
    assert (row["copied_at"] is not None, row["copy_error"]) == (True, None)
    for path in settings.backup_directory.iterdir():
        assert (copies / path.name).read_bytes() == path.read_bytes()
        assert (copies / path.name).stat().st_mode & 0o777 == 0o600
    await removed(settings, database, number)
    assert not list(copies.iterdir())
    assert (await store.read(database, number))["copied_at"] is None


async def test_a_backup_that_was_changed_on_the_disk_is_not_copied(settings, database, owner):
    number = await made(settings, database)
    Path(settings.backup_copy).mkdir()
    (data,) = settings.backup_directory.glob("*.dump")
    whole = bytearray(data.read_bytes())
    whole[1000] ^= 1
    data.write_bytes(whole)
    await owner.execute("UPDATE backups SET due_at = now()")
    await Work(settings)(database)
    assert "its checksum differs" in (await store.read(database, number))["copy_error"]
    assert not list(Path(settings.backup_copy).iterdir())


async def test_a_backup_is_copied_to_the_bucket_in_parts_and_goes_with_it(
    settings, database, endpoint, bucket, monkeypatch
):
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 1024**2)  # the least that S3 takes
    settings = replace(settings, backup_copy="s3://plant/one site/a+b", backup_s3_endpoint=endpoint)
    number = await made(settings, database)
    row = await store.read(database, number)
    assert (row["copy_error"], row["copied_at"] is not None) == (None, True)
    assert names(bucket) == [f"one site/a+b/{row['name']}.{end}" for end in ("dump", "json")]
    await removed(settings, database, number)
    assert names(bucket) == []


async def test_a_large_file_comes_whole_or_not_at_all(settings, endpoint, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 1024**2)
    content = os.urandom(11 * 1024**2)
    large = tmp_path / "large"
    large.write_bytes(content)
    place = Store(replace(settings, backup_copy="s3://plant", backup_s3_endpoint=endpoint))
    await place.put(large, "large")
    assert httpx2.get(f"{bucket}/large").content == content
    assert await place.size("large") == len(content)
    ask = place._ask

    async def cut_off(method: str, name: str, query: str = "", **more):
        if query.startswith("partNumber=2"):
            raise DdmsError("UNAVAILABLE", "the line is cut")
        return await ask(method, name, query, **more)

    monkeypatch.setattr(place, "_ask", cut_off)
    with pytest.raises(DdmsError, match="the line is cut"):
        await place.put(large, "another")
    assert names(bucket) == ["large"]
    assert "<UploadId>" not in httpx2.get(f"{bucket}?uploads=").text, "no part is left that is paid for"
    await place.close()


async def test_what_the_store_says_is_in_the_sentence(settings, endpoint, tmp_path, monkeypatch):
    (tmp_path / "small").write_bytes(b"x")
    place = Store(replace(settings, backup_copy="s3://nowhere", backup_s3_endpoint=endpoint))
    with pytest.raises(DdmsError, match=r"the store refuses \(NoSuchBucket"):
        await place.put(tmp_path / "small", "small")
    await place.close()
    monkeypatch.setattr(s3, "TRIES", 1)
    place = Store(replace(settings, backup_copy="s3://plant", backup_s3_endpoint=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(DdmsError, match="the store does not answer"):
        await place.put(tmp_path / "small", "small")
    await place.close()
