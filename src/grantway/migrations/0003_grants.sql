-- 0003: consents, grants, and the credentials of a grant: what grows with traffic, keyed by time-ordered selectors.
-- No foreign keys here: each would cost every insert a look-up and a lock, and the sweep deletes each table alone.
-- A grant is live or revoked in its own row only, so that revoking it touches one row however much it gave.

CREATE TABLE consents (
    subject    {key} NOT NULL,
    client_id  {key} NOT NULL,
    id         {key} NOT NULL,
    scope      {text} NOT NULL,
    created_at {time} NOT NULL,
    updated_at {time} NOT NULL,
    expires_at {time},
    PRIMARY KEY (subject, client_id)
) {keyed};
CREATE INDEX consents_by_client ON consents (client_id);
CREATE INDEX consents_by_end ON consents (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE grants (
    id         {key} PRIMARY KEY,
    client_id  {key} NOT NULL,
    subject    {key} NOT NULL,
    consent_id {key},
    session_id {key} NOT NULL,
    scope      {text} NOT NULL,
    resources  {text} NOT NULL,
    auth_time  {time} NOT NULL,
    created_at {time} NOT NULL,
    expires_at {time} NOT NULL,
    revoked_at {time}
) {keyed};
CREATE INDEX grants_by_subject ON grants (subject, client_id);
CREATE INDEX grants_by_client ON grants (client_id);
CREATE INDEX grants_by_end ON grants (expires_at);

CREATE TABLE codes (
    id                {key} PRIMARY KEY,
    hash              {bytes} NOT NULL,
    grant_id          {key} NOT NULL,
    flow_id           {key} NOT NULL UNIQUE,
    client_id         {key} NOT NULL,
    redirect_uri      {text} NOT NULL,
    redirect_uri_sent {flag} NOT NULL,
    code_challenge    {text},
    nonce             {text},
    issued_at         {time} NOT NULL,
    expires_at        {time} NOT NULL,
    spent_at          {time},
    spent_by          {text}
) {keyed};
CREATE INDEX codes_by_end ON codes (expires_at);

-- successor_id and locked_successor are set when the token is spent; the latter is wiped after the grace.
CREATE TABLE refresh_tokens (
    id               {key} PRIMARY KEY,
    hash             {bytes} NOT NULL,
    grant_id         {key} NOT NULL,
    client_id        {key} NOT NULL,
    issued_at        {time} NOT NULL,
    expires_at       {time} NOT NULL,
    spent_at         {time},
    spent_by         {text},
    successor_id     {key},
    locked_successor {bytes}
) {keyed};
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_to_wipe ON refresh_tokens (spent_at) WHERE locked_successor IS NOT NULL;

CREATE TABLE opaque_tokens (
    id         {key} PRIMARY KEY,
    hash       {bytes} NOT NULL,
    grant_id   {key},
    client_id  {key} NOT NULL,
    subject    {key},
    scope      {text} NOT NULL,
    audience   {text} NOT NULL,
    issued_at  {time} NOT NULL,
    expires_at {time} NOT NULL,
    auth_time  {time},
    revoked_at {time}
) {keyed};
CREATE INDEX opaque_tokens_by_end ON opaque_tokens (expires_at);
-- Those of a grant die with it; only a client's own tokens are ever looked for by client.
CREATE INDEX opaque_tokens_by_client ON opaque_tokens (client_id) WHERE grant_id IS NULL;

CREATE TABLE revoked_jwts (
    id         {key} PRIMARY KEY,
    expires_at {time} NOT NULL
) {keyed};
CREATE INDEX revoked_jwts_by_end ON revoked_jwts (expires_at);
