"""Backups and restores, and when they are made."""

from migrations.sql import run_file

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    run_file("0042_backups")
