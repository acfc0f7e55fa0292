-- Far sites (docs/sites.md): a site's devices are polled by that site's collectors alone, whose readings come over NATS.
ALTER TABLE connections ADD COLUMN site text NOT NULL DEFAULT '' CONSTRAINT connections_site_form CHECK (site ~ '^([a-z0-9][a-z0-9-]{0,31})?$');
COMMENT ON COLUMN connections.site IS 'The site whose collectors alone reach it; empty: those without a site do';
ALTER TABLE collectors ADD COLUMN site text NOT NULL DEFAULT '', ADD COLUMN epoch text;
COMMENT ON COLUMN collectors.site IS 'The site whose connections it polls; empty: those of no site';
COMMENT ON COLUMN collectors.epoch IS 'The identity of the spool of a collector that is reached over NATS; no other one takes its name while it is seen';

CREATE TABLE ingested (
    collector       text NOT NULL CONSTRAINT ingested_collector_fkey REFERENCES collectors (name) ON DELETE CASCADE,
    epoch           text NOT NULL,
    number          bigint NOT NULL,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ingested_pkey PRIMARY KEY (collector, epoch)
) WITH (fillfactor = 50);
COMMENT ON TABLE ingested IS 'Up to which message of a run of a collector all is stored; written in the transaction that stores it';
CREATE TABLE set_aside (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT set_aside_pkey PRIMARY KEY,
    set_aside_at    timestamptz NOT NULL DEFAULT now(),
    site            text NOT NULL,
    reason          text NOT NULL,
    message         bytea NOT NULL
);
COMMENT ON TABLE set_aside IS 'Messages of sites that could not be stored, and why; the newest 1,000 are kept';
GRANT SELECT, INSERT, UPDATE, DELETE ON ingested, set_aside TO ddms_app;
