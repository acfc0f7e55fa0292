-- What failed for people and programs, by the number that they were told: `ddms errors`, the dashboard API (docs/troubleshooting.md).
CREATE TABLE errors (
    id          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT errors_pkey PRIMARY KEY,
    time        timestamptz NOT NULL,
    reference   text NOT NULL CONSTRAINT errors_reference_form CHECK (reference ~ '^[0-9a-f]{4}-[0-9a-f]{4}$'),
    place       text NOT NULL CONSTRAINT errors_place_length CHECK (char_length(place) BETWEEN 1 AND 40),
    code        text NOT NULL CONSTRAINT errors_code_length CHECK (char_length(code) BETWEEN 1 AND 40),
    message     text NOT NULL,
    caller      text,
    account     int,
    address     text,
    client      text,
    request_id  text
);
CREATE INDEX errors_reference_idx ON errors (reference);
CREATE INDEX errors_time_idx ON errors (time);
COMMENT ON TABLE errors IS 'What failed for people and programs, the newest of each caller: bounded by the API';
COMMENT ON COLUMN errors.reference IS 'The number that the person was told; the log has it too';
COMMENT ON COLUMN errors.message IS 'For those who run DDMS: holds nothing that a caller sent as a value';
COMMENT ON COLUMN errors.account IS 'Whose share of the table it takes: minus the number of a person, the number of a token, null of somebody who is not signed in';
GRANT SELECT, INSERT, DELETE ON errors TO ddms_app;

CREATE VIEW grafana.errors AS
SELECT time, reference, place, code, CASE WHEN place = 'button' THEN message END AS message, CASE WHEN place = 'button' THEN 'usr_' || -account END AS login
  FROM errors;
COMMENT ON VIEW grafana.errors IS 'What failed, by the number that was told; who met it and how is left out but for buttons, because every viewer can read this';
GRANT SELECT ON grafana.errors TO ddms_grafana, ddms_app;
SELECT limit_views();
