"""Requests to every endpoint that begin as good ones and are then spoilt. HTTP itself stays in order."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.malformed_words import (
    CONTENT_TYPES,
    METHODS,
    NASTY,
    Pair,
    authorization,
    encoded,
    joined,
    nasty,
    odd_body,
    spoilt,
)
from tests.node import CALLBACK, PASSWORD, PHOTOS

FORM = b"application/x-www-form-urlencoded"
Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Known:
    """What is good on this server, for requests that shall get somewhere before they fail."""

    host: bytes
    basics: Mapping[str, bytes]  # client id → its Authorization header
    sessions: Sequence[bytes]  # cookies of browsers that are signed in
    steps: Mapping[str, Sequence[Pair]]  # path of a step → its seals, each with the browser's cookies
    tokens: Sequence[bytes]  # codes and tokens of every kind
    assets: Sequence[bytes]


@dataclass(slots=True)
class Draft:
    """A request that is not written down yet."""

    method: str
    path: bytes
    query: list[Pair] = field(default_factory=list)
    form: list[Pair] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)


# ------------------------------------------------------------------------- what would be in order


def _authorize(known: Known, chance: random.Random) -> Draft:
    pairs = {
        b"response_type": b"code",
        b"client_id": chance.choice((b"printer", b"asker", b"cli", b"robot")),
        b"redirect_uri": CALLBACK.encode(),
        b"scope": b"photos:read photos:write",
        b"state": b"xyz",
        b"code_challenge": b"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        b"code_challenge_method": b"S256",
    }
    more = {
        b"prompt": chance.choice((b"none", b"login", b"consent", b"select_account", b"none login")),
        b"max_age": b"60",
        b"login_hint": b"ada",
        b"resource": PHOTOS.identifier.encode(),
        b"response_mode": chance.choice((b"query", b"fragment", b"form_post")),
        b"nonce": b"n",
    }
    pairs |= {name: value for name, value in more.items() if chance.random() < 0.3}
    chosen = [(name, encoded(value)) for name, value in pairs.items()]
    cookies = [(b"cookie", chance.choice(known.sessions))] if chance.random() < 0.5 else []
    if chance.random() < 0.15:
        return Draft("POST", b"/authorize", form=chosen, headers=cookies)
    return Draft("GET", b"/authorize", query=chosen, headers=cookies)


def _step(path: str, answers: Sequence[bytes]) -> Callable[[Known, random.Random], Draft]:
    def draft(known: Known, chance: random.Random) -> Draft:
        seal, cookies = chance.choice(known.steps[path])
        headers = [(b"cookie", cookies), *_fetch_metadata(chance)]
        pairs = [(b"x", seal)]
        if chance.random() < 0.3 or not answers:
            return Draft("GET", path.encode(), query=pairs, headers=headers)
        pairs += [(b"answer", chance.choice(answers))]
        if path == "/login":
            pairs += [(b"username", chance.choice((b"ada", nasty(chance)))), (b"password", _password(chance))]
        if path == "/consent":
            pairs += [(b"scope", encoded(scope)) for scope in (b"photos:read", chance.choice(NASTY))]
        return Draft("POST", path.encode(), form=pairs, headers=headers)

    return draft


def _password(chance: random.Random) -> bytes:
    return encoded(chance.choice((PASSWORD.encode(), *NASTY)))


def _fetch_metadata(chance: random.Random) -> list[Header]:
    if chance.random() < 0.3:
        return []
    values = (b"same-origin", b"same-origin", b"same-origin", b"none", b"cross-site", b"\xff", b"")
    return [
        (b"sec-fetch-site", chance.choice(values)),
        (b"sec-fetch-dest", b"document"),
        (b"sec-fetch-mode", b"navigate"),
    ]


def _logout(known: Known, chance: random.Random) -> Draft:
    seal, _ = chance.choice(known.steps["/login"])
    headers = [(b"cookie", chance.choice(known.sessions)), *_fetch_metadata(chance)]
    if chance.random() < 0.4:
        return Draft("GET", b"/logout", headers=headers)
    return Draft("POST", b"/logout", form=[(b"csrf", seal)], headers=headers)


def _token(known: Known, chance: random.Random) -> Draft:
    secret = chance.choice(known.tokens)
    forms: Sequence[dict[bytes, bytes]] = (
        {
            b"grant_type": b"authorization_code",
            b"code": secret,
            b"redirect_uri": encoded(CALLBACK.encode()),
            b"code_verifier": b"v" * 43,
        },
        {b"grant_type": b"refresh_token", b"refresh_token": secret, b"scope": b"photos:read"},
        {
            b"grant_type": b"client_credentials",
            b"scope": b"photos:read",
            b"resource": encoded(PHOTOS.identifier.encode()),
        },
    )
    return _of_machine(b"/token", [*chance.choice(forms).items()], known, chance)


def _revoke(known: Known, chance: random.Random) -> Draft:
    hint = chance.choice((b"access_token", b"refresh_token", b"x"))
    pairs = [(b"token", chance.choice(known.tokens)), (b"token_type_hint", hint)]
    return _of_machine(b"/revoke", pairs, known, chance)


def _introspect(known: Known, chance: random.Random) -> Draft:
    return _of_machine(b"/introspect", [(b"token", chance.choice(known.tokens))], known, chance)


def _of_machine(path: bytes, pairs: list[Pair], known: Known, chance: random.Random) -> Draft:
    names = ("photos-api", "calendar-api") if path == b"/introspect" else ("printer", "robot")
    credentials = authorization(known.basics[chance.choice(names)], chance)
    if not credentials and chance.random() < 0.5:
        pairs += [(b"client_id", b"cli"), (b"client_secret", nasty(chance))][: chance.choice((1, 2))]
    return Draft("POST", path, form=pairs, headers=[(b"authorization", value) for value in credentials])


def _document(known: Known, chance: random.Random) -> Draft:
    paths = (b"/", b"/jwks", b"/.well-known/oauth-authorization-server", b"/readyz", b"/livez", *known.assets)
    return Draft("GET", chance.choice(paths), query=[(b"a", b"b")] if chance.random() < 0.3 else [])


def _elsewhere(known: Known, chance: random.Random) -> Draft:
    """Addresses that are none of ours, or nearly."""
    path = _document(known, chance).path if chance.random() < 0.3 else b"/token"
    odd = (
        *(path + b"/", b"/" + path, path.upper(), b"/x/.." + path, b"/%2e%2e" + path, path + b";a=b"),
        *(
            path + b"%00",
            path + b"%ff",
            b"/" + nasty(chance),
            b"/" + b"a" * 20_000,
            b"/static/" + nasty(chance),
        ),
        *(b"/.well-known/" + nasty(chance), b"/%", b"*", b"/\xc3\xa9\xff", b"/token?grant_type=x#frag"),
        b"http://evil.example" + path,
    )
    return Draft(chance.choice(("GET", "POST")), chance.choice(odd), query=[(b"q", nasty(chance))])


CLASSES: Mapping[str, Callable[[Known, random.Random], Draft]] = {
    "/authorize": _authorize,
    "/login": _step("/login", (b"login", b"login", b"cancel", b"")),
    "/select-account": _step("/select-account", (b"continue", b"switch", b"cancel", b"x")),
    "/consent": _step("/consent", (b"allow", b"deny", b"switch", b"")),
    "/continue": _step("/continue", ()),
    "/logout": _logout,
    "/token": _token,
    "/revoke": _revoke,
    "/introspect": _introspect,
    "documents": _document,
    "elsewhere": _elsewhere,
}


# ------------------------------------------------------------------------------- spoilt, as octets


def request(kind: str, known: Known, chance: random.Random) -> tuple[str, bytes]:
    """One request of this class: its method, and its octets."""
    draft = CLASSES[kind](known, chance)
    draft.query, draft.form = spoilt(draft.query, chance), spoilt(draft.form, chance)
    if chance.random() < 0.08:
        draft.method = chance.choice(METHODS)
    headers = [*_host(known, chance), *draft.headers, *_odd_headers(known, chance)]
    target = draft.path + (b"?" + joined(draft.query, chance) if draft.query else b"")
    body = joined(draft.form, chance) if chance.random() < 0.93 else odd_body(chance)
    if draft.method not in ("GET", "HEAD") or draft.form:
        headers += _framing(body, chance)
    else:
        body = b""
    lines = [f"{draft.method} ".encode() + _tidy(target) + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in headers]
    return draft.method, b"\r\n".join([*lines, b"", b""]) + _framed(body, headers, chance)


def _tidy(target: bytes) -> bytes:
    """HTTP has an end of line after the target, and blanks beside it: `lab.malformed_http` breaks that."""
    return target.translate(None, b" \r\n\t\x00\x0b\x0c") or b"/"


def _host(known: Known, chance: random.Random) -> list[Header]:
    if chance.random() < 0.96:
        return [(b"host", known.host)]
    return chance.choice(
        ([], [(b"host", known.host)] * 2, [(b"host", b"evil.example")], [(b"host", b"\xff:" + b"9" * 300)])
    )


def _odd_headers(known: Known, chance: random.Random) -> list[Header]:
    """Where it comes from, so that throttles do not hide what lies behind; and a few that mean harm."""
    address = b"198.51.%d.%d" % (chance.randrange(256), chance.randrange(256))
    headers = [(b"x-forwarded-for", address)] if chance.random() < 0.9 else []
    word = chance.choice(NASTY)[:4_000].translate(None, b"\r\n\x00")
    odd: Sequence[Header] = (
        (b"cookie", b"gw_s=" + word),
        (b"cookie", b"gw_tx_0KN6oUalvoJyCaZ0=" + word),
        (b"cookie", b"; ".join(b"gw_tx_%016d=a" % number for number in range(100))),
        (b"cookie", known.sessions[0] + b"; " + known.sessions[0] + b"x"),
        (b"cookie", b"gw_d=" + word + b"; ; ;=;a"),
        (b"accept-language", word),
        (b"accept-language", b"de;q=" + b"9" * 400 + b"," * 2_000),
        (b"accept", b"text/html"),
        (b"accept", word),
        (b"origin", word),
        (b"origin", b"null"),
        (b"x-forwarded-for", word),
        (b"x-forwarded-for", b"[::1], 1.2.3.4.5, ::ffff:1.2.3.4, fe80::1%eth0"),
        (b"range", b"bytes=" + b"0-1," * 5_000),
        (b"if-none-match", word),
        (b"if-modified-since", word),
        (b"user-agent", word),
        (b"forwarded", b"for=" + word),
        (b"accept-encoding", b"gzip;q=" + word),
        (b"access-control-request-headers", word),
    )
    if chance.random() < 0.4:
        headers += chance.sample(odd, chance.choice((1, 1, 2, 4)))
    return headers


def _framing(body: bytes, chance: random.Random) -> list[Header]:
    content_type = FORM if chance.random() < 0.92 else chance.choice(CONTENT_TYPES)
    headers = [(b"content-type", content_type)] if chance.random() < 0.98 else []
    if chance.random() < 0.1:
        return [*headers, (b"transfer-encoding", b"chunked")]
    return [*headers, (b"content-length", b"%d" % len(body))]


def _framed(body: bytes, headers: list[Header], chance: random.Random) -> bytes:
    if (b"transfer-encoding", b"chunked") not in headers:
        return body
    size = chance.choice((1, 7, 4_096, 100_000)) if len(body) < 2_000 else 8_192
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
