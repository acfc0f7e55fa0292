"""Points that are calculated of others, and points that a register of their device scales."""

from migrations.sql import run_file

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    run_file("0056_calculated_points")
