"""What is noted of the use of scopes, and how seldom."""

from grantway.flows import scope_uses
from grantway.flows.scope_uses import NOTE_EVERY, ScopeUses
from grantway.protocol.grants import Grant
from grantway.protocol.scope import Scope

GRANT = Grant(
    id="g",
    client_id="printer",
    subject="u_ada",
    consent_id=None,
    session_id="s",
    scope=Scope(("a", "b")),
    resources=(),
    auth_time=0.0,
    created_at=1000.0,
    expires_at=9e9,
)
LATER = GRANT.created_at + NOTE_EVERY


def noted(uses):
    return sorted((use.scope, use.used_at) for use in uses.take())


def test_the_first_hour_of_a_grant_needs_no_note():
    uses = ScopeUses()
    uses.note(GRANT, GRANT.scope, LATER - 1)
    assert [] == noted(uses)
    uses.note(GRANT, GRANT.scope, LATER)
    assert [("a", LATER), ("b", LATER)] == noted(uses)


def test_one_note_an_hour_is_enough_for_each_choice_of_scopes():
    uses = ScopeUses()
    uses.note(GRANT, GRANT.scope, LATER)
    uses.take()
    uses.note(GRANT, GRANT.scope, LATER + NOTE_EVERY - 1)
    assert [] == noted(uses)
    uses.note(GRANT, Scope(("a",)), LATER + 5)
    assert [("a", LATER + 5)] == noted(uses)
    uses.note(GRANT, GRANT.scope, LATER + NOTE_EVERY)
    assert [("a", LATER + NOTE_EVERY), ("b", LATER + NOTE_EVERY)] == noted(uses)


def test_what_is_remembered_has_a_limit(monkeypatch):
    monkeypatch.setattr(scope_uses, "MAX_KEYS", 2)
    uses = ScopeUses()
    for name in "abc":
        uses.note(GRANT, Scope((name,)), LATER)
    uses.take()
    uses.note(GRANT, Scope(("c",)), LATER + 1)
    uses.note(GRANT, Scope(("a",)), LATER + 1)
    assert [("a", LATER + 1)] == noted(uses), "the oldest was forgotten, so it is noted again"
