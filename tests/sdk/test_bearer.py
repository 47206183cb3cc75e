"""What a request brings, read from its headers."""

import pytest

from grantway.sdk.bearer import Brought


@pytest.mark.parametrize("name", [b"X-HTTP-Method-Override", b"x_http_method_override", b"X_Method-Override"])
def test_a_method_is_overridden_in_every_spelling(name):
    """O7: WSGI and CGI make one variable of them all."""
    assert Brought.of_headers([(name, b"DELETE")], b"").overrides_method


def test_other_headers_override_nothing():
    """O7: only those that frameworks obey."""
    assert not Brought.of_headers([(b"x-method", b"DELETE")], b"").overrides_method
