"""The first tables: connections, devices, points, readings, who may ask."""

from migrations.sql import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_file("0001_first_tables")
