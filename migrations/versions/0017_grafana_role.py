"""Locks, messages and settings that Grafana's role, which may send any SQL, can neither take, forge nor keep."""

from migrations.sql import run_file

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_file("0017_grafana_role")
    run_file("0017_roles")
