-- More that a collector can be asked to do at the field.
ALTER TABLE field_requests DROP CONSTRAINT field_requests_kind_known;
ALTER TABLE field_requests ADD CONSTRAINT field_requests_kind_known CHECK (kind IN ('test_connection', 'probe', 'scan'));
