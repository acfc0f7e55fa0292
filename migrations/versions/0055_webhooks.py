"""Webhooks: who is told of alarms and states of devices, and what waits to be told."""

from migrations.sql import run_file

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    run_file("0055_webhooks")
