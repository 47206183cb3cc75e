"""Redirects under attack (threats B)."""

import re
from urllib.parse import quote, urlsplit

import pytest

from grantway.protocol.clients import ClientType, client_problems
from grantway.protocol.names import AuthMethod
from tests.node import CALLBACK, FETCH, Visitor, leaving_url, native_client, web_client
from tests.threats.attacks import (
    EVIL,
    FORM,
    LOOPBACK,
    OTHER_CALLBACK,
    consent_page,
    is_refused_here,
    login_page,
    post_form,
    raw,
    seal_of,
    status_of,
)

# The registered address is https://printer.example/callback.
NEAR_MISSES = [
    "https://printer.example/callback/",
    "https://printer.example/callback2",
    "https://printer.example/callbac",
    "https://printer.example/Callback",
    "https://printer.example/callback/../callback",
    "https://printer.example/./callback",
    "https://printer.example//callback",
    "https://printer.example/x/../callback",
    "https://printer.example/%63allback",
    "https://printer.example/callback%2f",
    "https://printer.example/callback%00",
    "https://printer.example/callback%0d%0aSet-Cookie:x=1",
    "https://printer.example/callback?",
    "https://printer.example/callback?x=1",
    "https://printer.example/callback?redirect_uri=https://evil.example",
    "https://printer.example/callback;evil=1",
    "https://printer.example/callback#",
    "https://printer.example/callback#x",
    "https://printer.example/callback ",
    " https://printer.example/callback",
    "https://printer.example/callback\t",
    "https://printer.example/callback\\",
    "https://printer.example:443/callback",
    "https://printer.example:8443/callback",
    "https://printer.example./callback",
    "https://printer.example",
    "https://printer.example/",
    "http://printer.example/callback",
    "HTTPS://printer.example/callback",
    "https://PRINTER.example/callback",
    "https://evil.printer.example/callback",
    "https://printer.example.evil.example/callback",
    "https://evilprinter.example/callback",
    "https://printerXexample/callback",
    "https://printer%2eexample/callback",
    "https://pr\u2170nter.example/callback",
    "https:printer.example/callback",
    "https:/printer.example/callback",
    "https:///printer.example/callback",
    "https:\\\\printer.example/callback",
    "//printer.example/callback",
    "/callback",
    "callback",
    "https://printer.example/callback,https://evil.example/cb",
    "https://printer.example/callback https://evil.example/cb",
    "https://printer.example@evil.example/callback",
    "https://printer.example:x@evil.example/callback",
    "https://user@printer.example/callback",
    "https://user:secret@printer.example/callback",
    "https://@printer.example/callback",
    "https://printer.example%40evil.example/callback",
    "https://a@b@printer.example/callback",
    "http://localhost:80@evil.example/callback",
    "https://evil.example\\@printer.example/callback",
    "https://evil.example#https://printer.example/callback",
    "javascript:alert(1)//https://printer.example/callback",
    "https://[::1]/callback",
    OTHER_CALLBACK,
    "urn:ietf:wg:oauth:2.0:oob",
    "null",
    "*",
    ".*",
]
# Registered for the native client: http://127.0.0.1/cb, any port.
LOOPBACK_NEAR_MISSES = [
    "http://127.0.0.1:5123/evil",
    "http://127.0.0.1:5123/cb/",
    "http://127.0.0.1:5123/cb?x=1",
    "http://127.0.0.1:5123/cb#",
    "http://127.0.0.1:5123",
    "http://127.0.0.1:0/cb",
    "http://127.0.0.1:65536/cb",
    "http://127.0.0.1:05123/cb",
    "http://127.0.0.1:/cb",
    "http://127.0.0.1:5123:80/cb",
    "http://127.0.0.1:51 23/cb",
    "http://127.0.0.1:\uff15\uff11\uff12\uff13/cb",
    "http://127.0.0.2:5123/cb",
    "http://127.1:5123/cb",
    "http://0x7f.1:5123/cb",
    "http://2130706433:5123/cb",
    "http://0177.0.0.1:5123/cb",
    "http://0.0.0.0:5123/cb",
    "http://localhost:5123/cb",
    "http://[::1]:5123/cb",
    "http://[::ffff:127.0.0.1]:5123/cb",
    "http://127.0.0.1.evil.example:5123/cb",
    "http://127.0.0.1:5123@evil.example/cb",
    "http://evil.example@127.0.0.1:5123/cb",
    "https://127.0.0.1:5123/cb",
    "HTTP://127.0.0.1:5123/cb",
]
UNREGISTRABLE = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://app.example/x",
    "about:blank",
    "view-source:https://app.example",
    "ftp://app.example/cb",
    "ws://app.example/cb",
    "myapp:/cb",
    "http://app.example/cb",
    "http://localhost.evil.example/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://127.0.0.2/cb",
    "http://127.1/cb",
    "http://0x7f.1/cb",
    "http://[::ffff:127.0.0.1]/cb",
    "https://*.example/cb",
    "https://app.example/*",
    "https://app.example/.*",
    "https://app.example/cb#x",
    "https://app.example/cb#",
    "https://user@app.example/cb",
    "https://app.example@evil.example/cb",
    "https://a@b@app.example/cb",
    "https://app.example/../cb",
    "https://app.example/%2e%2E/cb",
    "https://app.example/c\rb",
    "https://app.example/c\nb",
    "https://app.example/c b",
    "https://app.example/cé",
    "https://app_example/cb",
    "https://APP.example/cb",
    "HTTPS://app.example/cb",
    "https://app.example:99999/cb",
    "https://app.example:/cb",
    "https:///cb",
    "https://",
    "https:app.example/cb",
    "//app.example/cb",
    "/cb",
    "",
    "https://app.example\\evil/cb",
]


