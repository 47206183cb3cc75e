"""The authorization request: parsed once, in this order, into a value that needs no further checks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from grantway.protocol.apis import Api
from grantway.protocol.assurance import ACR_VALUES
from grantway.protocol.claims import ClaimsParameter, consented_with
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.differences import first_difference, nearest
from grantway.protocol.errors import OAuthError, wire_safe
from grantway.protocol.fixes import edit_app, scope_refused
from grantway.protocol.grants import NOTHING_ASKED, AskedClaims
from grantway.protocol.names import ErrorCode, GrantType, Prompt, ResponseMode
from grantway.protocol.params import Params
from grantway.protocol.pkce import parse_challenge
from grantway.protocol.redirect_uris import RedirectUri
from grantway.protocol.registry import OPENID, Registry
from grantway.protocol.return_address import MAX_STATE, ReturnAddress
from grantway.protocol.scope import Scope

MAX_NONCE = 512
MAX_HINT = 254
MAX_AGE_DIGITS = 9
# Everything we read; what is not here is ignored (RFC 6749 §3.1).
PARAMETERS = (
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "ui_locales",
    "resource",
    "request",
    "request_uri",
    "registration",
    "claims",
    "id_token_hint",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What a client asks at the authorization endpoint (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1)."""

    client: Client
    answer_to: ReturnAddress
    scope: Scope
    resources: tuple[str, ...]  # identifiers of the APIs; none: to sign in and no more
    code_challenge: str | None  # None only for a client whose owner relaxed PKCE
    nonce: str | None
    prompts: frozenset[Prompt]
    max_age: int | None  # seconds
    login_hint: str | None
    ui_locales: tuple[str, ...]
    claims: AskedClaims = NOTHING_ASKED
    wanted_subject: str | None = None  # as the client knows the only person who may answer

    @classmethod
    def parse(
        cls,
        params: Params,
        client: Client,
        answer_to: ReturnAddress,
        registry: Registry,
        *,
        hinted_subject: str | None = None,
    ) -> Self:
        """Read the request of a known client with a validated address.

        `hinted_subject` is whom the `id_token_hint` names, its signature verified. `scope` holds a name for
        each claim that is asked for by itself: it is consented to like a scope.

        Raises OAuthError, which may be redirected to `answer_to`. Cheap and structural checks come first,
        then what the client may do, then what it asks for.
        """
        for check in CHECKS:
            check(params, client)
        asked = (named_api(name, client, registry) for name in params.every("resource"))
        named = tuple({api.identifier: api for api in asked}.values())
        scope = requested_scope(Scope.parse(params.get("scope")), client, registry, named)
        wanted = ClaimsParameter.parse(params.get("claims")) if OPENID in scope else ClaimsParameter()
        claims = wanted.within(client.scope)
        return cls(
            client=client,
            answer_to=answer_to,
            scope=consented_with(claims, scope),
            resources=tuple(api.identifier for api in _resources(named, client, scope, registry)),
            code_challenge=parse_challenge(params, required=client.require_pkce),
            nonce=_at_most(params, "nonce", MAX_NONCE),
            prompts=_prompts(params),
            max_age=_max_age(params),
            login_hint=_at_most(params, "login_hint", MAX_HINT),
            ui_locales=tuple((params.get("ui_locales") or "").split()[:10]),
            claims=claims,
            wanted_subject=_wanted_subject(wanted, hinted_subject),
        )


def answer_address(
    params: Params, client: Client, address: ReturnAddress
) -> tuple[ReturnAddress, OAuthError | None]:
    """The address with the state and response mode of this request, and what is wrong with those two.

    A doubled or broken state is not sent back (RFC 6749 §3.1); a mode that is not understood is answered by
    query.
    """
    try:
        state = params.get("state")
        if state is not None and len(state.encode()) > MAX_STATE:
            return address, _too_long("state", f"state is longer than {MAX_STATE} bytes", len(state.encode()))
        address = address.with_state(state)
        mode = params.get("response_mode")
        return (address if mode is None else address.by(_response_mode(mode, client, address))), None
    except OAuthError as refusal:
        return address, refusal


def _response_mode(text: str, client: Client, address: ReturnAddress) -> ResponseMode:
    if text not in client.response_modes:
        raise _not_supported(
            "response_mode is not supported for this client",
            received=f"response_mode={shown(text)}",
            expected=f"one of: {', '.join(sorted(client.response_modes))}",
        )
    if text == ResponseMode.FORM_POST and RedirectUri.parse(address.redirect_uri).is_private_use:
        raise _not_supported(
            "no form can be posted to a private-use scheme",
            received=f"response_mode=form_post with {address.redirect_uri}",
            expected="query or fragment",
        )
    return ResponseMode(text)


_REQUEST_OBJECTS = (
    ("request", ErrorCode.REQUEST_NOT_SUPPORTED, "request objects are not supported"),
    ("request_uri", ErrorCode.REQUEST_URI_NOT_SUPPORTED, "request_uri is not supported"),
    ("registration", ErrorCode.REGISTRATION_NOT_SUPPORTED, "registration is not supported"),
)


