-- 0005: how clients prove themselves: assertions that have been used (private_key_jwt), until they expire.
-- The id is a digest of client and jti.

CREATE TABLE used_assertions (
    id         {key} PRIMARY KEY,
    expires_at {time} NOT NULL
) {keyed};
CREATE INDEX used_assertions_by_end ON used_assertions (expires_at);
