"""The audit log: who changed what, when, from where."""

from typing import Any

from api.ground.actor import Actor
from api.ground.database import Statements

INSERT_AUDIT = """-- ddms:insert_audit
INSERT INTO audit_log (actor, address, action, subject, before, after) VALUES ($1, $2, $3, $4, $5, $6)
"""
INSERT_AUDIT_OF_EACH = """-- ddms:insert_audit_of_each
INSERT INTO audit_log (actor, address, action, subject, after) SELECT $1, $2, $3, subject, $5 FROM unnest($4::text[]) AS subject
"""


async def record(
    statements: Statements,
    actor: Actor,
    action: str,
    subject: str,
    *,
    before: Any = None,
    after: Any = None,
) -> None:
    """Write one line, in the transaction of the change."""
    await statements.value(INSERT_AUDIT, actor.name, actor.address, action, subject, before, after)


async def record_each(statements: Statements, actor: Actor, action: str, subjects: list[str], *, after: Any) -> None:
    """Write one line for each of many subjects, to which the same was done."""
    await statements.value(INSERT_AUDIT_OF_EACH, actor.name, actor.address, action, subjects, after)
