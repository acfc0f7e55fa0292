"""Increase and rate of counters, and the shifts, weeks and fiscal years of the site."""

from migrations.sql import run_file

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    run_file("0049_increase")
