"""The audit of the GraphQL-over-HTTP working group's reference implementation, against the running server."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

AUDIT = """
const { serverAudits } = require('graphql-http');
const url = process.argv[1];
(async () => {
  for (const audit of serverAudits({ url })) {
    const { status, reason } = await audit.fn();
    console.log(JSON.stringify({ id: audit.id, name: audit.name, status, reason }));
  }
})();
"""


def has_audit() -> bool:
    folders = os.environ.get("NODE_PATH", "").split(os.pathsep)
    return bool(shutil.which("node")) and any((Path(folder) / "graphql-http").is_dir() for folder in folders if folder)


@pytest.mark.skipif(not has_audit(), reason="node with graphql-http in NODE_PATH is not here")
async def test_every_must_and_should_of_the_audit_passes(api: Api):
    audit = await asyncio.create_subprocess_exec("node", "-e", AUDIT, f"{api.url}/graphql", stdout=subprocess.PIPE)
    async with asyncio.timeout(60):
        printed, _ = await audit.communicate()
    results = [json.loads(line) for line in printed.splitlines()]
    assert len(results) > 50
    assert [
        result
        for result in results
        if result["status"] not in {"ok", "notice"} or ("SHOULD" in result["name"] and result["status"] != "ok")
    ] == []
