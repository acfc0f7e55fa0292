"""Pace: how long answers take, whether intervals are kept; versions of connection settings."""

from migrations.sql import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_file("0006_pace")
