-- 0002: people with local accounts, and the browsers they are signed in with.

CREATE TABLE people (
    subject           {key} PRIMARY KEY,
    username          {key} NOT NULL UNIQUE,
    name              {text} NOT NULL,
    email             {text},
    email_verified    {flag} NOT NULL,
    password_hash     {text},
    disabled_at       {time},
    tokens_valid_from {time} NOT NULL,
    created_at        {time} NOT NULL
) {keyed};

CREATE TABLE sessions (
    id         {key} PRIMARY KEY,
    hash       {bytes} NOT NULL,
    subject    {key} NOT NULL,
    auth_time  {time} NOT NULL,
    amr        {text} NOT NULL,
    created_at {time} NOT NULL,
    seen_at    {time} NOT NULL,
    expires_at {time} NOT NULL
) {keyed};
CREATE INDEX sessions_by_subject ON sessions (subject);
CREATE INDEX sessions_by_end ON sessions (expires_at);
