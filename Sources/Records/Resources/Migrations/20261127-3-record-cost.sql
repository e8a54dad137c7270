-- Billionths of the currency's unit, at the prices of the time; NULL where the model had no price.
ALTER TABLE records ADD COLUMN cost BIGINT;
