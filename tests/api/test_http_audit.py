"""The audit of the GraphQL-over-HTTP working group's reference implementation, against the running server."""

import asyncio
import json
import subprocess

from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.node import ENVIRONMENT, needs_node_clients

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


@needs_node_clients
async def test_every_must_and_should_of_the_audit_passes(api: Api):
    audit = await asyncio.create_subprocess_exec(
        "node", "-e", AUDIT, f"{api.url}/graphql", stdout=subprocess.PIPE, env=ENVIRONMENT
    )
    async with asyncio.timeout(60):
        printed, _ = await audit.communicate()
    results = [json.loads(line) for line in printed.splitlines()]
    assert len(results) > 50
    assert [
        result
        for result in results
        if result["status"] not in {"ok", "notice"} or ("SHOULD" in result["name"] and result["status"] != "ok")
    ] == []
