"""Whom alarms call: what Grafana's rules ask for."""

from migrations.sql import run_file

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    run_file("0040_calls")
