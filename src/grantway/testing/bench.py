"""The bench on which a storage is checked, and the records the checks are made with."""

import asyncio
import secrets
import string
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from grantway.protocol.confirmation import Confirmation
from grantway.protocol.grants import (
    AskedClaims,
    Code,
    Consent,
    Grant,
    OpaqueToken,
    RefreshToken,
    Shown,
    ShownScope,
)
from grantway.protocol.names import CERTIFICATE_THUMBPRINT
from grantway.protocol.people import Person, Session
from grantway.protocol.scope import Scope
from grantway.storage.changes import AuditEntry
from grantway.storage.port import IssueOutcome, Outcome, SpendCode, SpendRefreshToken, Store, Won

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_T = TypeVar("_T")
DAY = 86400.0
GRACE = 10.0


@dataclass(frozen=True, slots=True)
class Bench:
    """One database, one or more stores open on it (as many nodes), and a way to let time pass there."""

    nodes: tuple[Store, ...]
    pass_time: Callable[[float], Awaitable[None]]

    @property
    def store(self) -> Store:
        """The first node."""
        return self.nodes[0]

    def node(self, number: int) -> Store:
        """The nodes in turn."""
        return self.nodes[number % len(self.nodes)]

    async def now(self) -> float:
        """The database's clock."""
        return (await self.store.registry_version())[1]

    async def audited(self, target: str) -> list[AuditEntry]:
        """The audit entries of one target, newest first."""
        return [entry for entry in await self.store.read_audit(limit=1000) if entry.target == target]


Check = Callable[[Bench], Awaitable[None]]


def checks_of(*checks: Callable[[Bench], Coroutine[Any, Any, None]]) -> tuple[Check, ...]:
    """The checks of one module, in reading order."""
    return checks


# --- saying what was expected -----------------------------------------------------------------------


def expect(truth: object, words: str) -> None:
    """Raises AssertionError with these words unless it is true."""
    if not truth:
        raise AssertionError(words)


def same(received: object, expected: object, words: str = "") -> None:
    """Raises AssertionError unless both are equal."""
    if received != expected:
        raise AssertionError(f"{words}\nexpected: {expected!r}\nreceived: {received!r}")


async def raises(kind: type[Exception], attempt: Awaitable[object], words: str) -> None:
    """Raises AssertionError unless the attempt raises an exception of this kind."""
    try:
        received = await attempt
    except kind:
        return
    raise AssertionError(f"{words}\nexpected: {kind.__name__}\nreceived: {received!r}")


