"""Whether DDMS does what it should, as far as the database shows it: for `/health` of the API and for `ddms doctor`."""

from collections.abc import Iterator, Mapping
from typing import Any

# A point may miss two of its polls, and its readings may be on the way for half a minute.
READ_HEALTH = """-- ddms:read_health
WITH polled AS (
    SELECT l.time < now() - make_interval(secs => 3 * p.interval_s + 30) AS late
      FROM points p JOIN devices d ON d.id = p.device_id AND d.enabled AND d.deleted_at IS NULL
      JOIN device_states s ON s.device_id = d.id AND s.state IN ('online', 'error')
      JOIN latest l ON l.point_id = p.id
     WHERE p.enabled
), unpolled AS (
    SELECT c.endpoint FROM connections c LEFT JOIN leases l ON l.connection_id = c.id AND l.expires_at > now()
     WHERE l.connection_id IS NULL AND EXISTS (
           SELECT FROM devices d JOIN points p ON p.device_id = d.id AND p.enabled
            WHERE d.connection_id = c.id AND d.enabled AND d.deleted_at IS NULL AND d.created_at < now() - interval '30 s')
), running AS (
    SELECT *, seen_at > now() - interval '30 s' AS alive FROM collectors WHERE stopped_at IS NULL AND seen_at > now() - interval '1 day'
)
SELECT current_setting('transaction_read_only') = 'on' AS read_only,
       (SELECT count(*) FROM polled) AS points, (SELECT count(*) FROM polled WHERE late) AS late,
       (SELECT extract(epoch FROM now() - max(time))::float8 FROM latest) AS newest,
       (SELECT count(*) FROM devices WHERE enabled AND deleted_at IS NULL) AS devices,
       (SELECT count(*) FROM unpolled) AS unpolled, (SELECT min(endpoint) FROM unpolled) AS first_unpolled,
       (SELECT count(*) FROM running WHERE alive) AS alive,
       array(SELECT name FROM running WHERE NOT alive ORDER BY name) AS silent,
       array(SELECT name || ': ' || trouble FROM running WHERE alive AND trouble IS NOT NULL ORDER BY name) AS troubled,
       array(SELECT name FROM running WHERE lost_at > now() - interval '1 hour' ORDER BY name) AS losing,
       array(SELECT name FROM running WHERE alive AND spool_since < now() - interval '1 minute' ORDER BY name) AS spooling
"""


def troubles(row: Mapping[str, Any]) -> Iterator[str]:
    """Say, a sentence each, what of the promises is not kept, given the row of `READ_HEALTH`."""
    if row["read_only"]:
        yield "the database takes no writes: it is a standby, or default_transaction_read_only is on"
    if behind := storing(row):
        yield behind
    if row["unpolled"]:
        who = "no collector polls" if row["alive"] else "no collector runs, so nobody polls"
        yield f"{who} {row['unpolled']} endpoints, {row['first_unpolled']} among them"
    for name in row["silent"]:
        yield f"the collector {name} is silent for more than 30 s, and was not stopped"
    for said in row["troubled"]:
        yield f"the collector {said}"
    for name in row["spooling"]:
        yield f"the collector {name} has readings of more than a minute ago in its spool"
    for name in row["losing"]:
        yield f"the collector {name} lost readings in the last hour"


def storing(row: Mapping[str, Any]) -> str:
    """Say that readings are not stored as fast as they are read; nothing when they are."""
    if not row["late"]:
        return ""
    return (
        f"{row['late']} of {row['points']} points of devices that are online have no reading of their last three intervals; "
        f"the newest reading of all is {row['newest']:.0f} s old"
    )
