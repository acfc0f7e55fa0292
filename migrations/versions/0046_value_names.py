"""Names for the values of points, and how they are shown."""

from migrations.sql import run_file

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    run_file("0046_value_names")
