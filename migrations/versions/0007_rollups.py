"""Rollups of a minute, an hour and a day, and `series`, which chooses among them."""

from migrations.sql import run_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_file("0007_rollups")
    run_file("0007_series")
