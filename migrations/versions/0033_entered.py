"""The time of an entry of the audit is not for the role of limited people to say."""

from migrations.sql import run_file

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    run_file("0033_entered")
