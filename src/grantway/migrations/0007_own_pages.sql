-- 0007: what people see of their own account: which scope was last used when, what they read when they allowed
-- an app, and which browser each of their sessions is.
-- Old servers keep running: they write neither the table nor the columns, which may all be empty.

CREATE TABLE scope_uses (
    subject    {key} NOT NULL,
    client_id  {key} NOT NULL,
    scope      {key} NOT NULL,
    used_at    {time} NOT NULL,
    expires_at {time} NOT NULL,
    PRIMARY KEY (subject, client_id, scope)
) {keyed};
CREATE INDEX scope_uses_by_end ON scope_uses (expires_at);

ALTER TABLE consents ADD COLUMN shown {text};

ALTER TABLE sessions ADD COLUMN browser {text};
ALTER TABLE sessions ADD COLUMN network {text};
