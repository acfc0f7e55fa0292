"""A limit that compares two points follows the other one: when it is renamed, and when it is read no more."""

from migrations.sql import run_file

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    run_file("0041_references")
