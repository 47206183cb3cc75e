"""RP-initiated logout: an app asks, the right person is signed out, and nobody is sent astray."""

import pytest

from grantway.crypto.jwk import SigningKey
from grantway.web.cookies import MAX_FLOWS
from tests.checks.answers import (
    bought,
    claims_of,
    is_code,
    is_refusal,
    page_of,
    returned,
    signed_in_visitor,
)
from tests.checks.conftest import SSO_CALLBACK
from tests.node import Visitor, leaving_url, web_client

BYE, BYE_WITH_QUERY = "https://sso.example/bye", "https://sso.example/bye?from=here"
QUESTION, DONE = 'id="logout-submit"', "You are signed out"
EVIL = "https://evil.example/"


@pytest.fixture(scope="module", autouse=True)
async def goodbye(node) -> None:
    """Addresses for afterwards, of two apps."""
    await node.change_client("sso", post_logout_redirect_uris=(BYE, BYE_WITH_QUERY))
    await node.put_client(web_client("bye_too", post_logout_redirect_uris=("https://other.example/bye",)))


@pytest.fixture
async def ada(node) -> Visitor:
    """A browser signed in as ada, who has allowed the app."""
    visitor = await signed_in_visitor(node)
    await hint_for(visitor)
    return visitor


async def hint_for(visitor: Visitor) -> str:
    return (await bought(visitor, "sso", SSO_CALLBACK, scope="openid"))["id_token"]


def asked(visitor: Visitor, **parameters: str):
    """What the browser shows after an app sent it to the end of the session."""
    return visitor.get(
        str(visitor.http.build_request("GET", "/end-session", params=parameters).url.raw_path, "ascii")
    )


async def is_signed_in(visitor: Visitor) -> bool:
    page = await page_of(visitor, "sso", redirect_uri=SSO_CALLBACK, scope="openid", prompt="none")
    answer = returned(page, SSO_CALLBACK)
    if "code" in answer:
        is_code(answer, visitor.node)
        return True
    is_refusal(answer, visitor.node, "login_required")
    return False


async def test_a_flow_that_was_running_ends_with_the_session(ada):
    """P4: in another tab of the same browser, where somebody else may sit down next."""
    page = await ada.get(ada.link(prompt="login"))
    login = str(page.request.url)
    assert 'id="login-submit"' in (await ada.get(login)).text
    await ada.submit(await ada.get("/logout"))
    assert not await is_signed_in(ada)
    assert 403 == (await ada.get(login)).status_code


@pytest.mark.parametrize(
    ("address", "state", "expected"),
    [
        (BYE, None, BYE),
        (BYE, "a b&c=#Ä", f"{BYE}?state=a%20b%26c%3D%23%C3%84"),
        (BYE_WITH_QUERY, "s", f"{BYE_WITH_QUERY}&state=s"),
    ],
)
async def test_an_id_token_signs_its_person_out_and_leads_back(ada, address, state, expected):
    """LO01: with the same state; a silent sign-in fails from then on."""
    more = {} if state is None else {"state": state}
    page = await asked(ada, id_token_hint=await hint_for(ada), post_logout_redirect_uri=address, **more)
    assert (303, expected) == (page.status_code, page.headers["location"])
    assert not await is_signed_in(ada)


async def test_a_request_may_be_posted_from_the_site_of_the_app(ada):
    """LO01: its browser leaves our cookies at home, so it goes on at our own address."""
    fields = {"id_token_hint": await hint_for(ada), "post_logout_redirect_uri": BYE, "state": "s"}
    headers = {"sec-fetch-site": "cross-site", "origin": "https://sso.example", "sec-fetch-dest": "document"}
    stranger = Visitor(ada.node)
    first = await stranger.http.post("/end-session", data=fields, headers=headers)
    assert 303 == first.status_code
    (cookie,) = first.headers.get_list("set-cookie")
    ada.http.cookies.set(*cookie.partition(";")[0].split("=", 1))
    page = await ada.get(first.headers["location"])
    assert f"{BYE}?state=s" == page.headers["location"]
    assert not await is_signed_in(ada)


async def test_what_was_posted_stands_in_no_url_and_goes_on_in_this_browser_alone(ada):
    """LO01, P2, T1: an ID token in a URL would lie in logs and histories; a link to it signs nobody out."""
    hint = await hint_for(ada)
    fields = {"id_token_hint": hint, "client_id": "sso", "post_logout_redirect_uri": BYE, "state": "s3cret"}
    first = await Visitor(ada.node).http.post("/end-session", data=fields)
    where = first.headers["location"]
    assert where.startswith("/end-session?x=")
    for part in (*hint.split("."), "s3cret", "sso.example"):
        assert part not in where
    page = await ada.get(where)
    assert QUESTION in page.text
    assert "Single Sign-On" not in page.text
    assert await is_signed_in(ada)


