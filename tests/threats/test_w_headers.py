"""Hosts, cookies, cross-site forms and response headers (threats W, D1)."""

import itertools
import re
from dataclasses import replace

import pytest

from grantway.flows.interaction import open_interaction, seal_interaction
from grantway.settings import ServerSettings
from tests.node import FETCH, PASSWORD, Visitor, free_port, sqlite_url
from tests.threats.attacks import (
    EVIL,
    FORM,
    Target,
    consent_page,
    login_page,
    post_form,
    raw,
    seal_of,
    status_of,
    target_on,
)

PATHS = [
    *("/", "/authorize?client_id=printer", "/login", "/consent", "/continue", "/logout", "/jwks"),
    *("/.well-known/oauth-authorization-server", "/token", "/revoke", "/introspect", "/nowhere"),
]


# --- the host decides nothing, and a foreign one gets nothing ------------------------


OWN = "our own"


def request(target: Target, path: str, *headers: str, host: str | None = OWN) -> bytes:
    if host == OWN:
        host = f"127.0.0.1:{target.port}"
    lines = [f"GET {path} HTTP/1.1", *([] if host is None else [f"Host: {host}"]), *headers]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode()


@pytest.mark.parametrize("path", PATHS)
async def test_a_foreign_host_is_not_answered(target, path):
    """W1, W9: other names, other ports, several, none; so a rebound DNS name reaches no page."""
    own = f"127.0.0.1:{target.port}"
    foreign = [
        *("evil.example", f"evil.example:{target.port}", "127.0.0.1", "127.0.0.1:1", f"{own}.evil.example"),
        *(
            f"evil.example, {own}",
            f"{own}@evil.example",
            f"user@{own}",
            f"{own}/",
            f"{own}#",
            "",
            f"[::1]:{1}",
        ),
        *(f"127.1:{target.port}", f"0.0.0.0:{target.port}", f"2130706433:{target.port}", "127.0.0.1:0"),
    ]
    for host in foreign:
        answer = await raw(target, request(target, path, host=host))
        assert status_of(answer) in {400, 421}, host
        assert b"set-cookie" not in answer.lower()
        assert b"location" not in answer.partition(b"\r\n\r\n")[0].lower()
    for each in (
        request(target, path, host=None),
        request(target, path, "Host: evil.example"),
        request(target, path, f"Host: {own}"),
    ):
        assert status_of(await raw(target, each)) in {400, 421}


SPOOFED = [
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Port: 444",
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-Server: evil.example",
    "X-Host: evil.example",
    "X-Original-URL: /logout",
    "X-Rewrite-URL: /logout",
    "Forwarded: host=evil.example;proto=https",
    "X-HTTP-Method-Override: POST",
    "Referer: https://evil.example/",
]


@pytest.mark.parametrize("path", [*PATHS, "good link"])
async def test_no_header_and_no_absolute_form_changes_an_answer(target, visitor, path):
    """W1: issuer, links, redirects and cookie flags come from the settings alone."""
    url = visitor.link() if path == "good link" else path

    def constant(answer: bytes) -> bytes:
        answer = re.sub(rb"(?i)date: [^\r]*|[0-9A-F]{4}-[0-9A-F]{2}\b|<time.*?</time>", b"", answer)
        return re.sub(rb"gw_tx_\w+=\w+|\?x=[\w.-]+|content-length: \d+", b"", answer)

    plain = constant(await raw(target, request(target, url)))
    for header in SPOOFED:
        assert constant(await raw(target, request(target, url, header))) == plain, header
    absolute = await raw(target, request(target, f"http://evil.example{url}"))
    assert status_of(absolute) in {400, 421} or constant(absolute) == plain


async def test_only_loopback_names_are_answered_in_development(target):
    """W9: this machine's names at our own port."""
    for name in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
        answer = await raw(target, request(target, "/", host=f"{name}:{target.port}"))
        assert status_of(answer) == 200


async def test_our_own_name_without_its_port_is_told_as_that(target):
    """W1: what nginx's $host makes of an issuer with a port."""
    words = b"pass the Host header on, with its port, or"
    assert words in await raw(target, request(target, "/", host="127.0.0.1"))
    assert words not in await raw(target, request(target, "/", host="evil.example"))