def _no_request_object(params: Params, _: Client) -> None:
    """Request objects and registrations in passing are refused, never ignored (OIDC Core §3.1.2.6)."""
    for name, code, words in _REQUEST_OBJECTS:
        if params.get(name) is not None:
            found = Diagnosis(Gw.REQUEST_OBJECT, words, f"a parameter {name}", "plain parameters", words)
            raise OAuthError(code, words, found)


def _response_type_is_code(params: Params, _: Client) -> None:
    """Only `code`: no token ever travels through the browser (RFC 9700 §2.1.2)."""
    response_type = params.need("response_type")
    if response_type != "code":
        raise OAuthError(
            ErrorCode.UNSUPPORTED_RESPONSE_TYPE,
            "response_type must be code",
            Diagnosis(
                Gw.GRANT_TYPE,
                f"response_type {response_type[:100]!r}",
                received=f"response_type={shown(response_type)}",
                expected="response_type=code",
                difference=_why_not_in_the_browser(response_type),
                fix="Use response_type=code with PKCE, also in a single-page app.",
            ),
        )


def _client_may_use_code(_: Params, client: Client) -> None:
    if not client.may_use(GrantType.AUTHORIZATION_CODE):
        words = "this client may not use the authorization code grant"
        raise OAuthError(ErrorCode.UNAUTHORIZED_CLIENT, words, grant_type_off(client, "authorization_code"))


CHECKS: tuple[Callable[[Params, Client], None], ...] = (
    _no_request_object,
    _response_type_is_code,
    _client_may_use_code,
)


def requested_scope(asked: Scope, client: Client, registry: Registry, named: Iterable[Api]) -> Scope:
    """What is asked for, or the client's default, at the APIs that `resource` names if it does.

    Raises `invalid_scope` for what the client may not have, and when there is nothing (RFC 6749 §3.3).
    """
    if not asked:
        default = registry.default_scope(client, named)
        if not default:
            raise OAuthError(
                ErrorCode.INVALID_SCOPE, "scope is missing and there is no default scope", no_scope(client)
            )
        return default
    unknown = [token for token in asked if registry.find_scope(token) is None]
    forbidden = [token for token in asked - client.scope if token not in unknown]
    if unknown or forbidden:
        raise OAuthError(
            ErrorCode.INVALID_SCOPE,
            f"scope not available to this client: {wire_safe(' '.join((*unknown, *forbidden)))[:200]}",
            scope_refused(client, unknown, forbidden),
        )
    return asked


def _resources(named: tuple[Api, ...], client: Client, scope: Scope, registry: Registry) -> tuple[Api, ...]:
    """The APIs the tokens are for.

    `resource`, else the scopes' APIs, else the client's default API (`design` 11). A person who reads the
    scopes of one API never lets a token for another be made: a `resource` needs a scope of its own beside
    it, unless no API's scope is asked for at all (threat G4). To sign in, none is needed.
    """
    found = registry.apis_of(scope)
    if named:
        if found and not {api.identifier for api in named} <= {api.identifier for api in found}:
            raise _no_scope_of(named, found, scope)
        return named
    if not found and client.default_api is not None:
        found = (named_api(client.default_api, client, registry),)
    if not found and OPENID not in scope:
        raise _no_api(client, scope)
    return found


def named_api(resource: str, client: Client, registry: Registry) -> Api:
    """The API a `resource` names, if the client has business there. Raises `invalid_target` (RFC 8707 §2)."""
    api = registry.find_api(resource)
    reachable = api is not None and (
        api.identifier == client.default_api or any(scope.name in client.scope for scope in api.scopes)
    )
    if api is None or not reachable:
        raise OAuthError(
            ErrorCode.INVALID_TARGET,
            "resource is unknown or not available to this client",
            _unknown_resource(resource, client, registry, known=api is not None),
        )
    return api


def _prompts(params: Params) -> frozenset[Prompt]:
    try:
        prompts = frozenset(Prompt(word) for word in (params.get("prompt") or "").split())
    except ValueError:
        raise _not_supported(
            "prompt has an unknown value",
            received=f"prompt={shown(params.get('prompt'))}",
            expected=f"some of: {', '.join(Prompt)}",
        ) from None
    if Prompt.NONE in prompts and len(prompts) > 1:
        raise _not_supported(
            "prompt none must stand alone",
            received=f"prompt={shown(params.get('prompt'))}",
            expected="prompt=none, or the others without it",
        )
    return prompts


def _max_age(params: Params) -> int | None:
    text = params.get("max_age")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_AGE_DIGITS):
        raise _not_supported(
            "max_age must be a whole number of seconds",
            received=f"max_age={shown(text)}",
            expected="seconds, such as max_age=3600",
        )
    return int(text)


