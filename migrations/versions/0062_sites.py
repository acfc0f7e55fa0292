"""Sites: which collectors poll which connections, and what was taken of their messages."""

from migrations.sql import run_file

revision = "0062"
down_revision = "0061"


def upgrade() -> None:
    run_file("0062_sites")
