"""The one small set of verbs every storage answers, and the words they use.

Rules for every implementation:

- A verb commits before it returns, with its audit entries in the same transaction.
- Times are Unix seconds (float). The expiry and the grace of single-use credentials are
  judged by the database's own clock, never by the caller's.
- A secret reaches a verb only as a selector and a hash.
- `Unavailable` means the outcome is unknown or nothing could be done: callers answer 503 and
  never punish on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Protocol

from grantway.protocol.grants import (
    Code,
    CodeEvidence,
    Consent,
    Grant,
    LiveGrants,
    OpaqueToken,
    RefreshEvidence,
    RefreshToken,
    ScopeUse,
)
from grantway.protocol.people import Person, Session, SignedIn
from grantway.protocol.scope import Scope
from grantway.protocol.session_clients import SessionClient
from grantway.storage.changes import AuditEntry, LiveCounts
from grantway.storage.registry_port import Registry
from grantway.storage.revocation_port import Revocations


class Unavailable(Exception):
    """The database cannot be reached, or did not say whether it committed."""


class Conflict(Exception):
    """The write contradicts what is stored (a name taken, a version passed by); nothing was written."""


# --- people and sessions ---------------------------------------------------


class People(Protocol):
    """Local accounts and the browsers they are signed in with."""

    async def add_person(self, person: Person, audit: Sequence[AuditEntry]) -> None:
        """Raises Conflict when the username or the subject is taken."""

    async def find_person(self, username: str) -> Person | None:
        """By canonical username."""

    async def list_people(self, *, after: str = "", limit: int = 100) -> Sequence[Person]:
        """By username, those after `after`."""

    async def change_person(
        self,
        was: Person,
        now: Person,
        audit: Sequence[AuditEntry],
        *,
        end_sessions: bool,
        revoke_grants: bool,
    ) -> None:
        """Replace the row of `was`; with the flags, end every session and revoke every grant too.

        With the sessions, clients are told whose own session outlives one that has run out here.

        Raises Conflict when that person is gone, or when their password, their being disabled or their
        cut-off is no longer as `was` says, or when the username is taken.
        """

    async def rehash_password(self, subject: str, *, old: str, new: str) -> None:
        """Replace a password hash by a better one of the same password, unless it has changed meanwhile."""

    async def open_session(
        self, session: Session, *, proven: Person, ends: str | None, audit: Sequence[AuditEntry]
    ) -> None:
        """Store a new session and end the one it takes the place of (by id), if any.

        With the same `sso_id` as that one it goes on: its clients stay. Otherwise they are to be told.

        `proven` is whose session it is, as they were read before they proved it. Raises Conflict, and writes
        nothing, when they are gone, or when their password, their being disabled or their cut-off is another
        by now: a change of password ends also the sign-ins that are under way (threat C6).
        """

    async def find_session(self, session_id: str) -> SignedIn | None:
        """A session that has not ended, with its person. The caller compares the hash."""

    async def touch_session(self, session_id: str, *, seen_at: float) -> None:
        """Note that a session was used."""

    async def end_session(self, session_id: str, audit: Sequence[AuditEntry]) -> Sequence[str]:
        """End it; nothing happens when it has ended already. Returns the clients that took part, by id.

        Whichever verb ends a session: in the same transaction its clients become due to be told (`Logouts`).
        """

    async def list_sessions(self, subject: str) -> Sequence[Session]:
        """All of a person that have not passed their absolute end, the one last seen first."""

    async def end_sessions(self, subject: str, *, but: str, audit: Sequence[AuditEntry]) -> int:
        """End every session of a person except one (by id); how many? Audited if there was any."""


# --- grants ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Won:
    """The credential was spent by this attempt, and everything named with it was stored."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """An honest retry: spent at most `grace` ago, and the successor is unspent. Nothing was written."""

    locked_successor: bytes


@dataclass(frozen=True, slots=True)
class Replayed:
    """It had been spent before, outside of any grace. Nothing was written; the caller revokes the grant."""

    ago: float = field(default=inf, compare=False)  # seconds since, by the database's clock


@dataclass(frozen=True, slots=True)
class Dead:
    """Unknown, expired, revoked, or its successor is spent. Nothing was written, nobody is punished."""

    why: str  # for the operator


Outcome = Won | Repeated | Replayed | Dead


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendCode:
    """Spend an authorization code."""

    code_id: str
    hash: bytes
    attempt: str  # an id of this attempt alone, stored as `spent_by`: a re-run recognises its own win


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRefreshToken:
    """Spend a refresh token, leaving its successor behind for whoever presents it again in time."""

    token_id: str
    hash: bytes
    attempt: str
    grace: float  # seconds
    locked_successor: bytes  # encrypted under a key made from the presented token


class IssueOutcome(StrEnum):
    """What became of an approval."""

    ISSUED = "issued"
    ALREADY_DONE = "already_done"  # this flow has its code already


class Grants(Protocol):
    """Consents, grants, and the credentials of a grant."""

    async def find_consent(self, subject: str, client_id: str) -> Consent | None:
        """The consent in force, expired ones left out."""

    async def list_consents(self, subject: str) -> Sequence[Consent]:
        """All consents of a person in force, newest first."""

    async def list_live_grants(self, subject: str) -> Sequence[LiveGrants]:
        """All grants of a person that are neither revoked nor ended, those that are alike as one."""

    async def count_live_grants(self) -> Sequence[tuple[str, Scope, int]]:
        """How many grants are neither revoked nor ended, by client id and scope. Reads them all."""

    async def issue_code(
        self,
        code: Code,
        grant: Grant,
        consent: Consent | None,
        audit: Sequence[AuditEntry],
        *,
        session_ends_at: float | None = None,
        replaces: str | None = None,
    ) -> IssueOutcome:
        """Store an approval and its code: upsert the consent (by subject and client), insert grant and code.

        With `session_ends_at`, the client takes part in the session of the grant from now on.

        When a consent of this person and client is in force, its id stays and the grant is stored with that
        id; its scope becomes the given one. ALREADY_DONE, and nothing written, when the flow has a code.
        Raises Conflict when no consent is given and the one that `grant.consent_id` names is no longer in
        force: it was withdrawn after the caller looked. Raises it, too, when the given one was made from one
        in force, whose id is `replaces`, and that is none any more: what was taken back does not come back.
        """

    async def find_code(self, code_id: str) -> CodeEvidence | None:
        """By selector; the caller compares the hash."""

    async def find_refresh_token(self, token_id: str) -> RefreshEvidence | None:
        """By selector; the caller compares the hash."""

    async def spend_and_issue(
        self,
        spend: SpendCode | SpendRefreshToken,
        *,
        refresh_token: RefreshToken | None,
        opaque_token: OpaqueToken | None,
    ) -> Outcome:
        """Spend a single-use credential and store what it bought, or do neither.

        One conditional update decides. A spent refresh token is `Repeated` only when it was spent at most
        `grace` ago by the database's clock, its grant is live and its successor unspent; `Dead` when the
        successor is spent inside the grace; else `Replayed`. A spent code is always `Replayed`. An unspent
        one that is expired, or whose grant is revoked or ended, is `Dead`, and so is a repetition within the
        grace when the grant is no longer live. A call whose own `attempt` is found as `spent_by` has `Won`:
        it must name the same tokens as before. A refresh token needs a successor, else ValueError.
        """

    async def revoke_grant(self, grant_id: str, audit: Sequence[AuditEntry]) -> bool:
        """Revoke it with everything it gave; False when it was revoked already (then no audit either)."""

    async def revoke_consent(self, subject: str, client_id: str, audit: Sequence[AuditEntry]) -> int:
        """Delete a consent, revoke all grants of the pair; how many? Audited if there was anything."""

    async def narrow_consent(
        self, subject: str, client_id: str, scope: str, *, consent_id: str, audit: Sequence[AuditEntry]
    ) -> bool:
        """Take one scope token out of a consent and of every live grant of the pair.

        A consent or grant that held nothing else ends. The consent gets the new id, and so do its grants:
        whoever looked at it before cannot issue on what they saw. False, and no audit, when the scope was in
        none of them.
        """

    async def note_uses(self, uses: Sequence[ScopeUse]) -> None:
        """Remember uses of scopes; of two of the same, the later counts."""

    async def list_uses(self, subject: str) -> Sequence[ScopeUse]:
        """What was remembered of a person's scopes. It leaves with the consent, or when it expires."""


