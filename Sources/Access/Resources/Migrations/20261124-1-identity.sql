CREATE TABLE organisations (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    standing TEXT NOT NULL CHECK (standing IN ('good', 'restricted', 'suspended')),
    -- JSON, such as {"requests_per_minute":60}; NULL: no limits of its own.
    limits TEXT,
    created_at BIGINT NOT NULL
);

CREATE TABLE applications (
    id TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    stage TEXT NOT NULL CHECK (stage IN ('sandbox', 'production')),
    standing TEXT NOT NULL CHECK (standing IN ('good', 'restricted', 'suspended')),
    limits TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (organisation_id, name)
);

CREATE TABLE keys (
    id TEXT NOT NULL PRIMARY KEY,
    application_id TEXT NOT NULL REFERENCES applications (id),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- HMAC-SHA256 of the key's text; the text itself is nowhere.
    digest BYTEA NOT NULL UNIQUE CHECK (length(digest) = 32),
    -- The text's prefix and first four random characters, to recognise a key by.
    hint TEXT NOT NULL,
    -- JSON arrays; NULL: all.
    scopes TEXT NOT NULL,
    allowed_models TEXT,
    networks TEXT,
    limits TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    rotated_from TEXT REFERENCES keys (id)
);

CREATE INDEX keys_application ON keys (application_id);

-- Apart from the keys, so that noting a use does not look like a change of a key.
CREATE TABLE key_uses (
    key_id TEXT NOT NULL PRIMARY KEY REFERENCES keys (id),
    last_used_at BIGINT NOT NULL
);

-- One row. The digest of a fixed text, to notice that the digest key is not the one the keys were made with.
CREATE TABLE digest_key_checks (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    digest BYTEA NOT NULL CHECK (length(digest) = 32)
);

-- One row, raised whenever an organisation, application or key changes: readers reload only then.
CREATE TABLE identity_revisions (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL
);

INSERT INTO identity_revisions (id, revision) VALUES (1, 1);
