"""From what happens to what waits to be told: the journal of the alarms and the states of devices, into the queue of each target.

They are followed by transaction, as decision 0023 has it. What is read twice is queued once, since an event has one key in a
queue; so the position may be written down late, and a program that dies loses nothing.
"""

from dataclasses import dataclass, field

from api.ground.database import Statements

MOST_EVENTS = 5_000
"""Read at a time."""
MOST_WAITING = 100_000
"""In one queue. What comes beyond is counted as lost."""

READ_POSITION = "-- ddms:read_webhook_position\nSELECT position::text::bigint FROM webhook_cursor"
WRITE_POSITION = "-- ddms:write_webhook_position\nUPDATE webhook_cursor SET position = $1::text::xid8"
_TIME = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
_VISIBLE = "transaction >= $1::text::xid8 AND {0}.transaction < pg_snapshot_xmax(pg_current_snapshot())"
# One snapshot tells both: what is visible, and from which transaction on something may not be yet.
QUEUE_EVENTS = f"""-- ddms:queue_events
WITH alarm AS MATERIALIZED (
    SELECT e.*, 'aev_' || e.id AS event_key FROM alarm_events e
     WHERE e.{_VISIBLE.format("e")} AND 'aev_' || e.id <> all($3::text[]) ORDER BY e.id LIMIT $2
), state AS MATERIALIZED (
    SELECT c.*, 'dst_' || c.device_id || '_' || (extract(epoch FROM c.time) * 1000000)::bigint AS event_key FROM device_state_changes c
     WHERE c.{_VISIBLE.format("c")}
       AND 'dst_' || c.device_id || '_' || (extract(epoch FROM c.time) * 1000000)::bigint <> all($3::text[]) ORDER BY c.time LIMIT $2
), told AS (
    SELECT w.id AS webhook_id, e.event_key, e.recorded_at AS at, e.id AS place, coalesce('dev_' || e.device_id, 'alm_' || e.alarm_id) AS lane, 'alarm.' || e.event AS type, {_TIME.format("e.recorded_at")} AS timestamp,
           jsonb_build_object('alarmId', 'alm_' || e.alarm_id, 'event', e.event, 'state', e.state, 'priority', e.priority, 'kind', e.kind, 'source', a.source,
               'time', {_TIME.format("e.time")}, 'late', e.late, 'hidden', e.hidden, 'deviceId', 'dev_' || e.device_id, 'deviceName', a.device_name,
               'pointId', 'pt_' || a.point_id, 'pointName', a.point_name, 'key', p.key, 'unit', p.unit, 'subject', a.subject, 'value', e.value,
               'threshold', e.threshold, 'quality', q.quality, 'actor', e.actor, 'note', e.note, 'until', {_TIME.format("e.until")}) AS data
      FROM alarm e JOIN alarms a ON a.id = e.alarm_id LEFT JOIN points p ON p.id = a.point_id LEFT JOIN qualities q ON q.code = e.quality
      JOIN webhooks w ON w.enabled AND e.recorded_at >= w.created_at AND e.event = any(w.alarm_events) AND (w.priorities IS NULL OR e.priority = any(w.priorities))
       AND (w.group_id IS NULL OR EXISTS (SELECT FROM device_groups m JOIN devices d ON d.id = m.device_id
                                           WHERE m.group_id = w.group_id AND (d.id = e.device_id OR a.source = 'connection' AND d.connection_id = a.connection_id)))
     UNION ALL
    SELECT w.id, c.event_key, c.time, 0, 'dev_' || c.device_id, 'device.state', {_TIME.format("c.time")},
           jsonb_build_object('deviceId', 'dev_' || c.device_id, 'deviceName', d.name, 'state', c.state, 'time', {_TIME.format("c.time")})
      FROM state c JOIN devices d ON d.id = c.device_id
      JOIN webhooks w ON w.enabled AND w.device_states AND (c.time >= w.created_at OR c.state = 'offline')
       AND (w.group_id IS NULL OR EXISTS (SELECT FROM device_groups m WHERE m.group_id = w.group_id AND m.device_id = c.device_id))
), new AS (
    SELECT t.*, row_number() OVER (PARTITION BY t.webhook_id ORDER BY t.at, t.place) AS number FROM told t
     WHERE NOT EXISTS (SELECT FROM webhook_deliveries x WHERE x.webhook_id = t.webhook_id AND x.event = t.event_key)
), room AS (
    SELECT w.id, {MOST_WAITING} - (SELECT count(*) FROM webhook_deliveries x WHERE x.webhook_id = w.id AND x.state = 'waiting') AS room
      FROM webhooks w WHERE w.id IN (SELECT webhook_id FROM new)
), queued AS (
    INSERT INTO webhook_deliveries (webhook_id, event, type, lane, body)
    SELECT n.webhook_id, n.event_key, n.type, n.lane, jsonb_build_object('type', n.type, 'timestamp', n.timestamp, 'data', n.data)::text
      FROM new n JOIN room r ON r.id = n.webhook_id WHERE n.number <= r.room ORDER BY n.at, n.place
    ON CONFLICT (webhook_id, event) DO NOTHING RETURNING 1
), lost AS (
    UPDATE webhooks w SET lost = w.lost + l.count
      FROM (SELECT n.webhook_id, count(*) FROM new n JOIN room r ON r.id = n.webhook_id WHERE n.number > r.room GROUP BY 1) l WHERE w.id = l.webhook_id
)
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS position, (SELECT count(*) FROM queued) AS queued,
       array(SELECT event_key || ' ' || transaction::text FROM alarm UNION ALL SELECT event_key || ' ' || transaction::text FROM state) AS read,
       greatest((SELECT count(*) FROM alarm), (SELECT count(*) FROM state)) >= $2 AS behind
"""  # noqa: S608 - constants are put in


@dataclass
class Feed:
    """Where in the events the queues are."""

    position: int
    _read: dict[str, int] = field(default_factory=dict)
    """Events that may be read once more, with their transactions."""

    @classmethod
    async def load(cls, statements: Statements) -> "Feed":
        """Go on where the one before stopped."""
        return cls(await statements.value(READ_POSITION))

    async def queue(self, statements: Statements) -> bool:
        """Queue what is new, in the caller's transaction; return whether there is more."""
        row = await statements.row(QUEUE_EVENTS, str(self.position), MOST_EVENTS, list(self._read))
        assert row  # noqa: S101 - it has one row
        self._read |= {key: int(by) for key, _, by in (one.partition(" ") for one in row["read"])}
        if (
            not row["behind"] and row["position"] != self.position
        ):  # less than it was: the database was restored elsewhere
            self.position = row["position"]
            self._read = {key: by for key, by in self._read.items() if by >= self.position}
            await statements.value(WRITE_POSITION, str(self.position))
        behind: bool = row["behind"]
        return behind
