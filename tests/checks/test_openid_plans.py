"""What the plans of docs/openid-conformance.md ask, where no other test does so in the same words.

Its requests carry no PKCE, but for one module; so does the client here whose owner has relaxed that.
"""

import pytest

from grantway.protocol.clients import client_problems
from grantway.protocol.names import AuthMethod
from tests.checks.answers import (
    FORM,
    bought,
    claims_of,
    fresh_code,
    is_consent,
    is_error,
    is_login,
    page_of,
    posted,
    returned,
    signed_in_visitor,
    tokens_of,
    told_on_a_page,
)
from tests.checks.conftest import SIGN_IN, SSO_CALLBACK
from tests.node import Visitor, web_client

SUITE = {"suite": "https://suite.example/callback", "suite_post": "https://suite-post.example/callback"}
NO_PKCE = {"code_challenge": None, "code_challenge_method": None}
SCOPE = "openid profile email address phone"


@pytest.fixture(scope="module", autouse=True)
async def suite(node) -> None:
    """The clients that whoever runs the suite registers."""
    for client_id, method in zip(
        SUITE, (AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST), strict=True
    ):
        client = web_client(
            client_id,
            redirect_uris=(SUITE[client_id],),
            auth_method=method,
            scope=SIGN_IN,
            require_pkce=False,
        )
        await node.put_client(client)


@pytest.fixture(scope="module")
async def ada(node) -> Visitor:
    """A browser signed in as ada."""
    return await signed_in_visitor(node)


@pytest.mark.parametrize("client_id", SUITE)
async def test_the_flow_as_the_suite_sends_it(node, ada, client_id):
    """AZ19, CA01: no challenge and no verifier, by Basic or in the body; userinfo knows the person."""
    asked = {"redirect_uri": SUITE[client_id], "scope": SCOPE, "nonce": "n", **NO_PKCE}
    page = await page_of(ada, client_id, **asked)
    page = await ada.submit(page, answer="allow") if is_consent(page) else page
    code = returned(page, SUITE[client_id])["code"]
    tokens = tokens_of(await node.redeem(code, None, client_id, redirect_uri=SUITE[client_id]))
    reply = await node.send("GET", "/userinfo", headers={"authorization": f"Bearer {tokens['access_token']}"})
    told = claims_of(tokens["id_token"])
    assert (reply.json()["sub"], "n") == (told["sub"], told["nonce"])


async def test_a_code_used_again_after_half_a_minute_ends_what_it_bought(node, ada):
    """CR03, ID02: after thirty seconds as at once."""
    code, verifier = await fresh_code(ada, "sso", SSO_CALLBACK, scope="openid")
    tokens = tokens_of(await node.redeem(code, verifier, "sso", redirect_uri=SSO_CALLBACK))
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await node.send("GET", "/userinfo", headers=bearer)).status_code == 200
    await node.pass_time(30)
    is_error(await node.redeem(code, verifier, "sso", redirect_uri=SSO_CALLBACK), "invalid_grant")
    assert (await node.send("GET", "/userinfo", headers=bearer)).status_code == 401


async def test_no_id_token_is_ever_unsigned(node):
    """ID01: `none` is not advertised, and no client may be registered for it."""
    metadata = (await node.send("GET", "/.well-known/openid-configuration")).json()
    for kind in ("id_token", "userinfo"):
        assert "none" not in metadata[f"{kind}_signing_alg_values_supported"]
    wrong = client_problems(web_client(id_token_signed_response_alg="none"))
    assert ["id_token_signed_response_alg: one of RS256, ES256, EdDSA"] == wrong


async def test_another_address_beside_a_request_object_is_told_on_a_page(node, ada):
    """AZ31, RU01: what is inside the object is not read, so nobody is sent anywhere."""
    page = await page_of(
        ada, "suite", redirect_uri="https://suite.example/other", scope="openid", request="e30.e30."
    )
    told_on_a_page(page)


async def test_a_claim_that_is_essential_is_told_at_userinfo(node, ada):
    """ID09: by name, without the scope it is part of."""
    asked = {"scope": "openid", "claims": '{"userinfo":{"name":{"essential":true}}}'}
    tokens = await bought(ada, "suite", SUITE["suite"], **asked)
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await node.send("GET", "/userinfo", headers=bearer)).json()["name"] == "Ada Lovelace"


async def test_a_silent_sign_in_tells_the_same_sign_in(node, ada):
    """AZ25, AZ29, ID05: same person, same time; with the first ID token as a hint as well."""
    first = await bought(ada, "sso", SSO_CALLBACK, scope="openid")
    known = claims_of(first["id_token"])
    for more in ({}, {"id_token_hint": first["id_token"]}, {"max_age": "10000"}):
        again = await bought(ada, "sso", SSO_CALLBACK, scope="openid", prompt="none", **more)
        told = claims_of(again["id_token"])
        assert [known[name] for name in ("sub", "auth_time", "sid")] == [
            told[name] for name in ("sub", "auth_time", "sid")
        ]


