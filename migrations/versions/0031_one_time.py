"""One-time passwords are good for a week."""

from migrations.sql import run_file

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    run_file("0031_one_time")
