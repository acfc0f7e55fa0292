"""Sites: which collectors poll which connections, and what was taken of their messages."""

from migrations.sql import run_file

revision = "0060"
down_revision = "0059"


def upgrade() -> None:
    run_file("0060_sites")
