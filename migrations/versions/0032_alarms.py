"""Limits, alarms and their journal."""

from migrations.sql import run_file

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    run_file("0032_alarms")
