"""Whose certificate it is, and what is bound to it."""

from dataclasses import replace

import pytest

from grantway.protocol import refresh_grant
from grantway.protocol.client_certificates import Certificate, judge_certificate
from grantway.protocol.client_refusals import FAILED
from grantway.protocol.clients import CertificateName, NameKind, client_problems
from grantway.protocol.confirmation import Confirmation, binding_of
from grantway.protocol.errors import OAuthError
from grantway.protocol.issuing import UNUSABLE
from grantway.protocol.names import AuthMethod, ErrorCode
from grantway.protocol.scope import Scope
from grantway.protocol.token_request import RefreshRequest
from tests.protocol.samples import HASH, MACHINE, NOON, REFRESH_EVIDENCE, REGISTRY, SPA, WEB

NAME = CertificateName(NameKind.SAN_DNS, "web.example")
NAMED = replace(WEB, auth_method=AuthMethod.TLS_CLIENT_AUTH, certificate_name=NAME)
OWN = replace(WEB, auth_method=AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH, jwks=('{"kid":"a"}',))
GOOD = Certificate(der=b"c", names=frozenset({NAME}), valid_from=NOON - 1, valid_until=NOON + 1)
BOUND = Confirmation("x5t#S256", "one")


def judge(client, certificate=GOOD, *, vouched=True, name=NAME, own=(b"c",)):
    judge_certificate(client, certificate, vouched=vouched, name=name, own=own, now=NOON)


def test_the_certificate_in_order_is_a_proof():
    """MT01"""
    judge(NAMED, own=())
    judge(OWN, vouched=False, name=None)
    judge(NAMED, replace(GOOD, valid_from=NOON))


@pytest.mark.parametrize(
    ("client", "changes", "operator_reads"),
    [
        (NAMED, {"vouched": False}, "does not say that it verified"),
        (NAMED, {"certificate": replace(GOOD, names=frozenset())}, "no name; web is registered as san_dns"),
        (NAMED, {"name": CertificateName(NameKind.SAN_URI, "web.example")}, "the certificate names san_dns"),
        (NAMED, {"name": None}, "the certificate names"),
        (NAMED, {"certificate": replace(GOOD, valid_until=NOON)}, "look at its dates"),
        (NAMED, {"certificate": replace(GOOD, valid_from=NOON + 0.5)}, "look at its dates"),
        (OWN, {"own": ()}, "not among the 0 registered"),
        (OWN, {"own": (b"x", b"cc")}, "not among the 2 registered"),
        (OWN, {"certificate": replace(GOOD, valid_until=NOON)}, "look at its dates"),
    ],
)
def test_another_certificate_is_none(client, changes, operator_reads):
    """MT01"""
    with pytest.raises(OAuthError) as refusal:
        judge(client, **changes)
    assert (ErrorCode.INVALID_CLIENT, FAILED) == (refusal.value.code, refusal.value.tell_client)
    assert operator_reads in refusal.value.tell_operator


@pytest.mark.parametrize(
    ("client", "certificate", "bound"),
    [
        (NAMED, "one", True),
        (OWN, "one", True),
        (SPA, "one", True),
        (replace(WEB, certificate_bound_tokens=True), "one", True),
        (WEB, "one", False),
        (MACHINE, "one", False),
        (WEB, None, False),
        (SPA, None, False),
    ],
)
def test_tokens_are_bound_where_the_certificate_proves_or_protects(client, certificate, bound):
    """MT01: RFC 8705 §3, §4."""
    assert (BOUND if bound else None) == binding_of(client, certificate)


def test_a_certificate_that_is_demanded_has_to_be_there():
    """MT01"""
    with pytest.raises(OAuthError) as refusal:
        binding_of(replace(WEB, certificate_bound_tokens=True), None)
    assert ErrorCode.INVALID_REQUEST is refusal.value.code


def test_a_binding_is_stored_and_read_as_it_was():
    """MT01"""
    assert BOUND == Confirmation.parse(str(BOUND)) == Confirmation.of_claim(BOUND.claim)
    assert Confirmation.of_claim(None) is None


@pytest.mark.parametrize(
    "shown", [None, Confirmation("x5t#S256", "two"), Confirmation("jkt", "one")], ids=str
)
def test_a_bound_refresh_token_is_good_beside_its_key_alone(shown):
    """MT01: RFC 8705 §4."""
    evidence = replace(REFRESH_EVIDENCE, token=replace(REFRESH_EVIDENCE.token, confirmation=BOUND))
    request = RefreshRequest(refresh_token="…", scope=Scope(), resource=None)

    def decide(confirmation):
        return refresh_grant.decide(
            request, HASH, WEB, evidence, REGISTRY, now=NOON, confirmation=confirmation
        )

    with pytest.raises(OAuthError) as refusal:
        decide(shown)
    assert (ErrorCode.INVALID_GRANT, UNUSABLE) == (refusal.value.code, refusal.value.tell_client)
    assert decide(BOUND).with_refresh_token


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (replace(NAMED, certificate_name=None), "needs one"),
        (replace(WEB, certificate_name=NAME), "belongs to tls_client_auth"),
        (replace(OWN, jwks=()), "needs keys"),
        (replace(NAMED, jwks=OWN.jwks), "has no keys"),
        (replace(OWN, legacy_audience=True), "private_key_jwt alone"),
        (replace(SPA, auth_method=AuthMethod.TLS_CLIENT_AUTH, certificate_name=NAME), "it has none"),
    ],
)
def test_what_is_registered_fits_the_method(client, words):
    """MT01"""
    assert words in " ".join(client_problems(client))


def test_both_methods_may_be_registered():
    """MT01"""
    assert [] == client_problems(NAMED)
    assert [] == client_problems(OWN)
