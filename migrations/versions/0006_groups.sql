CREATE TABLE groups (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT groups_pkey PRIMARY KEY,
    name            text NOT NULL CONSTRAINT groups_name_length CHECK (char_length(name) BETWEEN 1 AND 120 AND name = btrim(name)),
    description     text NOT NULL DEFAULT '' CONSTRAINT groups_description_length CHECK (char_length(description) <= 2000),
    version         int NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE groups IS 'Devices that people look at together: a hall, a line, all pumps';
CREATE UNIQUE INDEX groups_name_key ON groups (lower(name));

CREATE TABLE device_groups (
    group_id        int CONSTRAINT device_groups_group_fkey REFERENCES groups ON DELETE CASCADE,
    device_id       int CONSTRAINT device_groups_device_fkey REFERENCES devices ON DELETE CASCADE,
    CONSTRAINT device_groups_pkey PRIMARY KEY (group_id, device_id)
);
COMMENT ON TABLE device_groups IS 'Which devices are in which groups; a device may be in several, or in none';
CREATE INDEX device_groups_device_id_idx ON device_groups (device_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON groups, device_groups TO ddms_app;


CREATE VIEW grafana.group_devices AS
SELECT m.group_id, g.name AS group_name, d.*
  FROM device_groups m JOIN groups g ON g.id = m.group_id JOIN grafana.devices d USING (device_id);
COMMENT ON VIEW grafana.group_devices IS 'The devices of each group, as grafana.devices shows them';

CREATE VIEW grafana.groups AS
SELECT g.id AS group_id, g.name AS group_name, g.description, coalesce(m.devices, 0) AS devices, coalesce(m.online, 0) AS online,
       coalesce(m.error, 0) AS error, coalesce(m.offline, 0) AS offline, coalesce(m.unknown, 0) AS unknown, coalesce(m.disabled, 0) AS disabled
  FROM groups g
  LEFT JOIN (SELECT group_id, count(*) AS devices, count(*) FILTER (WHERE state = 'online') AS online,
                    count(*) FILTER (WHERE state = 'error') AS error, count(*) FILTER (WHERE state = 'offline') AS offline,
                    count(*) FILTER (WHERE state = 'unknown') AS unknown, count(*) FILTER (WHERE state = 'disabled') AS disabled
               FROM grafana.group_devices GROUP BY group_id) m ON m.group_id = g.id;
COMMENT ON VIEW grafana.groups IS 'Groups, and how many of their devices are in each state';

GRANT SELECT ON grafana.group_devices, grafana.groups TO ddms_grafana, ddms_app;