# --- clients of sessions that have ended -----------------------------------


class Logouts(Protocol):
    """Which clients took part in a session, and which of them must still be told that it has ended."""

    async def list_session_clients(self, sso_id: str) -> Sequence[str]:
        """The clients that take part in a session that goes on, by id."""

    async def take_logouts(
        self, *, limit: int, lease: float, each: int, under_way: Sequence[str]
    ) -> Sequence[SessionClient]:
        """Those that are due, the longest waiting first, each with one try more.

        At most `limit`, and at most `each` of one client together with those `under_way`: client ids, one for
        each call that has not ended.

        Nobody else is given them for `lease` seconds; when nothing was settled by then, they are due again.
        """

    async def logout_told(self, due: SessionClient) -> None:
        """Forget it: the client knows, or there is nothing to tell it."""

    async def put_off_logout(
        self, due: SessionClient, *, wait: float | None, problem: str, with_others: bool
    ) -> None:
        """It could not be told: try again after `wait` seconds; None: never again, kept for the operator.

        `with_others`: whatever else is to be told to the same client waits as long.
        """

    async def list_logouts(self, *, limit: int = 100) -> Sequence[SessionClient]:
        """What clients have not been told, the oldest first; those given up on are among them."""


# --- access tokens ---------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFacts:
    """What the database knows against an access token, read in one statement."""

    token_revoked: bool
    grant_live: bool  # it exists and is not revoked; True when the token has no grant
    grant: Grant | None  # None when it has none, or it no longer exists
    person: Person | None  # whose grant it is; None when there is nobody, or they no longer exist


