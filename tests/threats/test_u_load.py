"""Storms, floods and bad text (threats U)."""

import asyncio
import base64
import contextlib
import sqlite3

import pytest

from grantway.settings import ServerSettings
from tests.node import CALLBACK, FETCH, Visitor, sqlite_url
from tests.threats.attacks import EVIL, FORM, login_page, post_form, raw, seal_of, status_of, target_on

ENDPOINTS = [
    "/token",
    "/introspect",
    "/revoke",
    "/authorize",
    "/login",
    "/consent",
    "/select-account",
    "/logout",
]


def row_counts(target) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(f"file:{target.file}?mode=ro", uri=True)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}  # noqa: S608


# --- passwords are slow, nothing else is ----------------------------------------


async def test_a_storm_of_logins_stops_nobody_else(tmp_path):
    """U1: the queue is bounded, the rest is shed with 503; keys and tokens are served meanwhile."""
    server = ServerSettings(trusted_proxies=("127.0.0.0/8",))
    async with target_on(sqlite_url(tmp_path), server=server) as target:
        visitor = Visitor(target)
        page = await login_page(visitor)
        visitor.http.event_hooks["response"].clear()
        storm = [
            asyncio.create_task(
                post_form(
                    visitor,
                    "/login",
                    {"x": seal_of(page), "username": f"person{number}", "password": "wrong wrong"},
                    **{"x-forwarded-for": f"198.51.{number}.1"},
                )
            )
            for number in range(200)
        ]
        await asyncio.sleep(0)
        async with target.http() as http:
            for _ in range(10):
                assert (await http.get("/jwks")).status_code == 200
                reply = await target.token("machine", grant_type="client_credentials", scope="calendar:read")
                assert reply.status_code == 200
        waiting = sum(not login.done() for login in storm)
        replies = await asyncio.gather(*storm)
        assert waiting > 0, "tokens did not wait for passwords"
        statuses = [reply.status_code for reply in replies]
        assert set(statuses) == {422, 503}
        assert 50 <= statuses.count(422) < 200
        for reply in replies:
            if reply.status_code == 503:
                assert int(reply.headers["retry-after"]) >= 1
                assert 'name="password"' in reply.text
        page = await login_page(Visitor(target))
        assert page.status_code == 200


# --- what is too large is not read ---------------------------------------------------


def head(path: str, port: int, *headers: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Content-Type: {FORM['content-type']}",
        *headers,
    ]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode()


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_huge_body_is_refused_unread(target, path):
    """U2: by its declared length; and chunk by chunk when none is declared."""
    declared = head(path, target.port, "Content-Length: 10000000") + b"x" * 100
    assert status_of(await raw(target, declared)) in {403, 413}
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    chunked = head(path, target.port, "Transfer-Encoding: chunked") + chunk * 5
    assert status_of(await raw(target, chunked)) in {403, 413}


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "99999999999999999999", "1, 2", "", " ", "\u00b2"])
async def test_a_length_that_is_none_is_refused(target, length):
    """U2: never read as some other number."""
    request = head("/token", target.port, f"Content-Length: {length}") + b"grant_type=x"
    answer = await raw(target, request, within=5)
    assert answer == b"" or 400 <= status_of(answer) < 500


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_hundred_thousand_fields_are_not_parsed(target, path):
    """U2: as many as fit into the limit are refused by their number."""
    for body in ("a=1&" * 16_000, "&" * 60_000, "a[b][c]=1&" * 6_000, "=&" * 30_000):
        async with target.http() as http:
            reply = await http.post(path, content=body, headers={**FORM, **FETCH, "sec-fetch-site": "none"})
        assert reply.status_code in {400, 401}


@pytest.mark.parametrize(
    "name", ["accept-language", "cookie", "user-agent", "origin", "range", "authorization"]
)
async def test_long_headers_are_only_long(target, name):
    """U4: linear to read, whatever they hold."""
    values = [
        "x" * 30_000,
        ",".join(["en;q=0.1"] * 3_000),
        "bytes=" + "0-1," * 8_000,
        "a=b;" * 7_000,
        "((((" * 8_000,
    ]
    async with target.http() as http:
        for path in ("/authorize", "/", "/token", "/jwks"):
            for value in values:
                reply = await http.get(path, headers={name: value})
                assert reply.status_code in {200, 400, 405, 421, 431}


