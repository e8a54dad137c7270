-- What was spent, for budgets to begin with after a restart: a row of each day and month and of each subject. Exchanges count
-- where they began.
CREATE TABLE spending (
    -- A day as 2026-11-27 or a month as 2026-11, of UTC.
    period TEXT NOT NULL,
    -- 0 key, 1 application, 2 organisation, 3 end user.
    scope BIGINT NOT NULL CHECK (scope BETWEEN 0 AND 3),
    -- The latter half of an id, or of an end user's digest.
    subject BIGINT NOT NULL,
    tokens BIGINT NOT NULL CHECK (tokens >= 0),
    -- Billionths of the currency's unit.
    money BIGINT NOT NULL CHECK (money >= 0),
    PRIMARY KEY (period, scope, subject)
);

-- Billionths, as charged at the time; NULL where nothing had a price.
ALTER TABLE usage_days ADD COLUMN cost BIGINT;