ANSWERED = {
    "openid alone": {},
    "without nonce": {"nonce": None},
    "scope profile": {"scope": "openid profile"},
    "scope email": {"scope": "openid email"},
    "scope address": {"scope": "openid address"},
    "scope phone": {"scope": "openid phone"},
    "scope all": {"scope": SCOPE},
    "scope the other way round": {"scope": "phone address email profile openid"},
    "display page": {"display": "page"},
    "display popup": {"display": "popup"},
    "prompt none": {"prompt": "none", "scope": "openid"},
    "max_age 10000": {"max_age": "10000"},
    "unknown parameter": {"extra": "foobar"},
    "login_hint": {"login_hint": "buffy@id.example"},
    "ui_locales": {"ui_locales": "se"},
    "claims_locales": {"claims_locales": "se"},
    "acr_values": {"acr_values": "urn:grantway:acr:1"},
    "claims": {"claims": '{"userinfo":{"name":{"essential":true}}}'},
    "offline_access": {"scope": "openid offline_access", "prompt": "consent"},
}


@pytest.mark.parametrize("asked", ANSWERED.values(), ids=ANSWERED)
async def test_form_post_carries_the_same_answer(node, ada, asked):
    """AZ14: what is asked has nothing to do with how it is answered; the code is as good."""
    about = {"redirect_uri": SSO_CALLBACK, "scope": "openid", "nonce": "n", **asked}
    page = await page_of(ada, "sso", response_mode="form_post", **about)
    page = await ada.submit(page, answer="allow") if is_consent(page) else page
    answer = posted(page, SSO_CALLBACK)
    assert {"code", "state", "iss"} == answer.keys()
    reply = await node.redeem(answer["code"], ada.verifier, "sso", redirect_uri=SSO_CALLBACK)
    told = claims_of(tokens_of(reply)["id_token"])
    assert about["nonce"] == told.get("nonce")


async def test_form_post_carries_the_answer_after_a_new_sign_in(node):
    """AZ14, AZ27, AZ28: where the password is asked for again, and after a posted request."""
    ada = await signed_in_visitor(node)
    for asked in ({"prompt": "login"}, {"max_age": "0"}):
        page = await page_of(
            ada, "sso", redirect_uri=SSO_CALLBACK, scope="openid", response_mode="form_post", **asked
        )
        assert is_login(page)
        assert posted(await ada.sign_in(page), SSO_CALLBACK)["code"]
    path, _, query = ada.link(
        "sso", redirect_uri=SSO_CALLBACK, scope="openid", response_mode="form_post"
    ).partition("?")
    page = await ada._follow(await ada.http.post(path, content=query, headers=FORM))
    assert posted(page, SSO_CALLBACK)["code"]


REFUSED = {
    "prompt=none": ({"prompt": "none"}, "login_required"),
    "response_type": ({"response_type": None}, "invalid_request"),
    "request": ({"request": "e30.e30."}, "request_not_supported"),
    "request_uri": ({"request_uri": "https://suite.example/object"}, "request_uri_not_supported"),
}


@pytest.mark.parametrize(("asked", "error"), REFUSED.values(), ids=REFUSED)
async def test_form_post_carries_refusals(node, visitor, asked, error):
    """AZ14, AZ11, AZ24, AZ31: to somebody whom nobody knows yet."""
    about = {"redirect_uri": SSO_CALLBACK, "scope": "openid", **asked}
    page = await page_of(visitor, "sso", response_mode="form_post", **about)
    assert error == posted(page, SSO_CALLBACK)["error"]


@pytest.mark.parametrize(
    ("named", "question"),
    [
        ({"post_logout_redirect_uri": "https://sso.example/bye"}, True),
        ({"hint": "yes"}, False),
        ({"hint": "yes", "state": "s"}, False),
    ],
    ids=["address alone", "hint alone", "hint and state"],
)
async def test_without_both_address_and_hint_the_person_stays(node, named, question):
    """LO02, LO03: signed out in the end, and nowhere else than here."""
    ada = await signed_in_visitor(node)
    about = dict(named)
    if about.pop("hint", None):
        about["id_token_hint"] = (await bought(ada, "sso", SSO_CALLBACK, scope="openid"))["id_token"]
    path = str(ada.http.build_request("GET", "/end-session", params=about).url.raw_path, "ascii")
    page = await ada.get(path)
    assert question == ('id="logout-submit"' in page.text)
    page = await ada.submit(page) if question else page
    assert "You are signed out" in page.text
    assert "location" not in page.headers
    assert is_login(await page_of(ada, "sso", redirect_uri=SSO_CALLBACK, scope="openid"))


async def test_the_document_says_how_apps_hear_of_logouts(node):
    """MD03, LO09, LO10: by both channels, naming the session."""
    metadata = (await node.send("GET", "/.well-known/openid-configuration")).json()
    for channel in ("backchannel", "frontchannel"):
        assert metadata[f"{channel}_logout_supported"] is True
        assert metadata[f"{channel}_logout_session_supported"] is True
    assert metadata["end_session_endpoint"] == f"{node.issuer}/end-session"
    assert "sid" in metadata["claims_supported"]
