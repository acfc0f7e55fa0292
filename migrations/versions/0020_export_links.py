"""Links to an export: a browser can follow one, and a log that keeps it keeps nothing of worth."""

from migrations.sql import run_file

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_file("0020_export_links")