# --- cookies -------------------------------------------------------------------------


class CookieKeeper(Visitor):
    """A browser behind a proxy that speaks https for us: keeps cookies by hand, and all that were set."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.kept: dict[str, str] = {}
        self.seen: list[str] = []
        self.http.event_hooks["request"] = [self._send]
        self.http.event_hooks["response"].append(self._keep)

    async def _send(self, sent) -> None:
        sent.headers.pop("cookie", None)
        if self.kept:
            sent.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.kept.items())

    async def _keep(self, response) -> None:
        for header in response.headers.get_list("set-cookie"):
            self.seen.append(header)
            name, _, value = header.partition(";")[0].partition("=")
            self.kept[name] = value
            if "Max-Age=0" in header:
                del self.kept[name]


async def test_every_cookie_over_https_is_a_host_cookie(tmp_path):
    """W3: __Host-, Secure, HttpOnly, Path=/, no Domain, Lax; a flow's own cookie ends with the flow."""
    port = free_port()
    server = ServerSettings(hosts=(f"127.0.0.1:{port}",))
    async with target_on(
        sqlite_url(tmp_path), port=port, issuer="https://id.example", server=server
    ) as target:
        target.issuer = f"http://127.0.0.1:{port}"
        visitor = CookieKeeper(target)
        await visitor.submit(await consent_page(visitor), answer="allow")
        await visitor.submit(await consent_page(visitor), answer="deny")
        await visitor.submit(await visitor.get(visitor.link(prompt="select_account")), answer="continue")
        await visitor.get(visitor.link())
        assert not [name for name in visitor.kept if "gw_tx_" in name]
        for _ in range(10):
            page = await login_page(visitor, prompt="login")
        assert len([name for name in visitor.kept if "gw_tx_" in name]) == 8
        assert page.headers["strict-transport-security"].startswith("max-age=")
        await visitor.submit(await visitor.get("/logout"))
        assert set(visitor.kept) == {"__Host-gw_d"}
    assert len(visitor.seen) > 20
    for header in visitor.seen:
        assert header.startswith(("__Host-gw_s=", "__Host-gw_d=", "__Host-gw_tx_"))
        flags = {flag.strip().lower() for flag in header.split(";")[1:]}
        lifetime = flags - {"path=/", "httponly", "secure", "samesite=lax"}
        assert len(flags - lifetime) == 4
        assert all(flag.startswith("max-age=") for flag in lifetime)


# --- the published table of cross-site forms ------------------------------------------------

SITES = {
    "same-origin": True,
    "none": True,
    "same-site": False,
    "cross-site": False,
    "Same-Origin": False,
    "nonsense": False,
    "same-origin+cross-site": False,
    "same-origin+same-origin": False,
    None: None,
}
ORIGINS = {
    "own": True,
    "null": False,
    "https://evil.example": False,
    "other port": False,
    "other scheme": False,
    "own+own": False,
    None: True,
}
FORMS = ("/login", "/consent", "/select-account", "/logout", "/account/sign-in", "/account/apps/remove")
USED_UP = ("/logout", "/account/sign-in", "/account/apps/remove")


def may_pass(site: str | None, origin: str | None) -> bool:
    """The table in `grantway.web.csrf`."""
    passed = SITES[site]
    return ORIGINS[origin] if passed is None else passed


async def form_of(visitor: Visitor, path: str) -> tuple[dict[str, str], str]:
    """A fresh form of this page, and the name of its seal."""
    if path == "/login":
        return {"x": seal_of(await login_page(visitor, prompt="login")), "answer": "cancel"}, "x"
    if path == "/consent":
        return {"x": seal_of(await consent_page(visitor)), "answer": "deny"}, "x"
    if path == "/select-account":
        page = await visitor.get(visitor.link(prompt="select_account"))
        return {"x": seal_of(page), "answer": "cancel"}, "x"
    if path == "/account/sign-in":
        page = await visitor.get("/account")
        return {"x": seal_of(page), "username": "ada", "password": PASSWORD}, "x"
    await visitor.approve(prompt="consent")
    address = path if path == "/logout" else f"{path}?client_id=printer"
    found = re.search(r'name="csrf" value="([^"]+)"', (await visitor.get(address)).text)
    assert found is not None
    return {"csrf": found[1], "client_id": "printer"}, "csrf"


