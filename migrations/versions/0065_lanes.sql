-- What is of one device, or of one alarm without a device, is told in its order; the rest may be told at once.
ALTER TABLE webhook_deliveries ADD COLUMN lane text NOT NULL DEFAULT '';
COMMENT ON COLUMN webhook_deliveries.lane IS 'Messages of one lane are told one after the other; what was queued before there were lanes is in one';
