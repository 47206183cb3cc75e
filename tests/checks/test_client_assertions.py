"""Who calls? Clients that prove themselves with a key: private_key_jwt."""

import asyncio
import base64
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization

from tests.checks.answers import FORM, INACTIVE, is_error, is_unauthenticated, tokens_of
from tests.signing import ALGS, as_form, assertion, b64, claims_of, hmac_jwt, new_signer, signer_for

ASKED = {"grant_type": "client_credentials", "scope": "calendar:read"}


async def ask(node, form, path="/token", **more):
    asked = ASKED if path == "/token" else {"token": "x"}
    return await node.send("POST", path, **{**asked, **form, **more})


@pytest.mark.parametrize("alg", ALGS)
async def test_an_assertion_in_order_is_a_proof(node, alg):
    """CA09, FS31: for every algorithm, with and without a client_id beside it."""
    tokens_of(await ask(node, assertion(node.issuer, "signer", alg=alg)))
    tokens_of(await ask(node, assertion(node.issuer, "signer", alg=alg), client_id="signer"))


@pytest.mark.parametrize(
    "header", [{"typ": None}, {"typ": "jwt"}, {"typ": "client-authentication+jwt"}, {"kid": None}]
)
async def test_type_and_key_may_be_left_out_or_named(node, header):
    """CA09"""
    text = signer_for("ES256").jwt(claims_of(node.issuer, "signer"), alg="ES256", **header)
    tokens_of(await ask(node, as_form(text)))


async def test_every_endpoint_of_machines_takes_it(node):
    """CA09: the token endpoint, revocation and introspection share one authenticator."""
    token = tokens_of(await ask(node, assertion(node.issuer, "signer")))["access_token"]
    told = await node.send("POST", "/introspect", token=token, **assertion(node.issuer, "signer"))
    assert told.json()["active"] is True
    assert (
        await node.send("POST", "/revoke", token=token, **assertion(node.issuer, "signer"))
    ).status_code == 200
    told = await node.send("POST", "/introspect", token=token, **assertion(node.issuer, "signer"))
    assert told.content == INACTIVE


async def test_the_token_endpoint_is_an_audience_only_where_the_owner_allows_it(node, why):
    """CA09, I2: and lists are, too, only there."""
    endpoint = f"{node.issuer}/token"
    for audience in (
        endpoint,
        [node.issuer],
        [endpoint],
        [endpoint, "https://other.example"],
        [node.issuer, endpoint],
    ):
        is_unauthenticated(await ask(node, assertion(audience, "signer")))
        assert "aud of the assertion of signer" in why()
        tokens_of(await ask(node, assertion(audience, "legacy")))
    is_unauthenticated(await ask(node, assertion(endpoint, "signer")))
    assert "its owner may allow the legacy audience" in why()
    tokens_of(await ask(node, assertion(node.issuer, "legacy")))


@pytest.mark.parametrize(
    "audience",
    [
        "https://other.example",
        "",
        None,
        7,
        True,
        {},
        {"iss": 1},
        [],
        [7],
        [None],
        [[]],
        "ISSUER/",
        "ISSUER/x",
        "ISSUER/revoke",
        "ISSUER/token/",
        "ISSUER/token?x",
        "ISSUER.evil.example",
        ["https://other.example", "https://other.example/token"],
        "issuer",
    ],
    ids=repr,
)
@pytest.mark.parametrize("client_id", ["signer", "legacy"])
async def test_a_foreign_or_malformed_audience_is_refused(node, audience, client_id):
    """CA10, I2: nor is one that begins like ours, or stands for another endpoint."""
    if isinstance(audience, str):
        audience = audience.replace("ISSUER", node.issuer)
    is_unauthenticated(await ask(node, assertion(audience, client_id)))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("exp", -60),
        ("exp", -11),
        ("exp", None),
        ("exp", "soon"),
        ("exp", "1e9"),
        ("exp", True),
        ("exp", []),
        ("exp", 4000),
        ("exp", 1e30),
        ("exp", 48 * 3600),
        ("nbf", 600),
        ("nbf", 61),
        ("nbf", "x"),
        ("iat", 600),
        ("iat", 61),
        ("iat", -4000),
        ("iat", []),
    ],
)
async def test_an_assertion_out_of_its_time_is_refused(node, why, claim, value):
    """CA11, I4"""
    is_time = isinstance(value, int | float) and not isinstance(value, bool)
    claims = claims_of(node.issuer, "signer", **{claim: time.time() + value if is_time else value})
    is_unauthenticated(await ask(node, as_form(signer_for("ES256").jwt(claims, alg="ES256"))))
    assert "the assertion" in why()
    assert any(word in why() for word in (claim, "expired", "lives", "valid", "issued"))


@pytest.mark.parametrize(
    ("claim", "value"), [("nbf", 5), ("iat", 5), ("nbf", -600), ("iat", -600), ("exp", 3000)]
)
async def test_clocks_may_be_a_little_apart(node, claim, value):
    """CA11"""
    tokens_of(await ask(node, assertion(node.issuer, "signer", **{claim: time.time() + value})))


