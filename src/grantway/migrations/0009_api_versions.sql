-- 0009: what every API definition was before it was changed, by whom, and from which document it came: so that
-- a change can be looked at and taken back. A version without a document says that the API was removed.
-- Old servers keep running: a change they make gets its version with the next change.

CREATE TABLE api_versions (
    identifier {key} NOT NULL,
    number     INTEGER NOT NULL,
    document   {text},
    at         {time} NOT NULL,
    actor      {text} NOT NULL,
    note       {text} NOT NULL,
    source     {text},
    PRIMARY KEY (identifier, number)
) {keyed};

INSERT INTO api_versions (identifier, number, document, at, actor, note, source)
SELECT identifier, 1, document, 0, 'system', 'as it was before versions were kept', NULL FROM apis;
