-- Bytes of a streamed answer's text that had left when a filter ended it; NULL where none did.
ALTER TABLE records ADD COLUMN released_bytes BIGINT;
