"""Alarms of the system itself, texts for alarms that have no limit, priorities of those of devices and connections."""

from migrations.sql import run_file

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    run_file("0035_system_alarms")
