"""The audit log: who changed what, when, from where."""

from typing import Any

from api.context import Context
from api.database import Statements

INSERT_AUDIT = """-- ddms:insert_audit
INSERT INTO audit_log (actor, address, action, subject, before, after) VALUES ($1, $2, $3, $4, $5, $6)
"""
INSERT_AUDIT_OF_EACH = """-- ddms:insert_audit_of_each
INSERT INTO audit_log (actor, address, action, subject, after) SELECT $1, $2, $3, subject, $5 FROM unnest($4::text[]) AS subject
"""


async def record(
    statements: Statements,
    context: Context | None,
    action: str,
    subject: str,
    *,
    before: Any = None,
    after: Any = None,
) -> None:
    """Write one line, in the transaction of the change; without a context it was the command line."""
    await statements.value(INSERT_AUDIT, *_who(context), action, subject, before, after)


async def record_each(
    statements: Statements, context: Context | None, action: str, subjects: list[str], *, after: Any
) -> None:
    """Write one line for each of many subjects, to which the same was done."""
    await statements.value(INSERT_AUDIT_OF_EACH, *_who(context), action, subjects, after)


def _who(context: Context | None) -> tuple[str, str | None]:
    return (context.actor, context.address) if context else ("command line", None)
