"""When a disk is full: no growth, however small, is too small a number to ask about."""

from migrations.sql import run_file

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_file("0016_disk_full")
