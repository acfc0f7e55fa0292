-- What the values of a point are called: {"0": {"name": "Off"}, "3": {"name": "Fault", "color": "red"}}, by the value as a text,
-- so that one is found without a search.
ALTER TABLE points ADD COLUMN value_names jsonb NOT NULL DEFAULT '{}' CONSTRAINT points_value_names_object CHECK (jsonb_typeof(value_names) = 'object');
ALTER TABLE profile_points ADD COLUMN value_names jsonb NOT NULL DEFAULT '{}' CONSTRAINT points_value_names_object CHECK (jsonb_typeof(value_names) = 'object');
COMMENT ON COLUMN points.value_names IS 'What its values are called, and in which colour they are shown; one without a name is a number';
COMMENT ON COLUMN profile_points.value_names IS 'What its values are called, and in which colour they are shown; one without a name is a number';

CREATE FUNCTION value_name(names jsonb, value float8) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT names -> (value + 0)::text ->> 'name' $$;  -- + 0: -0 is 0
COMMENT ON FUNCTION value_name(jsonb, float8) IS 'What a value is called; null when it has no name';

CREATE FUNCTION value_color(names jsonb, value float8) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT names -> (value + 0)::text ->> 'color' $$;
COMMENT ON FUNCTION value_color(jsonb, float8) IS 'In which colour a named value is shown; null when it has no own one';