async def test_long_parameters_are_refused_or_carried(visitor):
    """U4: redirect URI, scope, state and all others at sixty thousand characters."""
    for name in (
        "redirect_uri",
        "scope",
        "state",
        "prompt",
        "login_hint",
        "nonce",
        "resource",
        "max_age",
        "x",
    ):
        for value in ("a" * 60_000, "a " * 30_000, "https://a" + "/.." * 7_000, "%" * 20_000):
            reply = await visitor.http.get(visitor.link(**{name: value}), headers=FETCH)
            assert reply.status_code in {303, 400, 414, 431}
            if reply.status_code == 303 and name != "x":
                assert reply.headers["location"].startswith(f"{CALLBACK}?error=")


# --- nobody's requests leave nothing behind ----------------------------------------------


async def test_ten_thousand_requests_of_nobody_leave_every_table_as_it_was(fresh):
    """U5: the pending request travels with the browser, not in the database."""
    visitor = Visitor(fresh)
    links = [
        visitor.link(),
        visitor.link(prompt="none"),
        visitor.link("cli", redirect_uri="http://127.0.0.1:5123/cb"),
        visitor.link(redirect_uri=EVIL),
        visitor.link("nobody"),
        visitor.link(scope="bogus"),
    ]
    lines = [f"GET {link} HTTP/1.1\r\nHost: 127.0.0.1:{fresh.port}\r\n\r\n".encode() for link in links]
    last = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{fresh.port}\r\nConnection: close\r\n\r\n".encode()
    before = row_counts(fresh)
    for _ in range(10):
        batch = b"".join(lines[number % len(lines)] for number in range(250)) + last
        answers = await asyncio.gather(*(raw(fresh, batch, within=60) for _ in range(4)))
        for answer in answers:
            assert answer.count(b"HTTP/1.1 ") == 251
            assert b"HTTP/1.1 5" not in answer
    page = await login_page(visitor)
    await visitor.get(f"/login?x={seal_of(page)}")
    await visitor.submit(page, answer="cancel")
    async with fresh.http() as http:
        for path in ("/token", "/revoke", "/introspect"):
            await http.post(path, data={"client_id": "cli", "grant_type": "refresh_token", "token": "x"})
    assert row_counts(fresh) == before


async def test_failed_logins_of_one_network_leave_a_bounded_number_of_rows(fresh):
    """U5: the throttle's buckets are the one exception, and they are throttled themselves."""
    visitor = Visitor(fresh)
    page = await login_page(visitor)
    before = row_counts(fresh)
    for number in range(120):
        fields = {"x": seal_of(page), "username": f"person{number}", "password": "wrong"}
        await post_form(visitor, "/login", fields)
    after = row_counts(fresh)
    assert {name for name in after if after[name] != before[name]} == {"throttles"}
    assert after["throttles"] - before["throttles"] <= 2 * 60 + 1
    await fresh.pass_time(3600)
    while await fresh.store.drop_expired():
        pass
    assert row_counts(fresh)["throttles"] == 0


