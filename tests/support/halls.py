"""A fleet of two halls, and people whose rights reach to hall 3 only."""

from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from api.access.tokens import create, lifetime
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event
from tests.support.api_server import Api, add

GROUP = "mutation ($name: String!, $devices: [ID!]!) { createGroup(input: {name: $name, devices: $devices}) { group { id } } }"


@dataclass
class Hall:
    """A group with one device."""

    group: str
    device: str
    points: dict[str, int]
    connection: str
    name: str
    alarm: str

    @property
    def point(self) -> str:
        return f"pt_{self.points['flow']}"


@dataclass
class Halls:
    """Hall 3, hall 4, and the actors `viewer3` and `admin3` of the API."""

    api: Api
    third: Hall
    fourth: Hall
    people: dict[str, int]


async def limited_person(owner: asyncpg.Connection, api: Api, name: str, role: Role, group: str) -> int:
    """Add a person who is limited to a group, with a token under that name."""
    person: int = await owner.fetchval(
        "INSERT INTO users (name, role, limited) VALUES ($1, $2, true) RETURNING id", name, role.value
    )
    await owner.execute("INSERT INTO user_groups VALUES ($1, $2)", person, int(group[4:]))
    statements = Statements(owner)
    _, api.tokens[name] = await create(
        statements, COMMAND_LINE, name=name, role=role, lifetime=lifetime(1), user_id=person
    )
    return person


async def _hall(api: Api, owner: asyncpg.Connection, name: str, endpoint: str) -> Hall:
    device = await add(api, f"Pump of {name}", endpoint=endpoint)
    payload: Any = await api.ask(GROUP, name=name, devices=[device["id"]])
    connection = await owner.fetchval("SELECT connection_id FROM devices WHERE id = $1", int(device["id"][4:]))
    alarm = await raised(owner, device["points"]["flow"])
    return Hall(payload["group"]["id"], device["id"], device["points"], f"con_{connection}", f"Pump of {name}", alarm)


async def raised(owner: asyncpg.Connection, point: int) -> str:
    """Give a point a limit whose alarm is raised; return the alarm."""
    limit = "INSERT INTO limits (point_id, key, kind, threshold) VALUES ($1, 'high', 'high', 2) RETURNING id"
    limit_id = await owner.fetchval(limit, point)
    alarm = await owner.fetchrow("SELECT id, now() AS now FROM alarms WHERE limit_id = $1", limit_id)
    await happen(owner, [Happening(alarm_id=alarm["id"], event=Event.RAISED, time=alarm["now"], value=3.0)])
    return f"alm_{alarm['id']}"


@pytest.fixture(name="halls")
async def halls_fixture(api: Api, owner: asyncpg.Connection) -> Halls:
    """The fleet, with a reading of each flow."""
    third = await _hall(api, owner, "hall three", "tcp://10.0.3.1")
    fourth = await _hall(api, owner, "hall four", "tcp://10.0.4.1")
    people = {
        name: await limited_person(owner, api, name, role, third.group)
        for name, role in (("viewer3", Role.VIEWER), ("admin3", Role.ADMIN))
    }
    await api.read(owner, {third.points["flow"]: 3.0, fourth.points["flow"]: 4.0})
    return Halls(api, third, fourth, people)
