"""Rollups of a minute, an hour and a day, and `series`, which chooses among them."""

from migrations.sql import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_file("0006_rollups")
    run_file("0006_series")
