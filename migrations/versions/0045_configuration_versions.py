"""All versions of the configuration, the limits of the system's alarms in it, and what a change of compression would do."""

from migrations.sql import run_file

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    run_file("0045_configuration_versions")
