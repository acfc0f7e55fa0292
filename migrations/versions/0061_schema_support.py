"""The database says which older programs can work with its schema."""

from migrations.sql import run_file

revision = "0061"
down_revision = "0060"


def upgrade() -> None:
    run_file("0061_schema_support")
