"""The metadata document."""

from dataclasses import replace

import pytest

from grantway.protocol.api_tables import read_apis, table_of
from grantway.protocol.apis import ApiMistakes
from grantway.protocol.endpoints import WELL_KNOWN
from grantway.protocol.metadata import MutualTls, metadata_path, server_metadata
from grantway.protocol.registry import Registry
from tests.protocol.samples import ISSUER, REGISTRY


@pytest.mark.parametrize(
    ("issuer", "path"),
    [
        ("https://id.example", WELL_KNOWN),
        ("https://id.example:8443", WELL_KNOWN),
        ("https://example/id", WELL_KNOWN + "/id"),
        ("https://example/a/b", WELL_KNOWN + "/a/b"),
    ],
)
def test_the_well_known_name_is_inserted_before_the_path_of_the_issuer(issuer, path):
    """MD02"""
    assert path == metadata_path(issuer)


@pytest.mark.parametrize("issuer", [ISSUER, "https://example/id", "http://127.0.0.1:8600"])
def test_every_address_lies_below_the_issuer(issuer):
    """MD01, MD03"""
    document = server_metadata(issuer, REGISTRY)
    assert issuer == document["issuer"]
    addresses = [value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))]
    assert 9 == len(addresses) == len(set(addresses))
    assert {address.startswith(issuer + "/") for address in addresses} == {True}


def test_no_member_is_empty_even_before_anything_is_registered():
    """MD03: RFC 8414 §3.2."""
    document = server_metadata(ISSUER, Registry.of(0, (), ()))
    assert [name for name, value in document.items() if value in ([], "", None)] == []


def test_the_scopes_of_every_api_are_listed():
    """MD03"""
    listed = server_metadata(ISSUER, REGISTRY)["scopes_supported"]
    of_apis = {"calendar:read", "photos:delete", "photos:read", "photos:write"}
    own = {"openid", "profile", "email", "address", "phone", "offline_access"}
    assert sorted(of_apis | own) == listed


@pytest.mark.parametrize("vouched", [True, False])
def test_certificates_are_named_only_where_they_can_be_shown(vouched):
    """MD07, MT01: RFC 8705 §3.3, §5; `tls_client_auth` only where an authority is asked about."""
    document = server_metadata("https://example/id", REGISTRY, MutualTls(vouched, "https://mtls.example"))
    named = document["token_endpoint_auth_methods_supported"]
    assert vouched is ("tls_client_auth" in named)
    assert "self_signed_tls_client_auth" in named
    assert document["tls_client_certificate_bound_access_tokens"] is True
    assert {
        "token_endpoint": "https://mtls.example/id/token",
        "revocation_endpoint": "https://mtls.example/id/revoke",
        "introspection_endpoint": "https://mtls.example/id/introspect",
        "userinfo_endpoint": "https://mtls.example/id/userinfo",
    } == document["mtls_endpoint_aliases"]
    plain = server_metadata("https://example/id", REGISTRY)
    assert not any("tls" in member for member in plain)
    assert "mtls_endpoint_aliases" not in server_metadata(ISSUER, REGISTRY, MutualTls(vouched, None))


def test_only_an_api_that_is_said_to_be_listed_is_listed():
    """MD12: RFC 9728 §4; nobody learns of an API because it was registered."""
    assert "protected_resources" not in server_metadata(ISSUER, REGISTRY)
    first, *others = REGISTRY.apis.values()
    registry = Registry.of(1, (), (replace(first, listed=True), *others))
    assert [first.identifier] == server_metadata(ISSUER, registry)["protected_resources"]
    (read,) = read_apis([table_of(replace(first, listed=True))])
    assert read.listed
    with pytest.raises(ApiMistakes, match="whose audience is an address"):
        replace(first, identifier="urn:photos", listed=True)
