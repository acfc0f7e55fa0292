"""Idempotency keys and trusted documents."""

from migrations.sql import run_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_file("0010_requests")
