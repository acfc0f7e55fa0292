-- More ways to devices (docs/collector.md#ways-to-a-device): datagrams, ASCII frames, TLS, and devices that dial in.
ALTER TABLE connections
    DROP CONSTRAINT connections_endpoint_form,
    ADD CONSTRAINT connections_endpoint_form CHECK (endpoint ~
        '^((rtu\+|ascii\+)?(tcp|udp)|tls)://[^/?\s]+:[0-9]{1,5}$|^((rtu\+|ascii\+)?tcp-listen)://[^/?\s]+:[0-9]{1,5}(\?(id|from)=[^\s]{1,200})?$|^(ascii\+)?serial:///[^\s]+$'),
    ADD COLUMN data_bits int NOT NULL DEFAULT 8 CONSTRAINT connections_data_bits_known CHECK (data_bits IN (7, 8));
COMMENT ON COLUMN connections.endpoint IS 'Such as tcp://host:port, rtu+udp://host:port, serial:///dev/name, tcp-listen://address:port?id=text';
COMMENT ON COLUMN connections.data_bits IS 'Bits of a character on a serial line: 8, of ASCII frames also 7';

CREATE FUNCTION usual_data_bits(endpoint text) RETURNS int LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN endpoint LIKE 'ascii+serial:%' THEN 7 ELSE 8 END
$$;
COMMENT ON FUNCTION usual_data_bits(text) IS 'ASCII frames on a serial line go in characters of 7 bits, as Modbus says, until somebody says otherwise';

CREATE OR REPLACE FUNCTION use_endpoint(wanted text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number int;
BEGIN
    IF is_foreign(wanted) THEN
        RETURN NULL;
    END IF;
    INSERT INTO connections (endpoint, data_bits) SELECT wanted, usual_data_bits(wanted)
     WHERE NOT EXISTS (SELECT FROM connections WHERE endpoint = wanted) ON CONFLICT (endpoint) DO NOTHING;
    SELECT id INTO STRICT number FROM connections WHERE endpoint = wanted;
    PERFORM set_config('ddms.made_connections', array_to_string(made_now('connections') || number, ','), true);
    RETURN number;
END $$;