CREATE FUNCTION value_names_text(names jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(string_agg(concat(n.key, '=', n.value ->> 'name', ':' || (n.value ->> 'color')), ', ' ORDER BY n.key::numeric), '')
      FROM jsonb_each(names) n
$$;
COMMENT ON FUNCTION value_names_text(jsonb) IS 'Names of values as files have them: 0=Off, 3=Fault:red';

-- As in 0002; a point whose values have names is a state, drawn as states are.
CREATE OR REPLACE VIEW grafana.points AS
SELECT p.id AS point_id, p.device_id, d.name AS device, p.key, p.name AS point, p.unit, coalesce(nullif(p.unit, ''), 'no unit') AS axis,
       p.data_type, p.interval_s, p.enabled,
       CASE WHEN p.data_type = 'string' THEN 'text' WHEN p.value_names <> '{}' THEN 'state'
            WHEN p.data_type IN ('bool', 'bit') THEN 'switch' ELSE 'number' END AS kind,
       10 + 3 * p.interval_s + CASE WHEN p.deadband > 0 THEN p.heartbeat_s ELSE 0 END AS gap_seconds,
       p.value_names
  FROM points p
  JOIN devices d ON d.id = p.device_id
 WHERE d.deleted_at IS NULL;
COMMENT ON COLUMN grafana.points.kind IS 'number; switch: a bit; state: its values have names; text';

-- As in 0002; a value that has a name is shown by it.
CREATE OR REPLACE VIEW grafana.latest AS
SELECT p.id AS point_id, p.device_id, d.name AS device, p.key, p.name AS point, p.unit, l.time, l.value, l.text, l.quality AS quality_code,
       CASE WHEN l.text IS NOT NULL THEN l.text
            WHEN named.name IS NOT NULL THEN named.name
            WHEN p.data_type IN ('bool', 'bit') THEN CASE l.value WHEN 0 THEN 'off' WHEN 1 THEN 'on' END
            WHEN l.value = 0 THEN rtrim('0 ' || p.unit)
            ELSE rtrim(trim_scale(round(l.value::numeric, greatest(0, 4 - floor(log(abs(l.value))))::int)) || ' ' || p.unit) END AS shown,
       CASE WHEN NOT (d.enabled AND p.enabled) THEN 'disabled'
            WHEN l.time IS NULL THEN 'none'
            WHEN stale THEN 'stale'
            ELSE q.quality END AS quality,
       CASE WHEN stale THEN 'stale' ELSE q.reason END AS reason,
       CASE WHEN stale THEN 'no newer reading has come: does a collector run?' ELSE q.explanation END AS explanation,
       extract(epoch FROM now() - l.time) AS age_seconds,
       named.name AS value_name, named.color AS value_color
  FROM points p
  JOIN devices d ON d.id = p.device_id
  LEFT JOIN latest l ON l.point_id = p.id
  LEFT JOIN qualities q ON q.code = l.quality
 CROSS JOIN LATERAL (SELECT l.time < now() - make_interval(secs => greatest(120, 3 * p.interval_s)) AS stale) told
 CROSS JOIN LATERAL (SELECT value_name(p.value_names, l.value) AS name, value_color(p.value_names, l.value) AS color) named
 WHERE d.deleted_at IS NULL;
COMMENT ON COLUMN grafana.latest.shown IS 'The value as a person reads it: its name, or 5 significant digits and its unit, on or off, or the text';
COMMENT ON COLUMN grafana.latest.value_name IS 'What the value is called; null when it has no name';
COMMENT ON COLUMN grafana.latest.value_color IS 'The colour of the value''s name';

-- As in 0036; values by their names, and the values of an alarm as people read them.
CREATE OR REPLACE VIEW grafana.alarms_shown AS
SELECT s.*, a.limit_id, l.key AS limit_key, l.direction, l.reference_key, l.period_s, l.bit, l.alarm_values, l.inverted,
       coalesce(p.data_type IN ('bool', 'bit'), false) AS is_switch,
       coalesce(CASE WHEN s.kind NOT IN ('deviation', 'rate') THEN value_name(p.value_names, coalesce(r.value, s.value)) END,
                shown_number(coalesce(r.value, s.value), s.unit)) AS value_shown,
       shown_number(coalesce(r.threshold, s.threshold), s.unit) AS threshold_shown,
       CASE WHEN s.quality_now IS NULL OR q.quality = 'good'
            THEN coalesce(value_name(p.value_names, s.value_now), shown_number(s.value_now, s.unit)) END AS now_shown, q.quality AS quality_word,
       replace(q.reason, '_', ' ') AS why_not_good,
       coalesce(c.device_name, c.subject) AS cause_subject,
       coalesce(l.cause, zh.cause) AS cause_zh, coalesce(l.consequence, zh.consequence) AS consequence_zh, coalesce(l.action, zh.action) AS action_zh,
       (SELECT string_agg(coalesce(value_name(p.value_names, v.value), shown_number(v.value, s.unit)), ', ' ORDER BY v.place)
          FROM unnest(l.alarm_values) WITH ORDINALITY AS v (value, place)) AS alarm_values_shown
  FROM grafana.alarms s
  JOIN alarms a ON a.id = s.alarm_id
  LEFT JOIN limits l ON l.id = a.limit_id
  LEFT JOIN points p ON p.id = s.point_id
  LEFT JOIN qualities q ON q.code = s.quality_now
  LEFT JOIN alarms c ON c.id = s.suppressed_by
  LEFT JOIN alarm_texts zh ON zh.source = s.source AND zh.kind = s.kind AND zh.language = 'zh'
  LEFT JOIN LATERAL (SELECT e.value, e.threshold FROM alarm_events e WHERE e.alarm_id = s.alarm_id AND e.event = 'raised'
                      ORDER BY e.time DESC, e.id DESC LIMIT 1) r ON true;
COMMENT ON COLUMN grafana.alarms_shown.alarm_values_shown IS 'Of a limit of the kind value: the values that are an alarm, as people read them';

DO $$
DECLARE
    definition text := pg_get_viewdef('grafana.alarm_journal'::regclass);
    place CONSTANT text := 'shown_number(e.value, p.unit) AS value_shown';
BEGIN
    IF position(place IN definition) = 0 THEN
        RAISE 'alarm_journal has no place for the names of values';
    END IF;
    EXECUTE 'CREATE OR REPLACE VIEW grafana.alarm_journal AS ' || replace(definition, place,
        'coalesce(CASE WHEN e.kind NOT IN (''deviation'', ''rate'') THEN value_name(p.value_names, e.value) END, shown_number(e.value, p.unit)) AS value_shown');
END $$;

SELECT limit_views();
