"""Due times, progress and pauses of the scheduled jobs are rows."""

from migrations.sql import run_file

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    run_file("0038_scheduled_jobs")
