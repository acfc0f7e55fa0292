"""Intervals of fractions of a second, from 0.1 s on."""

from migrations.sql import run_file

revision = "0068"
down_revision = "0067"


def upgrade() -> None:
    run_file("0068_fractions")
