-- Audit: who did what by which client; each entry is chained to the one before by a hash (docs/audit.md).

ALTER TABLE audit_log
    ADD COLUMN number bigint,
    ADD COLUMN actor_kind text CONSTRAINT audit_log_actor_kind_known CHECK (actor_kind IN ('person', 'token', 'program', 'nobody')),
    ADD COLUMN actor_id text,
    ADD COLUMN token text,
    ADD COLUMN client text,
    ADD COLUMN transport text,
    ADD COLUMN hash bytea;
COMMENT ON TABLE audit_log IS 'Who did what: append-only for the programs, chained, ordered by number';
COMMENT ON COLUMN audit_log.number IS 'Place in the chain, from 1 without a gap, in the order of commits';
COMMENT ON COLUMN audit_log.at IS 'When the transaction began that did it';
COMMENT ON COLUMN audit_log.actor IS 'Name of who did it, as it was then';
COMMENT ON COLUMN audit_log.actor_kind IS 'person, token (of a program), program (one of ours) or nobody (without a key); null before 0024';
COMMENT ON COLUMN audit_log.actor_id IS 'usr_2 of a person, tok_5 of a token';
COMMENT ON COLUMN audit_log.token IS 'The key in use: tok_5; of a person it names the session';
COMMENT ON COLUMN audit_log.address IS 'Where the client was, as far as proxies that are trusted say';
COMMENT ON COLUMN audit_log.client IS 'What the client calls itself (User-Agent); of the command line the account and machine';
COMMENT ON COLUMN audit_log.transport IS 'By which way it came: graphql, websocket, page, action, export, command line, scheduler';
COMMENT ON COLUMN audit_log.action IS 'noun.verb, as docs/audit.md lists them';
COMMENT ON COLUMN audit_log.hash IS 'SHA-256 of the hash before and of audit_line(entry)';

CREATE TABLE audit_chain (
    one         boolean CONSTRAINT audit_chain_pkey PRIMARY KEY DEFAULT true CONSTRAINT audit_chain_one CHECK (one),
    number      bigint NOT NULL,
    hash        bytea NOT NULL,
    erased      bigint NOT NULL,
    erased_hash bytea NOT NULL
);
COMMENT ON TABLE audit_chain IS 'Where the chain of the audit begins and ends; its row lock is held while a commit adds to it';
COMMENT ON COLUMN audit_chain.number IS 'Number of the newest entry';
COMMENT ON COLUMN audit_chain.erased IS 'Number of the last entry that its retention erased; 0 before';
COMMENT ON COLUMN audit_chain.erased_hash IS 'Its hash, from which the chain goes on; 32 zero bytes before the first entry';
INSERT INTO audit_chain (number, hash, erased, erased_hash)
SELECT 0, nothing, 0, nothing FROM (VALUES (decode(repeat('00', 32), 'hex'))) AS v (nothing);