async def test_iat_may_be_left_out(node):
    """CA11: RFC 7523 §3 asks for exp alone."""
    tokens_of(await ask(node, assertion(node.issuer, "signer", iat=None)))


@pytest.mark.parametrize(
    "changes",
    [
        *(
            {name: value}
            for name in ("iss", "sub")
            for value in (None, "legacy", "nobody", ["signer"], 7, "")
        ),
        *({"iss": name, "sub": name} for name in ("legacy", "SIGNER")),
    ],
    ids=repr,
)
async def test_issuer_and_subject_are_the_client(node, changes):
    """CA13, I5: signed with a key that `legacy` does not have."""
    own = new_signer()
    await node.change_client("legacy", jwks=(own.jwk_text,))
    is_unauthenticated(await ask(node, assertion(node.issuer, "signer", **changes)))
    await node.change_client("legacy", jwks=node.server.snapshots.newest.registry.clients["signer"].jwks)


async def test_a_key_that_is_not_registered_proves_nothing(node, why):
    """CA15: by whatever name."""
    for kid in ("ec", "another", None):
        text = new_signer().jwt(claims_of(node.issuer, "signer"), alg="ES256", kid=kid)
        is_unauthenticated(await ask(node, as_form(text)))
        assert "the assertion of signer is refused" in why()


def _brought(signer, name: str) -> object:
    der = signer.private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    x5c = [base64.b64encode(der).decode()]
    return {
        "jwk": signer.jwk,
        "jku": "http://127.0.0.1:1/keys",
        "x5u": "http://127.0.0.1:1/x",
        "x5c": x5c,
    }.get(name, ["x"])


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"])
async def test_a_key_in_the_header_is_never_looked_at(node, name):
    """CA15, K3, K5: one that would bring its own key or change how it is read, even beside the right key."""
    thief = new_signer()
    for signer in (thief, signer_for("ES256")):
        text = signer.jwt(claims_of(node.issuer, "signer"), alg="ES256", **{name: _brought(thief, name)})
        is_unauthenticated(await ask(node, as_form(text)))


async def test_nothing_but_a_fitting_algorithm_counts(node):
    """CA15, K1, I3: none, a shared secret, the public key as a secret, an algorithm of another key."""
    claims = claims_of(node.issuer, "signer")
    rsa, es = signer_for("RS256"), signer_for("ES256")
    pem = rsa.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    der = rsa.private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    texts = [
        f"{b64({'alg': 'none'})}.{b64(claims)}.",
        f"{b64({'alg': 'none'})}.{b64(claims)}.{b64(b'x')}",
        f"{b64({'alg': 'None', 'kid': 'ec'})}.{b64(claims)}.{b64(b'x')}",
        hmac_jwt(claims, pem, kid="rsa"),
        hmac_jwt(claims, der, kid="rsa"),
        hmac_jwt(claims, es.jwk_text.encode(), kid="ec"),
        hmac_jwt(claims, b""),
        rsa.jwt(claims, alg="RS256", kid="ec"),
        es.jwt(claims, alg="RS256", kid="ec"),
        es.jwt(claims, alg="ES256K"),
        es.jwt(claims, alg="es256"),
        new_signer("p384").jwt(claims, alg="ES384", kid="ec"),
    ]
    for text in texts:
        is_unauthenticated(await ask(node, as_form(text)))


async def test_broken_assertions_are_ordinary_refusals(node):
    """CA15"""
    good = assertion(node.issuer, "signer")["client_assertion"]
    head, body, signature = good.split(".")
    twice = b64(b'{"alg":"ES256","alg":"none","kid":"ec"}')
    broken = [
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{b64(claims_of(node.issuer, 'signer'))}.{signature}",
        f"{twice}.{body}.{signature}",
        f"{good}.x",
        f"{good}=",
        f" {good}",
        "x",
        "..",
        "a.b.c",
        "é.é.é",
        f"{head}.{b64(b'[]')}.{signature}",
        f"{head}.{b64(b'[' * 4000)}.{signature}",
        f"{head}.{b64(json.dumps({'sub': 'signer', 'x': 'y' * 9000}).encode())}.{signature}",
    ]
    for text in broken:
        is_unauthenticated(await ask(node, as_form(text)))
        is_unauthenticated(await ask(node, as_form(text), client_id="signer"))
    tokens_of(await ask(node, as_form(good)))


async def test_an_access_token_is_no_assertion(node):
    """CA15, K8: nor is a JWT of another kind, whoever signed it."""
    token = tokens_of(await ask(node, assertion(node.issuer, "signer")))["access_token"]
    is_unauthenticated(await ask(node, as_form(token)))
    for typ in ("at+jwt", "dpop+jwt", "logout+jwt", "application/at+jwt", 7, ""):
        text = signer_for("ES256").jwt(claims_of(node.issuer, "signer"), alg="ES256", typ=typ)
        is_unauthenticated(await ask(node, as_form(text)))


