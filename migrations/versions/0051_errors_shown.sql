-- Limited people see which of their own buttons failed, and nothing else of grafana.errors.
DO $$
DECLARE
    views CONSTANT text := pg_get_functiondef('limit_views()'::regprocedure);
    place CONSTANT text := 'WHEN c.relname IN (''qualities''';
BEGIN
    EXECUTE replace(views, place, 'WHEN c.relname = ''errors'' THEN ''login = ''''usr_'''' || shown_person()''' || E'\n                    ' || place);
END $$;
SELECT limit_views();
