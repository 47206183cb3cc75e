"""The metadata document: every member is there, and every member is true."""

from dataclasses import replace
from itertools import product
from urllib.parse import urlsplit

import pytest

from grantway.protocol.apis import ApiScope
from tests.checks.answers import (
    FORM,
    INACTIVE,
    CheckedNode,
    is_code,
    is_error,
    is_unauthenticated,
    page_of,
    posted,
    returned,
    tokens_of,
)
from tests.node import CALENDAR, CALLBACK, Visitor, free_port, leaving_url, seeded_node, sqlite_url
from tests.signing import ALGS, assertion

WELL_KNOWN = "/.well-known/oauth-authorization-server"
OPENID_WELL_KNOWN = "/.well-known/openid-configuration"
ENDPOINTS = {
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "revocation_endpoint",
    "introspection_endpoint",
    "userinfo_endpoint",
    "end_session_endpoint",
}


@pytest.fixture
async def metadata(node) -> dict:
    return (await node.send("GET", WELL_KNOWN)).json()


async def test_the_document_names_the_issuer_exactly(node):
    """MD01: as it is configured, whatever name the request came by, at both addresses."""
    localhost = urlsplit(node.issuer).netloc.replace("127.0.0.1", "localhost")
    for host, path in product(("", localhost), (WELL_KNOWN, OPENID_WELL_KNOWN)):
        reply = await node.send("GET", path, headers={"host": host} if host else {})
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.json()["issuer"] == node.issuer


