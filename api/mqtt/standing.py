"""How the publishing stands, for `/metrics`: read from the database, so that each replica tells the same, whoever publishes."""

import math

from api.ground.database import Database
from api.ground.metrics import MQTT_BEHIND, MQTT_FAILING, MQTT_PUBLISHED

READ_STANDING = """-- ddms:read_standing_of_mqtt
SELECT published::float8 AS published, extract(epoch FROM now() - published_at)::float8 AS behind,
       coalesce(extract(epoch FROM now() - failing_since), 0)::float8 AS failing
  FROM mqtt WHERE seen_at > now() - interval '2 minutes'
"""
_GAUGES = {"published": MQTT_PUBLISHED, "behind": MQTT_BEHIND, "failing": MQTT_FAILING}


async def tell_publishing(database: Database) -> None:
    """Tell the metrics; while nothing is published, or nobody knows, there is no number."""
    for gauge in _GAUGES.values():
        gauge.set(math.nan)
    if row := await database.row(READ_STANDING):
        for name, gauge in _GAUGES.items():
            gauge.set(math.nan if row[name] is None else row[name])
