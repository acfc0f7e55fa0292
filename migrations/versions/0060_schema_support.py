"""The database says which older programs can work with its schema."""

from migrations.sql import run_file

revision = "0060"
down_revision = "0059"


def upgrade() -> None:
    run_file("0060_schema_support")
