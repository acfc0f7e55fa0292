"""Tests of devices, as a dashboard shows them."""

from migrations.sql import run_file

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    run_file("0029_tests")
