"""What a lost spend means, what a bucket holds, what is known against a token.

Decided once for both databases, from rows they read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from grantway.protocol.grants import RefreshToken
from grantway.storage.columns import GRANT
from grantway.storage.port import (
    Bucket,
    Dead,
    Outcome,
    Repeated,
    Replayed,
    SpendRefreshToken,
    TokenFacts,
    Unavailable,
    Won,
)
from grantway.storage.rows import Row, read_grant, read_person_if_any


@dataclass(frozen=True, slots=True)
class Lost:
    """What is stored about a credential that could not be spent, and the database's clock."""

    now: float
    spent_at: float | None
    spent_by: str | None
    expires_at: float
    grant_expires_at: float | None  # None: there is no such grant
    grant_revoked_at: float | None


@dataclass(frozen=True, slots=True)
class LostRefresh(Lost):
    """The same of a refresh token, and what has become of its successor."""

    locked_successor: bytes | None
    successor_exists: bool
    successor_spent_at: float | None


def judge_code(found: Lost | None, *, attempt: str) -> Outcome:
    """Why was this code not spent by the statement that tried?"""
    if found is None:
        return Dead("there is no such code")
    if found.spent_at is None:
        return _dead_unspent("code", found)
    if found.spent_by == attempt:
        return Won()
    return Replayed(found.now - found.spent_at)


def judge_refresh(found: LostRefresh | None, *, attempt: str, grace: float) -> Outcome:
    """Why was this refresh token not spent by the statement that tried?"""
    if found is None:
        return Dead("there is no such refresh token")
    if found.spent_at is None:
        return _dead_unspent("refresh token", found)
    if found.spent_by == attempt:
        return Won()
    if found.now - found.spent_at > grace:
        return Replayed()
    if dead := _dead_grant(found):
        return dead
    if not found.successor_exists or found.successor_spent_at is not None:
        return Dead("its successor is spent already")
    if found.locked_successor is None:
        return Dead("its successor is no longer kept for a repetition")
    return Repeated(found.locked_successor)


def _dead_unspent(kind: str, found: Lost) -> Dead:
    if dead := _dead_grant(found):
        return dead
    if found.expires_at <= found.now:
        return Dead(f"the {kind} expired {found.now - found.expires_at:.1f} s ago")
    raise Unavailable(f"the {kind} was neither spent nor dead; nothing was written")


def _dead_grant(found: Lost) -> Dead | None:
    if found.grant_expires_at is None:
        return Dead("its grant is gone")
    if found.grant_revoked_at is not None:
        return Dead(f"its grant was revoked {found.now - found.grant_revoked_at:.1f} s ago")
    if found.grant_expires_at <= found.now:
        return Dead(f"its grant ended {found.now - found.grant_expires_at:.1f} s ago")
    return None


def fill_buckets(
    empty_at: dict[str, float], buckets: Sequence[Bucket], *, now: float
) -> tuple[float, dict[str, float]]:
    """Take one from each: (0.0, the new levels), or (seconds to wait, unchanged levels).

    A level is the moment at which the bucket has leaked dry. A bucket is full when that moment is
    `burst * seconds_each` away.
    """
    filled = dict(empty_at)
    wait = 0.0
    for bucket in buckets:
        level = max(filled.get(bucket.key, 0.0), now) + bucket.seconds_each
        filled[bucket.key] = level
        wait = max(wait, level - now - bucket.burst * bucket.seconds_each)
    # Clocks are doubles of 1e9 s: what is less than a microsecond away is now.
    return (0.0, filled) if wait < 1e-6 else (wait, empty_at)


def successor_of(spend: SpendRefreshToken, refresh_token: RefreshToken | None) -> str:
    """The selector of the token that continues the grant. A spent refresh token always has a successor."""
    if refresh_token is None:
        raise ValueError(f"refresh token {spend.token_id} cannot be spent without a successor")
    return refresh_token.id


def facts_from(row: Row, grant_id: str | None) -> TokenFacts:
    """From a row of: is the token revoked, the columns of its grant, those of its person."""
    end = 1 + len(GRANT)
    grant = None if row[1] is None else read_grant(row[1:end])
    return TokenFacts(
        token_revoked=bool(row[0]),
        grant_live=grant_id is None or (grant is not None and grant.revoked_at is None),
        grant=grant,
        person=read_person_if_any(row[end:]),
    )
