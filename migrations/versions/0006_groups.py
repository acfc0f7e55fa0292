"""Groups of devices, and what Grafana sees of them."""

from migrations.sql import run_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_file("0006_groups")
