"""Points that are counters, and the value at which they begin at 0 again."""

from migrations.sql import run_file

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    run_file("0048_counters")
