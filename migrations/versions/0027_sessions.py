"""Sessions get a new secret when what the person may do changes; the old one serves requests in flight."""

from migrations.sql import run_file

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    run_file("0027_sessions")
