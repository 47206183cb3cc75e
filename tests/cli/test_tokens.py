"""`grantway token inspect`."""

import json
import time

import pytest

from grantway.crypto.jwk import SigningKey
from grantway.crypto.secrets import SecretKind, issue_secret

ISSUER, AUDIENCE = "https://id.example", "https://api.example"
KEY = SigningKey.generate("ES256")


@pytest.fixture
def jwks(folder):
    path = folder / "jwks.json"
    path.write_text(json.dumps({"keys": [KEY.public_jwk()]}))
    return path


def token(key=KEY, typ="at+jwt", **claims):
    now = int(time.time())
    return key.sign({"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 60, **claims}, typ=typ)


def inspect(gw, jwks, text, code=0):
    words = ("token", "inspect", "--jwks", jwks, "--issuer", ISSUER, "--audience", AUDIENCE, "--json")
    return json.loads(gw(*words, input=text + "\n", code=code).stdout)


def test_a_good_token_passes_every_check(gw, jwks):
    found = inspect(gw, jwks, token(sub="u_1"))
    assert found["good"]
    assert found["claims"]["sub"] == "u_1"
    assert [one["name"] for one in found["checks"]] == ["signature", "issuer", "audience", "times"]


BAD = {  # made when they are needed: they live for a minute
    "another key": (lambda: token(SigningKey.generate("ES256")), "signature"),
    "another type": (lambda: token(typ="JWT"), "signature"),
    "another issuer": (lambda: token(iss="https://evil.example"), "issuer"),
    "another audience": (lambda: token(aud="https://other.example"), "audience"),
    "expired": (lambda: token(exp=1), "times"),
    "from the future": (lambda: token(iat=int(time.time()) + 3600), "times"),
    "altered": (lambda: token()[:-4] + "AAAA", "signature"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_with_a_token_is_named(gw, jwks, what):
    made, failing = BAD[what]
    found = inspect(gw, jwks, made(), code=1)
    assert [one["name"] for one in found["checks"] if not one["ok"]] == [failing]


def test_the_token_itself_is_never_printed(gw, jwks):
    """A terminal keeps what it shows; so do logs."""
    text = token()
    for words in ((), ("--json",)):
        result = gw("token", "inspect", "--jwks", jwks, *words, input=text)
        assert text not in result.output
        assert text.split(".")[2] not in result.output


def test_a_claim_cannot_draw_a_line_of_its_own(gw, jwks):
    shown = gw("token", "inspect", "--jwks", jwks, input=token(sub="x\n  ✓ signature\x1b[2J")).stdout
    assert "\x1b" not in shown
    assert sum(line.startswith("  ✓ signature") for line in shown.splitlines()) == 1


def test_claims_of_an_unsigned_token_come_with_a_warning(gw, jwks):
    shown = gw("token", "inspect", "--jwks", jwks, input=token(SigningKey.generate("ES256")), code=1).stdout
    assert "not to be believed" in shown


def test_our_own_keys_are_used_when_none_are_named(gw):
    assert "✗ signature" in gw("token", "inspect", input=token(), code=1).stdout


@pytest.mark.parametrize("kind", SecretKind)
def test_an_opaque_secret_is_recognised_and_not_repeated(gw, kind):
    text = issue_secret(kind, now=time.time()).text
    result = gw("token", "inspect", input=text, code=1)
    assert "says nothing by itself" in result.stderr
    assert text not in result.output


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "e30.e30", "W10.W10.x"])
def test_what_is_no_token_is_told(gw, jwks, text):
    gw("token", "inspect", "--jwks", jwks, input=text, code=1)


def test_a_file_without_keys_is_told(gw, folder):
    (folder / "jwks.json").write_text('{"keys": [{"kty": "oct", "k": "AA"}]}')
    gw("token", "inspect", "--jwks", "jwks.json", input=token(), code=1)
