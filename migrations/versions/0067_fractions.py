"""Intervals of fractions of a second, from 0.1 s on."""

from migrations.sql import run_file

revision = "0067"
down_revision = "0066"


def upgrade() -> None:
    run_file("0067_fractions")
