"""Hypertables where TimescaleDB is there, the two roles, and what Grafana may see."""

from migrations.sql import run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_file("0002_storage_and_roles")
