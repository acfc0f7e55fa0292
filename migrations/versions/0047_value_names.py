"""Names for the values of points, and how they are shown."""

from migrations.sql import run_file

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    run_file("0047_value_names")
