"""How far sites do, as `ddms ingest` last saw them."""

from migrations.sql import run_file

revision = "0067"
down_revision = "0066"


def upgrade() -> None:
    run_file("0067_site_states")