@pytest.mark.parametrize("uri", [*NEAR_MISSES, quote(CALLBACK, safe=""), quote(EVIL, safe="")])
async def test_what_is_not_the_registered_address_byte_for_byte_is_refused(visitor, uri):
    """B1, B3, B4: no prefix, no suffix, no normalisation, no user info, no second decoding."""
    page = await visitor.http.get(visitor.link(redirect_uri=uri), headers=FETCH)
    assert is_refused_here(page)
    assert "set-cookie" not in page.headers


async def test_an_address_missing_where_one_is_registered_is_refused(visitor):
    """B1: never filled in unless the owner said so."""
    for uri in (None, ""):
        page = await visitor.http.get(visitor.link(redirect_uri=uri), headers=FETCH)
        assert is_refused_here(page)


@pytest.mark.parametrize("uri", LOOPBACK_NEAR_MISSES)
async def test_on_loopback_only_the_port_may_differ(visitor, uri):
    """B8: RFC 8252 §7.3."""
    page = await visitor.http.get(visitor.link("cli", redirect_uri=uri), headers=FETCH)
    assert is_refused_here(page)


@pytest.mark.parametrize("uri", [LOOPBACK, "http://127.0.0.1/cb", "http://127.0.0.1:1/cb"])
async def test_any_port_of_the_registered_loopback_address_is_answered(visitor, uri):
    """B8: and exactly that port."""
    page = await visitor.get(visitor.link("cli", redirect_uri=uri, prompt="none"))
    assert leaving_url(page).startswith(f"{uri}?error=login_required&")


async def test_a_web_client_has_no_free_port(target, visitor):
    """B8: the exemption is for native clients alone."""
    await target.put_client(web_client("local_web", redirect_uris=("http://127.0.0.1:8601/cb",)))
    page = await visitor.http.get(visitor.link("local_web", redirect_uri=LOOPBACK), headers=FETCH)
    assert is_refused_here(page)


@pytest.mark.parametrize("uri", UNREGISTRABLE)
@pytest.mark.parametrize("kind", [ClientType.WEB, ClientType.SPA, ClientType.NATIVE])
def test_dangerous_addresses_cannot_be_registered(uri, kind):
    """B5, B6, B7: an allow-list of schemes, no patterns, loopback by literal, in any spelling."""
    if kind is ClientType.NATIVE:
        client = native_client(redirect_uris=(uri,))
    else:
        method = AuthMethod.NONE if kind is ClientType.SPA else AuthMethod.CLIENT_SECRET_BASIC
        client = web_client(type=kind, auth_method=method, redirect_uris=(uri,))
    assert any("redirect_uri" in problem for problem in client_problems(client))


@pytest.mark.parametrize("kind", [ClientType.WEB, ClientType.SPA])
def test_private_use_schemes_are_for_native_clients(kind):
    """B5: RFC 8252 §7.1."""
    client = web_client(type=kind, redirect_uris=("com.example.app:/cb",))
    assert any("private-use" in problem for problem in client_problems(client))
    assert client_problems(native_client(redirect_uris=("com.example.app:/cb",))) == []


