"""Messages: what lets Grafana's role send many with one statement is taken from it."""

from migrations.sql import run_file

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_file("0025_messages")
