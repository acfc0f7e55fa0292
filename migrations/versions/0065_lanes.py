"""Webhooks: what must be told in order, and what may be told at once."""

from migrations.sql import run_file

revision = "0065"
down_revision = "0064"


def upgrade() -> None:
    run_file("0065_lanes")
