"""What failed for people and programs, by the number that they were told."""

from migrations.sql import run_file

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    run_file("0046_errors")
