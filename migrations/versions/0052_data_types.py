"""More data types: decimal digits, dates, fields of bits, other texts; and how they are shown."""

from migrations.sql import run_file

revision = "0052"
down_revision = "0051"


def upgrade() -> None:
    run_file("0052_data_types")
