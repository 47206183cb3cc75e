"""Forged JWTs at introspection, revocation and as credentials (threats K)."""

import asyncio
import base64
import hashlib
import hmac
import json
import zlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from grantway.crypto.jwk import SigningKey
from tests.crypto.forging import forge
from tests.node import CALENDAR, Visitor
from tests.threats.attacks import Target

CALLERS = ("printer", "photos_api")


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def part(members: object) -> str:
    return b64(json.dumps(members).encode())


def unpack(text: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@pytest.fixture
async def genuine(target, visitor) -> tuple[dict, dict, str]:
    """Header, claims and text of a living access token: what a forger may copy."""
    token = (await visitor.tokens())["access_token"]
    head, body, _ = token.split(".")
    return unpack(head), unpack(body), token


async def assert_dead(target: Target, forged: str) -> None:
    """No caller is told anything of it, revoking it does nothing, and nobody fails over it."""
    for caller in CALLERS:
        reply = await target.post("/introspect", caller, token=forged)
        if reply.status_code == 200:
            assert reply.json() == {"active": False}
        else:
            assert reply.status_code in {400, 413}
    assert (await target.post("/revoke", "printer", token=forged)).status_code in {200, 400, 413}


async def published(target: Target) -> list[dict]:
    async with target.http() as http:
        return (await http.get("/jwks")).json()["keys"]


def public_forms(jwk: dict) -> list[bytes]:
    """Every text of a public key that a confused verifier may take for an HMAC secret."""
    first, second = ("n", "e") if jwk["kty"] == "RSA" else ("x", "y")
    one, two = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "==")) for name in (first, second))
    encoding, form = serialization.Encoding, serialization.PublicFormat.SubjectPublicKeyInfo
    if jwk["kty"] == "RSA":
        key = rsa.RSAPublicNumbers(two, one).public_key()
        bare = key.public_bytes(encoding.DER, serialization.PublicFormat.PKCS1)
    else:
        key = ec.EllipticCurvePublicNumbers(one, two, ec.SECP256R1()).public_key()
        bare = key.public_bytes(encoding.X962, serialization.PublicFormat.UncompressedPoint)
    pem = key.public_bytes(encoding.PEM, form)
    return [
        pem,
        pem.strip(),
        key.public_bytes(encoding.DER, form),
        bare,
        key.public_bytes(encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        json.dumps(jwk).encode(),
        json.dumps(jwk, separators=(",", ":")).encode(),
        jwk[first].encode(),
        jwk["kid"].encode(),
        b"",
    ]


@pytest.mark.parametrize(
    "alg",
    ["none", "None", "NONE", "nOnE", "", None, [], ["none"], ["ES256"], {}, 0, True],
    ids=repr,
)
async def test_an_unsigned_token_is_none(target, genuine, alg):
    """K1: any spelling of none, no alg, an alg that is no text; with and without the old signature."""
    head, claims, token = genuine
    forged = {**head, "alg": alg} if alg is not None else {k: v for k, v in head.items() if k != "alg"}
    for signature in ("", token.split(".")[2], b64(b"\0" * 64)):
        await assert_dead(target, f"{part(forged)}.{part(claims)}.{signature}")


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512", "ES256"])
async def test_a_public_key_is_no_secret(target, genuine, alg):
    """K2: HMAC under each published key in every form."""
    head, claims, _ = genuine
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(alg, hashlib.sha256)
    for jwk in await published(target):
        message = f"{part({**head, 'alg': alg, 'kid': jwk['kid']})}.{part(claims)}"
        for secret in public_forms(jwk):
            signature = hmac.new(secret, message.encode(), digest).digest()
            await assert_dead(target, f"{message}.{b64(signature)}")


async def test_a_key_that_the_token_brings_along_is_not_used(target, genuine):
    """K3: jwk, jku, x5u, x5c; with our kid and with its own; and nobody is called."""
    head, claims, _ = genuine
    called = []

    async def listener(reader, writer):
        called.append(await reader.read(100))
        writer.close()

    own = SigningKey.generate("ES256", kid="evil")
    server = await asyncio.start_server(listener, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"
        brought = [
            {"jwk": own.public_jwk()},
            {"jku": url},
            {"x5u": url},
            {"x5c": [b64(b"cert")]},
            {"kid": url},
            {"kid": json.dumps(own.public_jwk())},
            {},
        ]
        for extra in brought:
            for kid in (head["kid"], "evil"):
                await assert_dead(target, _signed({**head, "kid": kid, **extra}, claims, own))
        await asyncio.sleep(0.05)
    assert called == []


def _signed(head: dict, claims: object, key: SigningKey) -> str:
    """Signed by this key, under any header."""
    message = f"{part(head)}.{part(claims)}"
    r, s = decode_dss_signature(key._private.sign(message.encode(), ec.ECDSA(SHA256())))
    return f"{message}.{b64(r.to_bytes(32) + s.to_bytes(32))}"


@pytest.mark.parametrize(
    "kid",
    [
        "../../etc/passwd",
        "/dev/null",
        "' OR 1=1--",
        "x\0y",
        "x" * 5000,
        "x" * 7000,
        "",
        [],
        {},
        1,
        None,
        True,
        "\u00e9",
        "\ud800",
    ],
    ids=lambda kid: repr(kid)[:20] + str(len(repr(kid))),
)
async def test_a_strange_kid_names_no_key(target, genuine, kid):
    """K4: an exact look-up of a short text, or nothing."""
    head, claims, token = genuine
    await assert_dead(target, f"{part({**head, 'kid': kid})}.{part(claims)}.{token.split('.')[2]}")


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"jwk": {"kty": "EC"}},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/x5u"},
        {"x5c": []},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"p2c": 10**9, "alg": "PBES2-HS256+A128KW"},
        {"typ": "JWT"},
        {"typ": "at+jwt\0"},
        {"typ": ["at+jwt"]},
        {"typ": None},
        {"typ": "logout+jwt"},
        {"typ": "oauth-authz-req+jwt"},
        {"cty": "JWT", "alg": "dir"},
    ],
)
async def test_our_own_signature_over_another_header_is_no_access_token(target, genuine, extra):
    """K5, K8: even signed by our key, what asks to be read otherwise, or is of another type, is dead."""
    head, claims, _ = genuine
    ours = target.server.snapshots.current().signing_keys["ES256"]
    assert await target.is_alive(_signed(head, claims, ours)), "signed like this, the header decides"
    await assert_dead(target, _signed({**head, **extra}, claims, ours))


