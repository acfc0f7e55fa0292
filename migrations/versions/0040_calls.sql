-- What the rules of Grafana ask every 10 seconds (docs/notifications.md): the alarms that call somebody, and for a quarter of an
-- hour those that changed, so that a message says why an alarm calls no more.
CREATE INDEX alarms_changed_idx ON alarms (changed_at);

CREATE VIEW grafana.calls AS
SELECT a.id AS alarm_id, 'alm_' || a.id AS alarm, a.source, a.kind, a.priority,
       CASE a.priority WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END AS rank,
       a.device_id, a.device_name AS device, coalesce(member.groups, '') AS groups, a.point_id, a.point_name AS point,
       coalesce(a.connection_id, d.connection_id) AS connection_id, c.endpoint, a.subject, a.limit_key,
       CASE WHEN flood.is_one THEN 'flood' WHEN a.source = 'system' THEN 'system' WHEN a.source = 'connection' THEN 'con_' || a.connection_id
            ELSE 'dev_' || a.device_id END AS bundle,
       now_is.calls, greatest(called.recorded_at, now_is.returned_at) AS called_since, a.active_since, a.cleared_at,
       text_of.value, text_of.threshold, text_of.value_now, n.time AS value_time, a.uncertain, a.detail, l.reference_key, l.period_s,
       l.cause, l.consequence, l.action, l.respond_within_s, said.texts,
       CASE WHEN now_is.calls THEN NULL WHEN a.removed_at IS NOT NULL THEN 'withdrawn'
            WHEN last.event IN ('cleared', 'withdrawn', 'acknowledged', 'shelved', 'suppressed', 'out_of_service') THEN last.event
            WHEN NOT a.active THEN 'cleared' ELSE 'acknowledged' END AS ended,
       last.actor AS ended_by, last.time AS ended_at, last.note AS ended_note, last.until AS ended_until,
       coalesce(why.device_name, why.subject) AS suppressed_by
  FROM (SELECT id FROM alarms WHERE removed_at IS NULL AND state <> 'normal' AND active
        UNION SELECT id FROM alarms WHERE changed_at > now() - interval '15 minutes' AND active_since IS NOT NULL) recent
  JOIN alarms a USING (id)
  LEFT JOIN limits l ON l.id = a.limit_id LEFT JOIN points p ON p.id = a.point_id LEFT JOIN devices d ON d.id = a.device_id
  LEFT JOIN connections c ON c.id = coalesce(a.connection_id, d.connection_id) LEFT JOIN latest n ON n.point_id = a.point_id
  LEFT JOIN alarms why ON why.id = a.suppressed_by
 CROSS JOIN LATERAL (
       SELECT a.active AND NOT a.acknowledged AND a.suppressed_by IS NULL AND a.removed_at IS NULL
              AND coalesce(a.shelved_until <= now(), true) AND coalesce(a.out_of_service_until <= now(), true) AS calls,
              greatest(CASE WHEN a.shelved_until <= now() THEN a.shelved_until END,
                       CASE WHEN a.out_of_service_until <= now() THEN a.out_of_service_until END) AS returned_at) now_is
 CROSS JOIN LATERAL (
       SELECT max(t.words) FILTER (WHERE t.name = 'value') AS value, max(t.words) FILTER (WHERE t.name = 'threshold') AS threshold,
              max(t.words) FILTER (WHERE t.name = 'now') AS value_now
         FROM (SELECT v.name, CASE WHEN v.number = trunc(v.number) AND abs(v.number) < 1e15 THEN v.number::bigint::text
                                   WHEN abs(v.number) BETWEEN 1e-30 AND 1e30 THEN trim_scale(v.number::real::numeric)::text
                                   ELSE v.number::text END || coalesce(' ' || nullif(p.unit, ''), '') AS words
                 FROM (VALUES ('value', a.value), ('threshold', a.threshold), ('now', n.value)) v (name, number)) t) text_of
  LEFT JOIN LATERAL (SELECT jsonb_object_agg(t.language, to_jsonb(t)) AS texts FROM alarm_texts t WHERE t.source = a.source AND t.kind = a.kind) said ON true
  LEFT JOIN LATERAL (SELECT string_agg(g.name, ', ' ORDER BY g.name) AS groups FROM device_groups m JOIN groups g ON g.id = m.group_id
                      WHERE m.device_id = a.device_id) member ON true
  LEFT JOIN LATERAL (SELECT e.* FROM alarm_events e WHERE e.alarm_id = a.id AND e.event = 'raised' ORDER BY e.time DESC, e.id DESC LIMIT 1) raised ON true
  LEFT JOIN LATERAL (SELECT e.recorded_at FROM alarm_events e
                      WHERE e.alarm_id = a.id AND e.event IN ('raised', 'unshelved', 'shelf_ended', 'unsuppressed', 'in_service', 'service_due')
                      ORDER BY e.time DESC, e.id DESC LIMIT 1) called ON true
  LEFT JOIN LATERAL (SELECT e.* FROM alarm_events e WHERE e.alarm_id = a.id AND e.event NOT IN ('noted', 'certain', 'uncertain')
                      ORDER BY e.time DESC, e.id DESC LIMIT 1) last ON true
 -- Of a flood is an alarm before which five others were raised within a minute: told by the journal, which does not change, so
 -- that an alarm stays where it was put. Those of the same device do not count. What became known late counts by when it did.
 CROSS JOIN LATERAL (
       SELECT a.priority IN ('critical', 'high') AND coalesce(
              (SELECT e.recorded_at FROM alarm_events e
                WHERE e.id < raised.id AND e.id > raised.id - 200 AND e.event = 'raised' AND e.priority IN ('critical', 'high')
                  AND (e.device_id IS NULL) = (raised.device_id IS NULL) AND (e.device_id IS NULL OR e.device_id <> raised.device_id)
                  AND e.late = raised.late AND (e.late OR e.time > raised.time - interval '1 minute')
                ORDER BY e.id DESC OFFSET 4 LIMIT 1) > raised.recorded_at - interval '1 minute', false) AS is_one) flood;
COMMENT ON VIEW grafana.calls IS 'Alarms that call somebody, and those that changed within a quarter of an hour';
COMMENT ON COLUMN grafana.calls.bundle IS 'What its messages are put together by: the device, the connection, the system, or flood';
COMMENT ON COLUMN grafana.calls.calls IS 'Whether somebody should be called, as in grafana.alarms';
COMMENT ON COLUMN grafana.calls.texts IS 'Of an alarm that comes from no limit: alarm_texts by language; a title has {} where the name comes';
COMMENT ON COLUMN grafana.calls.called_since IS 'Since when it calls: raised, or back from a shelf, from maintenance or from behind its cause';
COMMENT ON COLUMN grafana.calls.ended IS 'Why it calls no more: cleared, withdrawn, acknowledged, shelved, suppressed, out_of_service';
GRANT SELECT ON grafana.calls TO ddms_grafana, ddms_app;
SELECT limit_views();

-- The rules have a data source with one session of its own, so that they never wait for dashboards.
ALTER TABLE secrets ALTER grafana_sessions SET DEFAULT 4;
UPDATE secrets SET grafana_sessions = 4 WHERE grafana_sessions = 3;
COMMENT ON COLUMN secrets.grafana_sessions IS 'How many sessions ddms_grafana may have: one more than its data sources open. More than the server has cores are felt by everybody';
