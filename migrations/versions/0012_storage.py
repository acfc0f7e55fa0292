"""Compression of old readings where the edition can, and what is stored in how many bytes."""

from migrations.sql import run_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_file("0012_storage")
