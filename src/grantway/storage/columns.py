"""The columns of every table, each list written once, and how SQL text is filled in with them.

A `Columns` names the columns of one table in the order in which `rows.read_…` takes and `rows.write_…`
gives their values. In the SQL beside the verbs (see `sql`), `{code}` stands for the columns of codes,
`{code:c}` for the same with the alias `c`, and `{code:?}` or `{code:$4}` for as many placeholders.
"""

from dataclasses import dataclass


class Columns:
    """The columns of a table, for use in SQL text."""

    def __init__(self, names: str) -> None:
        self.names = tuple(names.split())

    def __len__(self) -> int:
        return len(self.names)

    def __format__(self, spec: str) -> str:
        if spec == "?":
            return ", ".join("?" for _ in self.names)
        if spec.startswith("$"):
            first = int(spec[1:])
            return ", ".join(f"${first + offset}" for offset in range(len(self.names)))
        return ", ".join(f"{spec}.{name}" if spec else name for name in self.names)


SECRET = Columns("client_id id hash scheme label created_at expires_at last_used_at")
KEY = Columns("kid purpose alg state envelope public_jwk created_at state_since")
API_VERSION = Columns("identifier number document at actor note source")
PERSON = Columns(
    "subject username name email email_verified password_hash disabled_at tokens_valid_from created_at "
    "profile"
)
SESSION = Columns("id hash subject auth_time amr created_at seen_at expires_at browser network sso_id")
SESSION_CLIENT = Columns("sso_id client_id subject joined_at expires_at ended_at due_at tries problem")
CONSENT = Columns("subject client_id id scope created_at updated_at expires_at shown")
GRANT = Columns(
    "id client_id subject consent_id session_id scope resources auth_time created_at expires_at revoked_at "
    "amr claims"
)
USE = Columns("subject client_id scope used_at expires_at")
CODE = Columns(
    "id hash grant_id flow_id client_id redirect_uri redirect_uri_sent code_challenge nonce issued_at "
    "expires_at spent_at"
)
REFRESH = Columns("id hash grant_id client_id issued_at expires_at spent_at confirmation")
OPAQUE = Columns(
    "id hash grant_id client_id subject scope audience issued_at expires_at auth_time revoked_at confirmation"
)
AUDIT = Columns("at actor action target details")
REVOCATION = Columns("number kind id audience scope issued_before at")

_COLUMNS = {
    "secret": SECRET,
    "key": KEY,
    "api_version": API_VERSION,
    "person": PERSON,
    "session": SESSION,
    "session_client": SESSION_CLIENT,
    "consent": CONSENT,
    "grant": GRANT,
    "use": USE,
    "code": CODE,
    "refresh": REFRESH,
    "opaque": OPAQUE,
    "audit": AUDIT,
    "revocation": REVOCATION,
}


def sql(text: str, **words: str) -> str:
    """SQL with its column lists and these words filled in. `{now}` is the database's clock, Unix seconds."""
    return text.format_map({**_COLUMNS, **words})


@dataclass(frozen=True, slots=True)
class Perishable:
    """A table whose rows leave by themselves, `kept` seconds after the time in their column `end`."""

    table: str
    key: str
    end: str
    kept: float = 0.0


LOGOUT_KEPT = 7 * 86400.0  # what could not be told to a client, for the operator to see
CODE_KEPT = 3600.0  # a flow lives for an hour at most and must find that it has its code already
_GRANT_KEPT = 86400.0  # no access token lives longer than that beyond the end of its grant
_REVOCATION_KEPT = 86400.0 + 60.0  # the longest life of a token that it can matter to, and a little
_CLOCKS_APART = 60.0  # a node whose clock is behind takes an assertion for good a little longer
PERISHABLES = (  # codes leave in a way of their own
    Perishable("refresh_tokens", "id", "expires_at"),
    Perishable("opaque_tokens", "id", "expires_at"),
    Perishable("revoked_jwts", "id", "expires_at"),
    Perishable("used_assertions", "id", "expires_at", _CLOCKS_APART),
    Perishable("grants", "id", "expires_at", _GRANT_KEPT),
    Perishable("scope_uses", "subject, client_id, scope", "expires_at"),
    Perishable("consents", "subject, client_id", "expires_at"),
    Perishable("sessions", "id", "expires_at"),
    Perishable("session_clients", "sso_id, client_id", "expires_at"),
    Perishable("throttles", "key", "empty_at"),
    Perishable("revocations", "number", "at", _REVOCATION_KEPT),
)
