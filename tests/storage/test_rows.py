"""Documents written by other releases, and the one spelling of each row."""

from dataclasses import fields, replace

import msgspec
import pytest

from grantway.protocol.apis import Api, Sensitivity
from grantway.protocol.clients import Client
from grantway.protocol.grants import Code, Consent, Grant, OpaqueToken, RefreshToken, Shown, ShownScope
from grantway.protocol.people import Person, Session
from grantway.protocol.scope import Scope
from grantway.storage import columns, registry_rows, rows
from grantway.storage.changes import StoredKey
from grantway.testing.registry import some_client


def test_a_client_of_an_older_release_gets_the_defaults_of_what_it_lacks():
    client = some_client()
    key = client.id
    old = {"id": key, "name": "Old", "type": "web", "auth_method": "client_secret_basic"}
    old |= {"grant_types": [], "created_at": 1.0}
    (read,) = registry_rows.read_clients([(key, msgspec.json.encode(old).decode())], [])
    assert (
        Client(**{**old, "type": client.type, "auth_method": client.auth_method, "grant_types": frozenset()})
        == read
    )


def test_a_member_of_a_newer_release_is_passed_over():
    key, document = registry_rows.write_client(some_client())
    newer = document[:-1] + ',"invented_later":{"x":1}}'
    assert registry_rows.read_clients([(key, document)], []) == registry_rows.read_clients([(key, newer)], [])


def test_an_api_with_too_long_a_lifetime_loads_with_the_longest_there_may_be(caplog):
    """FS44, FS48: it was stored before there was a bound; the warning names the command that mends it."""
    api = Api(identifier="https://api.example/old", name="Old photos", token_lifetime=86_400)
    key, document = registry_rows.write_api(api)
    stored = document.replace('"token_lifetime":86400', '"token_lifetime":604800')
    assert stored != document
    assert registry_rows.read_api((key, stored)) == api
    assert "grantway api edit 'Old photos' --token-lifetime 1d" in caplog.text
    assert registry_rows.read_api((key, document)) == api
    assert len(caplog.messages) == 1


def test_a_consent_of_before_is_read_and_a_node_of_before_reads_ours():
    """FN12: what kind of permission a scope was is kept since; the older mark stays beside it."""
    scope = ShownScope(name="a", sentence="Add photos", sensitive=False, sensitivity=Sensitivity.WRITE)
    consent = Consent(
        id="c",
        subject="u_ada",
        client_id="printer",
        scope=Scope(("a",)),
        created_at=1.0,
        updated_at=1.0,
        shown=Shown(client_name="Printer", places=(), scopes=(scope,)),
    )
    *row, shown = rows.write_consent(consent)
    assert rows.read_consent((*row, shown)) == consent
    of_before = shown.replace(',"sensitivity":"write"', "")
    assert shown != of_before
    read = rows.read_consent((*row, of_before)).shown
    assert read is not None
    assert (replace(scope, sensitivity=None),) == read.scopes
    assert False is msgspec.json.decode(shown)["scopes"][0]["sensitive"]


def test_a_document_that_cannot_be_read_names_its_client():
    with pytest.raises(ValueError, match="client 'web'"):
        registry_rows.read_clients([("web", "{}")], [])


@pytest.mark.parametrize(
    ("record", "its"),
    [
        (Person, columns.PERSON),
        (Session, columns.SESSION),
        (Consent, columns.CONSENT),
        (Grant, columns.GRANT),
        (Code, columns.CODE),
        (RefreshToken, columns.REFRESH),
        (OpaqueToken, columns.OPAQUE),
        (StoredKey, columns.KEY),
    ],
)
def test_every_member_of_a_record_has_its_column(record, its):
    assert {field.name for field in fields(record)} == set(its.names)


def test_placeholders_are_counted_for_both_databases():
    three = columns.Columns("a b c")
    assert ("a, b, c", "t.a, t.b, t.c") == (f"{three}", f"{three:t}")
    assert ("?, ?, ?", "$4, $5, $6") == (f"{three:?}", f"{three:$4}")