async def test_a_server_nobody_calls_tidies_up_by_itself(fresh):
    """U5: expired rows go, live ones stay, without any request or command."""
    visitor = Visitor(fresh)
    await visitor.tokens(scope="photos:read")
    await visitor.tokens(scope="notes:read", prompt="consent")
    before = row_counts(fresh)
    await fresh.pass_time(400 * 86400)
    live = Visitor(fresh)
    tokens = await live.tokens()
    for _ in range(300):
        await asyncio.sleep(0.1)
        counts = row_counts(fresh)
        if counts["grants"] == 1 and counts["sessions"] == 1:
            break
    assert {
        name: counts[name] for name in ("grants", "sessions", "codes", "refresh_tokens", "opaque_tokens")
    } == {
        "grants": 1,
        "sessions": 1,
        "codes": 1,
        "refresh_tokens": 1,
        "opaque_tokens": 0,
    }
    assert counts["people"] == before["people"]
    assert counts["clients"] == before["clients"]
    assert await fresh.is_alive(tokens["access_token"])
    assert (await fresh.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_backup_taken_under_load_is_a_whole_server(tmp_path):
    """U5: everything acknowledged before it is there, and a flow runs on the copy."""
    async with target_on(sqlite_url(tmp_path)) as target:
        visitor = Visitor(target)
        before = await visitor.tokens()
        stop = asyncio.Event()

        async def load() -> None:
            own = Visitor(target)
            while not stop.is_set():
                tokens = await own.tokens()
                await target.refresh(tokens["refresh_token"])

        running = asyncio.gather(load(), load())
        await asyncio.sleep(0.3)
        copy = tmp_path / "copy"
        copy.mkdir()
        await target.store.backup(copy / "grantway.db")
        stop.set()
        await running
        known = target.secrets
    key = "grantway.dev-key"
    (copy / key).write_bytes((tmp_path / key).read_bytes())
    async with target_on(sqlite_url(copy), seed=False) as restored:
        restored.secrets = known
        assert (await restored.refresh(before["refresh_token"])).status_code == 200
        assert await restored.is_alive((await Visitor(restored).tokens())["access_token"])
    with contextlib.closing(sqlite3.connect(copy / "grantway.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# --- bad text goes nowhere ------------------------------------------------------------------


BAD_TEXT = [
    "%00",
    "x%00y",
    "%ED%A0%80",
    "%EF%BF%BF",
    "%F4%90%80%80",
    "%C0%AF",
    "%FF",
    "%u0000",
    "9223372036854775808",
    "-9223372036854775809",
    "1e400",
    "NaN",
    "-1",
    "9" * 10_000,
    "%5B" * 10_000,
    "%7B%22a%22:" * 2_000,
    "%E2%80%AE",
    "%F0%9F%98%80",
    "%27%20OR%201=1--",
    "%24%7B7*7%7D",
    "%25n%25s",
    "..%2F..%2Fetc%2Fpasswd",
    "%0D%0AX:1",
    "%01",
    "%7F",
    "%C2%85",
]
FIELDS = {
    "/token": [
        *("grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource"),
        *("client_id", "client_secret", "client_assertion", "x"),
    ],
    "/introspect": ["token", "token_type_hint", "client_id", "client_secret"],
    "/revoke": ["token", "token_type_hint", "client_id", "client_secret"],
    "/login": ["x", "username", "password", "answer"],
    "/consent": ["x", "scope", "answer"],
    "/select-account": ["x", "answer"],
    "/logout": ["csrf"],
    "/authorize": [
        *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "prompt"),
        *("code_challenge", "code_challenge_method", "max_age", "login_hint", "ui_locales", "resource", "x"),
    ],
}


@pytest.mark.parametrize("path", FIELDS)
async def test_bad_text_in_any_field_is_refused_or_harmless(target, visitor, path):
    """U6: each in each field of each endpoint, beside otherwise good ones; never our fault."""
    tokens = await visitor.tokens()
    page = await login_page(visitor, prompt="login")
    good = {
        "/token": f"grant_type=refresh_token&refresh_token={tokens['refresh_token']}",
        "/introspect": "",
        "/revoke": "",
        "/authorize": visitor.link().partition("?")[2],
    }.get(path, f"x={seal_of(page)}&answer=login")
    machine = path in {"/token", "/introspect", "/revoke"}
    headers = {**FORM, **(target.basic("printer") if machine else {**FETCH, "sec-fetch-site": "same-origin"})}
    for name in FIELDS[path]:
        beside = "&".join(pair for pair in good.split("&") if pair and not pair.startswith(f"{name}="))
        for text in BAD_TEXT:
            reply = await visitor.http.post(path, content=f"{beside}&{name}={text}", headers=headers)
            assert reply.status_code in {200, 303, 400, 401, 403, 422, 429}
            if path == "/authorize":
                seen = await visitor.get(f"/authorize?{beside}&{name}={text}")
                assert seen.status_code in {200, 303, 400}


@pytest.mark.parametrize(
    "text", ["\x00", "\xff", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "{}"]
)
async def test_bad_text_in_credentials_is_a_failed_authentication(target, text):
    """U6: inside the Basic header, before and after its base64."""
    for octets in (
        f"printer{text}:x",
        f"printer:x{text}",
        text,
        f"{text}:{text}",
        "%00:%00",
        "%ff:%ff",
        "%zz:x",
    ):
        encoded = base64.b64encode(octets.encode("latin-1", "replace")).decode()
        async with target.http() as http:
            reply = await http.post(
                "/token", data={"grant_type": "x"}, headers={"authorization": f"Basic {encoded}"}
            )
        assert reply.status_code in {401, 429}
