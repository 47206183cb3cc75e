"""Signing in at a site behind a gateway: what a browser may do there by its cookie, and where it is sent.

The site has no code of its own for it: the gateway asks about each request, and is answered with a redirect.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from msgspec import Struct

from grantway.protocol.clients import Client
from grantway.protocol.registry import OFFLINE_ACCESS
from grantway.protocol.scope import Scope

MAX_TARGET = 1000  # characters of an address to come back to; from a longer one, people come back to /
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_THE_SITE = frozenset({"same-origin", "none"})


class Fetch(Struct, frozen=True, kw_only=True):
    """What a browser says about a request of its own (Fetch Metadata; RFC 6454 §7). Absent: None."""

    method: str
    site: str | None  # Sec-Fetch-Site
    mode: str | None  # Sec-Fetch-Mode
    dest: str | None  # Sec-Fetch-Dest
    origin: str | None
    accept: str
    upgrades: bool  # asks for another protocol than HTTP, such as WebSocket

    @property
    def is_navigation(self) -> bool:
        """Would a person see the answer in the window? Only then is there somebody to sign in."""
        if self.method != "GET" or self.upgrades or "text/html" not in self.accept:
            return False
        return self.mode in {None, "navigate"} and self.dest in {None, "document"}


def why_not_of_the_site(fetch: Fetch, own_origin: str) -> str | None:
    """Why the cookie of the site does not count for this request; None where it does (threat W5).

    A browser sends the cookie whoever made it ask. Reading is harmless as long as the API tells its answers
    to nobody else; whatever may change something, and a connection that stays open, must come from a page of
    the site, by `Sec-Fetch-Site` or, where there is none, by `Origin`. Where there is neither, nothing is
    known, and the cookie does not count.
    """
    if fetch.method in _SAFE and not fetch.upgrades:
        return None
    if fetch.site is not None:
        return None if fetch.site in _OF_THE_SITE else f"Sec-Fetch-Site: {fetch.site[:40]}"
    if fetch.origin is None:
        return "neither Sec-Fetch-Site nor Origin"
    return None if fetch.origin == own_origin else f"Origin: {fetch.origin[:200]}"


def asked_of_people(client: Client) -> Scope:
    """What a person who signs in is asked for: all that the app of the site may have; it keeps nothing."""
    return client.scope - Scope((OFFLINE_ACCESS,))


def come_back_to(target: str) -> str:
    """The address within the site, as it was asked for, to return to; never of another host, never endless.

    `target` is the path and query of a request whose path is canonical: it has one slash at its beginning.
    """
    return target if target.startswith("/") and len(target) <= MAX_TARGET and target.isascii() else "/"


def authorization_url(
    endpoint: str,
    client: Client,
    *,
    redirect_uri: str,
    state: str,
    nonce: str,
    code_challenge: str,
    more: Mapping[str, str],
) -> str:
    """The link of an authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3)."""
    query = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": redirect_uri,
        "scope": str(asked_of_people(client)),
        "state": state,
        "nonce": nonce,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
        **more,
    }
    return f"{endpoint}?{urlencode(query)}"
