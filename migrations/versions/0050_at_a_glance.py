"""The chosen point of each device, how each device did over time, and the lines of many points at once."""

from migrations.sql import run_file

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    run_file("0050_at_a_glance")
