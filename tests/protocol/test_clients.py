"""Clients: which registrations may stand, and how a client proves itself."""

from base64 import b64encode
from dataclasses import replace

import pytest

from grantway.protocol.client_auth import Presented, authenticate, read_credentials
from grantway.protocol.client_refusals import FAILED
from grantway.protocol.clients import MAX_REDIRECT_URIS, MAX_SECRETS, ClientType, client_problems
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import AuthMethod, ErrorCode, GrantType
from grantway.protocol.params import Params
from grantway.protocol.scope import Scope
from tests.protocol.samples import MACHINE, NATIVE, NOON, RESOURCE_SERVER, SECRET, SPA, WEB

BASIC, POST, NONE = AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST, AuthMethod.NONE
MACHINE_TYPES = frozenset({GrantType.CLIENT_CREDENTIALS})


@pytest.mark.parametrize("client", [WEB, SPA, NATIVE, MACHINE, RESOURCE_SERVER], ids=lambda client: client.id)
def test_an_ordinary_client_may_stand(client):
    assert [] == client_problems(client)


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (replace(WEB, id=""), "id"),
        (replace(WEB, id="a b"), "id"),
        (replace(WEB, id="x" * 129), "id"),
        (replace(WEB, id="u_" + "a" * 20), "subject"),
        (replace(WEB, name=" "), "name"),
        (replace(WEB, name="x" * 101), "name"),
        (replace(WEB, name="Photo\nPrinter"), "name"),
        (replace(WEB, name="Photo\u202ePrinter"), "name"),
        (replace(WEB, redirect_uris=("javascript:alert(1)",)), "redirect_uri"),
        (replace(WEB, redirect_uris=("com.example.app:/cb",)), "native clients"),
        (replace(WEB, redirect_uris=()), "at least one"),
        (replace(MACHINE, redirect_uris=("https://x.example/cb",)), "may not use authorization_code"),
        (
            replace(WEB, redirect_uris=tuple(f"https://x.example/{n}" for n in range(MAX_REDIRECT_URIS + 1))),
            "at most",
        ),
        (replace(WEB, redirect_uris=WEB.redirect_uris * 2), "twice"),
        (replace(SPA, grant_types=SPA.grant_types | MACHINE_TYPES), "client_credentials"),
        (replace(SPA, secrets=(SECRET,)), "no secret"),
        (replace(SPA, require_pkce=False), "pkce"),
        (replace(SPA, auth_method=BASIC), "auth method"),
        (replace(NATIVE, auth_method=POST), "auth method"),
        (replace(WEB, auth_method=NONE), "auth method"),
        (
            replace(
                WEB, redirect_uri_optional=True, redirect_uris=("https://x.example/1", "https://x.example/2")
            ),
            "exactly one",
        ),
        (replace(WEB, optional_scope=Scope.of(["photos:share"])), "optional scope"),
        (replace(WEB, api="https://api.example/photos"), "resource_server"),
        (replace(RESOURCE_SERVER, api=None), "resource_server"),
        (replace(RESOURCE_SERVER, grant_types=MACHINE_TYPES), "asks for no tokens"),
        (replace(WEB, secrets=(SECRET,) * (MAX_SECRETS + 1)), "at most"),
        (replace(WEB, origins=("https://x.example/",)), "origin"),
        (replace(WEB, origins=("*",)), "origin"),
        (replace(WEB, origins=("null",)), "origin"),
        (replace(WEB, homepage="http://x.example"), "homepage"),
        (replace(WEB, terms_uri="javascript:alert(1)"), "terms"),
        (replace(WEB, privacy_uri="https://x.example/\n"), "privacy"),
    ],
)
def test_a_contradiction_is_named(client, words):
    problems = client_problems(client)
    assert [problem for problem in problems if words in problem], problems


def test_everything_that_is_wrong_is_said_at_once():
    wrong = replace(WEB, id="", name="", origins=("*",), redirect_uris=("x",))
    assert 4 == len(client_problems(wrong))


def basic(text):
    return ("Basic " + b64encode(text).decode(),)


