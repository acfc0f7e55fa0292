"""Alarms and their journal as the dashboards show them."""

from migrations.sql import run_file

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    run_file("0036_alarms_shown")