@pytest.mark.parametrize("path", FORMS)
async def test_the_published_table_holds_for_every_form(target, path):
    """W5: Sec-Fetch-Site × Origin × seal; passing the table is never enough without the page's own seal."""
    visitor = Visitor(target)
    if path != "/account/sign-in":
        await visitor.approve()
    fields, name = await form_of(visitor, path)
    own = f"http://127.0.0.1:{target.port}"
    origins = {"own": own, "other port": "http://127.0.0.1:1", "other scheme": own.replace("http", "https")}
    for site, origin, seal in itertools.product(SITES, ORIGINS, ("right", "wrong", "missing")):
        sent = {**fields, name: {"right": fields[name], "wrong": fields[name][:-2]}.get(seal, "")}
        headers = [*FORM.items()]
        headers += [("sec-fetch-site", one) for one in (site or "").split("+") if one]
        headers += [("origin", origins.get(one, one)) for one in (origin or "").split("+") if one]
        reply = await visitor.http.post(path, data=sent, headers=headers)
        expected = may_pass(site, origin) and seal == "right"
        assert (reply.status_code in {200, 303}) == expected, (site, origin, seal)
        if not expected:
            assert reply.status_code == (403 if seal != "missing" or not may_pass(site, origin) else 400)
            assert "set-cookie" not in reply.headers
        elif path in USED_UP:
            visitor.http.cookies.clear()
            fields, name = await form_of(visitor, path)


async def test_the_authorization_endpoint_takes_forms_from_anywhere_and_judges_nobody(target, visitor):
    """W5: exempt, since it only begins a flow: not even a session with consent gets a code there."""
    await visitor.approve()
    for site, origin in itertools.product(
        ("cross-site", "same-site", "none"), ("null", "https://app.example")
    ):
        query = visitor.link().partition("?")[2]
        headers = {**FORM, "sec-fetch-site": site, "origin": origin, "sec-fetch-dest": "document"}
        reply = await visitor.http.post("/authorize", content=query, headers=headers)
        assert reply.headers["location"].startswith("/login?x=")


# --- what every page says in its headers --------------------------------------------------------


async def every_page(target: Target) -> dict:
    """All pages, errors included, by a name for the message of a failing assertion."""
    visitor, stranger = Visitor(target), Visitor(target)
    login = await login_page(visitor)
    pages = {"login": login, "wrong password": await visitor.sign_in(login, "ada", "wrong")}
    for _ in range(6):
        pages["throttled"] = await stranger.sign_in(await login_page(stranger), "nobody", "wrong")
    consent = await consent_page(visitor, scope="photos:read photos:delete")
    pages |= {
        "consent": consent,
        "continue": await visitor.submit(consent, answer="allow"),
        "already done": await post_form(visitor, "/consent", {"x": seal_of(consent), "answer": "allow"}),
        "re-authentication": await login_page(visitor, prompt="login"),
        "select account": await visitor.get(visitor.link(prompt="select_account")),
        "form post": await visitor.get(visitor.link(scope="bogus", response_mode="form_post")),
        "unknown client": await visitor.get(visitor.link("nobody")),
        "unregistered address": await visitor.get(visitor.link(redirect_uri=EVIL)),
        "unreadable": await visitor.get("/authorize?client_id=%ff"),
        "not yours": await stranger.get(f"/consent?x={seal_of(consent)}"),
        "cross-site": await post_form(visitor, "/login", {}, **{"sec-fetch-site": "cross-site"}),
        "too large": await post_form(visitor, "/login", {"x": "x" * 70_000}),
        "too old": await too_old(target),
        "left already": await stranger.get("/continue?x=x"),
        "home": await visitor.get("/"),
        "account": await visitor.get("/account"),
        "connected apps": await visitor.get("/account/apps"),
        "remove an app": await visitor.get("/account/apps/remove?client_id=printer"),
        "take one thing back": await visitor.get(
            "/account/apps/narrow?client_id=printer&scope=photos:delete"
        ),
        "sessions": await visitor.get("/account/sessions"),
        "sign out elsewhere": await visitor.get("/account/sessions/end-others"),
        "profile": await visitor.get("/account/profile"),
        "name": await visitor.get("/account/name"),
        "password": await visitor.get("/account/password"),
        "an app of nobody": await visitor.get("/account/apps/remove?client_id=nobody"),
        "sign in for oneself": await stranger.get("/account"),
        "nowhere": await visitor.get("/nowhere", accept="text/html"),
        "sign out": await visitor.get("/logout"),
    }
    pages["signed out"] = await visitor.submit(pages["sign out"])
    return pages


