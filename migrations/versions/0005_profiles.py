"""Profiles: a register map written once and followed by many devices."""

from migrations.sql import run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_file("0005_profiles")
