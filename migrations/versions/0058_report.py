"""What a plant asks of its values, for Grafana: means, states, percentiles and availability by the site's calendar."""

from migrations.sql import run_file

revision = "0058"
down_revision = "0057"


def upgrade() -> None:
    run_file("0058_report")
