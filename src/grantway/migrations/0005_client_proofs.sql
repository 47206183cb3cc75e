-- 0005: how clients prove themselves: assertions that have been used (private_key_jwt), until they expire.
-- The id is a digest of client and jti.

CREATE TABLE used_assertions (
    id         {key} PRIMARY KEY,
    expires_at {time} NOT NULL
) {keyed};
CREATE INDEX used_assertions_by_end ON used_assertions (expires_at);

-- The key to which a token is bound, such as x5t#S256:… for a client certificate; NULL: whoever holds it may use it.
ALTER TABLE refresh_tokens ADD COLUMN confirmation {text};
ALTER TABLE opaque_tokens ADD COLUMN confirmation {text};
