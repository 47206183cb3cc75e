"""docs/reference/endpoints.md, made from the table of routes and the protocol's own lists.

What stands only here are the words: what a parameter means, what an answer holds. A parameter without words
stops the page from being made.
"""

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grantway.flows.logout import PARAMETERS as LOGOUT_PARAMETERS
from grantway.protocol import endpoints as at
from grantway.protocol import pkce
from grantway.protocol.authorization import PARAMETERS as AUTHORIZATION_PARAMETERS
from grantway.protocol.diagnosis import Gw
from grantway.protocol.errors import ERRORS
from grantway.protocol.metadata import MutualTls, server_metadata
from grantway.protocol.names import ASSERTION_TYPE, GrantType, Prompt, ResponseMode
from grantway.protocol.registry import Registry
from grantway.protocol.token_request import ClientCredentialsRequest, CodeRequest, RefreshRequest
from grantway.web import machine, management
from grantway.web.door import Handler
from grantway.web.forwarded import FAMILIES
from grantway.web.requests import MAX_BODY
from grantway.web.routes import PROBES, ROUTES, Methods
from scripts.made_pages import FOLDER, cell, table

PAGE = FOLDER / "endpoints.md"
FORM, QUERY = "`application/x-www-form-urlencoded`", "the query string"
_HEAD = f"""# Endpoints

Made from the table of routes and the protocol's own lists by `make pages`; do not edit.

Paths are below the issuer: with `https://id.example/tenant`, the token endpoint is \
`https://id.example/tenant/token`. Apps read the addresses of theirs from the metadata. Another method than \
those listed is answered 405 with `Allow`, another Host 421. Bodies are forms of at most \
{MAX_BODY // 1024} kB; a parameter that comes twice is refused, one without a value counts as left out, one \
that is not listed here is ignored (RFC 6749 §3.1).

A refusal is JSON, `{{"error": …, "error_description": …, "error_uri": …}}`; at `/authorize` it is a \
redirect to the app as soon as client and redirect URI are known to be good, and a page before that. Its \
reference, by which the operator reads what differed, ends `error_uri` and stands in the header \
`Grantway-Flow` ([errors](errors.md)).
"""
_REQUESTS: Mapping[GrantType, type] = {
    GrantType.AUTHORIZATION_CODE: CodeRequest,
    GrantType.REFRESH_TOKEN: RefreshRequest,
    GrantType.CLIENT_CREDENTIALS: ClientCredentialsRequest,
}
_MEANINGS = {
    "client_id": "who asks",
    "redirect_uri": "where the answer goes: one that is registered, to the last character",
    "response_type": "`code`",
    "response_mode": f"how the answer travels: {', '.join(f'`{mode}`' for mode in ResponseMode)}",
    "scope": "what is asked for, separated by spaces; left out: the defaults of the API",
    "state": "comes back as it was sent",
    "nonce": "comes back in the ID token",
    "code_challenge": "the hash of the verifier; needed, unless the app's owner relaxed that",
    "code_challenge_method": ", ".join(f"`{method}`" for method in pkce.METHODS),
    "prompt": ", ".join(f"`{prompt}`" for prompt in Prompt),
    "max_age": "seconds; an older sign-in is repeated",
    "login_hint": "fills in the username",
    "ui_locales": "languages, the dearest first; nothing but English is there yet",
    "resource": "the identifier of an API (RFC 8707); may come several times",
    "request": "refused: `request_not_supported`",
    "request_uri": "refused: `request_uri_not_supported`",
    "registration": "refused: `registration_not_supported`",
    "claims": "single claims, as JSON (OpenID Connect Core §5.5)",
    "id_token_hint": "an ID token of ours: whom it names, and nobody else, is meant",
    "grant_type": ", ".join(f"`{grant_type}`" for grant_type in GrantType),
    "code": "the authorization code; good once, for a minute",
    "code_verifier": "the secret behind `code_challenge`",
    "client_secret": "a live secret of the app",
    "client_assertion": "a signed statement of the app about itself (RFC 7523)",
    "client_assertion_type": f"`{ASSERTION_TYPE}`",
    "refresh_token": "good once; the answer has its successor",
    "post_logout_redirect_uri": "where the browser goes then, if it is registered",
    "token": "the token in question",
    "token_type_hint": "ignored: a token says what it is",
}
# Where it means something else.
_MEANINGS_AT = {
    (at.TOKEN, "redirect_uri"): "if it is sent, the one of the authorization request",
    (at.TOKEN, "resource"): "which API the token is for (RFC 8707); one",
    (at.TOKEN, "scope"): "less than was given, or than the app may ask for; left out: all of it",
    (at.END_SESSION, "client_id"): "who asks, if no ID token says so",
    (at.END_SESSION, "id_token_hint"): "an ID token of ours: its app asks, about its person",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What there is to know about an endpoint of the protocol beyond its route."""

    title: str
    takes: str  # how parameters travel
    who: str  # how the caller proves itself
    parameters: Iterable[tuple[str, str]]  # name, for what
    answers: Iterable[tuple[str, str]]  # status, what


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, routes in _groups().items():
        parts.append(
            f"## {title}\n\n{table(('path', 'methods', 'what it does'), map(_route, routes.items()))}"
        )
    parts += [_described(path, detail) for path, detail in details().items()]
    return "\n".join(parts)


def _groups() -> dict[str, dict[str, Methods]]:
    """The routes by whom they are for, which the module of their handler says."""
    groups: dict[str, dict[str, Methods]] = {}
    for path, methods in ROUTES.items():
        if path.startswith(ERRORS):  # one for each name of the page of errors
            continue
        groups.setdefault(_group_of(next(iter(methods.values()))), {})[path] = methods
    groups["Whoever follows an error_uri"] = {f"{ERRORS}{{name}}": ROUTES[ERRORS + Gw.UNREADABLE]}
    groups["The gateway before an API, if it is in `gateways.trusted`"] = {
        path: {"any": family.read} for path, family in FAMILIES.items()
    }
    groups["Anybody who watches over it"] = dict(PROBES)
    groups["The management port"] = {
        path: {"GET": handler, "HEAD": handler} for path, handler in management.ROUTES.items()
    }
    return groups


def _group_of(handler: Handler) -> str:
    module = handler.__module__.rpartition(".")[2]
    if module == machine.__name__.rpartition(".")[2]:
        return "The app and the API"
    return "The person's own pages" if module.startswith("account") else "The person's browser"


def _route(route: tuple[str, Methods]) -> tuple[str, str, str]:
    path, methods = route
    shown = ", ".join(f"`{method}`" for method in methods)
    if path in details():
        return f"[`{path}`](#{_anchor(path)})", shown, cell(details()[path].title)
    words: dict[str, list[str]] = {}  # what a handler says of itself → the methods it answers
    for method, handler in methods.items():
        words.setdefault(_words(handler), []).append(method)
    told = (
        text if len(words) == 1 else f"{', '.join(f'`{method}`' for method in those)}: {text}"
        for text, those in words.items()
    )
    return f"`{path}`", shown, cell(" ".join(told))


def _words(handler: Handler) -> str:
    """The first line of its docstring, without method, address and the ids of threats."""
    line = re.sub(r" \(threats? [^)]*\)", "", (handler.__doc__ or "").partition("\n")[0])
    return re.sub(r"^(GET|POST)\b[^:,]*[:,] ", "", line)


def _anchor(path: str) -> str:
    return "".join(letter for letter in path if letter.isalnum() or letter in "-_")


def _described(path: str, detail: Detail) -> str:
    asked = [(f"`{name}`", cell(meaning(path, name)), cell(purpose)) for name, purpose in detail.parameters]
    parts = [
        f"## {path}",
        detail.title,
        f"- **Methods**: {', '.join(f'`{method}`' for method in ROUTES[path])}",
        f"- **Parameters**: {detail.takes}",
        f"- **Who may ask**: {detail.who}",
    ]
    text = f"{parts[0]}\n\n{parts[1]}\n\n" + "\n".join(parts[2:]) + "\n"
    if any(purpose for *_, purpose in asked):
        text += f"\n{table(('parameter', 'meaning', 'with'), asked)}"
    elif asked:
        text += f"\n{table(('parameter', 'meaning'), (row[:2] for row in asked))}"
    answers = [(cell(status), cell(what)) for status, what in detail.answers]
    return f"{text}\n{table(('answer', 'what it holds'), answers)}"


def meaning(path: str, name: str) -> str:
    """What a parameter means at this endpoint."""
    return _MEANINGS_AT.get((path, name)) or _MEANINGS[name]


def details() -> dict[str, Detail]:
    """The endpoints of the protocol."""
    document = server_metadata("", Registry.of(0, [], []), MutualTls(vouched=True, address=None))
    methods = {
        name: "by " + ", ".join(f"`{one}`" for one in document[f"{name}_endpoint_auth_methods_supported"])
        for name in ("token", "revocation", "introspection")
    }
    proof = [
        ("client_id", "beside `none`, `client_secret_post` and certificates"),
        ("client_secret", "`client_secret_post`"),
        ("client_assertion", "`private_key_jwt`"),
        ("client_assertion_type", "`private_key_jwt`"),
    ]
    refused = [
        ("400", "`error`: what was wrong with the request, in the words of the RFC"),
        ("401", "`invalid_client`, with `WWW-Authenticate`: the app has not proven itself"),
        ("413", "`invalid_request`: the body is too long"),
        ("429", "too many wrong proofs; `Retry-After` says when to come back"),
        ("503", "`temporarily_unavailable`, with `Retry-After`: nothing was done"),
    ]
    pages = [
        ("413", "a page: the form is too long"),
        ("503", "a page: the database is away; `Retry-After`"),
    ]
    cors = "; browsers from the origins registered for any app"
    return {
        at.AUTHORIZE: Detail(
            title="Where an app sends its person (RFC 6749 §3.1, OpenID Connect Core §3.1.2).",
            takes=f"{QUERY}, or a form: {FORM}",
            who="anybody; the person signs in here",
            parameters=[(name, "") for name in AUTHORIZATION_PARAMETERS],
            answers=[
                (
                    "303",
                    (
                        "to the next page, or back to the app: `code`, `state`, `iss`; or `error`, "
                        "`error_description`, `error_uri`, `state`, `iss`"
                    ),
                ),
                (
                    "200",
                    (
                        "a page that goes on to the app after a form was posted, or that posts the answer "
                        "(`form_post`)"
                    ),
                ),
                ("400", "a page for the person: client or redirect URI are not known to be good"),
                *pages,
            ],
        ),
        at.TOKEN: Detail(
            title="Where an app gets tokens (RFC 6749 §3.2).",
            takes=FORM,
            who=methods["token"] + cors,
            parameters=[("grant_type", "every request"), *_token_parameters(), *proof],
            answers=[
                (
                    "200",
                    (
                        "`access_token`, `token_type` (`Bearer`), `expires_in` (seconds), `scope` (what was "
                        "given), `refresh_token` and `id_token` where there is one"
                    ),
                ),
                *refused,
            ],
        ),
        at.REVOKE: Detail(
            title="Where an app gives a token back (RFC 7009). A refresh token takes its whole grant along.",
            takes=FORM,
            who=methods["revocation"] + cors,
            parameters=[("token", ""), ("token_type_hint", ""), *proof],
            answers=[("200", "`{}`, also for a token that nobody knows"), *refused],
        ),
        at.INTROSPECT: Detail(
            title="Where an API asks about a token (RFC 7662).",
            takes=FORM,
            who=methods["introspection"] + "; the app of the token, and the API it is for",
            parameters=[("token", ""), ("token_type_hint", ""), *proof],
            answers=[
                (
                    "200",
                    (
                        '`{"active": false}` for whatever the caller may not know; else `active`, `scope`, '
                        "`client_id`, `sub`, `aud`, `iss`, `exp`, `iat`, `token_type`, `cnf` if bound"
                    ),
                ),
                *refused,
            ],
        ),
        at.API_DEFINITION: Detail(
            title="Where an API reads its own definition: scopes and rules, as they are now.",
            takes=f"`GET`: none. `POST`: {FORM}, for a proof that travels in a form",
            who=methods["introspection"] + "; the credentials of the API itself",
            parameters=[*proof],
            answers=[
                ("200", "`apis`: one table, as `grantway import` reads it; with `ETag`"),
                ("304", "to `GET` with `If-None-Match`: it has not changed"),
                ("400", "`unauthorized_client`: these credentials speak for no API"),
                *refused,
            ],
        ),
        at.REVOCATIONS: Detail(
            title="Where an API reads all that is revoked of its tokens and still matters.",
            takes=f"`GET`: none. `POST`: {FORM}, for a proof that travels in a form",
            who=methods["introspection"] + "; the credentials of the API itself",
            parameters=[*proof],
            answers=[
                (
                    "200",
                    (
                        "two lines: a JWT of type `revocations+jwt` with `as_of`, `id`, `keep` and the "
                        "`sha256` of the other, which is the list as JSON"
                    ),
                ),
                ("400", "`unauthorized_client`: these credentials speak for no API"),
                *refused,
            ],
        ),
        at.REVOCATION_STREAM: Detail(
            title="The same as an event stream, going on as it happens; a sign of life every 2 s.",
            takes=f"`GET`: none. `POST`: {FORM}, as above. With `Last-Event-ID` it goes on after that event",
            who=methods["introspection"] + "; the credentials of the API itself",
            parameters=[*proof],
            answers=[
                (
                    "200",
                    (
                        "`text/event-stream`: each event has the two lines as its data; `after` in the first "
                        "names the event that it continues. Ends after ten minutes at the latest"
                    ),
                ),
                ("400", "`unauthorized_client`: these credentials speak for no API"),
                *(
                    (status, f"{what}; or too many streams of this API are open" if status == "429" else what)
                    for status, what in refused
                ),
            ],
        ),
        at.USERINFO: Detail(
            title="Where an app asks who its person is (OpenID Connect Core §5.3).",
            takes="none; the token is in the `Authorization` header and nowhere else",
            who=f"the bearer of an access token with `openid`{cors}",
            parameters=[],
            answers=[
                (
                    "200",
                    (
                        "`sub` and the claims that were allowed, as JSON, or as a signed JWT "
                        "(`application/jwt`) where the app is registered for that"
                    ),
                ),
                ("400", "`invalid_request`: two tokens, or a form that cannot be read"),
                ("401", "with `WWW-Authenticate`: `{}` where no token came, or `invalid_token`"),
                ("403", "`insufficient_scope`: the token came without `openid`"),
                ("503", "`temporarily_unavailable`"),
            ],
        ),
        at.END_SESSION: Detail(
            title="Where an app sends its person to sign out (RP-Initiated Logout 1.0).",
            takes=f"{QUERY}, or a form: {FORM}",
            who="anybody; without an ID token of the person who is there, they are asked",
            parameters=[(name, "") for name in LOGOUT_PARAMETERS],
            answers=[
                ("303", "to the registered address, with `state`"),
                ("200", "a page that asks, or that says it is done"),
                ("400", "a page: the request cannot be read, or does not fit what its app registered"),
                *pages,
            ],
        ),
        at.JWKS: _public("The public keys of every token (RFC 7517 §5)", "`keys`"),
        at.WELL_KNOWN: _public("The metadata (RFC 8414)", ", ".join(f"`{name}`" for name in document)),
        at.OPENID_WELL_KNOWN: _public(
            "The same, where OpenID Connect Discovery §4 looks for it", f"as at `{at.WELL_KNOWN}`"
        ),
    }


def _public(title: str, members: str) -> Detail:
    answers = [("200", f"{members}; `Cache-Control` says how long it may be kept")]
    return Detail(
        title=f"{title}.", takes="none", who="anybody, from any origin", parameters=[], answers=answers
    )


def _token_parameters() -> list[tuple[str, str]]:
    """Each parameter of a token request with the grant types that read it."""
    found: dict[str, list[str]] = {}
    for grant_type in GrantType:
        for name in inspect.get_annotations(_REQUESTS[grant_type]):
            found.setdefault(name, []).append(f"`{grant_type}`")
    return [(name, ", ".join(grant_types)) for name, grant_types in found.items()]
