-- A key that was rotated twice keeps its newest successor; ids are in the order of their making.
UPDATE keys
SET rotated_from = NULL
WHERE revoked_at IS NULL AND rotated_from IS NOT NULL AND id NOT IN (
    SELECT max(id)
    FROM keys
    WHERE revoked_at IS NULL
    GROUP BY rotated_from
);

CREATE UNIQUE INDEX keys_rotated_from
ON keys (rotated_from)
WHERE revoked_at IS NULL AND rotated_from IS NOT NULL;
