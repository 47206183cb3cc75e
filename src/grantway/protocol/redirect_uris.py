"""Redirect URIs: what may be registered, and what equals a registered one."""

import re
from dataclasses import dataclass
from typing import Self

MAX_LENGTH = 2048
LOOPBACK_LITERALS = frozenset({"127.0.0.1", "[::1]"})
_UNSAFE = re.compile(r"[^\x21-\x7E]")
_SHAPE = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):"
    r"(?P<authority>//(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#:@\[\]]*)(?::(?P<port>[0-9]*))?)?"
    r"(?P<rest>[^@#]*)"
)
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?)*")
_PORT = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class RedirectUri:
    """A redirect URI taken apart, never decoded: every part is the text that was given."""

    scheme: str
    host: str | None
    port: str | None
    rest: str  # path and query, as written

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take it apart. Raises ValueError when it is no absolute URI, or has user info or a fragment."""
        match = None if len(text) > MAX_LENGTH or _UNSAFE.search(text) else _SHAPE.fullmatch(text)
        if match is None:
            raise ValueError("not an absolute URI without user info and fragment")
        return cls(match["scheme"], match["host"], match["port"], match["rest"])

    @property
    def origin(self) -> str:
        """Scheme, host and port, as browsers write them (RFC 6454 §6.2)."""
        return f"{self.scheme}://{self.host}{f':{self.port}' if self.port else ''}"

    @property
    def is_loopback(self) -> bool:
        """Plain http to the person's own machine, by literal or by name (RFC 8252 §7.3)."""
        return self.scheme == "http" and (self.host in LOOPBACK_LITERALS or self.host == "localhost")

    @property
    def is_private_use(self) -> bool:
        """A scheme an app claims on the device, such as com.example.app (RFC 8252 §7.1)."""
        return self.scheme not in {"http", "https"}

    @property
    def belongs_to_one_host(self) -> bool:
        """Only the owner of a name on the web can answer there."""
        return self.scheme == "https"


def redirect_uri_problem(text: str, *, native: bool) -> str | None:
    """Why this may not be registered, in words that say what to do; None if it may.

    RFC 9700 §2.1, RFC 8252 §7.
    """
    if "*" in text:
        return "patterns are not supported: register each address in full (RFC 9700 §2.1)"
    if "#" in text:
        return "must not have a fragment, not even an empty one (RFC 6749 §3.1.2)"
    if "@" in text:
        return "must not have user info or any other @"
    try:
        uri = RedirectUri.parse(text)
    except ValueError:
        return f"must be an absolute URI of at most {MAX_LENGTH} visible ASCII characters, percent-encoded"
    if uri.scheme != uri.scheme.lower():
        return "write the scheme in lower case"
    return _web_problem(uri) if uri.scheme in {"http", "https"} else _private_use_problem(uri, native=native)


def _web_problem(uri: RedirectUri) -> str | None:
    host = uri.host or ""
    checks = [
        (not host, "needs a host"),
        (host != host.lower(), "write the host in lower case"),
        (
            not host.startswith("[") and not _HOST_NAME.fullmatch(host),
            "the host is not a valid name or address",
        ),
        (
            uri.scheme == "http" and not uri.is_loopback,
            "plain http is for 127.0.0.1, [::1] and localhost only: use https",
        ),
        (uri.port is not None and not _is_port(uri.port), "the port is not a number from 1 to 65535"),
        (uri.rest != "" and uri.rest[0] not in "/?", "needs a path"),
        (_has_dot_segment(uri.rest), "must not have . or .. segments"),
    ]
    return next((words for found, words in checks if found), None)


def _private_use_problem(uri: RedirectUri, *, native: bool) -> str | None:
    if "." not in uri.scheme:
        allowed = "https, http on loopback, or a reverse domain name such as com.example.app"
        return f"scheme {uri.scheme!r} is not allowed: {allowed}"
    if not native:
        return "private-use schemes are for native clients (RFC 8252 §7.1)"
    return None


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text) <= 65535


def _has_dot_segment(rest: str) -> bool:
    path = rest.split("?", 1)[0]
    return any(segment.replace("%2e", ".").replace("%2E", ".") in {".", ".."} for segment in path.split("/"))


def matching_redirect_uri(registered: tuple[str, ...], received: str, *, native: bool) -> str | None:
    """The address to answer at when `received` equals a registered one, else None.

    Equal character by character (RFC 9700 §2.1). For native clients a loopback address may
    differ in its port (RFC 8252 §7.3), `localhost` only where it was registered by that name;
    the answer then goes to the received port.
    """
    if received in registered:
        return received
    if not native:
        return None
    try:
        asked = RedirectUri.parse(received)
    except ValueError:
        return None
    if not asked.is_loopback or (asked.port is not None and not _is_port(asked.port)):
        return None
    for text in registered:
        own = RedirectUri.parse(text)
        if own.is_loopback and (own.scheme, own.host, own.rest) == (asked.scheme, asked.host, asked.rest):
            return received
    return None
