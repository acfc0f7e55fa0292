"""The models of a SunSpec device can be asked for at the field."""

from migrations.sql import run_file

revision = "0066"
down_revision = "0065"


def upgrade() -> None:
    run_file("0066_sunspec")
