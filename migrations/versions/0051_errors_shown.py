"""Which of their buttons failed, for limited people too."""

from migrations.sql import run_file

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    run_file("0051_errors_shown")
