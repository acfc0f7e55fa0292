"""The database says which older programs can work with its schema."""

from migrations.sql import run_file

revision = "0063"
down_revision = "0062"


def upgrade() -> None:
    run_file("0063_schema_support")
