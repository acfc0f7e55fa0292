"""Buckets by the calendar of a place, and the average weighted by time, at every level."""

from migrations.sql import run_file

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_file("0019_weights")
    run_file("0019_series")