async def test_a_token_of_another_issuer_under_our_key_is_dead(target, genuine):
    """K8: iss is looked at, and an end in the past."""
    head, claims, _ = genuine
    ours = target.server.snapshots.current().signing_keys["ES256"]
    for changed in ({"iss": "https://evil.example"}, {"iss": claims["iss"] + "/"}, {"exp": 1}):
        await assert_dead(target, _signed(head, {**claims, **changed}, ours))


async def test_an_altered_token_is_dead(target, genuine):
    """K1: another audience, subject, scope or end under the old signature."""
    head, claims, token = genuine
    signature = token.split(".")[2]
    changes = [{"aud": CALENDAR.identifier}, {"sub": "u_x"}, {"scope": "photos:delete"}, {"exp": 2**40}]
    for change in changes:
        await assert_dead(target, f"{part(head)}.{part({**claims, **change})}.{signature}")
    for other in (token + ".", "." + token, token + ".e30", token.replace(".", ".."), f"{token} {token}"):
        await assert_dead(target, other)


async def test_names_that_come_twice_are_refused(target, genuine):
    """K1: two readers could take two different ones."""
    head, claims, token = genuine
    doubled = json.dumps(head)[:-1] + f', "alg": "{head["alg"]}"' + "}"
    await assert_dead(target, f"{b64(doubled.encode())}.{part(claims)}.{token.split('.')[2]}")


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 6000,
        b'{"a":' * 2000,
        b'{"alg":"ES256","x":' + b"9" * 5000 + b"}",
        b'{"alg":"ES256","x":1e400}',
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"x"',
        b"1",
        b"",
        zlib.compress(b"0" * 1_000_000)[:5000],
    ],
)
async def test_a_monstrous_header_is_only_refused(target, genuine, header):
    """K7: deep, long, no JSON at all."""
    _, _, token = genuine
    await assert_dead(target, f"{b64(header)}.{token.split('.', 1)[1]}")


@pytest.mark.parametrize("size", [8_200, 60_000, 500_000])
async def test_a_huge_token_is_not_decoded(target, size):
    """K7: refused by its length; above 64 kB the body is not even read."""
    await assert_dead(target, "e30." + "A" * size + ".AA")


@pytest.mark.parametrize(("longer", "lives"), [(0, True), (8_192, False), (40_000, False)])
async def test_a_token_that_is_too_long_is_none_whoever_signed_it(target, genuine, longer, lives):
    """K7: by our own key, with nothing wrong but its length; the first is the counter-example."""
    head, body, _ = genuine
    key = target.server.snapshots.current().signing_keys[head["alg"]]
    token = forge(head, {**body, "x": "a" * longer}, key)
    assert (await target.introspect(token))["active"] == lives


async def test_the_published_keys_are_public(target):
    """K12: no private or symmetric member, nothing beside the keys."""
    await target.put_api(CALENDAR)
    keys = await published(target)
    assert keys
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & key.keys()
        assert key["use"] == "sig"
        assert key["kty"] != "oct"


async def test_a_token_is_no_credential_of_another_kind(target):
    """K8: an access token as code, refresh token, client secret or session."""
    visitor = Visitor(target)
    token = (await visitor.tokens())["access_token"]
    assert (await target.redeem(token, visitor.verifier)).json()["error"] == "invalid_grant"
    assert (await target.refresh(token)).json()["error"] == "invalid_grant"
    async with target.http() as http:
        reply = await http.post("/introspect", data={"token": token}, headers=target.basic("machine", token))
    assert reply.status_code == 401
