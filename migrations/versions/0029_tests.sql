-- The newest test of each device (testDevice, and the button on its dashboard): who asked, and how it went.

CREATE INDEX field_requests_device_idx ON field_requests ((parameters ->> 'device_id'), id) WHERE parameters ? 'device_id';

CREATE VIEW grafana.device_tests AS
SELECT d.id AS device_id, d.name AS device, r.created_at AS tested_at, r.requested_by,
       CASE WHEN r.id IS NULL THEN NULL
            WHEN r.state IN ('pending', 'running') THEN 'running'
            WHEN r.state = 'done' AND counted.good = counted.points THEN 'good'
            WHEN r.state = 'done' AND counted.good > 0 THEN 'partly'
            ELSE 'failed' END AS outcome,
       counted.good AS good_points, counted.points AS tested_points, asked.seconds,
       coalesce(r.error, CASE WHEN r.state = 'cancelled' THEN 'no collector answered in time' END, asked.explanation, counted.explanation) AS explanation
  FROM devices d
  LEFT JOIN LATERAL (SELECT * FROM field_requests f WHERE f.parameters ? 'device_id' AND f.parameters ->> 'device_id' = d.id::text
                      ORDER BY f.id DESC LIMIT 1) r ON true
 CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE coalesce(v ->> 'value', v ->> 'text') IS NOT NULL) AS good, count(*) AS points,
                            (array_agg(v ->> 'explanation') FILTER (WHERE v ->> 'reason' <> 'good'))[1] AS explanation
                       FROM jsonb_array_elements(CASE WHEN jsonb_typeof(r.result -> 'values') = 'array' THEN r.result -> 'values' ELSE '[]' END) v) counted
 CROSS JOIN LATERAL (SELECT sum((q ->> 'milliseconds')::float8) / 1000 AS seconds,
                            (array_agg(q ->> 'explanation') FILTER (WHERE q ->> 'reason' IS NOT NULL))[1] AS explanation
                       FROM jsonb_array_elements(CASE WHEN jsonb_typeof(r.result -> 'requests') = 'array' THEN r.result -> 'requests' ELSE '[]' END) q) asked
 WHERE d.deleted_at IS NULL;
COMMENT ON VIEW grafana.device_tests IS 'Devices with their newest test; nulls where there was none within 30 days';
GRANT SELECT ON grafana.device_tests TO ddms_grafana, ddms_app;
