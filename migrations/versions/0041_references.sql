-- A deviation whose other point is disabled or removed is not evaluated any more: an alarm that is active would stay for ever.
CREATE FUNCTION withdraw_uncompared(devices int[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT withdraw_alarms(array_agg(a.id), 'the point to compare with is not read any more')
      FROM points p JOIN limits l ON l.point_id = p.id AND l.kind = 'deviation' JOIN alarms a ON a.limit_id = l.id
     WHERE p.device_id = ANY (devices) AND (a.state <> 'normal' OR a.pending_since IS NOT NULL)
       AND NOT EXISTS (SELECT FROM points r WHERE r.device_id = p.device_id AND r.key = l.reference_key AND r.enabled)
    HAVING count(*) > 0;
$$;
COMMENT ON FUNCTION withdraw_uncompared(int[]) IS 'Ends alarms of deviations from a point that is not read, on these devices';
REVOKE EXECUTE ON FUNCTION withdraw_uncompared(int[]) FROM PUBLIC;

-- A point that is renamed takes the limits along that compare with it.
CREATE FUNCTION follow_reference() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_TABLE_NAME = 'limits' THEN
        PERFORM withdraw_uncompared(ARRAY(SELECT device_id FROM points WHERE id = NEW.point_id));
    ELSIF OLD.key <> NEW.key THEN
        UPDATE limits l SET reference_key = NEW.key FROM points p
         WHERE p.device_id = NEW.device_id AND l.point_id = p.id AND l.reference_key = OLD.key;
    ELSE
        PERFORM withdraw_uncompared(ARRAY[NEW.device_id]);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION follow_gone_references() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM withdraw_uncompared(ARRAY(SELECT DISTINCT device_id FROM gone));
    RETURN NULL;
END $$;
CREATE TRIGGER points_renamed AFTER UPDATE OF key ON points FOR EACH ROW WHEN (OLD.key <> NEW.key) EXECUTE FUNCTION follow_reference();
CREATE TRIGGER points_disabled AFTER UPDATE OF enabled ON points FOR EACH ROW WHEN (OLD.enabled AND NOT NEW.enabled AND OLD.key = NEW.key)
    EXECUTE FUNCTION follow_reference();
CREATE TRIGGER points_gone AFTER DELETE ON points REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION follow_gone_references();
CREATE TRIGGER limits_compared AFTER UPDATE OF reference_key ON limits FOR EACH ROW WHEN (OLD.reference_key <> NEW.reference_key)
    EXECUTE FUNCTION follow_reference();

-- The rows before and after a statement are not joined any more: their plan is made once for a session, for a few rows, and
-- takes minutes for 50,000 limits of a profile. What is withdrawn already is not withdrawn again.
CREATE OR REPLACE FUNCTION follow_limits() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO alarms (source, kind, limit_id, point_id, device_id, device_name, point_name, limit_key, priority)
        SELECT 'limit', l.kind, l.id, p.id, d.id, d.name, p.name, l.key, l.priority
          FROM made l JOIN points p ON p.id = l.point_id JOIN devices d ON d.id = p.device_id;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE alarms a SET kind = l.kind, limit_key = l.key, priority = l.priority FROM made l
         WHERE a.limit_id = l.id AND (a.kind, a.limit_key, a.priority) IS DISTINCT FROM (l.kind, l.key, l.priority);
        PERFORM withdraw_alarms(array_agg(a.id), 'the limit was disabled') FROM made l JOIN alarms a ON a.limit_id = l.id
          WHERE NOT l.enabled AND (a.state <> 'normal' OR a.pending_since IS NOT NULL OR a.shelved IS NOT NULL OR a.out_of_service_until IS NOT NULL)
         HAVING count(*) > 0;
    ELSE
        PERFORM remove_alarms(array_agg(a.id), 'the limit was removed') FROM gone l JOIN alarms a ON a.limit_id = l.id HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION follow_points() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE alarms a SET point_name = p.name FROM made p WHERE a.point_id = p.id AND a.point_name <> p.name;
    PERFORM withdraw_alarms(array_agg(a.id), 'the point was disabled') FROM made p JOIN alarms a ON a.point_id = p.id
      WHERE NOT p.enabled AND (a.state <> 'normal' OR a.pending_since IS NOT NULL OR a.shelved IS NOT NULL OR a.out_of_service_until IS NOT NULL)
     HAVING count(*) > 0;
    RETURN NULL;
END $$;
