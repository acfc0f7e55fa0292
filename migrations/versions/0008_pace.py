"""Pace: how long answers take, whether intervals are kept; versions of connection settings."""

from migrations.sql import run_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_file("0008_pace")
