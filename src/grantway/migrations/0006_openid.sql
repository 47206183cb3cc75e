-- 0006: OpenID Connect: what apps may learn about a person, how they signed in, and which claims were asked.
-- Older servers go on: every column may be empty, and nothing of theirs writes it.

-- The standard claims of OpenID Connect Core 5.1 that have no column of their own, as one JSON object.
ALTER TABLE people ADD COLUMN profile {text};

-- amr: how the person had signed in, a JSON list; claims: names asked for one by one, as JSON.
ALTER TABLE grants ADD COLUMN amr {text};
ALTER TABLE grants ADD COLUMN claims {text};