async def test_the_type_of_the_assertion_has_to_be_said(node):
    """CA16, I5: and a client_id beside it is the same one."""
    form = assertion(node.issuer, "signer")
    for kind in (None, "x", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "JWT"):
        said = {**form, "client_assertion_type": kind}
        is_unauthenticated(
            await ask(node, {name: value for name, value in said.items() if value is not None})
        )
    is_unauthenticated(await ask(node, {"client_assertion_type": form["client_assertion_type"]}))
    is_unauthenticated(await ask(node, form, client_id="legacy"))
    tokens_of(await ask(node, form))


async def test_a_second_way_beside_it_is_refused(node):
    """CA16: RFC 6749 §2.3, even where both are right."""
    form = assertion(node.issuer, "signer")
    for more, header in (
        ({"client_secret": "x"}, {}),
        ({}, node.basic("machine")),
        ({}, node.basic("signer", "x")),
        ({}, {"authorization": "Bearer x"}),
    ):
        headers = {**FORM, **header}
        is_error(
            await node.send("POST", "/token", headers=headers, **ASKED, **form, **more), "invalid_request"
        )
    tokens_of(await ask(node, form))


async def test_a_client_with_a_key_cannot_just_say_its_name(node):
    """CA16, H4: nor send a secret; and a client with a secret cannot sign."""
    for form in ({"client_id": "signer"}, {"client_id": "signer", "client_secret": "x"}, {}):
        is_unauthenticated(await ask(node, form))
    for client_id in ("machine", "printer", "spa", "nobody"):
        is_unauthenticated(await ask(node, assertion(node.issuer, client_id)))


async def test_an_assertion_is_good_once(node, why):
    """I1: at whichever endpoint; another with the same jti is as good as used."""
    form = assertion(node.issuer, "signer")
    tokens_of(await ask(node, form))
    for path in ("/token", "/introspect", "/revoke"):
        is_unauthenticated(await ask(node, form, path))
        assert "was used before" in why()
    is_unauthenticated(await ask(node, assertion(node.issuer, "signer", jti=_jti(form), alg="RS256")))
    tokens_of(await ask(node, assertion(node.issuer, "legacy", jti=_jti(form))))


def _jti(form) -> str:
    payload = form["client_assertion"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))["jti"]


async def test_of_many_at_once_one_is_believed(node):
    """I1"""
    form = assertion(node.issuer, "signer")
    replies = await asyncio.gather(*(ask(node, form) for _ in range(20)))
    assert sorted(reply.status_code for reply in replies) == [200] + [401] * 19


@pytest.mark.parametrize("jti", [None, "", 7, [], "x" * 257], ids=lambda jti: repr(jti)[:10])
async def test_an_assertion_without_a_name_of_its_own_is_refused(node, jti):
    """I1: RFC 7523 leaves jti open; without it nothing could be told from a replay."""
    is_unauthenticated(await ask(node, assertion(node.issuer, "signer", jti=jti)))


async def test_a_refused_assertion_is_not_used_up(node):
    """I1: nobody but the client can burn its jti."""
    form = assertion(node.issuer, "signer")
    forged = new_signer().jwt(claims_of(node.issuer, "signer", jti=_jti(form)), alg="ES256", kid="ec")
    is_unauthenticated(await ask(node, as_form(forged)))
    tokens_of(await ask(node, form))


async def test_a_used_assertion_is_remembered_until_it_has_expired(node):
    """I1: no cleanup takes it before."""
    form = assertion(node.issuer, "signer")
    tokens_of(await ask(node, form))
    while await node.store.drop_expired():
        pass
    is_unauthenticated(await ask(node, form))


async def test_a_disabled_client_is_refused_with_the_right_key(node):
    """CA09"""
    await node.change_client("legacy", enabled=False)
    is_unauthenticated(await ask(node, assertion(node.issuer, "legacy")))
    await node.change_client("legacy", enabled=True)
    tokens_of(await ask(node, assertion(node.issuer, "legacy")))


async def test_keys_can_be_changed_without_an_outage(node):
    """CA15: two are registered for a while; the one that is taken away is good for nothing at once."""
    old, new = new_signer(), new_signer("okp")
    await node.change_client("legacy", jwks=(old.jwk_text, new.jwk_text))
    tokens_of(await ask(node, assertion(node.issuer, "legacy", signer=old)))
    tokens_of(await ask(node, assertion(node.issuer, "legacy", signer=new, alg="Ed25519")))
    await node.change_client("legacy", jwks=(new.jwk_text,))
    is_unauthenticated(await ask(node, assertion(node.issuer, "legacy", signer=old)))
    tokens_of(await ask(node, assertion(node.issuer, "legacy", signer=new, alg="Ed25519")))
    await node.change_client("legacy", jwks=node.server.snapshots.newest.registry.clients["signer"].jwks)
