CREATE TABLE admin_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    -- No list of them: a newer version may know more, and one that does not know a role lets it do nothing.
    role TEXT NOT NULL CHECK (length(role) BETWEEN 1 AND 40),
    -- HMAC-SHA256 of the token's text; the text itself is nowhere.
    digest BYTEA NOT NULL UNIQUE CHECK (length(digest) = 32),
    -- The text's prefix and first four random characters, to recognise a token by.
    hint TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
