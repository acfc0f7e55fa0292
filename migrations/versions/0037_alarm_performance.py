"""How well the alarm system does, after EEMUA 191 and ISA-18.2, and whether an alarm was hidden when it was raised."""

from migrations.sql import run_file

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    run_file("0037_alarm_performance")
