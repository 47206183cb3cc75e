-- 0004: throttles for people's secrets, and the audit log.

-- empty_at is the moment the bucket has leaked dry; how full it is follows from it and the clock.
CREATE TABLE throttles (
    key      {key} PRIMARY KEY,
    empty_at {time} NOT NULL
) {keyed};
CREATE INDEX throttles_by_end ON throttles (empty_at);

CREATE TABLE audit (
    number  {number} PRIMARY KEY,
    at      {time} NOT NULL,
    actor   {text} NOT NULL,
    action  {text} NOT NULL,
    target  {text} NOT NULL,
    details {text} NOT NULL
) {listed};
