"""The audit log: who changed what, when, from where."""

from typing import Any

from api.context import Context
from api.database import Statements

INSERT_AUDIT = """-- ddms:insert_audit
INSERT INTO audit_log (actor, address, action, subject, before, after) VALUES ($1, $2, $3, $4, $5, $6)
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
    actor, address = (context.actor, context.address) if context else ("command line", None)
    await statements.value(INSERT_AUDIT, actor, address, action, subject, before, after)
