-- How far sites do, as `ddms ingest` last saw them: without it nobody at the centre knows what waits in their streams.
CREATE TABLE site_states (
    site            text CONSTRAINT site_states_pkey PRIMARY KEY,
    told_at         timestamptz NOT NULL,
    reached_at      timestamptz,
    newest_at       timestamptz,
    waiting_since   timestamptz,
    pending         bigint,
    stream_bytes    bigint,
    stream_max_bytes bigint,
    trouble         text
) WITH (fillfactor = 50);
COMMENT ON TABLE site_states IS 'What `ddms ingest` last said of each far site, every few seconds';
COMMENT ON COLUMN site_states.reached_at IS 'When its stream was last seen; null: never';
COMMENT ON COLUMN site_states.newest_at IS 'When the newest message that is stored came into the stream';
COMMENT ON COLUMN site_states.waiting_since IS 'When the oldest message that is not stored came into the stream; null: none waits';
COMMENT ON COLUMN site_states.pending IS 'Messages in the stream that are not stored yet';
GRANT SELECT, INSERT, UPDATE, DELETE ON site_states TO ddms_app;

CREATE VIEW grafana.sites AS
WITH used AS (
    SELECT c.site, count(*) AS devices, min(d.created_at) AS since
      FROM connections c JOIN devices d ON d.connection_id = c.id AND d.enabled AND d.deleted_at IS NULL WHERE c.site <> '' GROUP BY 1
), aside AS (
    SELECT site, count(*) FILTER (WHERE set_aside_at > now() - interval '1 day') AS messages, max(set_aside_at) AS newest,
           (array_agg(reason ORDER BY id DESC))[1] AS reason
      FROM set_aside GROUP BY 1
)
SELECT site, coalesce(u.devices, 0) AS devices, s.told_at, s.reached_at, r.reached,
       extract(epoch FROM now() - coalesce(s.reached_at, u.since))::float8 AS unreached_seconds, s.newest_at, s.pending,
       CASE WHEN r.reached THEN coalesce(greatest(extract(epoch FROM now() - s.waiting_since), 0), 0)::float8 END AS behind_seconds,
       s.stream_bytes, s.stream_max_bytes, s.trouble,
       coalesce(a.messages, 0) AS set_aside, a.newest AS set_aside_at, a.reason AS set_aside_reason
  FROM used u FULL JOIN site_states s USING (site) LEFT JOIN aside a USING (site)
 CROSS JOIN LATERAL (SELECT coalesce(s.reached_at > now() - interval '60 s', false) AS reached) r
 WHERE u.site IS NOT NULL OR s.told_at > now() - interval '1 day';
COMMENT ON VIEW grafana.sites IS 'Far sites that have devices or that `ddms ingest` serves, and how far their readings are stored';
COMMENT ON COLUMN grafana.sites.unreached_seconds IS 'Since when nobody at the centre has seen its stream';
COMMENT ON COLUMN grafana.sites.behind_seconds IS 'Age of the oldest message that is not stored yet; 0: none waits; null: its stream is not seen now';
COMMENT ON COLUMN grafana.sites.set_aside IS 'Messages of a day that could not be stored as they came';
GRANT SELECT ON grafana.sites TO ddms_grafana, ddms_app;