async def too_old(target: Target):
    """A step of a flow that began long ago: sealed as the server would have, since nobody here can wait."""
    visitor = Visitor(target)
    page = await login_page(visitor)
    cookies = {c.name.rpartition("_")[2]: c.value for c in visitor.http.cookies.jar if "gw_tx_" in c.name}

    class Jar:
        flow_cookies = cookies

    interaction = open_interaction(target.server, Jar(), seal_of(page))
    old = replace(interaction, started_at=interaction.started_at - 1801)
    return await visitor.get(f"/login?x={seal_interaction(target.server, old)}")


POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


async def test_no_page_is_framed_sniffed_kept_or_scripted_from_elsewhere(fresh):
    """D1, W6: every page and every error page carries all headers; only form_post may post to the client."""
    pages = await every_page(fresh)
    for name, page in pages.items():
        assert page.headers["content-type"] == "text/html; charset=utf-8", name
        assert page.headers["x-frame-options"] == "DENY", name
        assert page.headers["x-content-type-options"] == "nosniff", name
        assert page.headers["referrer-policy"] == "no-referrer", name
        assert page.headers["cache-control"] == "no-store", name
        assert page.headers["cross-origin-resource-policy"] == "same-origin", name
        assert "strict-transport-security" not in page.headers, "only over https"
        policy = dict(
            each.strip().split(" ", 1) for each in page.headers["content-security-policy"].split(";")
        )
        assert policy == POLICY | ({} if name == "form post" else {"form-action": "'self'"}), name
        assert "unsafe" not in page.headers["content-security-policy"]
        assert not re.search(r"<[^>]+\s(on\w+|style)=", page.text), name
        assert not re.search(r"<script(?![^>]* src=)|<style|javascript:", page.text), name
    statuses = {page.status_code for page in pages.values()}
    assert statuses == {200, 400, 403, 404, 413, 422, 429}


async def test_answers_for_machines_run_nowhere(target):
    """W6: JSON is JSON, with nothing a browser could run; keys and metadata may be kept, nothing else."""
    async with target.http() as http:
        replies = {
            path: await http.get(path, headers=FETCH) for path in PATHS if not path.startswith("/logout")
        }
        replies["/readyz"] = await http.get("/readyz")
    for path, reply in replies.items():
        assert reply.headers["x-content-type-options"] == "nosniff" or reply.status_code == 303
        if "json" in reply.headers.get("content-type", ""):
            assert "default-src 'none'" in reply.headers["content-security-policy"]
            kept = "max-age" in reply.headers["cache-control"]
            assert kept == (path in {"/jwks", "/.well-known/oauth-authorization-server"})


async def test_an_address_that_leads_nowhere_says_so_in_the_language_of_who_asks(target):
    """W6, A6: a page for people, JSON for programs; what was asked for is not repeated."""
    async with target.http() as http:
        page = await http.get("/nope<svg>", headers={**FETCH, "accept": "text/html,*/*"})
        reply = await http.get("/nope<svg>", headers={"accept": "application/json"})
    assert (404, 404) == (page.status_code, reply.status_code)
    assert 'data-error="invalid_request"' in page.text
    assert "There is nothing here" in page.text
    assert "nope" not in page.text + reply.text
    assert reply.headers["content-type"] == "application/json"
