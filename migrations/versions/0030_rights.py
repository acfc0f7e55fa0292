"""Rights that reach to groups of devices: row security for limited people, in the programs and in Grafana."""

from migrations.sql import run_file

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    run_file("0030_rights")
    run_file("0030_grafana")
