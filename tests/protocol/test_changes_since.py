"""What a person is told has changed since they allowed an app."""

from dataclasses import replace

import pytest

from grantway.protocol.apis import Api, ApiScope, Sensitivity
from grantway.protocol.changes_since import Change, ChangeKind, changes_since, places_of, shown_now
from grantway.protocol.clients import Client, ClientType
from grantway.protocol.grants import Consent
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope

READ = ApiScope(name="photos:read", description="See your photos")
WRITE = ApiScope(name="photos:write", description="Add photos")
PHOTOS = Api(identifier="https://api.example/photos", name="Photos", scopes=(READ, WRITE))
PRINTER = Client(
    id="printer",
    name="Photo Printer",
    type=ClientType.WEB,
    auth_method=AuthMethod.CLIENT_SECRET_BASIC,
    grant_types=frozenset({GrantType.AUTHORIZATION_CODE}),
    redirect_uris=("https://printer.example/cb",),
    created_at=0.0,
)
REGISTRY = Registry.of(1, [PRINTER], [PHOTOS])
BOTH = Scope(("photos:read", "photos:write"))


def consent(scope=BOTH, shown=None):
    made = shown_now(PRINTER, scope, REGISTRY, shown, scope)
    return Consent(
        id="c", subject="u_ada", client_id="printer", scope=scope, created_at=1.0, updated_at=1.0, shown=made
    )


def registry(**changes):
    return Registry.of(2, [PRINTER], [replace(PHOTOS, scopes=(replace(READ, **changes), WRITE))])


def test_nothing_has_changed_at_first():
    assert () == changes_since(consent(), PRINTER, REGISTRY)


@pytest.mark.parametrize(
    ("client", "registry_", "change"),
    [
        (
            replace(PRINTER, name="Free Prizes"),
            REGISTRY,
            Change(kind=ChangeKind.NAME, before="Photo Printer", after="Free Prizes"),
        ),
        (
            replace(PRINTER, redirect_uris=("https://printer.example/cb", "https://evil.example:8443/cb")),
            REGISTRY,
            Change(kind=ChangeKind.PLACE_ADDED, after="evil.example:8443"),
        ),
        (replace(PRINTER, redirect_uris=("https://printer.example/other",)), REGISTRY, None),
        (
            PRINTER,
            registry(description="See and publish your photos"),
            Change(kind=ChangeKind.SENTENCE, before="See your photos", after="See and publish your photos"),
        ),
        (
            PRINTER,
            registry(sensitivity=Sensitivity.SENSITIVE),
            Change(kind=ChangeKind.MORE_SENSITIVE, after="See your photos"),
        ),
    ],
)
def test_each_change_is_told_with_what_it_was(client, registry_, change):
    assert (() if change is None else (change,)) == changes_since(consent(), client, registry_)


def test_a_place_and_a_mark_that_went_are_told_too():
    moved = replace(PRINTER, redirect_uris=("com.example.printer:/cb",))
    assert [
        Change(kind=ChangeKind.PLACE_ADDED, after="com.example.printer:"),
        Change(kind=ChangeKind.PLACE_GONE, before="printer.example"),
    ] == list(changes_since(consent(), moved, REGISTRY))
    sensitive = registry(sensitivity=Sensitivity.SENSITIVE)
    marked = replace(consent(), shown=shown_now(PRINTER, BOTH, sensitive, None, BOTH))
    assert (Change(kind=ChangeKind.LESS_SENSITIVE, after="See your photos"),) == changes_since(
        marked, PRINTER, REGISTRY
    )


@pytest.mark.parametrize(
    ("then", "now", "kind"),
    [
        (Sensitivity.READ, Sensitivity.WRITE, ChangeKind.CAN_CHANGE),
        (Sensitivity.NORMAL, Sensitivity.WRITE, ChangeKind.CAN_CHANGE),
        (Sensitivity.WRITE, Sensitivity.READ, ChangeKind.ONLY_SEES),
        (Sensitivity.WRITE, Sensitivity.NORMAL, ChangeKind.ONLY_SEES),
        (Sensitivity.READ, Sensitivity.SENSITIVE, ChangeKind.MORE_SENSITIVE),
        (Sensitivity.WRITE, Sensitivity.SENSITIVE, ChangeKind.MORE_SENSITIVE),
        (Sensitivity.SENSITIVE, Sensitivity.WRITE, ChangeKind.LESS_SENSITIVE),
        (Sensitivity.SENSITIVE, Sensitivity.READ, ChangeKind.LESS_SENSITIVE),
        (Sensitivity.NORMAL, Sensitivity.READ, None),
        (Sensitivity.READ, Sensitivity.NORMAL, None),
        *((same, same, None) for same in Sensitivity),
    ],
)
def test_a_permission_that_does_more_or_less_than_before_is_told(then, now, kind):
    """FN12: seeing became changing, or the other way round; once, in the words of now."""
    old = replace(consent(), shown=shown_now(PRINTER, BOTH, registry(sensitivity=then), None, BOTH))
    expected = () if kind is None else (Change(kind=kind, after="See your photos"),)
    assert expected == changes_since(old, PRINTER, registry(sensitivity=now))


def test_a_consent_that_does_not_say_what_could_change_tells_of_sensitive_alone():
    """FN12: stored by a node of before, which told sensitive scopes from all others."""
    made = consent()
    assert made.shown is not None
    scopes = tuple(replace(one, sensitivity=None) for one in made.shown.scopes)
    old = replace(made, shown=replace(made.shown, scopes=scopes))
    assert () == changes_since(old, PRINTER, registry(sensitivity=Sensitivity.WRITE))
    (told,) = changes_since(old, PRINTER, registry(sensitivity=Sensitivity.SENSITIVE))
    assert ChangeKind.MORE_SENSITIVE is told.kind


def test_what_is_no_longer_allowed_or_no_longer_offered_is_not_spoken_of():
    narrowed = replace(consent(), scope=Scope(("photos:write",)))
    assert () == changes_since(narrowed, PRINTER, registry(description="Something else"))
    gone = Registry.of(2, [PRINTER], [replace(PHOTOS, scopes=(WRITE,))])
    assert () == changes_since(consent(), PRINTER, gone)


def test_a_consent_of_before_says_nothing():
    assert () == changes_since(replace(consent(), shown=None), replace(PRINTER, name="x"), REGISTRY)
    assert () == changes_since(None, PRINTER, REGISTRY)


def test_allowing_again_settles_what_was_shown_again_and_nothing_else():
    """FN12: the words of a scope that was not asked for now are still those of then."""
    before = consent().shown
    changed = Registry.of(
        2,
        [PRINTER],
        [replace(PHOTOS, scopes=(replace(READ, description="R"), replace(WRITE, description="W")))],
    )
    shown = shown_now(PRINTER, Scope(("photos:write",)), changed, before, BOTH)
    again = replace(consent(), shown=shown)
    assert (Change(kind=ChangeKind.SENTENCE, before="See your photos", after="R"),) == changes_since(
        again, PRINTER, changed
    )
    assert [one.name for one in shown.scopes] == ["photos:read", "photos:write"]


def test_places_are_hosts_and_schemes_each_once():
    client = replace(
        PRINTER,
        redirect_uris=("https://b.example/1", "https://b.example/2", "http://127.0.0.1/cb", "com.a:/x"),
    )
    assert places_of(client) == ("127.0.0.1", "b.example", "com.a:")
