"""What keeps a collector from storing stands in its row, as far as the database takes that much."""

from migrations.sql import run_file

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_file("0018_trouble")
