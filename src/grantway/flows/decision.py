"""May a request pass a gateway? Its API, its row, its token, judged as everywhere else.

How late a decision may be: the rules and clients are those of the snapshot, polled twice a second
and at most `RULES_TOO_OLD` old; what the database says about a token was read within the lifetime of
`KnownTokens`, at most three seconds. Both are below the five seconds that are promised (threat O9). Where
neither can be had there is no decision: Unavailable.
"""

from collections.abc import Awaitable, Callable

from msgspec import Struct

from grantway.flows.access_tokens import Recognised, life_of, recognise, shows_its_key
from grantway.flows.known_tokens import KnownToken
from grantway.flows.server import Server
from grantway.flows.site_login import recognise_session
from grantway.flows.snapshot import Snapshot
from grantway.protocol.api_access import decide, is_enough
from grantway.protocol.apis import Api, Rule
from grantway.protocol.names import ErrorCode
from grantway.protocol.people import Person
from grantway.protocol.scope import Scope
from grantway.protocol.tokens import AccessToken, sign_in_of
from grantway.sdk.bearer import Brought, bearer_token
from grantway.sdk.guard import Refused, is_public, needed_scope, stale

_DEAD = "The access token is invalid, expired or revoked"  # the same for every token that is none, or no more
_FROM_ELSEWHERE = "The request did not come from a page of this site; send an access token"
RULES_TOO_OLD = 4.0  # seconds since the registry was last known to be current


class SiteCookie(Struct, frozen=True, kw_only=True):
    """What a browser brought along to a site where people sign in; it counts where no token was sent."""

    text: str
    origin: str  # of the site
    client_id: str  # of its app
    distrusted: str | None = None  # why it does not count for this request


class Question(Struct, frozen=True, kw_only=True):
    """A request that has reached a gateway. `path` is canonical; `host` has its port unless that is usual."""

    method: str
    host: str
    path: str
    brought: Brought
    api: str | None = None  # the identifier of the API, where the gateway says so itself
    cookie: SiteCookie | None = None


class Passes(Struct, frozen=True):
    """It may go on to the API. `token` is None where the row asks for none: then none was looked at."""

    api: Api
    token: AccessToken | None = None
    scope: Scope = Scope()  # what the token may do now
    person: Person | None = None


class TurnedAway(Struct, frozen=True):
    """It may not. `refused` is for the caller, `tell_operator` never leaves the server."""

    refused: Refused
    api: Api | None  # None: none is registered there
    tell_operator: str
    token: AccessToken | None = None  # the one that was not enough, if it lives


async def decide_request(server: Server, question: Question) -> Passes | TurnedAway:
    """The decision (RFC 6750 §3.1, RFC 9068 §4, RFC 8705 §3). What is not listed is refused.

    Raises Unavailable when it cannot be made for sure.
    """
    snapshot = await server.snapshots.recent(within=RULES_TOO_OLD)
    found = snapshot.registry.api_asked_for(question.api, question.host, question.path)
    if found is None:
        return _no_api(question)
    api, path = found
    rule = api.rule_for(question.method, path)
    if is_public(rule) and not question.brought.overrides_method:
        return Passes(api)
    known = await _proven(server, snapshot, question, api, rule)
    if isinstance(known, TurnedAway):
        return known
    why_dead, scope = life_of(server, snapshot, known.token, known.facts)
    if why_dead is not None:
        return _bad(api, rule, _DEAD, f"token {known.token.id}: {why_dead}")
    return (
        _not_for_here(question, api, rule, known.token)
        or _too_little(server, api, rule, known, scope, method=question.method, path=path)
        or Passes(api, known.token, scope, known.facts.person)
    )


def _no_api(question: Question) -> TurnedAway:
    why = "No API is registered at this address"
    where = f"{question.api}, " if question.api is not None else question.host
    return TurnedAway(Refused(403, ErrorCode.INSUFFICIENT_SCOPE, why), None, f"{why}: {where}{question.path}")


