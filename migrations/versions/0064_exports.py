"""Exports that are made in the background, and whose files are fetched later."""

from migrations.sql import run_file

revision = "0064"
down_revision = "0063"


def upgrade() -> None:
    run_file("0064_exports")
