"""Commissioning: probe and scan are asked for as a test of the connection is."""

from migrations.sql import run_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_file("0003_commissioning")
