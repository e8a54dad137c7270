-- Texts that people judge. The text is sealed, and goes when its time has come; what was judged stays.
CREATE TABLE samples (
    id TEXT NOT NULL PRIMARY KEY,
    -- Of the exchange.
    record TEXT NOT NULL,
    at BIGINT NOT NULL,
    application TEXT NOT NULL,
    stage BIGINT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('prompt', 'completion')),
    reason TEXT NOT NULL CHECK (reason IN ('found', 'unsure', 'random')),
    -- How likely a text such as this one was drawn.
    probability DOUBLE PRECISION NOT NULL CHECK (probability > 0 AND probability <= 1),
    verdict BIGINT NOT NULL,
    findings TEXT NOT NULL,
    scores TEXT NOT NULL,
    is_cut BIGINT NOT NULL,
    sealed BYTEA
);

CREATE INDEX samples_at
ON samples (at);

-- Those whose text is still there.
CREATE INDEX samples_sealed
ON samples (at)
WHERE sealed IS NOT NULL;

CREATE TABLE sample_labels (
    sample TEXT NOT NULL REFERENCES samples (id),
    category TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    judgement TEXT NOT NULL CHECK (judgement IN ('yes', 'no', 'unsure', 'declined')),
    at BIGINT NOT NULL,
    PRIMARY KEY (sample, category, reviewer)
);
