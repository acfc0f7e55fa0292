"""Webhooks: what must be told in order, and what may be told at once."""

from migrations.sql import run_file

revision = "0064"
down_revision = "0063"


def upgrade() -> None:
    run_file("0064_lanes")
