"""What Grafana, metrics and system alarms tell of backups."""

from migrations.sql import run_file

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    run_file("0043_backups_watched")
