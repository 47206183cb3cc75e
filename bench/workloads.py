"""What is measured: each workload is a story of requests, the same for every server that can play it."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from bench.generator import Meter, Story
from tests.node import CALLBACK, pkce

_CALLBACK = quote(CALLBACK, safe="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The server under load, and what a client of it knows."""

    host: str  # as in the Host header
    basic: str  # Authorization header of the client
    client_id: str
    cookies: tuple[str, ...] = ()  # one signed-in browser per connection


def get(target: Target, path: str, cookie: str = "") -> bytes:
    """A GET request."""
    extra = f"Cookie: {cookie}\r\nSec-Fetch-Dest: document\r\n" if cookie else ""
    return f"GET {path} HTTP/1.1\r\nHost: {target.host}\r\n{extra}\r\n".encode()


def post(target: Target, path: str, body: str) -> bytes:
    """A form POST of the client."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {target.host}\r\nAuthorization: {target.basic}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def exchange_body(code: str, verifier: str) -> str:
    """The form of a code exchange."""
    return (
        f"grant_type=authorization_code&code={quote(code, safe='')}"
        f"&redirect_uri={_CALLBACK}&code_verifier={verifier}"
    )


def code_exchange(target: Target):
    """Redeem prepared codes, given as (code, verifier)."""

    def story(meter: Meter, codes: Iterator[tuple[str, str]]) -> Story:
        for code, verifier in codes:
            if meter.over:
                return
            started = meter.start()
            answer = yield post(target, "/token", exchange_body(code, verifier))
            meter.finish(started, ok=answer.status == 200, what=repr(answer.body[:200]))

    return story


def refresh(target: Target):
    """A real chain: each answer's refresh token is the next request's. Given one token a connection."""

    def story(meter: Meter, tokens: Iterator[str]) -> Story:
        token = next(tokens)
        while not meter.over:
            started = meter.start()
            answer = yield post(
                target, "/token", f"grant_type=refresh_token&refresh_token={quote(token, safe='')}"
            )
            meter.finish(started, ok=answer.status == 200, what=repr(answer.body[:200]))
            token = _member(answer.body, b"refresh_token")

    return story


def repeated(request: bytes):
    """The same request again and again: metadata, keys, introspection, client credentials."""

    def story(meter: Meter, _: Iterator) -> Story:
        while not meter.over:
            started = meter.start()
            answer = yield request
            meter.finish(started, ok=answer.status == 200, what=repr(answer.body[:200]))

    return story


def code_flow(target: Target):
    """A whole flow of a signed-in person: /authorize answers with a code at once, /token redeems it."""

    def story(meter: Meter, cookies: Iterator[str]) -> Story:
        cookie = next(cookies)
        while not meter.over:
            verifier, challenge = pkce()
            started = meter.start()
            answer = yield get(
                target,
                f"/authorize?response_type=code&client_id={target.client_id}&redirect_uri={_CALLBACK}"
                f"&scope=photos%3Aread&state={verifier[:20]}&code_challenge={challenge}&code_challenge_method=S256",
                cookie,
            )
            query = urlsplit(answer.header(b"location").decode()).query
            code = dict(pair.partition("=")[::2] for pair in query.split("&")).get("code", "")
            answer = yield post(target, "/token", exchange_body(code, verifier))
            meter.finish(started, ok=answer.status == 200, what=repr(answer.body[:200]))

    return story


def _member(body: bytes, name: bytes) -> str:
    """A text member of a JSON object, found without parsing the rest."""
    start = body.index(b'"' + name + b'":"') + len(name) + 4
    return body[start : body.index(b'"', start)].decode()