class Tokens(Protocol):
    """Access tokens: opaque ones, and what revokes JWTs before their time."""

    async def add_opaque_token(self, token: OpaqueToken) -> None:
        """Store an opaque token that no credential was spent for (client credentials, a repeated refresh)."""

    async def find_opaque_token(self, token_id: str) -> OpaqueToken | None:
        """By selector; the caller compares the hash. Revoked and expired ones are still found."""

    async def revoke_opaque_token(self, token_id: str, audit: Sequence[AuditEntry]) -> None:
        """Revoke it; nothing happens when it was revoked already."""

    async def revoke_jwt(
        self, token_id: str, *, audience: Sequence[str], expires_at: float, audit: Sequence[AuditEntry]
    ) -> None:
        """Remember a `jti` as revoked until its token has expired, and whom that concerns."""

    async def token_facts(self, *, token_id: str, grant_id: str | None) -> TokenFacts:
        """Is this jti or selector revoked, is its grant live, who is its person?"""


# --- assertions of clients -------------------------------------------------


class Assertions(Protocol):
    """What clients signed to prove themselves, each good once."""

    async def use_assertion(self, assertion_id: str, *, expires_at: float) -> bool:
        """Use it up; False when it has been used before, on whichever node. Kept until it expires.

        Of many at once exactly one is told True.
        """


# --- throttles, audit, housekeeping ----------------------------------------


@dataclass(frozen=True, slots=True)
class Bucket:
    """A leaky bucket: at most `burst` attempts at once, one more every `seconds_each`."""

    key: str
    burst: int
    seconds_each: float


class Upkeep(Protocol):
    """Throttles, the audit log, and what leaves by itself."""

    async def take(self, buckets: Sequence[Bucket]) -> float:
        """Take one attempt from every bucket, or from none. Returns 0.0, or the seconds to wait.

        Atomic across nodes, decided before the attempt is judged (threat C13).
        """

    async def give_back(self, buckets: Sequence[Bucket]) -> None:
        """Put the one attempt back that was taken from each of these buckets: it was honest.

        What others took stays taken, else one honest login would open the way for everyone's guesses.
        """

    async def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries that go with no other change."""

    async def read_audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        """The newest entries, newest first."""

    async def drop_expired(self, *, batch: int = 500, grace: float = 10.0) -> int:
        """Delete one small batch per table of what can no longer matter, and wipe old locked successors.

        Returns the rows deleted and wiped; 0 means there is nothing left to do. A locked successor stays for
        the grace; a code for an hour after its expiry, so that its replay is still punished and its flow,
        which lives as long, gets no second one; a grant for a day after its end, for its last access tokens,
        or as long as its code where that was never exchanged: nothing was bought, nobody has access by it;
        everything else until it expires. The audit log stays.
        """

    async def freshen_statistics(self) -> Sequence[str]:
        """Count again what the database's planner counts on; returns the tables that had changed a lot.

        Else a plan that was made while a table was small reads the whole of it for every request, until the
        database notices by itself.
        """

    async def live_counts(self) -> LiveCounts:
        """Count grants neither revoked nor expired, and sessions; slow where there are many."""


class Store(Registry, People, Grants, Logouts, Tokens, Revocations, Assertions, Upkeep, Protocol):
    """All of it, and its life."""

    def connections(self) -> Mapping[str, int]:
        """The connections of this process to its database: state → how many. Empty where there is no pool."""

    async def ping(self) -> None:
        """Raises Unavailable when the database does not answer."""

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
