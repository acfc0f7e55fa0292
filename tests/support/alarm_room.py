"""The API with a mixer whose readings a test hands to a store, and what operators ask about its alarms."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from tests.support.alarmed import Watched, add_limit, watched
from tests.support.api_server import Api

OUTCOME = "errors { code field message } results { alarmId result message alarm { state } }"
ACKNOWLEDGE = f"mutation ($ids: [ID!]!, $note: String) {{ acknowledgeAlarms(ids: $ids, note: $note) {{ {OUTCOME} }} }}"
SHELVE = f"""mutation ($ids: [ID!]!, $hours: Float, $until: DateTime, $reason: String! = "noise", $kind: ShelfKind! = TIMED) {{
  shelveAlarms(ids: $ids, hours: $hours, until: $until, reason: $reason, kind: $kind) {{ {OUTCOME} }} }}"""
UNSHELVE = f"mutation ($ids: [ID!]!) {{ unshelveAlarms(ids: $ids) {{ {OUTCOME} }} }}"
NOTE = f"mutation ($ids: [ID!]!, $note: String!) {{ noteAlarms(ids: $ids, note: $note) {{ {OUTCOME} }} }}"
OUT = f"""mutation ($devices: [ID!], $alarms: [ID!], $hours: Float, $until: DateTime) {{
  setOutOfService(devices: $devices, alarms: $alarms, hours: $hours, until: $until, reason: "new seals") {{ {OUTCOME} }} }}"""
RETURN = f"mutation ($devices: [ID!], $alarms: [ID!]) {{ returnToService(devices: $devices, alarms: $alarms) {{ {OUTCOME} }} }}"


@dataclass
class Mixer:
    """A device whose point Level has the limits high 80 and high-high 90."""

    api: Api
    owner: asyncpg.Connection
    point: Watched
    high: str
    high_high: str

    @property
    def device(self) -> str:
        return f"dev_{self.point.device_id}"

    async def do(self, document: str, *ids: str, actor: str = "admin", **more: Any) -> Any:
        """Ask for a change of these alarms, of the high one when none is named."""
        return await self.api.ask(document, actor, ids=ids or [self.high], **more)

    async def results(self, document: str, *ids: str, actor: str = "admin", **more: Any) -> list[str]:
        return [one["result"] for one in (await self.do(document, *ids, actor=actor, **more))["results"]]


async def number_of(owner: asyncpg.Connection, limit: int) -> str:
    return f"alm_{await owner.fetchval('SELECT id FROM alarms WHERE limit_id = $1', limit)}"


@pytest.fixture(name="mixer")
async def mixer_fixture(api: Api, owner, settings, tmp_path, make_device) -> AsyncIterator[Mixer]:
    """The mixer, at rest."""
    device = await make_device()
    high = await add_limit(owner, device, priority="medium", cause="The outlet is blocked", action="Open valve 7")
    high_high = await add_limit(owner, device, "high_high", 90, priority="critical")
    settings = replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool", flush_interval=0.0)
    async with watched(settings, owner, device) as point:
        yield Mixer(api, owner, point, await number_of(owner, high), await number_of(owner, high_high))
