"""Known clients, unchanged and set up as their manuals say: pages, a change, their caches, errors, what comes live."""

import asyncio
import json
import subprocess

import asyncpg
import pytest

from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.node import CLIENTS, ENVIRONMENT, needs_node_clients


@needs_node_clients
@pytest.mark.parametrize("client", ["apollo", "urql"])
async def test_a_known_client_works_unchanged(api: Api, owner: asyncpg.Connection, client):
    flow = (await add(api, "Pump 1"))["points"]["flow"]
    for number in (2, 3):
        await add(api, f"Pump {number}", endpoint=f"tcp://10.0.0.{number}")
    process = await asyncio.create_subprocess_exec(
        "node", CLIENTS / f"{client}.cjs", f"{api.url}/graphql", api.tokens["admin"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT,
    )  # fmt: skip
    told: dict = {}
    try:
        async with asyncio.timeout(60):
            while line := await process.stdout.readline():
                told |= json.loads(line)
                if told.get("kind") == "SNAPSHOT":
                    await api.read(owner, {flow: 4.5})
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, errors.decode()
    assert [told[key] for key in ("errors", "wrong", "persisted", "refused")] == [0, "INVALID", "ADMIN", "devices"]
    assert told["names"] == ["Pump renamed", "Pump 2", "Pump 3"]  # both pages, and what the change answered
    assert (told["kind"], told["columns"]["value"]) == ("CHANGES", [4.5])
