-- 0010: what was revoked, in the order in which it was committed: so that APIs which verify tokens by themselves
-- can be told at once. Every revocation takes its numbers from the one row of revocation_head, whose lock it holds
-- until it commits; nothing with a smaller number can appear after a larger one was read.
-- Old servers keep running: what they revoke is not told to those APIs.

CREATE TABLE revocation_head (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number BIGINT NOT NULL
);
INSERT INTO revocation_head (one, number) VALUES (1, 0);

-- kind: grant, token (id is its jti), scope (taken out of the grant), client (issued_before, Unix seconds).
-- audience: the APIs it concerns, a JSON list; scope: of a client, everything it could ask for.
CREATE TABLE revocations (
    number        BIGINT PRIMARY KEY,
    kind          {text} NOT NULL,
    id            {key} NOT NULL,
    audience      {text} NOT NULL,
    scope         {text} NOT NULL,
    issued_before BIGINT,
    at            {time} NOT NULL
);
CREATE INDEX revocations_by_time ON revocations (at);
