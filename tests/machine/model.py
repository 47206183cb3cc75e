"""What the server promises about codes, tokens and grants, as a small model without network or storage.

Every prediction is one word: `tokens`, `repeated`, `replayed`, `ok`, or the error code of the refusal
(RFC 6749 §5.2). A replay is refused with `invalid_grant` like much else; that it also ends the grant is seen
by what its tokens are worth afterwards.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from grantway.protocol.names import ErrorCode

CODE_LIFETIME = 60.0  # seconds
GRACE = 10.0  # seconds: so long is an honest retry of a refresh repeated
CLOSE = 4.0  # seconds: no prediction is made so close to the end of either
TOKENS, REPEATED, REPLAYED, OK = "tokens", "repeated", "replayed", "ok"
INACTIVE = {"active": False}


@dataclass(eq=False)
class Person:
    """A resource owner."""

    username: str
    subject: str
    enabled: bool = True


@dataclass(eq=False)
class Client:
    """A client: what it may ask for, and what a person may untick."""

    id: str
    redirect_uri: str
    scope: frozenset[str]
    optional: frozenset[str]
    is_public: bool = False
    is_remembered: bool = True  # not where another program could answer in its place (RFC 8252 §8.6)
    enabled: bool = True


@dataclass(eq=False, repr=False)
class Grant:
    """One approval: whom, what and which APIs its tokens may be for. Once ended, ended for good."""

    number: int
    person: Person
    client: Client
    scope: frozenset[str]
    resources: frozenset[str]
    ended: str | None = None  # why

    def end(self, why: str) -> None:
        self.ended = self.ended or why

    def __repr__(self) -> str:
        return f"grant {self.number} of {self.person.username} to {self.client.id}"


@dataclass(eq=False, repr=False)
class Code:
    """A code, with the verifier that only its client knows."""

    text: str
    verifier: str
    grant: Grant
    issued_at: float  # by the model's clock, like all times
    is_spent: bool = False

    def __repr__(self) -> str:
        return f"<code of {self.grant}>"


@dataclass(eq=False)
class RefreshToken:
    """A refresh token; the answers to one refresh and to its repetitions hold the same successor."""

    text: str
    grant: Grant
    spent_at: float | None = None
    successor: "RefreshToken | None" = None


@dataclass(eq=False)
class AccessToken:
    """An access token: what it said when it was issued is what it says for ever."""

    text: str
    grant: Grant
    scope: frozenset[str]
    audience: str
    is_revoked: bool = False

    @property
    def lives(self) -> bool:
        return not self.is_revoked and self.grant.ended is None and self.grant.client.enabled


@dataclass(eq=False, repr=False)
class Tokens:
    """What one token response held, and the code at the beginning of its grant."""

    code: Code
    access: AccessToken
    refresh: RefreshToken

    @property
    def grant(self) -> Grant:
        return self.code.grant

    def __repr__(self) -> str:
        return f"<tokens of {self.grant}, refresh token …{self.refresh.text[-4:]}>"


@dataclass(frozen=True, slots=True)
class Asked:
    """What an authorization request asks for. `anew`: the person shall be asked about all of it."""

    scope: str
    resource: str | None = None
    anew: bool = False

    @property
    def tokens(self) -> frozenset[str]:
        return frozenset(self.scope.split())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token request asks for besides its credential: None is all of it, and wherever it is for."""

    scope: str | None = None
    resource: str | None = None

    def of(self, grant: Grant) -> frozenset[str]:
        """The scope tokens it comes to."""
        return grant.scope if self.scope is None else frozenset(self.scope.split())