async def at_once(attempts: Iterable[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Everything at the same time; the first error is raised when all are done."""
    results = await asyncio.gather(*attempts, return_exceptions=True)
    found: list[_T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found


def count(outcomes: Iterable[object], kind: type) -> int:
    """How many are of this kind?"""
    return sum(isinstance(outcome, kind) for outcome in outcomes)


# --- records ----------------------------------------------------------------------------------------


def new_id() -> str:
    """16 characters of base62, as selectors are."""
    return "".join(secrets.choice(_BASE62) for _ in range(16))


def new_hash() -> bytes:
    """32 bytes, as hashes are."""
    return secrets.token_bytes(32)


def entry(target: str, action: str = "test.done", *, at: float = 1.0) -> AuditEntry:
    """An audit entry."""
    return AuditEntry(
        at=at, actor="system", action=action, target=target, details={"n": 1, "why": "é", "no": None}
    )


async def some_person(bench: Bench, **changes: Any) -> Person:
    """A person, stored."""
    subject = f"u_{new_id()}0000"
    person = replace(
        Person(
            subject=subject,
            username=f"ada{new_id()}",
            name="Ada",
            password_hash="$argon2id$1",
            created_at=1.0,
        ),
        **changes,
    )
    await bench.store.add_person(person, [])
    return person


async def as_stored(bench: Bench, person: Person) -> Person:
    """The same person, as they are after time has passed."""
    found = await bench.store.find_person(person.username)
    if found is None:
        raise AssertionError(f"{person.username} is gone")
    return found


def session_of(person: Person, now: float, **changes: Any) -> Session:
    """A session of a person, not stored."""
    return replace(
        Session(
            id=new_id(),
            sso_id=new_id(),
            hash=new_hash(),
            subject=person.subject,
            auth_time=now,
            amr=("pwd", "otp"),
            created_at=now,
            seen_at=now,
            expires_at=now + DAY,
        ),
        **changes,
    )


@dataclass(frozen=True, slots=True)
class Approval:
    """What `issue_code` takes."""

    code: Code
    grant: Grant
    consent: Consent | None


async def approval(
    bench: Bench, *, subject: str | None = None, client_id: str | None = None, consent: bool = True
) -> Approval:
    """An approval, not stored: a code for 60 s, a grant for a day."""
    now = await bench.now()
    subject = subject or f"u_{new_id()}0000"
    client_id = client_id or f"client-{new_id()}"
    grant = Grant(
        id=new_id(),
        client_id=client_id,
        subject=subject,
        consent_id=None,
        session_id=new_id(),
        scope=Scope(("openid", "orders:read")),
        resources=("https://api.example/orders", "urn:example:é b"),
        auth_time=now - 5,
        created_at=now,
        expires_at=now + DAY,
        amr=("pwd", "otp"),
        claims=AskedClaims(id_token=("email",), userinfo=("given_name", "picture")),
    )
    code = Code(
        id=new_id(),
        hash=new_hash(),
        grant_id=grant.id,
        flow_id=new_id(),
        client_id=client_id,
        redirect_uri="https://app.example/back",
        redirect_uri_sent=True,
        code_challenge="x" * 43,
        nonce=None,
        issued_at=now,
        expires_at=now + 60,
    )
    given = Consent(
        id=new_id(),
        subject=subject,
        client_id=client_id,
        scope=grant.scope,
        created_at=now,
        updated_at=now,
        shown=Shown(
            client_name="Orders “é”",
            places=("app.example", "com.example.app:"),
            scopes=(ShownScope(name="orders:read", sentence="See your orders", sensitive=True),),
        ),
    )
    return Approval(code, grant, given if consent else None)


async def issue(bench: Bench, given: Approval, *audit: AuditEntry) -> IssueOutcome:
    """Store an approval."""
    return await bench.store.issue_code(given.code, given.grant, given.consent, audit)


async def issued(bench: Bench, **about: Any) -> Approval:
    """An approval, stored. Its grant has the id of its consent, as the storage gives it."""
    given = await approval(bench, **about)
    same(await issue(bench, given), IssueOutcome.ISSUED, "the approval of a new flow is stored")
    return (
        given
        if given.consent is None
        else replace(given, grant=replace(given.grant, consent_id=given.consent.id))
    )


async def refresh_token(bench: Bench, grant: Grant, *, lifetime: float = DAY / 2) -> RefreshToken:
    """A refresh token, not stored."""
    now = await bench.now()
    return RefreshToken(
        id=new_id(),
        hash=new_hash(),
        grant_id=grant.id,
        client_id=grant.client_id,
        issued_at=now,
        expires_at=now + lifetime,
        confirmation=Confirmation(CERTIFICATE_THUMBPRINT, new_id()),
    )


async def opaque_token(bench: Bench, grant: Grant | None, *, client_id: str = "machine") -> OpaqueToken:
    """An opaque access token for 5 minutes, not stored; without a grant, a client's own."""
    now = await bench.now()
    return OpaqueToken(
        id=new_id(),
        hash=new_hash(),
        grant_id=None if grant is None else grant.id,
        client_id=client_id if grant is None else grant.client_id,
        subject=None if grant is None else grant.subject,
        scope=Scope(("orders:read",)),
        audience=("https://api.example/orders",),
        issued_at=now,
        expires_at=now + 300,
        auth_time=None if grant is None else grant.auth_time,
        confirmation=None if grant is None else Confirmation(CERTIFICATE_THUMBPRINT, new_id()),
    )


def spend_code(code: Code, **changes: Any) -> SpendCode:
    """A new attempt to spend a code."""
    return replace(SpendCode(code_id=code.id, hash=code.hash, attempt=new_id()), **changes)


def spend_refresh(token: RefreshToken, **changes: Any) -> SpendRefreshToken:
    """A new attempt to spend a refresh token."""
    return replace(
        SpendRefreshToken(
            token_id=token.id, hash=token.hash, attempt=new_id(), grace=GRACE, locked_successor=new_hash()
        ),
        **changes,
    )


async def redeem(
    store: Store, spend: SpendCode | SpendRefreshToken, token: RefreshToken | None = None
) -> Outcome:
    """Spend it for a refresh token."""
    return await store.spend_and_issue(spend, refresh_token=token, opaque_token=None)


async def family(bench: Bench, **about: Any) -> tuple[Approval, RefreshToken]:
    """An approval whose code has bought a first refresh token, both stored."""
    given = await issued(bench, **about)
    token = await refresh_token(bench, given.grant)
    same(await redeem(bench.store, spend_code(given.code), token), Won(), "a good code is won")
    return given, token


async def rotated(bench: Bench, token: RefreshToken, grant: Grant) -> tuple[SpendRefreshToken, RefreshToken]:
    """Spend a refresh token; returns how, and its successor."""
    successor = await refresh_token(bench, grant)
    spend = spend_refresh(token)
    same(await redeem(bench.store, spend, successor), Won(), "a good refresh token is won")
    return spend, successor