@pytest.mark.parametrize("octet", ["%0d%0aSet-Cookie:%20x=1", "%0a", "%0d", "%09", "%00", "%1b", "%7f"])
@pytest.mark.parametrize("name", ["state", "nonce", "scope", "redirect_uri", "login_hint", "client_id"])
async def test_control_octets_reach_no_header(target, name, octet):
    """B10: refused, whichever parameter brings them."""
    query = Visitor(target).link(**{name: None}).partition("?")[2] + f"&{name}=x{octet}"
    request = f"GET /authorize?{query} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nConnection: close\r\n\r\n"
    answer = await raw(target, request.encode())
    head = answer.partition(b"\r\n\r\n")[0]
    assert status_of(answer) in {303, 400}
    assert b"\r\nSet-Cookie: x=1" not in head
    assert b"set-cookie" not in head.lower()
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", head)


@pytest.mark.parametrize(
    "where", ["//evil.example", "/\\evil.example", "https:evil.example", "/%09/evil.example"]
)
@pytest.mark.parametrize("name", ["next", "return_to", "rd", "url", "continue", "RelayState", "x"])
async def test_there_is_no_return_address_of_our_own(target, visitor, where, name):
    """B11: whatever it is called, no parameter of a page of ours leads anywhere."""
    page = await login_page(visitor)
    value = quote(where, safe="%")
    for path in ("/login", "/consent", "/select-account", "/continue", "/logout", "/"):
        for url in (f"{path}?{name}={value}", f"{path}?x={seal_of(page)}&{name}={value}"):
            reply = await visitor.http.get(url, headers={**FETCH, "referer": "https://evil.example/"})
            assert "evil.example" not in reply.headers.get("location", "")
            assert "evil.example" not in reply.text


async def test_an_evil_referer_on_a_stale_form_leads_nowhere(visitor):
    """B11: the answer stays here."""
    reply = await post_form(visitor, "/login", {"x": "gone"}, referer="https://evil.example/")
    assert is_refused_here(reply, 403)
    assert "evil.example" not in reply.text


@pytest.mark.parametrize("fetch", [True, False], ids=["browser", "script"])
async def test_after_a_form_the_browser_goes_on_with_get(target, fetch):
    """B13: 303 alone, so that a password or consent is never posted to a client (RFC 9700 §4.12)."""
    visitor = Visitor(target, fetch)
    statuses = set()

    async def note(response):
        if response.request.method == "POST":
            statuses.add(response.status_code)

    visitor.http.event_hooks["response"].append(note)
    await visitor.submit(await consent_page(visitor), answer="allow")
    await visitor.submit(await consent_page(visitor), answer="deny")
    await visitor.submit(await login_page(visitor, prompt="login"), answer="cancel")
    page = await visitor.get(visitor.link(prompt="select_account"))
    await visitor.submit(page, answer="continue")
    assert statuses == {303}


async def test_pages_load_nothing_from_elsewhere_and_tell_nobody(visitor):
    """B14: no Referer, no foreign asset, so no code leaks on the way."""
    pages = [
        await login_page(visitor),
        await consent_page(visitor),
        await visitor.submit(await consent_page(visitor), answer="allow"),
        await visitor.get(visitor.link(redirect_uri=EVIL)),
        await visitor.get("/"),
    ]
    for page in pages:
        assert page.headers["referrer-policy"] == "no-referrer"
        loaded = re.findall(r'(?:src|srcset|action)="([^"]*)"|<link[^>]* href="([^"]*)"', page.text)
        for url in filter(None, (a or b for a, b in loaded)):
            assert urlsplit(url).netloc == "", url


async def test_a_redirect_itself_tells_no_referrer(visitor):
    """B14: a code in the address of a redirect is not passed on by our page before it."""
    await visitor.approve()
    reply = await visitor.http.get(visitor.link(), headers=FETCH)
    assert reply.status_code == 303
    assert "code=" in reply.headers["location"]
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cache-control"] == "no-store"


async def test_a_form_sent_to_the_authorization_endpoint_is_held_to_the_same_rules(visitor):
    """B1: by POST as by GET."""
    for uri in (EVIL, CALLBACK + "/", CALLBACK + "#"):
        query = visitor.link(redirect_uri=uri).partition("?")[2]
        page = await visitor.http.post("/authorize", content=query, headers={**FORM, **FETCH})
        assert is_refused_here(page)
