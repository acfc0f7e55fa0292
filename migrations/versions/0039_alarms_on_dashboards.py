"""The worst alarm of each device, and the times of alarms, for dashboards."""

from migrations.sql import run_file

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    run_file("0039_alarms_on_dashboards")
