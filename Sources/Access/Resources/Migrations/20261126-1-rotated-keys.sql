CREATE UNIQUE INDEX keys_rotated_from ON keys (rotated_from) WHERE revoked_at IS NULL AND rotated_from IS NOT NULL;
