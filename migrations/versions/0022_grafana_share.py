"""Grafana's role has a share of the server, not all of it: fewer sessions, no parallel workers, a budget of running time."""

from migrations.sql import run_file

revision = "0022"
down_revision = "0020"


def upgrade() -> None:
    run_file("0022_grafana_share")
