"""A journal of flushes: what a subscriber missed while its connection was broken."""

from migrations.sql import run_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_file("0011_flushes")
