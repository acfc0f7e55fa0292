"""How far readings were published to a broker of MQTT."""

from migrations.sql import run_file

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    run_file("0059_mqtt")
