"""What is measured: each workload is a story of requests, the same for every server that can play it."""

import html
import itertools
import re
from collections.abc import Generator, Iterator
from dataclasses import replace
from urllib.parse import quote, urlsplit

from bench.generator import Answer, Meter, Story, Workload
from bench.target import Target
from tests.node import CALENDAR, PASSWORD, PHOTOS, pkce
from tests.services.seeds import EVENTS

PEOPLE = 40  # who sign in with a password, one after the other
# One connection's share of a mixed load, in the order of its turns: what people and their apps do all day.
MIXED = (
    *("refresh", "introspection", "introspection", "refresh"),
    *("flow", "introspection", "refresh", "metadata"),
)


def get(target: Target, path: str, cookie: str = "") -> bytes:
    """A GET request, as a browser navigates when there is a cookie."""
    extra = f"Cookie: {cookie}\r\nSec-Fetch-Dest: document\r\n" if cookie else ""
    return f"GET {path} HTTP/1.1\r\nHost: {target.host}\r\n{extra}\r\n".encode()


def post(target: Target, path: str, body: str, basic: str = "") -> bytes:
    """A form POST of the client."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {target.host}\r\nAuthorization: {basic or target.basic}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def authorization(target: Target, challenge: str, more: str = "") -> str:
    """The authorization link."""
    return (
        f"{target.authorize}?response_type=code&client_id={target.client_id}"
        f"&redirect_uri={quote(target.redirect_uri, safe='')}&scope={quote(target.scope, safe='')}"
        f"&state={challenge[:20]}&code_challenge={challenge}&code_challenge_method=S256"
        f"{target.authorize_more}{more}"
    )


def _code(target: Target, cookie: str, more: str = "") -> "Generator[bytes, Answer, tuple[str, str]]":
    """A signed-in browser fetches a code: the code and its verifier."""
    verifier, challenge = pkce()
    answer = yield get(target, authorization(target, challenge, more), cookie)
    query = urlsplit(answer.header(b"location").decode()).query
    pairs = dict(pair.partition("=")[::2] for pair in query.split("&"))
    return pairs.get("code", f"none:{answer.status}"), verifier


def _exchange(target: Target, code: str, verifier: str) -> bytes:
    form = (
        f"grant_type=authorization_code&code={code}"
        f"&redirect_uri={quote(target.redirect_uri, safe='')}&code_verifier={verifier}{target.token_more}"
    )
    return post(target, target.token, form)


def _tokens(target: Target, cookie: str, more: str = "") -> "Generator[bytes, Answer, Answer]":
    """A whole flow: the token response."""
    code, verifier = yield from _code(target, cookie, more)
    return (yield _exchange(target, code, verifier))


def code_flow(target: Target) -> Workload:
    """The whole grant of a signed-in person: /authorize answers with a code at once, /token redeems it."""

    def story(meter: Meter, number: int) -> Story:
        while not meter.over:
            began = yield from meter.begin()
            answer = yield from _tokens(target, target.cookies[number % len(target.cookies)])
            meter.finish(began, ok=answer.status == 200, what=answer.body)

    return story


def harvest(target: Target, count: int, into: list[tuple[str, str]]) -> Workload:
    """Codes for `code_exchange`, as many as wanted."""

    def story(meter: Meter, number: int) -> Story:
        while not meter.over and len(into) < count:
            began = yield from meter.begin()
            code, verifier = yield from _code(target, target.cookies[number % len(target.cookies)])
            into.append((code, verifier))
            meter.finish(began, ok=True)

    return story


def code_exchange(target: Target, codes: Iterator[tuple[str, str]]) -> Workload:
    """Redeem codes that were fetched before. Ends early when they are used up."""

    def story(meter: Meter, _: int) -> Story:
        while not meter.over:
            began = yield from meter.begin()
            if (pair := next(codes, None)) is None:
                return
            answer = yield _exchange(target, *pair)
            meter.finish(began, ok=answer.status == 200, what=answer.body)

    return story


def refresh(target: Target) -> Workload:
    """A real chain: each answer's refresh token is the next request's."""

    def story(meter: Meter, number: int) -> Story:
        answer = yield from _tokens(target, target.cookies[number % len(target.cookies)])
        while not meter.over:
            token = member(answer.body, b"refresh_token")
            began = yield from meter.begin()
            form = f"grant_type=refresh_token&refresh_token={quote(token, safe='')}"
            answer = yield post(target, target.token, form)
            meter.finish(began, ok=answer.status == 200, what=answer.body)
            if answer.status != 200:
                return

    return story


def introspection(target: Target, *, opaque: bool) -> Workload:
    """Ask about a living token again and again."""
    giver, more, asker = target, "", target.introspect_basic
    if opaque:
        giver, more = replace(target, scope=target.opaque_scope or target.scope), target.opaque_flow_more
        asker = target.opaque_basic or asker

    def story(meter: Meter, number: int) -> Story:
        answer = yield from _tokens(giver, target.cookies[number % len(target.cookies)], more)
        token = member(answer.body, b"access_token")
        request = post(target, target.introspect, f"token={token}", asker)
        while not meter.over:
            began = yield from meter.begin()
            answer = yield request
            meter.finish(began, ok=b'"active":true' in answer.body.replace(b" ", b""), what=answer.body)

    return story


def decision(target: Target, *, opaque: bool) -> Workload:
    """A gateway asks again and again whether one caller's GET may pass: forward auth, as Caddy asks."""
    giver, api, path = target, PHOTOS, "/photos"
    if opaque:
        giver, api, path = replace(target, scope=target.opaque_scope), CALENDAR, EVENTS

    def story(meter: Meter, number: int) -> Story:
        answer = yield from _tokens(giver, target.cookies[number % len(target.cookies)])
        request = (
            f"GET {target.decision}?api={api.identifier} HTTP/1.1\r\nHost: {target.host}\r\n"
            f"X-Forwarded-Method: GET\r\nX-Forwarded-Host: api.example\r\nX-Forwarded-Proto: https\r\n"
            f"X-Forwarded-Uri: {path}\r\nX-Forwarded-For: 203.0.113.7\r\nAccept: */*\r\n"
            f"Authorization: Bearer {member(answer.body, b'access_token')}\r\n\r\n"
        ).encode()
        while not meter.over:
            began = yield from meter.begin()
            answer = yield request
            meter.finish(began, ok=answer.status == 200, what=answer.head + answer.body)

    return story


