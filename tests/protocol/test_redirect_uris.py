"""Redirect URIs: what may be registered, and what equals a registered one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.protocol.redirect_uris import matching_redirect_uri, redirect_uri_problem

MAY_BE_REGISTERED = [
    ("https://app.example/cb", False),
    ("https://app.example", False),
    ("https://app.example/", False),
    ("https://app.example:8443/cb", False),
    ("https://app.example/cb?tenant=7", False),
    ("https://app.example?tenant=7", False),
    ("https://app.example/%20/cb", False),
    ("https://xn--bcher-kva.example/cb", False),
    ("https://192.0.2.1/cb", False),
    ("https://[2001:db8::1]/cb", False),
    ("http://127.0.0.1/cb", False),
    ("http://127.0.0.1:8000/cb", False),
    ("http://[::1]/cb", False),
    ("http://localhost:3000/cb", False),
    ("com.example.app:/cb", True),
    ("com.example.app://host/cb", True),
    ("com.example.app:cb", True),
]
MAY_NOT = [
    ("https://*.example/cb", "patterns"),
    ("https://app.example/.*", "patterns"),
    ("https://app.example/cb#", "fragment"),
    ("https://app.example/cb#x", "fragment"),
    ("https://ada@app.example/cb", "user info"),
    ("https://app.example/@ada", "user info"),
    ("/cb", "absolute URI"),
    ("cb", "absolute URI"),
    ("", "absolute URI"),
    ("https://app.example/c b", "visible ASCII"),
    ("https://app.example/cb\n", "visible ASCII"),
    ("https://bücher.example/cb", "visible ASCII"),
    ("https://app.example/" + "x" * 2048, "2048"),
    ("HTTPS://app.example/cb", "scheme in lower case"),
    ("JaVaScRiPt:alert(1)", "scheme in lower case"),
    ("https://App.example/cb", "host in lower case"),
    ("https:///cb", "needs a host"),
    ("https:/cb", "needs a host"),
    ("https:cb", "needs a host"),
    ("https://app_1.example/cb", "valid name"),
    ("https://-app.example/cb", "valid name"),
    ("https://app..example/cb", "valid name"),
    ("https://app.example\\evil.example/cb", "valid name"),
    ("https://app.example:0/cb", "port"),
    ("https://app.example:/cb", "port"),
    ("https://app.example:65536/cb", "port"),
    ("https://app.example:443x/cb", "absolute URI|port|path"),
    ("https://app.example/a/../cb", "segments"),
    ("https://app.example/./cb", "segments"),
    ("https://app.example/%2e%2E/cb", "segments"),
    ("https://app.example/.%2e/cb", "segments"),
    ("http://app.example/cb", "use https"),
    ("http://127.0.0.1.evil.example/cb", "use https"),
    ("http://localhost.evil.example/cb", "use https"),
    ("http://127.0.0.2/cb", "use https"),
    ("http://0.0.0.0/cb", "use https"),
    ("javascript:alert(1)", "not allowed"),
    ("data:text/html,x", "not allowed"),
    ("vbscript:x", "not allowed"),
    ("file:///etc/passwd", "not allowed"),
    ("blob:https://app.example/x", "not allowed"),
    ("app:/cb", "not allowed"),
    ("com.example.app:/cb", "native"),
]


@pytest.mark.parametrize(("text", "native"), MAY_BE_REGISTERED)
def test_an_address_that_one_app_can_answer_at_may_be_registered(text, native):
    assert redirect_uri_problem(text, native=native) is None


@pytest.mark.parametrize(("text", "words"), MAY_NOT)
def test_any_other_may_not_and_the_words_say_why(text, words):
    """RU06, RU09: what cannot be registered cannot be matched either."""
    problem = redirect_uri_problem(text, native=False)
    assert problem is not None
    assert any(word in problem for word in words.split("|")), problem


WEB = ("https://app.example/cb", "https://app.example/q?a=b")
NATIVE = ("http://127.0.0.1/cb", "http://[::1]/cb", "http://127.0.0.1:7000/q?a=b", "com.example.app:/cb")
BY_NAME = ("http://localhost/cb",)
SAME = [
    *((WEB, False, uri) for uri in WEB),
    *((NATIVE, native, uri) for uri in NATIVE for native in (True, False)),
    *((NATIVE, True, f"http://127.0.0.1:{port}/cb") for port in (1, 80, 8080, 65535)),
    (NATIVE, True, "http://[::1]:9/cb"),
    (NATIVE, True, "http://127.0.0.1:7001/q?a=b"),
    (NATIVE, True, "http://127.0.0.1/q?a=b"),
    (BY_NAME, True, "http://localhost:9/cb"),
]
OTHERS = [
    *(
        (WEB, False, uri)
        for uri in (
            "https://app.example/cb/",
            "https://app.example/cb2",
            "https://app.example/c",
            "https://app.example/CB",
            "https://APP.example/cb",
            "HTTPS://app.example/cb",
            "http://app.example/cb",
            "https://app.example:443/cb",
            "https://app.example./cb",
            "https://app.example.evil.example/cb",
            "https://evil.example/app.example/cb",
            "https://evilapp.example/cb",
            "https://sub.app.example/cb",
            "https://app.example@evil.example/cb",
            "https://evil.example@app.example/cb",
            "https://app.example/cb?",
            "https://app.example/cb?x=1",
            "https://app.example/cb;x=1",
            "https://app.example/cb#",
            "https://app.example/cb#x",
            "https://app.example/q",
            "https://app.example/q?a=b&c=d",
            "https://app.example/q?a=%62",
            "https://app.example/%63b",
            "https://app.example/x/../cb",
            "https://app.example/./cb",
            "https://app.example//cb",
            "https://app.example/cb%20",
            "https://app.example/cb ",
            " https://app.example/cb",
            "https://app.example/cb\n",
            "https://app.example\\cb",
            "//app.example/cb",
            "/cb",
            "javascript:alert(1)//https://app.example/cb",
            "",
        )
    ),
    *(
        (NATIVE, True, uri)
        for uri in (
            "http://127.0.0.1:9/other",
            "http://127.0.0.1:9/cb/",
            "http://127.0.0.1:9/cb?x",
            "http://127.0.0.1:9/cb#",
            "http://127.0.0.1:9/q?a=c",
            "https://127.0.0.1:9/cb",
            "HTTP://127.0.0.1:9/cb",
            "http://127.0.0.2:9/cb",
            "http://127.1:9/cb",
            "http://localhost:9/cb",
            "http://[0:0::1]:9/cb",
            "http://[::1%25lo]:9/cb",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:65536/cb",
            "http://127.0.0.1:9x/cb",
            "http://127.0.0.1:009/cb",
            "http://127.0.0.1:\u0669/cb",
            "http://127.0.0.1:9@evil.example/cb",
            "http://u@127.0.0.1:9/cb",
            "http://127.0.0.1.evil.example:9/cb",
            "com.example.app:9/cb",
            "com.example.app:/cb?x",
            "COM.example.app:/cb",
        )
    ),
    (NATIVE, False, "http://127.0.0.1:9/cb"),
    (BY_NAME, True, "http://127.0.0.1:9/cb"),
    (BY_NAME, True, "http://LOCALHOST:9/cb"),
    (BY_NAME, False, "http://localhost:9/cb"),
    ((), True, "http://127.0.0.1/cb"),
]


@pytest.mark.parametrize(("registered", "native", "received"), SAME)
def test_the_registered_text_matches_and_on_loopback_any_port(registered, native, received):
    """RU01, RU10: the answer goes to the received text."""
    assert received == matching_redirect_uri(registered, received, native=native)


@pytest.mark.parametrize(("registered", "native", "received"), OTHERS)
def test_nothing_else_matches(registered, native, received):
    """RU01, RU02, RU03, RU04, RU05, RU06, RU08, RU09, RU11"""
    assert matching_redirect_uri(registered, received, native=native) is None


@given(st.text(max_size=60))
def test_whatever_matches_was_registered(received):
    """RU01: for everyone but native apps."""
    assert matching_redirect_uri(WEB, received, native=False) == (received if received in WEB else None)
    redirect_uri_problem(received, native=True)
