-- 0001: what is registered: clients with their secrets, APIs, keys, and the number of the newest change.
-- Clients and APIs are JSON documents: they are read whole and seldom, and gain members with every release.
-- The words in braces are the few places where the two databases differ: see grantway.storage.migrate.

CREATE TABLE registry_version (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    version BIGINT NOT NULL
);
INSERT INTO registry_version (one, version) VALUES (1, 0);

CREATE TABLE clients (
    id       {key} PRIMARY KEY,
    document {text} NOT NULL
) {keyed};

CREATE TABLE client_secrets (
    client_id    {key} NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    id           {key} NOT NULL,
    hash         {bytes} NOT NULL,
    scheme       {text} NOT NULL,
    label        {text} NOT NULL,
    created_at   {time} NOT NULL,
    expires_at   {time},
    last_used_at {time},
    PRIMARY KEY (client_id, id)
) {keyed};

CREATE TABLE apis (
    identifier {key} PRIMARY KEY,
    document   {text} NOT NULL
) {keyed};

CREATE TABLE stored_keys (
    kid         {key} PRIMARY KEY,
    purpose     {text} NOT NULL,
    alg         {text} NOT NULL,
    state       {text} NOT NULL,
    envelope    {bytes} NOT NULL,
    public_jwk  {text},
    created_at  {time} NOT NULL,
    state_since {time} NOT NULL
) {keyed};
