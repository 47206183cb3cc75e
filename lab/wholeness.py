"""No half effects: what the tables must say of each other after any fault, whatever was acknowledged."""

from lab.target import Target

# Each finds rows that a transaction cut in two would leave behind.
HALVES = {
    "a code without its grant": """
        SELECT c.id FROM codes c LEFT JOIN grants g ON g.id = c.grant_id WHERE g.id IS NULL""",
    "a grant without its code": """
        SELECT g.id FROM grants g LEFT JOIN codes c ON c.grant_id = g.id WHERE c.id IS NULL""",
    "a spent code that bought nothing": """
        SELECT c.id FROM codes c WHERE c.spent_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM refresh_tokens r WHERE r.grant_id = c.grant_id)""",
    "an unspent code that bought something": """
        SELECT c.id FROM codes c WHERE c.spent_at IS NULL
        AND EXISTS (SELECT 1 FROM refresh_tokens r WHERE r.grant_id = c.grant_id)""",
    "a spent refresh token without its successor": """
        SELECT r.id FROM refresh_tokens r LEFT JOIN refresh_tokens s ON s.id = r.successor_id
        WHERE r.spent_at IS NOT NULL AND s.id IS NULL""",
    "a grant with two live refresh tokens": """
        SELECT grant_id FROM refresh_tokens WHERE spent_at IS NULL GROUP BY grant_id HAVING COUNT(*) > 1""",
    "a grant revoked without a trace": """
        SELECT g.id FROM grants g WHERE g.revoked_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.target = 'grant:' || g.id)
        AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.target = 'person:' || g.subject
                        AND a.action IN ('person.disabled', 'consent.withdrawn'))""",
    "a disabled person with a session": """
        SELECT p.subject FROM people p JOIN sessions s ON s.subject = p.subject
        WHERE p.disabled_at IS NOT NULL""",
    "a client without a secret": """
        SELECT c.id FROM clients c LEFT JOIN client_secrets s ON s.client_id = c.id
        WHERE c.id LIKE 'made-%' AND s.id IS NULL""",
    "a consent without a trace": """
        SELECT c.id FROM consents c WHERE NOT EXISTS (SELECT 1 FROM audit a
        WHERE a.action = 'consent.given' AND a.actor = 'person:' || c.subject)""",
}


async def half_effects(target: Target) -> list[str]:
    """What is wrong, one line for each kind; nothing when all is whole."""
    found = []
    for what, statement in HALVES.items():
        if rows := await target.query(statement):
            found.append(f"{len(rows)} × {what}, such as {rows[0][0]}")
    return found
