"""Who calls? Client authentication at the token endpoint."""

from base64 import b64encode
from urllib.parse import quote

import pytest

from grantway.crypto.given_secrets import given_secret_hash
from grantway.protocol.clients import ClientSecret, SecretScheme
from grantway.storage.changes import PutSecret
from tests.checks.answers import FORM, fresh_code, is_error, is_unauthenticated, tokens_of
from tests.node import CALLBACK, pkce

OTHER = "https://other.example/callback"


def basic(text: str | bytes, scheme: str = "Basic") -> dict[str, str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return {"authorization": f"{scheme} {b64encode(raw).decode()}"}


async def code_request(visitor, client_id: str = "printer", to: str = CALLBACK) -> dict[str, str]:
    """A code request in order, but for the client's proof."""
    code, verifier = await fresh_code(visitor, client_id, to)
    return {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": to,
    }


def junk_request() -> dict[str, str]:
    return {"grant_type": "authorization_code", "code": "x", "code_verifier": pkce()[0]}


async def send(node, form, headers=None):
    return await node.send("POST", "/token", headers={**FORM, **(headers or {})}, **form)


@pytest.mark.parametrize("scheme", ["Basic", "bASIC", "basic", "BASIC"])
async def test_basic_is_accepted_in_any_case(node, member, scheme):
    """CA01"""
    form = await code_request(member)
    tokens_of(await send(node, form, basic(f"printer:{node.secrets['printer']}", scheme)))


async def test_a_secret_may_travel_in_the_body_where_that_is_registered(node, member):
    """CA01"""
    form = await code_request(member, "other", OTHER)
    form |= {"client_id": "other", "client_secret": node.secrets["other"]}
    tokens_of(await send(node, form))


async def test_the_parts_of_basic_are_form_encoded(node):
    """CA01: RFC 6749 §2.3.1; a secret brought from elsewhere may hold any character."""
    secret = "p:a%s s+w/ö?rd" * 3
    hashed = given_secret_hash(node.server.master_keys[0], "machine", secret)
    await put_secret(node, "machine", hashed)
    request = {"grant_type": "client_credentials", "scope": "calendar:read"}
    tokens_of(await send(node, request, basic(f"machine:{quote(secret, safe='')}")))
    is_unauthenticated(await send(node, request, basic(f"machine:{secret}")))


async def put_secret(node, client_id: str, hashed: bytes) -> None:
    row = ClientSecret(
        id="moved", client_id=client_id, hash=hashed, scheme=SecretScheme.GIVEN, created_at=node.server.now()
    )
    await node.server.snapshots.change([PutSecret(row)], [])


async def test_each_of_two_live_secrets_is_accepted_until_it_expires(node):
    """CA01: so that a secret is changed without an outage."""
    request = {"grant_type": "client_credentials", "scope": "calendar:read"}
    old = node.secrets["machine"]
    new = await node.add_secret("machine")
    expired = await node.add_secret("machine", expires_at=node.server.now() - 1)
    for secret in (old, new):
        tokens_of(await send(node, request, basic(f"machine:{secret}")))
    is_unauthenticated(await send(node, request, basic(f"machine:{expired}")))


def wrong_secrets(node, client_id: str) -> list[str]:
    right = node.secrets[client_id]
    return ["x", right[:-1], right + "x", right.swapcase(), " " + right, node.secrets["single"], "x" * 5000]


async def test_a_wrong_secret_by_basic_burns_nothing(node, member):
    """CA03: libraries try one way of authentication, then another, with the same code."""
    form = await code_request(member)
    for secret in wrong_secrets(node, "printer"):
        is_unauthenticated(await send(node, form, node.basic("printer", secret)))
    tokens_of(await send(node, form, node.basic("printer")))


async def test_a_wrong_secret_in_the_body_burns_nothing(node, member):
    """CA03"""
    form = await code_request(member, "other", OTHER)
    for secret in wrong_secrets(node, "other"):
        is_unauthenticated(await send(node, {**form, "client_id": "other", "client_secret": secret}))
    tokens_of(await send(node, {**form, "client_id": "other", "client_secret": node.secrets["other"]}))


async def test_another_way_than_the_registered_one_is_refused(node, member):
    """CA03: and the registered one still works afterwards."""
    form = await code_request(member)
    is_unauthenticated(
        await send(node, {**form, "client_id": "printer", "client_secret": node.secrets["printer"]})
    )
    tokens_of(await send(node, form, node.basic("printer")))
    form = await code_request(member, "other", OTHER)
    is_unauthenticated(await send(node, form, node.basic("other")))
    tokens_of(await send(node, {**form, "client_id": "other", "client_secret": node.secrets["other"]}))


async def test_an_unknown_client_hears_what_a_wrong_secret_hears(node):
    """CA03: nobody learns which clients exist."""
    form = junk_request()
    wrong = await send(node, form, basic("printer:x"))
    unknown = await send(node, form, basic("nobody:x"))
    for reply in (wrong, unknown):
        is_unauthenticated(reply)
    told = [reply.text.replace(reply.headers["grantway-flow"], "") for reply in (wrong, unknown)]
    assert told[0] == told[1]
    assert [name for name in wrong.headers if name != "date"] == [
        name for name in unknown.headers if name != "date"
    ]


async def test_a_disabled_client_hears_the_same(node):
    """CA03"""
    await node.change_client("tenant", enabled=False)
    is_unauthenticated(await node.token("tenant", **junk_request()))
    await node.change_client("tenant", enabled=True)
    is_error(await node.token("tenant", **junk_request()), "invalid_grant")


@pytest.mark.parametrize(
    "form", [{}, {"client_id": "printer"}, {"client_id": "other"}, {"client_secret": "x"}, {"client_id": ""}]
)
async def test_a_confidential_client_cannot_just_say_its_name(node, member, form):
    """CA04"""
    request = await code_request(member)
    is_unauthenticated(await send(node, {**request, **form}))
    tokens_of(await send(node, request, node.basic("printer")))


async def test_the_name_in_the_body_is_the_name_in_the_header(node, member):
    """CA06"""
    form = await code_request(member)
    for other in ("other", "cli", "Printer"):
        reply = await send(node, {**form, "client_id": other}, node.basic("printer"))
        is_error(reply, "invalid_request")
    tokens_of(await send(node, {**form, "client_id": "printer"}, node.basic("printer")))


async def test_two_ways_of_authentication_in_one_request_are_refused(node, member):
    """CA06: RFC 6749 §2.3, even where both are right."""
    form = await code_request(member)
    both = {**form, "client_id": "printer", "client_secret": node.secrets["printer"]}
    is_error(await send(node, both, node.basic("printer")), "invalid_request")
    tokens_of(await send(node, form, node.basic("printer")))


async def test_two_authorization_headers_are_refused(node):
    """CA06"""
    header = ("authorization", node.basic("printer")["authorization"])
    headers = [*FORM.items(), header, header]
    is_error(await node.send("POST", "/token", headers=headers, **junk_request()), "invalid_request")


MALFORMED = [
    "",
    "Basic",
    "Basic !!!!",
    "Basic =",
    "Basic printer:secret",
    "Basic " + b64encode(b"printer").decode(),
    "Basic " + b64encode(b":").decode(),
    "Basic " + b64encode(b":secret").decode(),
    "Basic " + b64encode(b"printer:%zz").decode(),
    "Basic " + b64encode(b"printer:%ff").decode(),
    "Basic " + b64encode(b"\xff\xfe:\xff").decode(),
    "Basic " + b64encode(b"printer:a\0b").decode(),
    "Basic " + b64encode(b"printer:%00").decode(),
    "Basic " + b64encode(b"printer:x").decode()[:-1],
    "Basic " + b64encode(b"printer:x").decode() + " trailing",
    "Basic\t" + b64encode(b"printer:x").decode(),
    b"Basic \xc3\xa9\xff",
    "Bearer gwat_x",
    "Digest username=printer",
    "Negotiate " + "A" * 4000,
    "," * 50,
    "Basic " + "A" * 10_000,
]


@pytest.mark.parametrize("header", MALFORMED, ids=lambda header: ascii(header[:40]))
async def test_a_malformed_authorization_header_is_refused_in_peace(node, header):
    """CA07: with and without a name in the body."""
    for extra in ({}, {"client_id": "printer"}, {"client_id": "cli"}):
        headers = [*FORM.items(), ("authorization", header)]
        reply = await node.send("POST", "/token", headers=headers, **junk_request(), **extra)
        assert reply.status_code in {400, 401}
        is_error(reply, "invalid_client", "invalid_request", status=reply.status_code)


@pytest.mark.parametrize("secret", ["x", "gwcs_x", " "])
async def test_a_public_client_has_no_secret_to_send(node, member, secret):
    """CA08"""
    to = "https://spa.example/cb"
    form = {**await code_request(member, "spa", to), "client_id": "spa"}
    is_unauthenticated(await send(node, {**form, "client_secret": secret}))
    is_unauthenticated(await send(node, form, basic(f"spa:{secret}")))
    is_unauthenticated(await send(node, form, basic("spa:")))
    tokens_of(await send(node, form))


async def test_an_empty_parameter_counts_as_none_so_a_public_client_may_send_it(node, member):
    """CA08: RFC 6749 §3.1; some libraries always send client_secret."""
    to = "https://spa.example/cb"
    form = {**await code_request(member, "spa", to), "client_id": "spa", "client_secret": ""}
    tokens_of(await send(node, form))


async def test_an_empty_secret_proves_nothing(node, member):
    """CA08"""
    form = await code_request(member)
    is_unauthenticated(await send(node, form, basic("printer:")))
    is_unauthenticated(await send(node, {**form, "client_id": "other", "client_secret": ""}))
    tokens_of(await send(node, form, node.basic("printer")))
