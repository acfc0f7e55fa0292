"""Configuration of the site, and what the scheduled jobs did."""

from migrations.sql import run_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_file("0009_configuration")
