"""How the webhooks stand, for `/metrics`: read from the database, so that each replica tells the same, whoever tells the targets."""

from api.ground.database import Database
from api.ground.metrics import WEBHOOK_DEAD, WEBHOOK_FAILING, WEBHOOK_OLDEST, WEBHOOK_WAITING

READ_STANDING = """-- ddms:read_standing_of_webhooks
SELECT w.name, coalesce(extract(epoch FROM now() - w.failing_since), 0)::float8 AS failing, d.waiting, d.oldest,
       (SELECT count(*) FROM webhook_deliveries x WHERE x.webhook_id = w.id AND x.state = 'dead') AS dead
  FROM webhooks w
  LEFT JOIN LATERAL (SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(x.created_at)), 0)::float8 AS oldest
                       FROM webhook_deliveries x WHERE x.webhook_id = w.id AND x.state = 'waiting') d ON true
 WHERE w.enabled
"""
_GAUGES = {
    "waiting": WEBHOOK_WAITING,
    "oldest": WEBHOOK_OLDEST,
    "dead": WEBHOOK_DEAD,
    "failing": WEBHOOK_FAILING,
}


async def tell_webhooks(database: Database) -> None:
    """Tell the metrics of each webhook that is enabled."""
    for gauge in _GAUGES.values():
        gauge.clear()
    for row in await database.rows(READ_STANDING):
        for name, gauge in _GAUGES.items():
            gauge.labels(row["name"]).set(row[name])
