"""People: accounts, sessions of browsers, and rights that reach to groups of devices."""

from migrations.sql import run_file

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_file("0023_people")
