-- A walk over the models of a SunSpec device is asked of a collector as a probe is.
ALTER TABLE field_requests DROP CONSTRAINT field_requests_kind_known;
ALTER TABLE field_requests ADD CONSTRAINT field_requests_kind_known CHECK (kind IN ('test_connection', 'probe', 'scan', 'sunspec'));
