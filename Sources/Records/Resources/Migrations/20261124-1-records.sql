-- How far the store has followed each journal.
CREATE TABLE record_progress (
    journal TEXT NOT NULL PRIMARY KEY,
    -- Every frame before this place is in the records and in usage_days.
    segment BIGINT NOT NULL CHECK (segment >= 0),
    byte BIGINT NOT NULL CHECK (byte >= 0),
    -- Where replay begins, so that it finds the admissions that are still open.
    replay_segment BIGINT NOT NULL CHECK (replay_segment >= 0),
    replay_byte BIGINT NOT NULL CHECK (replay_byte >= 0)
);

-- Admissions that stay open for so long that their segment should go before them.
CREATE TABLE record_openings (
    id TEXT NOT NULL PRIMARY KEY,
    journal TEXT NOT NULL,
    admission BYTEA NOT NULL
);

CREATE TABLE usage_days (
    day TEXT NOT NULL,
    -- Empty if the caller could not be told.
    application TEXT NOT NULL,
    model TEXT NOT NULL,
    stage BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    blocked BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    PRIMARY KEY (day, application, model, stage)
);