def _wanted_subject(wanted: ClaimsParameter, hinted: str | None) -> str | None:
    """Who alone may answer, by the hint or by the `value` of `sub`; and how sure we must be that it is them.

    An essential `acr` that nobody can reach here is refused before anybody is asked (OIDC Core §5.5.1.1).
    """
    if wanted.acr_values and not set(wanted.acr_values) & set(ACR_VALUES):
        raise OAuthError(
            ErrorCode.UNMET_AUTHENTICATION_REQUIREMENTS,
            "no sign-in here reaches the acr that is demanded",
            Diagnosis(
                Gw.SIGN_IN_TOO_WEAK,
                f"demanded: {wanted.acr_values}; there is {ACR_VALUES}",
                received=f"an essential acr of: {shown(', '.join(wanted.acr_values))}",
                expected=f"one of: {', '.join(ACR_VALUES)}",
                difference="no sign-in here is called so",
            ),
        )
    if None not in (wanted.subject, hinted) and wanted.subject != hinted:
        words = "id_token_hint and claims name two people"
        found = Diagnosis(Gw.HINT, words, "two subjects", "one", "sub of the hint is not sub in claims")
        raise OAuthError(ErrorCode.INVALID_REQUEST, words, found)
    return wanted.subject or hinted


def _at_most(params: Params, name: str, length: int) -> str | None:
    value = params.get(name)
    if value is not None and len(value) > length:
        raise _too_long(name, f"{name} is longer than {length} characters", len(value))
    return value


def _too_long(name: str, words: str, length: int) -> OAuthError:
    found = Diagnosis(
        Gw.TOO_LONG, words, f"{name} of {length}", words.replace("longer than", "at most"), words
    )
    return OAuthError(ErrorCode.INVALID_REQUEST, words, found)


def _not_supported(words: str, *, received: str, expected: str) -> OAuthError:
    found = Diagnosis(Gw.NOT_SUPPORTED, words, received, expected, words)
    return OAuthError(ErrorCode.INVALID_REQUEST, words, found)


def _why_not_in_the_browser(response_type: str) -> str:
    if {"token", "id_token"} & set(response_type.split()):
        return "implicit and hybrid grants are gone: tokens would travel through the browser (RFC 9700)"
    return "no such response type"


def grant_type_off(client: Client, grant_type: str) -> Diagnosis:
    """A grant type that exists, and that this client is not registered for."""
    on = sorted(client.grant_types)
    words = "a machine app signs nobody in: register another app for that" if client.type == "machine" else ""
    also = [word for name in (*on, grant_type) for word in ("--grant-type", name)]
    return Diagnosis(
        Gw.GRANT_TYPE,
        f"{client.id} is not registered for {grant_type}",
        received=grant_type,
        expected=f"one of: {', '.join(on) or 'none'}",
        difference=f"{client.id} is an app of type {client.type}; {words or 'the grant type is off for it'}",
        fix=f"If it should have it: {edit_app(client, *also)}.",
    )


def no_scope(client: Client) -> Diagnosis:
    """Nothing is asked for, and nothing is given by default."""
    return Diagnosis(
        Gw.SCOPE,
        "scope is missing and there is no default scope",
        received="no scope",
        expected=f"some of: {client.scope}" if client.scope else "no scope is registered for it",
        difference="no scope of this app is a default of its API",
        fix="Send scope, or mark one as default: `grantway api edit API --default SCOPE`.",
    )


def _no_scope_of(named: tuple[Api, ...], found: tuple[Api, ...], scope: Scope) -> OAuthError:
    words = "resource is named, but no scope of it is asked for"
    diagnosis = Diagnosis(
        Gw.RESOURCE,
        words,
        received=f"resource={', '.join(api.identifier for api in named)} with scope={scope}",
        expected="a scope of each API that is named",
        difference=f"these scopes belong to {', '.join(api.identifier for api in found)}",
        fix="Ask for a scope of that API too, or leave resource out.",
    )
    return OAuthError(ErrorCode.INVALID_TARGET, words, diagnosis)


def _no_api(client: Client, scope: Scope) -> OAuthError:
    diagnosis = Diagnosis(
        Gw.RESOURCE,
        "no API: neither resource, nor a scope of an API, nor a default",
        received=f"scope={scope} without resource",
        expected="resource, a scope of an API, or a default API of the app",
        difference="none of them is there",
        fix=f"Send resource, or give the app a default: {edit_app(client, '--api', 'API')}.",
    )
    return OAuthError(ErrorCode.INVALID_TARGET, "no API: send resource, or a scope of an API", diagnosis)


def _unknown_resource(resource: str, client: Client, registry: Registry, *, known: bool) -> Diagnosis:
    near = nearest(resource, registry.apis)
    if known:
        words, fix = (
            f"{client.id} has no scope of it",
            f"Allow one: {edit_app(client, '--add-scope', 'SCOPE')}.",
        )
    else:
        words = "no API has this identifier" if near is None else f"near: {first_difference(resource, near)}"
        fix = "Send the identifier of an API byte for byte: `grantway api list` shows them."
    return Diagnosis(
        Gw.RESOURCE,
        f"resource {resource[:300]!r}, known: {', '.join(registry.apis) or 'none'}"[:600],
        received=f"resource={shown(resource)}",
        expected=near or shown(", ".join(registry.apis)) or "no API is registered",
        difference=words,
        fix=fix,
    )
