"""The life of a key, decided: next → active → retiring → retired, or revoked in an emergency.

A key is published before it signs, for as long as others may keep our key set (plus the time in which a
change reaches every node that still issues), so that nobody ever meets a token of a key they cannot know.
It stays published until the last token it signed has expired. Then its private half is destroyed. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grantway.protocol.apis import LONGEST_TOKEN
from grantway.protocol.policy import Policy
from grantway.storage.changes import KeyPurpose, KeyState, StoredKey

# Seconds until a change is in force on every node that issues: `snapshot.TOO_OLD`, and a margin.
SPREAD = 12.0
KEPT_AT_LEAST = float(LONGEST_TOKEN)  # seconds for which a key that has signed stays
GONE = frozenset({KeyState.RETIRED, KeyState.REVOKED})

Kind = tuple[KeyPurpose, str]  # purpose and algorithm: keys of one kind take turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long the phases last, in seconds."""

    ahead: float  # published before it signs
    every: float  # from one key to the next

    @classmethod
    def of(cls, policy: Policy) -> "Times":
        """By the operator's choices."""
        return cls(ahead=policy.keys_cached + SPREAD, every=policy.keys_rotated_every)

    def kept(self, purpose: KeyPurpose) -> float:
        """How long a key that signs or seals no more is still of use.

        For signing: as long as any token may live, whatever lifetimes are chosen now. They may have been
        longer when it signed.
        """
        if purpose is KeyPurpose.SEALING:  # the cookies of known devices live long
            return max(self.every, KEPT_AT_LEAST) + SPREAD
        return KEPT_AT_LEAST + SPREAD


@dataclass(frozen=True, slots=True)
class Turn:
    """What is due: keys in their new phase, and kinds of which a next key is to be made."""

    changed: tuple[StoredKey, ...] = ()
    wanted: tuple[Kind, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changed or self.wanted)


def due(keys: Sequence[StoredKey], times: Times, *, now: float) -> Turn:
    """What the passing of time asks for. Of the key of pairwise subjects never: they would all change."""
    changed: list[StoredKey] = []
    wanted: list[Kind] = []
    for kind in sorted({(key.purpose, key.alg) for key in keys if key.purpose is not KeyPurpose.PAIRWISE}):
        own = [key for key in keys if (key.purpose, key.alg) == kind]
        ripe = sorted(
            (key for key in _in(own, KeyState.NEXT) if now >= key.state_since + times.ahead),
            key=lambda key: key.state_since,
        )
        active = _in(own, KeyState.ACTIVE)
        if ripe:
            # Several are ripe when no node ran meanwhile: the newest signs, the others never did.
            changed += [into(key, KeyState.RETIRED, now) for key in ripe[:-1]]
            changed += [into(key, KeyState.RETIRING, now) for key in active]
            changed.append(into(ripe[-1], KeyState.ACTIVE, now))
        elif active and not _in(own, KeyState.NEXT):
            newest = max(key.state_since for key in active)
            if now >= newest + times.every - times.ahead:
                wanted.append(kind)
        changed += [
            into(key, KeyState.RETIRED, now)
            for key in _in(own, KeyState.RETIRING)
            if now >= key.state_since + times.kept(key.purpose)
        ]
    return Turn(tuple(changed), tuple(wanted))


def without_waiting(fresh: StoredKey, keys: Sequence[StoredKey], *, now: float) -> tuple[StoredKey, ...]:
    """Let this key sign now; what signs until now retires. Keys that are next stay next."""
    same = [key for key in keys if (key.purpose, key.alg) == (fresh.purpose, fresh.alg)]
    retiring = (into(key, KeyState.RETIRING, now) for key in _in(same, KeyState.ACTIVE))
    return (*retiring, into(fresh, KeyState.ACTIVE, now))


def in_an_emergency(fresh: StoredKey, keys: Sequence[StoredKey], *, now: float) -> tuple[StoredKey, ...]:
    """Let this key sign now, and believe nothing that another of its kind has signed or will sign."""
    same = [key for key in keys if (key.purpose, key.alg) == (fresh.purpose, fresh.alg)]
    revoked = (into(key, KeyState.REVOKED, now) for key in same if key.state not in GONE)
    return (*revoked, into(fresh, KeyState.ACTIVE, now))


def into(key: StoredKey, state: KeyState, now: float) -> StoredKey:
    """The key in another phase. The private half of one that is gone is destroyed."""
    envelope = b"" if state in GONE else key.envelope
    return replace(key, state=state, state_since=now, envelope=envelope)


def what_follows(key: StoredKey, times: Times) -> tuple[str, float] | None:
    """What happens to this key next, in words, and when; None for one that is gone, or stays."""
    if key.state is KeyState.NEXT:
        return "active from", key.state_since + times.ahead
    if key.purpose is KeyPurpose.PAIRWISE:
        return None
    if key.state is KeyState.ACTIVE:
        return "replaced from", key.state_since + times.every
    if key.state is KeyState.RETIRING:
        return "retired from", key.state_since + times.kept(key.purpose)
    return None


def _in(keys: Sequence[StoredKey], state: KeyState) -> list[StoredKey]:
    return [key for key in keys if key.state is state]