-- What is hashed is the line that COPY writes of an entry (text format), so that every program that reads such lines can check it.
CREATE FUNCTION audit_field(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(replace(replace(replace(replace(replace(replace(replace(value,
        E'\\', E'\\\\'), E'\b', E'\\b'), E'\f', E'\\f'), E'\n', E'\\n'), E'\r', E'\\r'), E'\t', E'\\t'), E'\v', E'\\v'), E'\\N')
$$;
CREATE FUNCTION audit_line(e audit_log) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT e.number || E'\t' || (extract(epoch FROM e.at) * 1000000)::bigint
        || E'\t' || public.audit_field(e.actor) || E'\t' || public.audit_field(e.actor_kind) || E'\t' || public.audit_field(e.actor_id)
        || E'\t' || public.audit_field(e.token) || E'\t' || public.audit_field(e.address) || E'\t' || public.audit_field(e.client)
        || E'\t' || public.audit_field(e.transport) || E'\t' || public.audit_field(e.action) || E'\t' || public.audit_field(e.subject)
        || E'\t' || public.audit_field(e.before::text) || E'\t' || public.audit_field(e.after::text)
$$;
COMMENT ON FUNCTION audit_line(audit_log) IS 'What is hashed of an entry: number, microseconds since 1970, then the columns as COPY writes them, tabs between';

CREATE INDEX audit_log_unchained_idx ON audit_log (id) WHERE hash IS NULL;

CREATE FUNCTION chain_audit_from(first bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head public.audit_chain;
    entry public.audit_log;
BEGIN
    SELECT * INTO STRICT head FROM public.audit_chain FOR UPDATE;
    FOR entry IN SELECT * FROM public.audit_log WHERE id >= first AND hash IS NULL ORDER BY id LOOP
        head.number := head.number + 1;
        entry.number := head.number;
        head.hash := sha256(head.hash || convert_to(public.audit_line(entry), 'UTF8'));
        UPDATE public.audit_log SET number = head.number, hash = head.hash WHERE id = entry.id;
    END LOOP;
    UPDATE public.audit_chain SET number = head.number, hash = head.hash;
END $$;
COMMENT ON FUNCTION chain_audit_from(bigint) IS 'Chains the entries of this transaction, all in one go; holds the chain until its end';

-- The rest of a transaction's entries finds itself chained already.
CREATE FUNCTION chain_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM public.audit_log WHERE id = NEW.id AND hash IS NULL) THEN
        PERFORM public.chain_audit_from(NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION enter_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.number := NULL;
    NEW.hash := NULL;
    IF current_user = 'ddms_app' THEN
        NEW.at := now();
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION chain_audit_from(bigint), chain_audit(), enter_audit() FROM PUBLIC;
COMMENT ON FUNCTION enter_audit() IS 'Place, hash and time of an entry are not for the programs to say';

-- What was written before is chained as it stands.
SELECT chain_audit_from(min(id)) FROM audit_log HAVING count(*) > 0;

CREATE TRIGGER audit_log_entered BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION enter_audit();
CREATE CONSTRAINT TRIGGER audit_log_chained AFTER INSERT ON audit_log
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chain_audit();

-- Pages of the newest first, of whatever filter.
CREATE FUNCTION audit_words(e_actor text, e_address text, e_client text, e_action text, e_subject text, e_before jsonb, e_after jsonb)
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('pg_catalog.simple', left(e_actor || ' ' || e_subject || ' ' || e_action || ' ' || coalesce(e_address, '') || ' '
        || coalesce(e_client, '') || ' ' || coalesce(e_before::text, '') || ' ' || coalesce(e_after::text, ''), 100000))
$$;
COMMENT ON FUNCTION audit_words(text, text, text, text, text, jsonb, jsonb) IS 'The words by which an entry is found; of very long ones the first 100,000 characters';
CREATE FUNCTION audit_query(words text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN numnode(q) = 0 THEN q ELSE (q::text || ':*')::tsquery END FROM plainto_tsquery('pg_catalog.simple', words) q
$$;
COMMENT ON FUNCTION audit_query(text) IS 'All these words, of which the last may be a beginning';
DROP INDEX audit_log_at_idx;
CREATE UNIQUE INDEX audit_log_number_key ON audit_log (number);
CREATE INDEX audit_log_at_idx ON audit_log (at, number);
CREATE INDEX audit_log_actor_idx ON audit_log (lower(actor), at, number);
CREATE INDEX audit_log_action_idx ON audit_log (action, at, number);
CREATE INDEX audit_log_subject_idx ON audit_log (subject, at, number);
CREATE INDEX audit_log_address_idx ON audit_log (address, at, number);
CREATE INDEX audit_log_words_idx ON audit_log USING gin (audit_words(actor, address, client, action, subject, before, after));
REVOKE ALL ON audit_chain FROM ddms_app;
GRANT SELECT ON audit_chain TO ddms_app;


-- Retention of its own.
ALTER TABLE configuration
    ADD COLUMN audit_days int NOT NULL DEFAULT 730 CONSTRAINT configuration_audit_days_range CHECK (audit_days BETWEEN 90 AND 3650);
COMMENT ON COLUMN configuration.audit_days IS 'How long entries of the audit are kept';

CREATE FUNCTION forget_audit(most int DEFAULT 20000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chain public.audit_chain;
    days CONSTANT int := (SELECT greatest(audit_days, 90) FROM public.configuration);
    last bigint;
    last_hash bytea;
    gone bigint;
BEGIN
    SELECT * INTO STRICT chain FROM public.audit_chain FOR UPDATE;
    last := least(chain.erased + least(most, 100000), chain.number);
    last := coalesce((SELECT min(number) - 1 FROM public.audit_log
                       WHERE number > chain.erased AND number <= last AND at >= now() - make_interval(days => days)), last);
    IF last <= chain.erased THEN
        RETURN 0;
    END IF;
    last_hash := (SELECT hash FROM public.audit_log WHERE number = last);
    DELETE FROM public.audit_log WHERE number > chain.erased AND number <= last;
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone <> last - chain.erased OR last_hash IS NULL THEN
        RAISE EXCEPTION 'entries of the audit are missing between % and %: nothing is erased, ask `ddms audit verify`', chain.erased, last;
    END IF;
    UPDATE public.audit_chain SET erased = last, erased_hash = last_hash;
    INSERT INTO public.audit_log (actor, actor_kind, transport, action, subject, before, after)
    VALUES ('scheduler', 'program', 'scheduler', 'audit.erase', 'audit',
            jsonb_build_object('first', chain.erased + 1, 'last', last), jsonb_build_object('audit_days', days, 'hash', encode(last_hash, 'hex')));
    RETURN gone;
END $$;
COMMENT ON FUNCTION forget_audit(int) IS 'Erases the oldest entries that are older than audit_days, and says so in the audit; returns how many';
REVOKE ALL ON FUNCTION forget_audit(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_audit(int) TO ddms_app;

-- As in 0014, without the audit.
CREATE OR REPLACE FUNCTION forget_journals() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH runs AS (DELETE FROM retention_runs WHERE started_at < now() - interval '3650 days' RETURNING 1),
         erased AS (DELETE FROM erasures WHERE state = 'done' AND finished_at < now() - interval '365 days' RETURNING 1),
         requests AS (DELETE FROM field_requests WHERE created_at < now() - interval '30 days' RETURNING 1),
         failures AS (DELETE FROM sign_in_failures WHERE at < now() - interval '30 days' RETURNING 1),
         keys AS (DELETE FROM idempotency_keys WHERE at < now() - interval '1 day' RETURNING 1),
         told AS (DELETE FROM flushes WHERE committed_at < now() - interval '1 day' RETURNING 1)
    SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM erased) + (SELECT count(*) FROM requests)
         + (SELECT count(*) FROM failures) + (SELECT count(*) FROM keys) + (SELECT count(*) FROM told)
$$;


-- What every viewer of Grafana may know: who changed what of the plant, without values, addresses, sign-ins, exports and accounts.
CREATE VIEW grafana.changes AS
SELECT a.number, a.at AS time, a.actor, split_part(a.action, '.', 1) AS noun, a.action, a.subject AS subject_id,
       coalesce(d.name, p.name, g.name, f.name, c.endpoint, a.before ->> 'name', a.after ->> 'name', a.subject) AS subject, coalesce(d.id, p.device_id) AS device_id
  FROM audit_log a
 CROSS JOIN LATERAL (SELECT CASE WHEN a.subject ~ '^[a-z]+_[1-9][0-9]{0,8}$' THEN split_part(a.subject, '_', 1) END AS kind,
                            CASE WHEN a.subject ~ '^[a-z]+_[1-9][0-9]{0,8}$' THEN split_part(a.subject, '_', 2)::int END AS row) s
  LEFT JOIN devices d ON s.kind = 'dev' AND d.id = s.row AND d.deleted_at IS NULL
  LEFT JOIN points p ON s.kind = 'pt' AND p.id = s.row
  LEFT JOIN groups g ON s.kind = 'grp' AND g.id = s.row
  LEFT JOIN profiles f ON s.kind = 'prof' AND f.id = s.row
  LEFT JOIN connections c ON s.kind = 'con' AND c.id = s.row
 WHERE a.number IS NOT NULL
   AND split_part(a.action, '.', 1) IN ('connection', 'configuration', 'device', 'document', 'field', 'group', 'job', 'point', 'profile', 'retention');
COMMENT ON VIEW grafana.changes IS 'Who changed what of the plant; people''s sign-ins, exports, accounts and all values are left out, because every viewer can read this';
CREATE VIEW grafana.audit_checks AS
SELECT started_at AS time, error, (details ->> 'entries')::bigint AS entries, (details ->> 'number')::bigint AS number, (details ->> 'erased')::bigint AS erased
  FROM job_runs WHERE job = 'audit';
COMMENT ON VIEW grafana.audit_checks IS 'When the chain of the audit was checked, and what was found';
GRANT SELECT ON grafana.changes, grafana.audit_checks TO ddms_grafana, ddms_app;

-- As in 0022, with audit_chain.
CREATE OR REPLACE FUNCTION role_faults() RETURNS TABLE (fault text, remedy text, vital boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    db CONSTANT text := quote_ident(current_database());
    config text[];
    sessions CONSTANT int := (SELECT grafana_sessions FROM public.secrets);
BEGIN
    RETURN QUERY SELECT format('there is no role %s', name), format('CREATE ROLE %I LOGIN', name), true
                   FROM unnest(ARRAY['ddms_app', 'ddms_grafana']) name WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name);
    IF FOUND THEN
        RETURN;
    END IF;

    RETURN QUERY
    SELECT format('ddms_grafana has other attributes than LOGIN CONNECTION LIMIT %s', sessions),
           format('ALTER ROLE ddms_grafana LOGIN CONNECTION LIMIT %s', sessions)
           || CASE WHEN rolsuper THEN ' NOSUPERUSER' ELSE '' END || CASE WHEN rolcreatedb THEN ' NOCREATEDB' ELSE '' END
           || CASE WHEN rolcreaterole THEN ' NOCREATEROLE' ELSE '' END || CASE WHEN rolreplication THEN ' NOREPLICATION' ELSE '' END
           || CASE WHEN rolbypassrls THEN ' NOBYPASSRLS' ELSE '' END, true
      FROM pg_roles WHERE rolname = 'ddms_grafana'
       AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls OR NOT rolcanlogin OR rolconnlimit <> sessions);
    RETURN QUERY
    SELECT format('ddms_grafana is a member of %s', g.rolname), format('REVOKE %I FROM ddms_grafana', g.rolname), true
      FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = 'ddms_grafana'::regrole;
    IF NOT pg_has_role('ddms_app', 'ddms_grafana', 'USAGE') THEN
        RETURN QUERY SELECT 'ddms_app cannot end sessions of ddms_grafana that take too much', 'GRANT ddms_grafana TO ddms_app', true;
    END IF;

    -- Settings: exactly these in this database, and none of its own for all databases.
    config := (SELECT setconfig FROM pg_db_role_setting
                WHERE setrole = 'ddms_grafana'::regrole AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()));
    RETURN QUERY
    SELECT format('ddms_grafana has not %s = %s in this database', w.name, w.value),
           format('ALTER ROLE ddms_grafana IN DATABASE %s SET %I = %L', db, w.name, w.value), w.name <> 'temp_file_limit'
      FROM (VALUES ('search_path', 'grafana'), ('statement_timeout', '15s'), ('idle_in_transaction_session_timeout', '15s'),
                   ('default_transaction_read_only', 'on'), ('max_parallel_workers_per_gather', '0'), ('temp_file_limit', '1GB')) AS w (name, value)
     WHERE w.name || '=' || w.value <> ALL (coalesce(config, '{}'));
    RETURN QUERY
    SELECT format('ddms_grafana has a setting of its own: %s', split_part(own.setting, '=', 1)),
           format('ALTER ROLE ddms_grafana%s RESET %I', own.place, split_part(own.setting, '=', 1)), true
      FROM (SELECT ' IN DATABASE ' || db AS place, unnest(config) AS setting
             UNION ALL SELECT '', unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 'ddms_grafana'::regrole AND setdatabase = 0) own
     WHERE own.place = '' OR split_part(own.setting, '=', 1) NOT IN
           ('search_path', 'statement_timeout', 'idle_in_transaction_session_timeout', 'default_transaction_read_only',
            'max_parallel_workers_per_gather', 'temp_file_limit');
    IF NOT EXISTS (SELECT FROM pg_db_role_setting WHERE setrole = 0 AND 'jit=off' = ANY (setconfig)
                      AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())) THEN
        RETURN QUERY SELECT 'the database has not jit = off', format('ALTER DATABASE %s SET jit = off', db), true;
    END IF;

    -- The database, the schemas.
    RETURN QUERY
    SELECT 'every role may connect to this database or make temporary tables in it', format('REVOKE ALL ON DATABASE %s FROM PUBLIC', db), true
      FROM pg_database d WHERE datname = current_database()
       AND (d.datacl IS NULL OR EXISTS (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = 0));
    RETURN QUERY
    SELECT format('%s may not %s this database', w.who, w.what), format('GRANT %s ON DATABASE %s TO %s', w.what, db, w.who), true
      FROM (VALUES ('ddms_app', 'CONNECT'), ('ddms_app', 'TEMPORARY'), ('ddms_grafana', 'CONNECT')) AS w (who, what)
     WHERE NOT EXISTS (SELECT FROM pg_database d, aclexplode(d.datacl) a
                        WHERE d.datname = current_database() AND a.grantee = w.who::regrole AND a.privilege_type = w.what);
    RETURN QUERY
    SELECT format('%s may not use the schema %s', w.who, w.place), format('GRANT USAGE ON SCHEMA %s TO %s', w.place, w.who), true
      FROM (VALUES ('ddms_app', 'public'), ('ddms_app', 'grafana'), ('ddms_grafana', 'grafana')) AS w (who, place)
     WHERE NOT has_schema_privilege(w.who, w.place, 'USAGE');
    IF has_schema_privilege('ddms_grafana', 'public', 'USAGE') OR has_schema_privilege('ddms_grafana', 'public', 'CREATE') THEN
        RETURN QUERY SELECT 'ddms_grafana may use the schema public', 'REVOKE ALL ON SCHEMA public FROM PUBLIC, ddms_grafana', true;
    END IF;

    -- Tables, views and functions.
    RETURN QUERY
    WITH wanted AS (
        SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, n.nspname,
               CASE WHEN n.nspname = 'grafana' OR c.relkind = 'v' OR c.relname IN ('alembic_version', 'qualities', 'audit_chain') THEN 'SELECT'
                    WHEN c.relname = 'audit_log' THEN 'SELECT,INSERT'
                    WHEN c.relname IN ('configuration', 'locks') THEN 'SELECT,UPDATE'
                    WHEN c.relname IN ('secrets', 'migrating') THEN ''
                    ELSE 'SELECT,INSERT,UPDATE,DELETE' END AS rights
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('public', 'grafana') AND c.relkind IN ('r', 'p', 'v')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ), compared AS (
        SELECT w.*, bool_or(has_table_privilege('ddms_app', w.oid, r.kind) <> (r.kind = ANY (string_to_array(w.rights, ','))))
                        FILTER (WHERE w.nspname = 'public' OR r.kind = 'SELECT') AS wrong
          FROM wanted w CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS r (kind) GROUP BY w.oid, w.name, w.nspname, w.rights
    )
    SELECT format('ddms_app has other rights on %s than %s', c.name, coalesce(nullif(c.rights, ''), 'none')),
           format('REVOKE ALL ON %s FROM ddms_app', c.name) || CASE WHEN c.rights <> '' THEN format('; GRANT %s ON %s TO ddms_app', c.rights, c.name) ELSE '' END
           || CASE WHEN c.name = 'public.secrets' THEN '; GRANT SELECT (channel, grafana_sessions) ON public.secrets TO ddms_app' ELSE '' END, true
      FROM compared c WHERE c.wrong OR (c.name = 'public.secrets' AND NOT (has_column_privilege('ddms_app', c.oid, 'channel', 'SELECT')
                                                                 AND has_column_privilege('ddms_app', c.oid, 'grafana_sessions', 'SELECT')))
    UNION ALL
    SELECT format('ddms_grafana may not read %s', c.name), format('GRANT SELECT ON %s TO ddms_grafana', c.name), true
      FROM compared c WHERE c.nspname = 'grafana' AND NOT has_table_privilege('ddms_grafana', c.oid, 'SELECT')
    UNION ALL
    SELECT format('ddms_grafana has rights on %s', c.name), format('REVOKE ALL ON %s FROM ddms_grafana, PUBLIC', c.name), true
      FROM compared c WHERE c.nspname = 'public' AND has_any_column_privilege('ddms_grafana', c.oid, 'SELECT, INSERT, UPDATE');
    RETURN QUERY
    SELECT format('%s may not call %s', who, p.oid::regprocedure), format('GRANT EXECUTE ON FUNCTION %s TO %I', p.oid::regprocedure, who), true
      FROM pg_proc p CROSS JOIN unnest(ARRAY['ddms_app', 'ddms_grafana']) who
     WHERE p.pronamespace = to_regnamespace('grafana') AND NOT has_function_privilege(who, p.oid, 'EXECUTE');

    -- The second line: server functions that lock, or write where no right is asked for.
    RETURN QUERY
    SELECT 'ddms_grafana may take advisory locks, make large objects and write into the log of changes',
           string_agg(format('REVOKE EXECUTE ON FUNCTION %1$s FROM PUBLIC; GRANT EXECUTE ON FUNCTION %1$s TO ddms_app, %2$I',
                             p.oid::regprocedure, pg_get_userbyid(owner.datdba)), '; ' ORDER BY p.oid), false
      FROM pg_proc p JOIN pg_database owner ON owner.datname = current_database()
     WHERE p.pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege('ddms_grafana', p.oid, 'EXECUTE')
       AND (p.proname ~ '^pg_(try_)?advisory_' OR p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lowrite', 'lo_open', 'pg_logical_emit_message'))
    HAVING count(*) > 0;
END $$;