async def test_forms_of_another_site_do_not_heap_up_cookies(ada):
    """U5, P2: at 180 of them, a browser drops its oldest, and the session with it."""
    for _ in range(20):
        first = await Visitor(ada.node).http.post("/end-session", data={"client_id": "sso"})
        for cookie in first.headers.get_list("set-cookie"):
            ada.http.cookies.set(*cookie.partition(";")[0].split("=", 1), domain="127.0.0.1")
        assert QUESTION in (await ada.get(first.headers["location"])).text
    held = [one.name for one in ada.http.cookies.jar if one.name.startswith("gw_tx_")]
    assert len(held) <= MAX_FLOWS
    assert await is_signed_in(ada)


async def test_an_address_nobody_registered_is_noted_once_though_it_was_posted(ada):
    """LO02, P1: the person is signed out, stays, and reads the reference."""
    form = {"id_token_hint": await hint_for(ada), "post_logout_redirect_uri": EVIL}
    first = await ada.http.post("/end-session", data=form)
    page = await ada.get(first.headers["location"])
    assert DONE in page.text
    assert page.headers["grantway-flow"] == first.headers["grantway-flow"]
    assert page.headers["grantway-flow"] in page.text


async def test_an_old_id_token_is_good_enough(node, ada):
    """LO01: RP-Initiated Logout §4, as sessions outlive ID tokens."""
    key = node.server.snapshots.current().signing_keys["RS256"]
    old = key.sign({**claims_of(await hint_for(ada)), "iat": 1, "exp": 2}, typ="JWT")
    page = await asked(ada, id_token_hint=old, post_logout_redirect_uri=BYE)
    assert BYE == page.headers["location"]


@pytest.mark.parametrize(
    "address", [EVIL, f"{BYE}?more=1", f"{BYE}/", "javascript:alert(1)", "https://other.example/bye"]
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(ada, address):
    """LO02, P1: evil, with a query added, a script, another app's: the person is signed out and stays."""
    page = await asked(ada, id_token_hint=await hint_for(ada), post_logout_redirect_uri=address)
    _stays(page)
    assert "has not registered" in page.text
    assert not await is_signed_in(ada)


def _stays(page) -> None:
    assert 200 == page.status_code
    assert ("location" in page.headers, leaving_url(page), DONE in page.text) == (False, None, True)


async def test_a_hint_that_proves_nothing_leads_nowhere_not_even_after_yes(node, ada):
    """LO02, P1: forged, unsigned, of another client."""
    hint = await hint_for(ada)
    ours = node.server.snapshots.current().signing_keys["RS256"]
    forged = SigningKey.generate("ES256", ours.kid).sign(claims_of(hint), typ="JWT")
    unsigned = f"eyJhbGciOiJub25lIn0.{hint.split('.')[1]}."
    for named in (
        {"id_token_hint": forged},
        {"id_token_hint": unsigned, "client_id": "sso"},
        {"id_token_hint": hint, "client_id": "bye_too"},
        {"id_token_hint": "junk", "client_id": "sso"},
    ):
        visitor = await signed_in_visitor(node)
        page = await asked(visitor, post_logout_redirect_uri=BYE, **named)
        assert QUESTION in page.text
        assert await is_signed_in(visitor)
        _stays(await visitor.submit(page))
        assert not await is_signed_in(visitor)


async def test_without_a_hint_the_person_is_asked_first(ada):
    """LO01, P2: the app is known by its id alone; following a link signs nobody out."""
    page = await asked(ada, client_id="sso", post_logout_redirect_uri=BYE, state="s")
    assert (QUESTION in page.text, "Single Sign-On" in page.text) == (True, True)
    assert await is_signed_in(ada)
    assert f"{BYE}?state=s" == leaving_url(await ada.submit(page))
    assert not await is_signed_in(ada)


async def test_an_id_token_of_somebody_else_signs_nobody_out_unasked(node, ada):
    """P2"""
    eve = await signed_in_visitor(node, "eve")
    page = await asked(ada, id_token_hint=await hint_for(eve), post_logout_redirect_uri=BYE)
    assert QUESTION in page.text
    assert await is_signed_in(ada)


@pytest.mark.parametrize("parameters", [{}, {"state": "s"}, {"client_id": "nobody"}])
async def test_with_no_parameters_the_person_is_asked_and_stays(ada, parameters):
    """LO03"""
    page = await asked(ada, **parameters)
    assert QUESTION in page.text
    _stays(await ada.submit(page))
    assert not await is_signed_in(ada)


async def test_nobody_has_to_be_signed_in(node, ada, visitor):
    """LO01: the session may have ended by itself; who only names a client leads nobody away."""
    hint = await hint_for(ada)
    page = await asked(visitor, id_token_hint=hint, post_logout_redirect_uri=BYE)
    assert BYE == page.headers["location"]
    page = await asked(visitor, client_id="sso", post_logout_redirect_uri=EVIL)
    _stays(page)


async def test_what_is_withdrawn_meanwhile_leads_nowhere(node, ada):
    """LO02: the address is judged again when the person answers."""
    page = await asked(ada, client_id="sso", post_logout_redirect_uri=BYE)
    await node.change_client("sso", post_logout_redirect_uris=(BYE_WITH_QUERY,))
    answer = await ada.submit(page)
    await node.change_client("sso", post_logout_redirect_uris=(BYE, BYE_WITH_QUERY))
    _stays(answer)
