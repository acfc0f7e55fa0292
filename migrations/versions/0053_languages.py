"""Any language: codes are checked by the programs, and the view alarms_shown has its texts in all of them."""

from migrations.sql import run_file

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    run_file("0053_languages")
