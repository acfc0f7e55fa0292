CREATE TABLE profiles (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT profiles_pkey PRIMARY KEY,
    name            text NOT NULL CONSTRAINT profiles_name_length CHECK (char_length(name) BETWEEN 1 AND 120 AND name = btrim(name)),
    description     text NOT NULL DEFAULT '' CONSTRAINT profiles_description_length CHECK (char_length(description) <= 2000),
    manufacturer    text NOT NULL DEFAULT '' CONSTRAINT profiles_manufacturer_length CHECK (char_length(manufacturer) <= 120),
    source          text NOT NULL DEFAULT '' CONSTRAINT profiles_source_length CHECK (char_length(source) <= 2000),
    version         int NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE profiles IS 'Register maps, each written once and followed by many devices';
COMMENT ON COLUMN profiles.source IS 'Where the map was taken from: title, number and version of a manual';
CREATE UNIQUE INDEX profiles_name_key ON profiles (lower(name));


-- The columns and their rules are those of points, so that neither can drift from the other here.
CREATE TABLE profile_points (
    profile_id      int NOT NULL CONSTRAINT profile_points_profile_fkey REFERENCES profiles ON DELETE CASCADE,
    LIKE points INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS
);
ALTER TABLE profile_points DROP COLUMN id, DROP COLUMN device_id,
    ADD CONSTRAINT profile_points_pkey PRIMARY KEY (profile_id, key);
COMMENT ON TABLE profile_points IS 'The points of a profile; each device that follows it has a copy in points';

ALTER TABLE devices ADD COLUMN profile_id int CONSTRAINT devices_profile_fkey REFERENCES profiles ON DELETE SET NULL;
COMMENT ON COLUMN devices.profile_id IS 'The profile whose changes this device follows';
CREATE INDEX devices_profile_id_idx ON devices (profile_id) WHERE profile_id IS NOT NULL;

ALTER TABLE points ADD COLUMN from_profile boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN points.from_profile IS 'Came from the device''s profile and follows it; false: the device''s own, which no profile touches';

GRANT SELECT, INSERT, UPDATE, DELETE ON profiles, profile_points TO ddms_app;
