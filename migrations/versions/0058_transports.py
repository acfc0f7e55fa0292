"""More ways to devices."""

from migrations.sql import run_file

revision = "0058"
down_revision = "0057"


def upgrade() -> None:
    run_file("0058_transports")
