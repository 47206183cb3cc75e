"""What the passing of time does to keys. K13."""

from dataclasses import replace

import pytest

from grantway.flows.key_phases import GONE, SPREAD, Times, Turn, due, in_an_emergency, into, what_follows
from grantway.protocol.apis import LONGEST_TOKEN
from grantway.protocol.policy import Policy
from grantway.storage.changes import KeyPurpose, KeyState, StoredKey

DAY = 86_400.0
TIMES = Times(ahead=312.0, every=90 * DAY)


def key(kid="a", state=KeyState.ACTIVE, since=0.0, purpose=KeyPurpose.SIGNING, alg="ES256"):
    return StoredKey(
        kid=kid,
        purpose=purpose,
        alg=alg,
        state=state,
        envelope=b"locked",
        public_jwk={},
        created_at=since,
        state_since=since,
    )


def phases(keys, now):
    """What becomes of these keys by then, however often somebody looks."""
    turn = due(keys, TIMES, now=now)
    changed = {one.kid: one for one in turn.changed}
    after = [changed.get(one.kid, one) for one in keys]
    assert not due(after, TIMES, now=now).changed, "looking again changes nothing"
    return {one.kid: one.state.value for one in after}


@pytest.mark.parametrize(
    ("now", "a", "b"), [(311.9, "active", "next"), (312.0, "retiring", "active"), (9e9, "retired", "active")]
)
def test_a_next_key_signs_when_everybody_can_know_it(now, a, b):
    """K13: published before it signs; what signed before stays published."""
    keys = [key("a", since=-DAY), key("b", KeyState.NEXT, since=0.0)]
    if a == "retired":
        keys[0] = replace(keys[0], state=KeyState.RETIRING)
    assert {"a": a, "b": b} == phases(keys, now)


def test_a_key_is_gone_when_its_last_token_is_dead_and_not_before():
    """K13: as long as any token may live, so that a lifetime made shorter meanwhile hurts none of before."""
    own = Times.of(Policy(issuer="https://id.example", access_token_lifetime=60))
    assert 312.0 == own.ahead
    for times in (TIMES, own):
        old = key(state=KeyState.RETIRING)
        assert Turn() == due([old], times, now=float(LONGEST_TOKEN))
        (gone,) = due([old], times, now=LONGEST_TOKEN + SPREAD).changed
        assert (KeyState.RETIRED, b"") == (gone.state, gone.envelope)


def test_the_next_key_is_made_in_time():
    """K13: so that it can sign when the other has signed for as long as it should; only one is made."""
    wanted = (KeyPurpose.SIGNING, "ES256")
    assert () == due([key()], TIMES, now=90 * DAY - 313).wanted
    assert (wanted,) == due([key()], TIMES, now=90 * DAY - 312).wanted
    assert () == due([key(), key("b", KeyState.NEXT, since=90 * DAY - 312)], TIMES, now=90 * DAY - 300).wanted


def test_kinds_take_turns_apart():
    """K13: by purpose and algorithm."""
    keys = [key("a"), key("r", alg="RS256", since=DAY), key("s", purpose=KeyPurpose.SEALING, alg="A256GCM")]
    turn = due(keys, TIMES, now=90 * DAY)
    assert {(KeyPurpose.SIGNING, "ES256"), (KeyPurpose.SEALING, "A256GCM")} == set(turn.wanted)


def test_after_a_long_sleep_the_newest_signs_and_the_others_never_did():
    """K13: several next keys were ripe before any node looked."""
    keys = [
        key("a", since=-DAY),
        key("b", KeyState.NEXT, since=0.0),
        key("c", KeyState.NEXT, since=10.0),
        key("d", KeyState.NEXT, since=400.0),
    ]
    assert {"a": "retiring", "b": "retired", "c": "active", "d": "next"} == phases(keys, 400.0)


@pytest.mark.parametrize("state", sorted(GONE))
def test_what_is_gone_stays_gone(state):
    """K13: and says nothing of what comes next."""
    gone = into(key(), state, 5.0)
    assert b"" == gone.envelope
    assert Turn() == due([gone], TIMES, now=9e9)
    assert what_follows(gone, TIMES) is None


def test_sealing_keys_are_kept_for_another_term():
    """K13: a device that signed in once is known again for as long."""
    sealing = key(state=KeyState.RETIRING, purpose=KeyPurpose.SEALING, alg="A256GCM")
    assert not due([sealing], TIMES, now=90 * DAY)
    assert due([sealing], TIMES, now=90 * DAY + SPREAD)


def test_the_key_of_pairwise_subjects_takes_no_turns():
    """K13: every subject would be another one."""
    salt = key(purpose=KeyPurpose.PAIRWISE, alg="HS256")
    assert Turn() == due([salt], TIMES, now=9e9)
    assert what_follows(salt, TIMES) is None


def test_each_algorithm_takes_turns_by_itself():
    """K13: an ID token is signed by another key than an access token."""
    keys = [key(alg, alg=alg) for alg in ("ES256", "RS256", "EdDSA")]
    turn = due(keys, TIMES, now=90 * DAY)
    assert {"ES256", "RS256", "EdDSA"} == {alg for _, alg in turn.wanted}
    following = [key(f"new {alg}", KeyState.NEXT, alg=alg) for alg in ("ES256", "RS256")]
    found = phases([*keys, *following], 313.0)
    assert ("retiring", "retiring", "active") == (found["ES256"], found["RS256"], found["EdDSA"])


def test_in_an_emergency_no_other_key_of_the_kind_is_believed():
    """K13: neither the one that signs nor those before and after it; other kinds and those gone stay."""
    keys = [
        key("signs"),
        key("next", KeyState.NEXT),
        key("before", KeyState.RETIRING),
        key("gone", KeyState.RETIRED),
        key("rsa", alg="RS256"),
    ]
    changed = {one.kid: one for one in in_an_emergency(key("fresh", KeyState.NEXT), keys, now=5.0)}
    assert changed.pop("fresh").state is KeyState.ACTIVE
    assert {"signs", "next", "before"} == changed.keys()
    assert {(KeyState.REVOKED, b"")} == {(one.state, one.envelope) for one in changed.values()}
