"""People for the tests of accounts: with a password whose check is quick."""

from typing import Any

import asyncpg
from argon2 import PasswordHasher

from tests.support.api_server import Api

PASSWORD = "four words are better"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SIGN_IN = """mutation ($name: String!, $password: String!) { signIn(name: $name, password: $password) {
    errors { code message field } secret token { role } } }"""


async def add_person(owner: asyncpg.Connection, name: str = "Ada", role: str = "admin", **more: Any) -> int:
    """Add a person straight in the database; return the number."""
    values = {"name": name, "role": role, "password_hash": QUICK.hash(PASSWORD)} | more
    places = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    sql = f"INSERT INTO users ({', '.join(values)}) VALUES ({places}) RETURNING id"
    return await owner.fetchval(sql, *values.values())


async def sign_in(api: Api, name: str = "Ada", password: str = PASSWORD) -> str:
    """Sign a person in; the person is an actor from now on."""
    answer = await api.ask(SIGN_IN, "outsider", name=name, password=password)
    assert answer["errors"] == [], answer
    api.tokens[name] = answer["secret"]
    return answer["secret"]


async def audited(owner: asyncpg.Connection, like: str = "user.%") -> list[tuple[str, str, str]]:
    """Return the audit log's lines about people: actor, action, subject."""
    rows = await owner.fetch("SELECT actor, action, subject FROM audit_log WHERE action LIKE $1 ORDER BY id", like)
    return [tuple(row) for row in rows]