@pytest.mark.parametrize(
    ("authorization", "body", "expected"),
    [
        (basic(b"web:s"), {}, Presented(client_id="web", method=BASIC, secret="s")),
        (basic(b"web:s:t"), {}, Presented(client_id="web", method=BASIC, secret="s:t")),
        (basic(b"w%3Ab:%25+x"), {}, Presented(client_id="w:b", method=BASIC, secret="% x")),
        (basic(b"web:"), {}, Presented(client_id="web", method=BASIC, secret="")),
        (basic(b"web:s"), {"client_id": "web"}, Presented(client_id="web", method=BASIC, secret="s")),
        ((), {"client_id": "web", "client_secret": "s"}, Presented(client_id="web", method=POST, secret="s")),
        ((), {"client_id": "spa"}, Presented(client_id="spa", method=NONE, secret=None)),
    ],
)
def test_one_credential_is_read(authorization, body, expected):
    """CA01, CA06"""
    assert expected == read_credentials(authorization, Params.of(**body))


@pytest.mark.parametrize(
    ("authorization", "body", "error"),
    [
        ((), {}, ErrorCode.INVALID_CLIENT),
        ((), {"client_secret": "s"}, ErrorCode.INVALID_CLIENT),
        (basic(b"web:s") * 2, {}, ErrorCode.INVALID_REQUEST),
        (basic(b"web:s"), {"client_id": "spa"}, ErrorCode.INVALID_REQUEST),
        (basic(b"web:s"), {"client_secret": "s"}, ErrorCode.INVALID_REQUEST),
        ((), {"client_id": "web", "client_assertion": "x"}, ErrorCode.INVALID_CLIENT),
        ((), {"client_id": "web", "client_assertion_type": "x"}, ErrorCode.INVALID_CLIENT),
        *(
            (header, {}, ErrorCode.INVALID_CLIENT)
            for header in (
                ("",),
                ("Basic",),
                ("Basic %%%",),
                ("Bearer x",),
                ("Basic \xff",),
                basic(b"web"),
                basic(b":s"),
                basic(b"\xff:s"),
                basic(b"web:%zz"),
                basic(b"web:%00"),
                basic(b"web:a\nb"),
            )
        ),
    ],
)
def test_two_malformed_or_missing_credentials_are_refused(authorization, body, error):
    """CA04, CA06, CA07"""
    with pytest.raises(OAuthError) as refusal:
        read_credentials(authorization, Params.of(**body))
    assert error is refusal.value.code


def says(client_id="web", method=BASIC, secret="s"):
    return Presented(client_id=client_id, method=method, secret=secret)


@pytest.mark.parametrize(
    ("client", "presented", "proven"),
    [
        (WEB, says(), SECRET),
        (WEB, says(), replace(SECRET, expires_at=NOON + 1)),
        (replace(WEB, auth_method=POST), says(method=POST), SECRET),
        (SPA, says("spa", NONE, None), None),
    ],
)
def test_the_registered_way_with_a_live_secret_is_believed(client, presented, proven):
    authenticate(client, presented, proven, now=NOON)


@pytest.mark.parametrize(
    ("client", "presented", "proven", "operator_reads"),
    [
        (None, says(), None, "no client 'web'"),
        (replace(WEB, enabled=False), says(), SECRET, "disabled"),
        (WEB, says(method=POST), SECRET, "registered with client_secret_basic"),
        (WEB, says(method=NONE, secret=None), None, "registered with client_secret_basic"),
        (SPA, says("spa", POST), None, "registered with none"),
        (SPA, says("spa", BASIC, ""), None, "registered with none"),
        (WEB, says(), None, "wrong secret"),
        (WEB, says(), replace(SECRET, expires_at=NOON), "expired 0 s ago"),
    ],
)
def test_a_client_is_refused_in_the_same_words_and_the_operator_learns_why(
    client, presented, proven, operator_reads
):
    """CA03, CA04, CA08"""
    with pytest.raises(OAuthError) as refusal:
        authenticate(client, presented, proven, now=NOON)
    assert (ErrorCode.INVALID_CLIENT, FAILED) == (refusal.value.code, refusal.value.tell_client)
    assert operator_reads in refusal.value.tell_operator


def test_the_kinds_are_all_there():
    """A new kind needs a row in the tables above."""
    assert {client.type for client in (WEB, SPA, NATIVE, MACHINE, RESOURCE_SERVER)} == set(ClientType)
