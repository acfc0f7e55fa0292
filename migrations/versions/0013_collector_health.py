"""What a collector lost, and what its spool holds: shown, never silent."""

from migrations.sql import run_file

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_file("0013_collector_health")
