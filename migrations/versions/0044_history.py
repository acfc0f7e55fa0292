"""Imports of history, and days whose rollups are made again after one."""

from migrations.sql import run_file

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    run_file("0044_history")
