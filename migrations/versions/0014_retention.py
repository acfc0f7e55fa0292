"""Retention: what is kept for how long, what was told and done about it, and histories that are being erased."""

from migrations.sql import run_file

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_file("0014_retention")
