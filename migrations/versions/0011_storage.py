"""Compression of old readings where the edition can, and what is stored in how many bytes."""

from migrations.sql import run_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_file("0011_storage")