@dataclass
class Model:
    """Everything that one example has seen."""

    api_of: Mapping[str, str]  # scope token → identifier; one that is missing belongs to no API
    people: dict[str, Person] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    consents: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    grants: list[Grant] = field(default_factory=list)
    access_tokens: list[AccessToken] = field(default_factory=list)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)

    # ------------------------------------------------------------------- authorization

    def authorization(self, client: Client, asked: Asked) -> str:
        """What an authorization request comes to, before the person has a say."""
        apis = self.apis_of(asked.scope.split())
        if asked.resource not in (None, *self.apis_of(client.scope)):
            return ErrorCode.INVALID_TARGET
        if not asked.tokens <= client.scope:
            return ErrorCode.INVALID_SCOPE
        if apis and asked.resource not in (None, *apis):
            return ErrorCode.INVALID_TARGET
        return OK if apis or asked.resource is not None else ErrorCode.INVALID_TARGET

    def approved(
        self, person: Person, client: Client, asked: Asked, ticked: frozenset[str]
    ) -> frozenset[str]:
        """What the person allows: what they allowed before, what cannot be unticked, and what they tick."""
        before = self.allowed_before(person, client, asked)
        return before | (asked.tokens - client.optional) | (asked.tokens & client.optional & ticked)

    def must_ask(self, person: Person, client: Client, asked: Asked) -> bool:
        """Is there anything that the person has not allowed this client yet?"""
        return self.allowed_before(person, client, asked) != asked.tokens

    def allowed_before(self, person: Person, client: Client, asked: Asked) -> frozenset[str]:
        return frozenset() if asked.anew else self.remembered(person, client) & asked.tokens

    def remembered(self, person: Person, client: Client) -> frozenset[str]:
        return self.consents.get((person.username, client.id), frozenset())

    def approve(self, person: Person, client: Client, asked: Asked, scope: frozenset[str]) -> Grant:
        """A grant is for the APIs asked for that something was granted of, else for the first of them."""
        if client.is_remembered:
            kept = self.remembered(person, client) - asked.tokens
            self.consents[person.username, client.id] = kept | scope
        apis = self.apis_of(asked.scope.split()) if asked.resource is None else (asked.resource,)
        of_scope = frozenset(self.apis_of(scope))
        grant = Grant(
            len(self.grants), person, client, scope, of_scope.intersection(apis) or frozenset(apis[:1])
        )
        self.grants.append(grant)
        return grant

    def apis_of(self, scope: Iterable[str]) -> tuple[str, ...]:
        """In the order they are first named."""
        return tuple(dict.fromkeys(self.api_of[token] for token in scope if token in self.api_of))

    # ------------------------------------------------------------------- token requests

    def redemption(self, code: Code, by: Client, *, proven: bool, wanted: Wanted, at: float) -> str:
        """What redeeming answers. `proven`: verifier, redirect URI and every letter of the code are right."""
        if not by.enabled:
            return ErrorCode.INVALID_CLIENT
        if by is not code.grant.client or not proven:
            return ErrorCode.INVALID_GRANT
        if not code.is_spent and at - code.issued_at > CODE_LIFETIME:
            return ErrorCode.INVALID_GRANT
        if refusal := self.refusal(code.grant, wanted):
            return refusal
        return REPLAYED if code.is_spent else TOKENS

    def refreshing(self, token: RefreshToken, by: Client, *, wanted: Wanted, at: float) -> str:
        """What refreshing answers: a spent token is repeated within the grace, later it is a replay."""
        if not by.enabled:
            return ErrorCode.INVALID_CLIENT
        if by is not token.grant.client:
            return ErrorCode.INVALID_GRANT
        if refusal := self.refusal(token.grant, wanted):
            return refusal
        if token.spent_at is None:
            return TOKENS
        if at - token.spent_at > GRACE:
            return REPLAYED
        unspent = token.successor is not None and token.successor.spent_at is None
        return REPEATED if unspent else ErrorCode.INVALID_GRANT

    def refusal(self, grant: Grant, wanted: Wanted) -> str | None:
        """Why this grant does not give what is wanted of it."""
        if grant.ended is not None:
            return ErrorCode.INVALID_GRANT
        if not wanted.of(grant) <= grant.scope:
            return ErrorCode.INVALID_SCOPE
        if wanted.resource is not None and wanted.resource not in grant.resources:
            return ErrorCode.INVALID_TARGET
        if not any(self.scope_at(grant, wanted, api) for api in self.audiences(grant, wanted)):
            return ErrorCode.INVALID_SCOPE
        return None

    def audiences(self, grant: Grant, wanted: Wanted) -> frozenset[str]:
        """The APIs that a token may be for; it is for one of them."""
        if wanted.resource is not None:
            return frozenset({wanted.resource})
        return grant.resources.intersection(self.apis_of(wanted.of(grant))) or grant.resources

    def scope_at(self, grant: Grant, wanted: Wanted, api: str) -> frozenset[str]:
        """What a token for this API holds of it."""
        return frozenset(token for token in wanted.of(grant) if self.api_of.get(token, api) == api)

    # --------------------------------------------------------------------- what happens

    def redeemed(self, code: Code, word: str) -> None:
        """The code was sent, with this outcome."""
        if word == TOKENS:
            code.is_spent = True
        elif word == REPLAYED:
            code.grant.end("code replayed")

    def refreshed(self, token: RefreshToken, word: str, at: float) -> None:
        """The refresh token was sent, with this outcome."""
        if word == TOKENS:
            token.spent_at = at
        elif word == REPLAYED:
            token.grant.end("refresh token replayed")

    def issued(self, code: Code, answer: Mapping[str, Any], *, audience: str) -> Tokens:
        """Write down what a token response held. The same refresh token twice is one."""
        access = AccessToken(
            answer["access_token"], code.grant, frozenset(answer["scope"].split()), audience=audience
        )
        text = answer["refresh_token"]
        refresh = self.refresh_tokens.setdefault(text, RefreshToken(text, code.grant))
        self.access_tokens.append(access)
        return Tokens(code, access, refresh)

    def withdraw(self, person: Person, client: Client, why: str = "consent withdrawn") -> None:
        """The consent goes, and every grant of the two."""
        self.consents.pop((person.username, client.id), None)
        for grant in self.grants:
            if grant.person is person and grant.client is client:
                grant.end(why)

    def disable(self, person: Person) -> None:
        """Everything the person gave ends; consents are remembered."""
        person.enabled = False
        for grant in self.grants:
            if grant.person is person:
                grant.end("person disabled")

    def disabled(self) -> list[Person | Client]:
        return [each for each in (*self.people.values(), *self.clients.values()) if not each.enabled]

    # --------------------------------------------------------------------- introspection

    def told_about(self, token: AccessToken, caller: Client | str) -> dict[str, Any] | str:
        """What introspection says: only to the API the token is for, and to its client (RFC 7662 §2.2)."""
        if isinstance(caller, Client) and (caller.is_public or not caller.enabled):
            return ErrorCode.INVALID_CLIENT
        if caller not in (token.audience, token.grant.client) or not token.lives:
            return INACTIVE
        return {
            "active": True,
            "sub": token.grant.person.subject,
            "client_id": token.grant.client.id,
            "scope": token.scope,
            "aud": token.audience,
        }

    def told_about_refresh(self, token: RefreshToken, caller: Client) -> dict[str, Any] | str:
        """The same of a refresh token, which concerns nobody but its client."""
        if caller.is_public or not caller.enabled:
            return ErrorCode.INVALID_CLIENT
        grant = token.grant
        if caller is not grant.client or token.spent_at is not None or grant.ended is not None:
            return INACTIVE
        return {
            "active": True,
            "sub": grant.person.subject,
            "client_id": grant.client.id,
            "scope": grant.scope,
            "aud": None,
        }


def is_close(at: float, first: float | None, seconds: float) -> bool:
    """Is it too close to tell whether so many seconds have gone by since?"""
    return first is not None and abs(at - first - seconds) <= CLOSE
