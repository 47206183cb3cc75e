"""Where two texts differ, in words: what somebody sent, and what they may have meant.

Every comparison takes time in proportion to the lengths alone: what is compared comes from strangers.
"""

from collections.abc import Iterable

from grantway.protocol.redirect_uris import LOOPBACK_LITERALS, RedirectUri

_NEAR = 0.5  # of the longer text that must agree
_AROUND = 12  # characters shown from the first that differs


def first_difference(received: str, expected: str) -> str:
    """The first character that differs, counted from 1, and what stands there."""
    if received == expected:
        return ""
    at = _common_prefix(received, expected)
    return f"from character {at + 1}: {_rest(received, at)} instead of {_rest(expected, at)}"


def nearest(text: str, candidates: Iterable[str]) -> str | None:
    """The candidate that begins and ends most like the text; None when none comes near."""
    best, best_share = None, _NEAR
    wanted = text.lower()
    for candidate in candidates:
        if not len(candidate) * _NEAR <= len(text) <= len(candidate) / _NEAR:
            continue  # less than half of the longer one can agree
        share = _share(wanted, candidate.lower())
        if share > best_share:
            best, best_share = candidate, share
    return best


def uri_difference(received: str, registered: str) -> str:
    """What kind of difference it is, then where it begins."""
    kinds = [words for found, words in _kinds(received, registered) if found]
    return f"{', '.join(kinds) or 'another address'}: {first_difference(received, registered)}"


def _kinds(received: str, registered: str) -> Iterable[tuple[bool, str]]:
    yield received.strip() != received, "white space around it"
    yield received.rstrip("/") == registered.rstrip("/"), "a trailing slash"
    yield "#" in received, "a fragment"
    yield received != registered and received.lower() == registered.lower(), "upper and lower case"
    yield "%25" in received and received.replace("%25", "%") == registered, "percent-encoded twice"
    try:
        one, other = RedirectUri.parse(received.partition("#")[0].strip()), RedirectUri.parse(registered)
    except ValueError:
        yield True, "not an address that can be read"
        return
    yield one.scheme != other.scheme, f"{one.scheme} instead of {other.scheme}"
    loopback = LOOPBACK_LITERALS | {"localhost"}
    if one.host != other.host:
        both = one.host in loopback and other.host in loopback
        yield True, f"{one.host} instead of {other.host}, which are two hosts" if both else "the host"
    yield one.port != other.port, f"port {one.port or 'left out'} instead of {other.port or 'left out'}"
    paths = one.rest.partition("?")[0], other.rest.partition("?")[0]
    yield paths[0].rstrip("/").lower() != paths[1].rstrip("/").lower(), "the path"
    yield one.rest.partition("?")[2] != other.rest.partition("?")[2], "the query"


def _rest(text: str, at: int) -> str:
    if at >= len(text):
        return "the end"
    return repr(text[at : at + _AROUND]) + ("..." if len(text) > at + _AROUND else "")


def _share(one: str, other: str) -> float:
    prefix = _common_prefix(one, other)
    suffix = _common_prefix(one[prefix:][::-1], other[prefix:][::-1])
    return (prefix + suffix) / max(len(one), len(other), 1)


def _common_prefix(one: str, other: str) -> int:
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))