@pytest.fixture
async def mounted(tmp_path):
    """A node whose issuer has a path."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}/id"
    async with seeded_node(sqlite_url(tmp_path), port=port, issuer=issuer) as node:
        yield CheckedNode(**vars(node))


async def test_the_document_of_an_issuer_with_a_path_lies_where_rfc_8414_wants_it(mounted):
    """MD02: the well-known name is inserted before the path; that of OpenID Connect is appended to it."""
    root = mounted.issuer.removesuffix("/id")
    reply = await mounted.send("GET", f"{root}{WELL_KNOWN}/id")
    assert reply.status_code == 200
    body = reply.json()
    assert body["issuer"] == mounted.issuer
    assert {body[name].startswith(mounted.issuer + "/") for name in ENDPOINTS} == {True}
    assert (await mounted.send("GET", f"{root}{WELL_KNOWN}")).status_code == 404
    appended = await mounted.send("GET", f"{mounted.issuer}{OPENID_WELL_KNOWN}")
    assert (200, body) == (appended.status_code, appended.json())
    assert (await mounted.send("GET", f"{root}{OPENID_WELL_KNOWN}")).status_code == 404


async def test_a_whole_flow_runs_below_the_path_of_the_issuer(mounted):
    """MD02"""
    visitor = Visitor(mounted)
    visitor.http.base_url = mounted.issuer.removesuffix("/id")  # its pages name whole paths
    page = await visitor.get(mounted.issuer + visitor.link())
    page = await visitor.submit(await visitor.sign_in(page), answer="allow")
    code = is_code(returned(page), mounted)
    tokens_of(await mounted.redeem(code, visitor.verifier))


async def test_the_document_has_every_member_it_needs_and_no_empty_one(node, metadata):
    """MD03"""
    needed = ENDPOINTS | {
        "issuer",
        "scopes_supported",
        "response_types_supported",
        "response_modes_supported",
        "grant_types_supported",
        "token_endpoint_auth_methods_supported",
        "revocation_endpoint_auth_methods_supported",
        "introspection_endpoint_auth_methods_supported",
        "code_challenge_methods_supported",
        "authorization_response_iss_parameter_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
        "claims_supported",
    }
    assert needed <= metadata.keys()
    assert [name for name, value in metadata.items() if value in ([], "", None, {})] == []
    assert {urlsplit(metadata[name])[:2] for name in ENDPOINTS} == {urlsplit(node.issuer)[:2]}
    assert metadata["response_types_supported"] == ["code"]
    assert "RS256" in metadata["id_token_signing_alg_values_supported"]
    assert metadata["request_uri_parameter_supported"] is False


async def test_the_scopes_are_those_that_can_be_asked_for(node, metadata):
    """MD03: of every API, and of the server."""
    photos = {"photos:read", "photos:write", "photos:delete"}
    own = {"openid", "profile", "email", "address", "phone", "offline_access"}
    assert set(metadata["scopes_supported"]) == {*photos, "calendar:read", *own}


@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS))
async def test_every_endpoint_named_answers(node, metadata, endpoint):
    """MD04: to GET and to POST, though not always with what was hoped for."""
    for method in ("GET", "POST"):
        reply = await node.send(method, metadata[endpoint])
        assert reply.status_code not in {404, 410}


async def test_the_challenge_methods_named_work_and_no_other(node, metadata, member):
    """MD05"""
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    is_code(returned(await page_of(member, code_challenge_method="S256")), node)
    assert "error" in returned(await page_of(member, code_challenge_method="plain"))


async def test_the_response_modes_named_work(node, metadata, member):
    """MD06"""
    readers = {
        "query": returned,
        "fragment": lambda page: dict(
            pair.split("=", 1) for pair in leaving_url(page).removeprefix(CALLBACK + "#").split("&")
        ),
        "form_post": posted,
    }
    assert set(metadata["response_modes_supported"]) == set(readers)
    for mode, read in readers.items():
        assert read(await page_of(member, response_mode=mode))["code"]


async def test_the_prompts_named_are_understood(node, metadata, visitor):
    """MD03"""
    for prompt in metadata["prompt_values_supported"]:
        page = await page_of(visitor, prompt=prompt)
        assert "invalid_request" not in (leaving_url(page) or "")


async def test_the_grant_types_named_work_and_no_other(node, metadata, member):
    """MD03"""
    assert set(metadata["grant_types_supported"]) == {
        "authorization_code",
        "refresh_token",
        "client_credentials",
    }
    code = is_code(returned(await page_of(member)), node)
    tokens = tokens_of(await node.redeem(code, member.verifier))
    tokens_of(await node.refresh(tokens["refresh_token"]))
    tokens_of(await node.token("machine", grant_type="client_credentials", scope="calendar:read"))
    is_error(await node.token("printer", grant_type="password"), "unsupported_grant_type")


async def test_the_authentication_methods_named_work(node, metadata, member):
    """MD07, FS33: `none` among them, since there are public clients."""
    clients = {
        "none": "spa",
        "client_secret_basic": "printer",
        "client_secret_post": "other",
        "private_key_jwt": "signer",
    }
    assert set(metadata["token_endpoint_auth_methods_supported"]) == set(clients)
    assert set(metadata["revocation_endpoint_auth_methods_supported"]) == set(clients)
    for client_id in clients.values():
        is_error(await node.refresh("x", client_id), "invalid_grant")
        assert (await node.post("/revoke", client_id, token="x")).status_code == 200


async def test_the_authentication_methods_named_for_introspection_work(node, metadata):
    """MD07: nobody introspects without a secret."""
    clients = {
        "client_secret_basic": "printer",
        "client_secret_post": "other",
        "private_key_jwt": "signer",
    }
    assert set(metadata["introspection_endpoint_auth_methods_supported"]) == set(clients)
    for client_id in clients.values():
        assert (await node.introspect("x", client_id)).content == INACTIVE
    is_unauthenticated(await node.introspect("x", "spa"))


async def test_the_algorithms_named_for_assertions_work(node, metadata):
    """MD07: at each endpoint; `none` and shared secrets are not among them."""
    for endpoint in ("token", "revocation", "introspection"):
        named = metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert set(named) == set(ALGS)
        assert not any(alg == "none" or alg.startswith("HS") for alg in named)
    for alg in ALGS:
        form = assertion(node.issuer, "signer", alg=alg)
        assert (await node.send("POST", "/introspect", token="x", **form)).content == INACTIVE


async def test_an_authentication_method_that_is_not_named_is_refused(node, metadata):
    """MD07: an assertion is never mistaken for a name alone."""
    assertion = {
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "e30.e30.x",
    }
    for extra in (assertion, {"client_assertion": "x"}, {"client_assertion_type": "x"}):
        for client_id in ("spa", "printer", "nobody"):
            request = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client_id, **extra}
            is_unauthenticated(await node.send("POST", "/token", **request))


async def test_anybody_may_read_the_document_and_the_keys_from_any_page(node, metadata):
    """MD09"""
    for url in (WELL_KNOWN, OPENID_WELL_KNOWN, metadata["jwks_uri"]):
        for origin in ("https://spa.example", "https://anywhere.example", "null"):
            reply = await node.send("GET", url, headers={"origin": origin})
            assert reply.status_code == 200
            assert reply.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in reply.headers


async def test_no_page_of_somebody_else_may_read_the_authorization_endpoint(node, member):
    """MD11: it is for windows, not for scripts; not even those of a registered origin."""
    for origin in ("https://spa.example", "https://evil.example", "null"):
        for method in ("GET", "POST", "OPTIONS"):
            headers = {**FORM, "origin": origin, "access-control-request-method": "GET"}
            reply = await member.http.request(method, member.link(), headers=headers)
            assert not [name for name in reply.headers if name.startswith("access-control-")]


async def test_a_registered_page_may_read_the_token_endpoint_and_no_other(node):
    """MD11: the browser app needs that; it gets no credentials of the person along."""
    for path in ("/token", "/revoke"):
        for origin, allowed in (
            ("https://spa.example", "https://spa.example"),
            ("https://evil.example", None),
        ):
            for method in ("POST", "OPTIONS"):
                headers = {**FORM, "origin": origin, "access-control-request-method": "POST"}
                reply = await node.send(method, path, headers=headers)
                assert reply.headers.get("access-control-allow-origin") == allowed
                assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize("path", ["/token", "/revoke", "/userinfo"])
async def test_a_registered_page_may_send_what_libraries_send(node, path):
    """MD11: Swagger UI names itself with X-Requested-With; the browser asks first whether it may."""
    headers = {"origin": "https://spa.example", "access-control-request-method": "POST"}
    reply = await node.send("OPTIONS", path, headers=headers)
    allowed = reply.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "content-type", "x-requested-with"} == set(allowed)


async def test_the_document_follows_the_registry(node, metadata):
    """MD03: without a restart."""
    more = ApiScope(name="calendar:write", description="Make appointments")
    await node.put_api(replace(CALENDAR, scopes=(*CALENDAR.scopes, more)))
    later = (await node.send("GET", WELL_KNOWN)).json()
    assert set(later["scopes_supported"]) - set(metadata["scopes_supported"]) == {"calendar:write"}
    await node.put_api(CALENDAR)