def repeated(request: bytes) -> Workload:
    """The same request again and again."""

    def story(meter: Meter, _: int) -> Story:
        while not meter.over:
            began = yield from meter.begin()
            answer = yield request
            meter.finish(began, ok=answer.status == 200, what=answer.body)

    return story


def credentials(target: Target) -> Workload:
    """Client credentials."""
    return repeated(post(target, target.token, target.credentials_form, target.credentials_basic))


def metadata(target: Target) -> Workload:
    """The discovery document."""
    return repeated(get(target, target.metadata))


def consent_page(target: Target) -> Workload:
    """What a signed-in person sees who has to be asked."""

    def story(meter: Meter, number: int) -> Story:
        cookie = target.cookies[number % len(target.cookies)]
        while not meter.over:
            began = yield from meter.begin()
            answer = yield get(target, authorization(target, pkce()[1], target.asking_more), cookie)
            if answer.status == 303:
                jar = f"{cookie}; {_cookies(answer)}"
                answer = yield get(target, answer.header(b"location").decode(), jar)
            meter.finish(began, ok=answer.status == 200 and b"<form" in answer.body, what=answer.head)

    return story


def mixed(target: Target) -> Workload:
    """A day's mixture; see MIXED. Connections begin at different places of it."""

    def story(meter: Meter, number: int) -> Story:
        cookie = target.cookies[number % len(target.cookies)]
        tokens = yield from _tokens(target, cookie)
        turn = number
        while not meter.over:
            kind = MIXED[turn % len(MIXED)]
            turn += 1
            began = yield from meter.begin()
            if kind == "flow":
                answer = tokens = yield from _tokens(target, cookie)
            elif kind == "refresh":
                form = f"grant_type=refresh_token&refresh_token={member(tokens.body, b'refresh_token')}"
                answer = tokens = yield post(target, target.token, form)
            elif kind == "introspection":
                form = f"token={member(tokens.body, b'access_token')}"
                answer = yield post(target, target.introspect, form, target.introspect_basic)
            else:
                answer = yield get(target, target.metadata)
            meter.finish(began, ok=answer.status == 200, what=answer.body)

    return story


def login(target: Target) -> Workload:
    """Signing in with a password on Grantway's page: argon2 at every operation."""
    turns = itertools.count()

    def story(meter: Meter, _: int) -> Story:
        while not meter.over:
            began = yield from meter.begin()
            turn = next(turns)
            answer = yield get(target, authorization(target, pkce()[1]), " ")
            jar = _cookies(answer)
            if answer.status == 303:
                answer = yield get(target, answer.header(b"location").decode(), jar)
            fields = dict(_FIELD.findall(answer.body.decode()))
            values = fields | {"username": f"person{turn % PEOPLE}", "password": PASSWORD, "answer": "login"}
            form = "&".join(f"{name}={quote(html.unescape(value))}" for name, value in values.items())
            action = _ACTION.search(answer.body.decode())
            answer = yield _browser_post(target, action[1] if action else "/", form, jar, turn)
            meter.finish(began, ok=answer.status == 303, what=answer.head)

    return story


_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_ACTION = re.compile(r'<form[^>]* action="([^"]+)"')


def _browser_post(target: Target, path: str, body: str, cookie: str, network: int) -> bytes:
    return (
        f"POST {html.unescape(path)} HTTP/1.1\r\nHost: {target.host}\r\nCookie: {cookie}\r\n"
        f"X-Forwarded-For: 192.0.{network // 250 % 250}.{network % 250}\r\n"
        "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _cookies(answer: Answer) -> str:
    """The Cookie header of a browser that was given these cookies."""
    given = re.findall(rb"(?im)^set-cookie: *([^;\r]+)", answer.head)
    return "; ".join(pair.decode() for pair in given)


def member(body: bytes, name: bytes) -> str:
    """A text member of a JSON object, found without parsing the rest."""
    start = body.index(b'"' + name + b'"') + len(name) + 2
    start = body.index(b'"', start) + 1
    return body[start : body.index(b'"', start)].decode()
