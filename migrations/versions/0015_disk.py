"""The disk: what is free of it is taken down with the size of the database, so that dashboards see it too."""

from migrations.sql import run_file

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_file("0015_disk")
