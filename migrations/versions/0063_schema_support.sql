-- While an upgrade replaces programs one by one, those of the version before go on (docs/upgrading.md).
CREATE TABLE schema_support (
    single boolean DEFAULT true CONSTRAINT schema_support_pkey PRIMARY KEY CONSTRAINT schema_support_single CHECK (single),
    oldest text NOT NULL
);
COMMENT ON TABLE schema_support IS 'The oldest schema whose programs can work with the one that is here; `ddms migrate` writes it';
GRANT SELECT ON schema_support TO ddms_app;
