"""Client certificates, read."""

from urllib.parse import quote

import pytest

from grantway.crypto.certificate_header import certificate_thumbprint, der_of_header
from grantway.crypto.certificates import canonical, read_certificate
from grantway.protocol.clients import CertificateName, NameKind
from tests.certificates import Authority, self_signed

OWN = self_signed("CN=app,OU=a\\,b,O=Example")
# RFC 9440 §A: the header of its example, shortened to what is asked of it here.
NAMED = Authority().issue("CN=app", dns=["App.Example"], uris=["urn:x"], ips=["::1"], emails=["a@b.example"])


TRAVELS = {
    "nginx": OWN.escaped,
    "RFC 9440": OWN.rfc9440,
    "as it is": OWN.pem.decode(),
    "in part": quote(OWN.pem.decode()),
    "spaces": f" {OWN.rfc9440} ",
}
JUNK = {
    "nothing": "",
    "a colon": ":",
    "two": "::",
    "padding": ":=:",
    "not ASCII": ":é:",
    "a word": "junk",
    "cut off": OWN.escaped[:-40],
    "no beginning": OWN.escaped.replace("BEGIN", "END"),
    "percent": "%",
    "long": "A" * 20_000,
    "no base64": "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----",
}
NO_DER = {"empty": b"", "0": b"0", "00": b"0" * 300, "cut off": OWN.der[:-1], "and more": OWN.der + b"x"}


@pytest.mark.parametrize("how", TRAVELS)
def test_a_certificate_is_found_however_it_travels(how):
    """MT01: nginx, RFC 9440, balancers that leave +, / and = as they are."""
    assert OWN.der == der_of_header(TRAVELS[how])


def test_of_a_chain_the_first_counts():
    """MT01: the leaf comes first."""
    assert OWN.der == der_of_header(quote((OWN.pem + NAMED.pem).decode()))


@pytest.mark.parametrize("what", JUNK)
def test_what_is_none_is_refused(what):
    """MT01"""
    with pytest.raises(ValueError, match=r"neither|longer|base64|character|padding|ASCII"):
        der_of_header(JUNK[what])


def test_the_thumbprint_is_that_of_the_rfc():
    """MT01: RFC 8705 §3.1."""
    assert OWN.thumbprint == certificate_thumbprint(OWN.der)


def test_its_names_are_read_in_their_one_spelling():
    """MT01"""
    names = {str(name) for name in read_certificate(NAMED.der).names}
    wanted = {
        "subject_dn=CN=app",
        "san_dns=app.example",
        "san_uri=urn:x",
        "san_ip=::1",
        "san_email=a@b.example",
    }
    assert wanted == names
    assert {"subject_dn=CN=app,OU=a\\,b,O=Example"} == {str(name) for name in read_certificate(OWN.der).names}


def test_a_certificate_without_a_name_has_none():
    """MT01: and the empty name matches nothing."""
    assert frozenset() == read_certificate(self_signed("").der).names


@pytest.mark.parametrize("what", NO_DER)
def test_junk_is_no_certificate(what):
    """MT01"""
    with pytest.raises(ValueError, match="not a certificate"):
        read_certificate(NO_DER[what])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("subject_dn=CN=a\\2cb,O=Ex\\61mple", "subject_dn=CN=a\\,b,O=Example"),
        ("san_dns=App.EXAMPLE", "san_dns=app.example"),
        ("san_ip=2001:DB8:0:0::1", "san_ip=2001:db8::1"),
        ("san_uri=https://App.example/X", "san_uri=https://App.example/X"),
        ("san_email=A@b.example", "san_email=A@b.example"),
    ],
)
def test_names_are_compared_in_one_spelling(given, expected):
    """MT01"""
    assert expected == str(canonical(CertificateName.parse(given)))


@pytest.mark.parametrize("given", ["subject_dn=app", "subject_dn=CN", "san_ip=app.example", "san_ip=1.2.3"])
def test_a_name_that_no_certificate_can_have_is_refused(given):
    """MT01"""
    with pytest.raises(ValueError, match=r"distinguished|address"):
        canonical(CertificateName.parse(given))


@pytest.mark.parametrize("text", ["", "app.example", "dns=app.example", "san_dns=", "san_dns= ", "=x"])
def test_a_name_says_its_kind(text):
    """MT01"""
    with pytest.raises(ValueError, match="such as san_dns"):
        CertificateName.parse(text)
    assert 5 == len(NameKind)