def _not_for_here(question: Question, api: Api, rule: Rule | None, token: AccessToken) -> TurnedAway | None:
    """Why a living token is not good for this API in these hands; None when it is."""
    if not shows_its_key(token, question.brought.certificate):
        why = "The access token is bound to a client certificate that did not come with it"
        shown = "another came" if question.brought.certificate else "the gateway has handed over none"
        return _bad(api, rule, why, f"token {token.id}: {why}: {shown}", token)
    if api.identifier not in token.audience:
        why = f"The access token is not meant for {api.identifier}"
        return _bad(api, rule, why, f"token {token.id}: {why}", token)
    return None


def _too_little(
    server: Server, api: Api, rule: Rule | None, known: KnownToken, scope: Scope, *, method: str, path: str
) -> TurnedAway | None:
    """What a good token lacks here: a scope, or a better or fresher sign-in; None when nothing."""
    if rule is None or not is_enough(rule, scope):
        decision = decide(api, method, path, scope)  # refuses, and says why
        refused = Refused(403, ErrorCode.INSUFFICIENT_SCOPE, decision.why, decision.need, decision.missing)
    else:
        demanded = api.step_up_of(rule)
        if demanded is None:
            return None
        sign_in, words = sign_in_of(known.facts.grant), f"{method} {path}"
        old = stale(sign_in, demanded, needed_scope(rule), words, now=server.now())
        if old is None:
            return None
        refused = old
    return TurnedAway(refused, api, f"token {known.token.id}: {refused.why}", known.token)


async def _proven(
    server: Server, snapshot: Snapshot, question: Question, api: Api, rule: Rule | None
) -> KnownToken | TurnedAway:
    """The token that was sent, or the session of the site where none was; alive or dead."""
    text = bearer_token(question.brought)
    if isinstance(text, str):
        known = await _known(server, snapshot, text)
        return _bad(api, rule, _DEAD, "not an access token of ours") if known is None else known
    cookie = None if question.brought.authorization or text.status != 401 else question.cookie
    if cookie is not None and cookie.distrusted is not None:
        refused = Refused(403, ErrorCode.ACCESS_DENIED, _FROM_ELSEWHERE)
        return TurnedAway(refused, api, f"the cookie of the site does not count: {cookie.distrusted}")
    known = None if cookie is None else await _known_session(server, cookie)
    if known is None:
        return TurnedAway(Refused(text.status, text.error, text.why, needed_scope(rule)), api, text.why)
    return known


async def living_session(server: Server, cookie: SiteCookie) -> AccessToken | None:
    """The session that the cookie is, if it lives now."""
    snapshot = await server.snapshots.recent(within=RULES_TOO_OLD)
    known = await _known_session(server, cookie)
    if known is None or life_of(server, snapshot, known.token, known.facts)[0] is not None:
        return None
    return known.token


async def _known_session(server: Server, cookie: SiteCookie) -> KnownToken | None:
    """As `_known`. At another site, or once the site has another app, the cookie is none."""
    key = f"{cookie.origin} {cookie.text}"  # no token has a space
    known = await _remembered(server, key, lambda: recognise_session(server, cookie.text, cookie.origin))
    return None if known is None or known.token.client_id != cookie.client_id else known


async def _known(server: Server, snapshot: Snapshot, text: str) -> KnownToken | None:
    """The token and what the database says about it, from the last moments or read now."""
    return await _remembered(server, text, lambda: recognise(server, snapshot, text))


async def _remembered(
    server: Server, text: str, recognising: Callable[[], Awaitable[Recognised | None]]
) -> KnownToken | None:
    tokens = server.known_tokens
    if (known := tokens.find(text)) is not None:
        return known
    began = tokens.now()
    recognised = await recognising()
    if recognised is None:
        return None
    token = recognised.token
    facts = await server.store.token_facts(token_id=token.id, grant_id=token.grant_id)
    known = KnownToken(token, facts, began)
    tokens.keep(text, known)
    return known


def _bad(
    api: Api, rule: Rule | None, why: str, tell_operator: str, token: AccessToken | None = None
) -> TurnedAway:
    """A token that opens nothing here (RFC 6750 §3.1: `invalid_token`)."""
    refused = Refused(401, ErrorCode.INVALID_TOKEN, why, needed_scope(rule))
    return TurnedAway(refused, api, tell_operator, token)
