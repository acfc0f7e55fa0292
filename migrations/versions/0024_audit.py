"""Audit: who did what by which client, each entry chained to the one before, its own retention."""

from migrations.sql import run_file

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run_file("0024_audit")
