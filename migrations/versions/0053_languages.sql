-- Which languages there are is known to the programs, which have a file of each; here one is a code of ISO 639.
ALTER TABLE configuration DROP CONSTRAINT configuration_language_known,
    ADD CONSTRAINT configuration_language_known CHECK (language ~ '^[a-z]{2,3}$');
ALTER TABLE users DROP CONSTRAINT users_language_known,
    ADD CONSTRAINT users_language_known CHECK (language ~ '^[a-z]{2,3}$');
ALTER TABLE alarm_texts DROP CONSTRAINT alarm_texts_language_known,
    ADD CONSTRAINT alarm_texts_language_known CHECK (language ~ '^[a-z]{2,3}$');

-- As in 0047, with the texts in all languages instead of columns of one.
DROP VIEW limited_grafana.alarms_shown, grafana.alarms_shown;  -- limit_views() makes the first one again
CREATE VIEW grafana.alarms_shown AS
SELECT s.*, a.limit_id, l.key AS limit_key, l.direction, l.reference_key, l.period_s, l.bit, l.alarm_values, l.inverted,
       coalesce(p.data_type IN ('bool', 'bit'), false) AS is_switch,
       coalesce(CASE WHEN s.kind NOT IN ('deviation', 'rate') THEN value_name(p.value_names, coalesce(r.value, s.value)) END,
                shown_number(coalesce(r.value, s.value), s.unit)) AS value_shown,
       shown_number(coalesce(r.threshold, s.threshold), s.unit) AS threshold_shown,
       CASE WHEN s.quality_now IS NULL OR q.quality = 'good'
            THEN coalesce(value_name(p.value_names, s.value_now), shown_number(s.value_now, s.unit)) END AS now_shown, q.quality AS quality_word,
       replace(q.reason, '_', ' ') AS why_not_good,
       coalesce(c.device_name, c.subject) AS cause_subject,
       (SELECT string_agg(coalesce(value_name(p.value_names, v.value), shown_number(v.value, s.unit)), ', ' ORDER BY v.place)
          FROM unnest(l.alarm_values) WITH ORDINALITY AS v (value, place)) AS alarm_values_shown,
       (SELECT jsonb_object_agg(t.language, to_jsonb(t)) FROM alarm_texts t WHERE t.source = s.source AND t.kind = s.kind) AS texts
  FROM grafana.alarms s
  JOIN alarms a ON a.id = s.alarm_id
  LEFT JOIN limits l ON l.id = a.limit_id
  LEFT JOIN points p ON p.id = s.point_id
  LEFT JOIN qualities q ON q.code = s.quality_now
  LEFT JOIN alarms c ON c.id = s.suppressed_by
  LEFT JOIN LATERAL (SELECT e.value, e.threshold FROM alarm_events e WHERE e.alarm_id = s.alarm_id AND e.event = 'raised'
                      ORDER BY e.time DESC, e.id DESC LIMIT 1) r ON true;
COMMENT ON VIEW grafana.alarms_shown IS 'The view alarms with what is compared, numbers as people read them, and what suppresses an alarm';
COMMENT ON COLUMN grafana.alarms_shown.value_shown IS 'The value with which it was raised; alarms.value is that of its newest change';
COMMENT ON COLUMN grafana.alarms_shown.now_shown IS 'The newest value; null when it is not good: see why_not_good';
COMMENT ON COLUMN grafana.alarms_shown.alarm_values_shown IS 'Of a limit of the kind value: the values that are an alarm, as people read them';
COMMENT ON COLUMN grafana.alarms_shown.texts IS 'Of an alarm that comes from no limit: alarm_texts by language';
GRANT SELECT ON grafana.alarms_shown TO ddms_grafana, ddms_app;

SELECT limit_views();
