-- 0008: which apps somebody has signed in to during a session, and which of them must be told that it has ended
-- (Back-Channel Logout 1.0). One row is both: while the session lives it says who took part, afterwards it is the
-- message to that app, kept until the app has taken it or is given up on.
-- Old servers keep running: they write neither the table nor the column, which may be empty.

CREATE TABLE session_clients (
    sso_id     {key} NOT NULL,
    client_id  {key} NOT NULL,
    subject    {key} NOT NULL,
    joined_at  {time} NOT NULL,
    expires_at {time} NOT NULL,
    ended_at   {time},
    due_at     {time},
    tries      INTEGER NOT NULL DEFAULT 0,
    problem    {text},
    PRIMARY KEY (sso_id, client_id)
) {keyed};
CREATE INDEX session_clients_by_subject ON session_clients (subject);
CREATE INDEX session_clients_by_end ON session_clients (expires_at);
CREATE INDEX session_clients_due ON session_clients (due_at) WHERE due_at IS NOT NULL;

-- What stays the same while one person signs in again and again in one browser; empty: the session's own id.
ALTER TABLE sessions ADD COLUMN sso_id {text};
