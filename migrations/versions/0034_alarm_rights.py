"""Alarms for limited people: those of the devices in their sight, and of the connections that these are behind."""

from migrations.sql import run_file

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    run_file("0034_alarm_rights")
