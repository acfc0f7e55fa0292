"""Time-outs of devices, and intervals of up to a day."""

from migrations.sql import run_file

revision = "0061"
down_revision = "0060"


def upgrade() -> None:
    run_file("0061_paces")
