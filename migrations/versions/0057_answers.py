"""Deviation, percentiles and states of values, and the value at a time."""

from migrations.sql import run_file

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    run_file("0057_answers")
