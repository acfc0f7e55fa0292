ALTER TABLE device_states
    ADD COLUMN answer_seconds real,
    ADD COLUMN late_seconds real,
    ADD COLUMN overrun_since timestamptz;
COMMENT ON COLUMN device_states.answer_seconds IS 'Mean time from a request to its answer, smoothed; null until one was measured';
COMMENT ON COLUMN device_states.late_seconds IS 'Mean time by which polls of the last minute began late';
COMMENT ON COLUMN device_states.overrun_since IS 'Since when polls are skipped because the line is too slow for what is asked of it; null while intervals are kept';

ALTER TABLE connections ADD COLUMN version int NOT NULL DEFAULT 1;
COMMENT ON COLUMN connections.version IS 'Grows with each change of the settings';

CREATE VIEW grafana.polling AS
SELECT s.device_id, s.answer_seconds, s.late_seconds, o.since AS overrun_since,
       CASE WHEN o.since IS NOT NULL
            THEN 'polls are skipped: the line takes longer than the intervals allow, `ddms plan` shows on what' END AS overrun
  FROM device_states s
  JOIN devices d ON d.id = s.device_id AND d.enabled AND d.deleted_at IS NULL
 CROSS JOIN LATERAL (SELECT CASE WHEN s.state IN ('online', 'error') AND s.last_seen > now() - interval '2 min'
                                 THEN s.overrun_since END AS since) o;
COMMENT ON VIEW grafana.polling IS 'How fast each device answers, and whether its polls keep their intervals';
GRANT SELECT ON grafana.polling TO ddms_grafana, ddms_app;
